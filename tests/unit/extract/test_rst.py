# ruff: noqa: RUF005 - lists of samples read best in rows
from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lianlu.core.errors import DataError
from lianlu.extract.reader import ReadConfig
from lianlu.extract.rst import inline_markdown, read
from lianlu.records import Document
from made_files import source_of


def document(text: str) -> Document:
    content = text.encode()
    return read(content, source_of(content), ReadConfig())


def shown(text: str) -> list[tuple[str, str]]:
    return [(block.kind, block.markdown) for block in document(text).blocks]


def test_headings_take_their_level_from_the_order_of_styles() -> None:
    found = document("=====\nTitle\n=====\n\nOne\n===\n\nTwo\n---\n\nThree\n=====\n\n中文标题\n--------\n")
    assert [(block.level, block.markdown) for block in found.blocks] == [
        (1, "# Title"),
        (2, "## One"),
        (3, "### Two"),
        (2, "## Three"),
        (3, "### 中文标题"),
    ]
    assert found.title == "Title"


def test_blocks_know_their_lines() -> None:
    found = document("Title\n=====\n\nText of\ntwo lines.\n\n.. note::\n   Mind it.\n\nEnd.\n")
    assert [(block.span.first_line, block.span.last_line) for block in found.blocks if block.span] == [
        (1, 2),
        (4, 5),
        (8, 8),
        (10, 10),
    ]
    assert found.blocks[1].verbatim


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("``a b``", "`a b`"),
        ("`text <http://x.example/a_b>`_", "[text](http://x.example/a_b)"),
        ("`other`_ and word_", "other and word"),
        (":ref:`the guide <guide>`", "the guide"),
        (":py:class:`~a.b.C`", "`C`"),
        (":math:`x^2`", "$x^2$"),
        ("**bold** and *thin*", "**bold** and *thin*"),
        ("|name| is [1]_", "name is [1]"),
        ("snake_case_name and __init__", "snake_case_name and __init__"),
        ("见 ``train``\\ 。", "见 `train`。"),
    ],
)
def test_inline_markup_becomes_markdown(text: str, expected: str) -> None:
    assert inline_markdown(text) == expected


def test_code_lists_and_tables() -> None:
    text = (
        "Run this::\n\n    pip install x\n\n.. code-block:: python\n   :linenos:\n\n   x = 1\n\n- one\n- two\n\n  - deep\n\n"
        "#. first\n#. second\n\n=====  =====\nA      B\n=====  =====\n1      2\n=====  =====\n\n"
        "+----+----+\n| 列 | b  |\n+====+====+\n| c  | d  |\n+----+----+\n\n"
        ".. list-table:: Sizes\n   :header-rows: 1\n\n   * - name\n     - size\n   * - a\n     - 1\n"
    )
    assert shown(text) == [
        ("para", "Run this:"),
        ("code", "```\npip install x\n```"),
        ("code", "```python\nx = 1\n```"),
        ("list", "- one\n- two\n  - deep"),
        ("list", "1. first\n1. second"),
        ("table", "| A | B |\n| --- | --- |\n| 1 | 2 |"),
        ("table", "| 列 | b |\n| --- | --- |\n| c | d |"),
        ("para", "Sizes"),
        ("table", "| name | size |\n| --- | --- |\n| a | 1 |"),
    ]


def test_unknown_directives_keep_their_content() -> None:
    text = ".. sphinx-design-card:: A title\n   :width: 3\n\n   The body.\n\n   - item\n\n.. toctree::\n   a\n\n.. a comment\n\n.. _target:\n\nEnd.\n"
    assert shown(text) == [("para", "A title"), ("para", "The body."), ("list", "- item"), ("para", "End.")]


def test_nothing_is_included_or_passed_through() -> None:
    text = "Text.\n\n.. include:: /etc/passwd\n\n.. raw:: html\n   :file: /etc/passwd\n\n"
    text += ".. raw:: html\n\n   <p>Hello <b>you</b></p>\n\n.. csv-table::\n   :file: /etc/passwd\n"
    assert shown(text) == [("para", "Text."), ("para", "Hello **you**")]


def test_page_of_contents_only_is_read_as_its_contents() -> None:
    assert shown(".. toctree::\n   :caption: Guides\n\n   Start <start.md>\n   deploy\n") == [
        ("list", "Guides\n\n- Start\n- deploy")
    ]


def test_items_with_code_inside_stay_in_order() -> None:
    assert shown("1. Do this:\n\n   .. code:: sh\n\n      ls\n\n2. Then that.\n") == [
        ("list", "1. Do this:"),
        ("code", "```sh\nls\n```"),
        ("list", "2. Then that."),
    ]


@settings(max_examples=80, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            [
                "Title",
                "=====",
                "-----",
                "text here",
                "",
                "  indented",
                "- a",
                "  - b",
                "#. c",
                ".. note::",
                "   body",
                ".. x",
                "::",
            ]
            + [
                "+---+---+",
                "| a | b |",
                "==== ====",
                "1    2",
                ":f: v",
                ">>> x",
                "| line",
                ".. list-table::",
                "   * - a",
                "`a",
            ]
        ),
        max_size=20,
    )
)
def test_any_mixture_of_lines_is_read(parts: list[str]) -> None:
    text = "\n".join(parts)
    try:
        found = document(text)
    except DataError:
        return
    for block in found.blocks:
        assert block.span is not None
        assert not block.verbatim or block.span.cut(text) == block.markdown


@pytest.mark.skipif("LIANLU_TEST_DATA" not in os.environ, reason="LIANLU_TEST_DATA is not set")
def test_words_of_real_documentation_are_kept() -> None:
    root = Path(os.environ["LIANLU_TEST_DATA"]) / "xtuner_docs"
    found = document((root / "docs/zh_cn/legacy/training/modify_settings.rst").read_text())
    assert found.title == "修改训练配置"
    assert "XTuner 的训练由 MMEngine" in found.markdown
    assert "max_length = 2048  # 设置训练数据截断长度" in found.markdown


@pytest.mark.parametrize("title", ["", "Title\n=====\n\n", "=====\nTitle\n=====\n\n"])
def test_what_a_page_says_of_itself_is_kept(title: str) -> None:
    found = document(
        f":Author: Ann\n:Date: 5 March 2024\n\n{title}Text.\n" if not title else f"{title}:Date: 2024-3-5\n\nText.\n"
    )
    assert found.meta["date"] == "2024-03-05"
    assert "Text." in found.markdown


def test_fields_further_down_say_nothing_of_the_page() -> None:
    assert "date" not in document("Title\n=====\n\nA paragraph.\n\n:Date: 2024-03-05\n").meta
