# ruff: noqa: RUF005 - lists of samples read best in rows
from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lianlu.core.errors import DataError
from lianlu.extract.markdown import plain_words, read
from lianlu.extract.reader import ReadConfig
from lianlu.records import Block, Document
from lianlu.text.decode import decode
from made_files import source_of


def document(text: str | bytes) -> Document:
    content = text.encode() if isinstance(text, str) else text
    return read(content, source_of(content), ReadConfig())


def kinds(text: str) -> list[tuple[str, str]]:
    return [(block.kind, block.markdown) for block in document(text).blocks]


def check_spans(text: str, blocks: tuple[Block, ...]) -> None:
    for block in blocks:
        assert block.span is not None
        if block.verbatim:
            assert block.span.cut(text) == block.markdown
            first, last = block.span.first_line, block.span.last_line
            assert first is not None
            assert last is not None
            assert first <= last


def test_every_kind_of_block_is_a_verbatim_slice() -> None:
    text = (
        "# Title\n\nSome *text*\nin two lines.\n\nSetext\n------\n\n- one\n- two\n\n  more\n\n1. first\n\n"
        "| a | b |\n|---|---|\n| 1 | 2 |\n\n```py\nx = 1\n```\n\n    indented\n\n> quoted\n\n$$\nx^2\n$$\n\n![a fine picture](x.png)\n"
    )
    found = document(text)
    assert [block.kind for block in found.blocks] == [
        "heading", "para", "heading", "list", "list", "table", "code", "code", "para", "formula", "figure",
    ]  # fmt: skip
    assert all(block.verbatim for block in found.blocks)
    check_spans(text, found.blocks)
    assert [block.level for block in found.blocks if block.kind == "heading"] == [1, 2]


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_lines_are_counted_whatever_ends_them(newline: str) -> None:
    text = newline.join(["# One", "", "two", "three", "", "", "four"])
    spans = [block.span for block in document(text).blocks]
    assert [(span.first_line, span.last_line) for span in spans if span] == [(1, 1), (3, 4), (7, 7)]
    check_spans(text, document(text).blocks)


def test_offsets_are_those_of_the_decoded_text() -> None:
    text = "# 标题\n\n正文在这里，足够长，可以猜出编码。这是一个测试文件。\n"
    for encoding in ("utf-8-sig", "utf-16", "gbk"):
        content = text.encode(encoding)
        check_spans(decode(content).text, document(content).blocks)
        assert document(content).title == "标题"


def test_raw_html_gives_words_and_no_badges() -> None:
    text = (
        '<div align="center">\n  <img src="logo.png" width="600"/>\n\n[![PyPI](https://img.shields.io/x)](https://pypi.example)\n\n'
        "</div>\n\n<h2 align='center'>Loud <b>heading</b></h2>\n\n<p align=center>\n👋 join us on <a href='https://x.example'>chat</a>\n</p>\n\n"
        "<!-- a remark -->\n\n<table><tr><th>a</th><th>b</th></tr><tr><td>1</td><td>2</td></tr></table>\n"
    )
    assert kinds(text) == [
        ("heading", "## Loud **heading**".replace("**", "")),
        ("para", "👋 join us on [chat](https://x.example)"),
        ("table", "| a | b |\n| --- | --- |\n| 1 | 2 |"),
    ]
    heading = document(text).blocks[0]
    assert heading.span is not None
    assert not heading.verbatim
    assert heading.span.first_line == 8


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("intro\n\n# The title\n\n## Other", "The title"),
        ("## Begins here\n\ntext", "Begins here"),
        ("text\n\n## Later", ""),
        ("---\ntitle: From the front\n---\n# Not this", "From the front"),
        ("# <img src='x'> Words `code` [link](u) #", "Words code link"),
        ("Underlined\n==========\n", "Underlined"),
    ],
)
def test_title_is_the_first_great_heading(text: str, title: str) -> None:
    assert document(text).title == title


def test_front_matter_is_meta_and_no_text() -> None:
    found = document("---\ntitle: T\ntags: [a, b]\ndate: 2024-01-02\nnested: {x: 1}\n---\n\nBody.\n")
    assert found.markdown == "Body."
    assert found.meta["tags"] == ["a", "b"]
    assert found.meta["date"] == "2024-01-02"
    assert found.meta["nested"] == {"x": 1}


@pytest.mark.parametrize(
    "front",
    ["a: [1, 2", "- a\n- b", "a: &x [1]\nb: [*x, *x]", "\tbad: tab", "!!python/object:os.system x: 1"],
    ids=["broken", "no map", "aliases", "tab", "tag"],
)
def test_bad_front_matter_does_no_harm(front: str) -> None:
    assert "Body" in document(f"---\n{front}\n---\n\nBody.\n").markdown


def test_directives_of_myst_are_read_as_what_they_hold() -> None:
    text = (
        "```{note}\n:class: x\nMind **this**.\n\n- item\n```\n\n```{code-block} python\nx\n```\n\n```{toctree}\na\nb\n```\n\n"
        ":::{tip}\nA tip.\n:::\n\n```{math}\nx^2\n```\n"
    )
    found = document(text)
    assert [(block.kind, block.markdown) for block in found.blocks] == [
        ("para", "Mind **this**."),
        ("list", "- item"),
        ("code", "```{code-block} python\nx\n```"),
        ("para", "A tip."),
        ("formula", "```{math}\nx^2\n```"),
    ]
    check_spans(text, found.blocks)


@pytest.mark.parametrize(
    "text", ["<!-- only a remark -->", "[a]: http://b.example\n", "![](x.png)", "---", "<br>", "#"]
)
def test_file_without_words_is_told(text: str) -> None:
    with pytest.raises(DataError) as caught:
        document(text)
    assert caught.value.code == "extract.no-content"


def test_plain_words_drops_marks() -> None:
    assert plain_words("**a** [b](c) ![d](e) `f_g` <b>h</b> snake_case \\[x\\]") == "a b f_g h snake_case [x]"


@pytest.mark.parametrize(
    "text",
    ["![" * 50_000, "[" * 50_000, "x <!-- " * 50_000, "<a " * 50_000, ">" * 50_000 + "a", "# " + "*a " * 50_000, "[![a](" * 20_000],
)  # fmt: skip
def test_unclosed_marks_cost_no_more_than_their_length(text: str) -> None:
    began = time.process_time()
    with suppress(DataError):
        document(text)
    assert time.process_time() - began < 5


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            [
                "# h",
                "text",
                "- a",
                "  - b",
                "1. c",
                "```",
                "| a | b |",
                "|---|---|",
                "> q",
                "<div>",
                "</div>",
                "",
                "    c",
                "===",
            ]
            + ["---", "<p>x</p>", "$$", ":::{note}", "```{tip}", "[a](b)", "![x](y)", "中文。"]
        ),
        max_size=25,
    ),
    st.sampled_from(["\n", "\r\n"]),
)
def test_spans_are_exact_for_any_mixture(parts: list[str], newline: str) -> None:
    text = newline.join(parts)
    try:
        found = document(text)
    except DataError:
        return
    check_spans(text, found.blocks)


@pytest.mark.skipif("LIANLU_TEST_DATA" not in os.environ, reason="LIANLU_TEST_DATA is not set")
def test_spans_are_exact_in_real_documentation() -> None:
    root = Path(os.environ["LIANLU_TEST_DATA"]) / "lmdeploy_docs"
    paths = sorted(root.rglob("*.md"))[:40]
    assert paths
    for path in paths:
        text = path.read_bytes().decode()
        if text.strip():
            check_spans(text, document(path.read_bytes()).blocks)
