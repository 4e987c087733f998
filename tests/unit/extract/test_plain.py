from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lianlu.core.errors import DataError
from lianlu.extract.plain import read
from lianlu.extract.reader import ReadConfig
from lianlu.records import Document
from made_files import source_of


def document(text: str, encoding: str = "utf-8") -> Document:
    content = text.encode(encoding)
    return read(content, source_of(content), ReadConfig())


def test_paragraphs_are_verbatim_with_their_lines() -> None:
    text = "One\ntwo.\n\n\n  Three.\n- a\n- b\n\n- x\n- y\n"
    found = document(text)
    assert [block.kind for block in found.blocks] == ["para", "para", "list"]
    assert all(block.span and block.span.cut(text) == block.markdown for block in found.blocks)
    assert [block.span.first_line for block in found.blocks if block.span] == [1, 5, 9]


@pytest.mark.parametrize(
    ("line", "level"),
    [
        ("第一章 总则", 1),
        ("第3节　范围", 2),
        ("1.2 Scope of work", 2),
        ("1.2.3 Details", 3),
        ("第一章我们已经说过，这件事没有那么简单。", None),
        ("1.5 million people live here.", None),
        ("2 apples", None),
        ("1.2 3.4", None),
    ],
)
def test_headings_are_guessed_only_where_safe(line: str, level: int | None) -> None:
    block = document(f"Before it.\n\n{line}\n\nAfter it.").blocks[1]
    assert (block.kind, block.level) == (("heading", level) if level else ("para", None))


def test_chinese_novel_has_a_paragraph_a_line() -> None:
    found = document("\n".join(["他走进了房间，看见桌上放着一封信。"] * 30))
    assert len(found.blocks) == 30
    indented = document("　　第一段的文字。\n接着第一段。\n　　第二段的文字。")
    assert len(indented.blocks) == 2


def test_encoding_is_noted() -> None:
    found = document("这是一个用国标码写的文件，里面有足够多的汉字。", "gb18030")
    assert found.meta["encoding"] == "gb18030"
    assert found.language == "zh"


def test_one_line_of_many_megabytes_is_read() -> None:
    assert len(document("word " * 1_000_000).blocks) == 1


def test_text_without_words_is_binary_or_empty() -> None:
    with pytest.raises(DataError):
        read(b"\x00\x01\x02", source_of(b""), ReadConfig())


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]) | st.sampled_from("\n\r\t"), max_size=300))
def test_spans_are_exact_for_any_text(text: str) -> None:
    text = text.removeprefix("\ufeff")
    try:
        found = document(text)
    except DataError:
        return
    assert all(block.span and block.span.cut(text) == block.markdown for block in found.blocks)
