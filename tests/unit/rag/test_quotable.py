"""What of a document may be quoted in a summary, and where it stands."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lianlu.rag.quotable import is_chinese, quotable, shown_text
from lianlu.records import Block, Document, Source
from lianlu.text.normalise import text_size

from .conftest import Make, markdown_document


def document_of(*blocks: Block) -> Document:
    return Document(id="d", source=Source(uri="a.md", sha256="0" * 64, size=1), blocks=blocks)


def texts_of(document: Document) -> list[str]:
    return [unit.text for unit in quotable([document]).units]


@given(st.lists(st.text(alphabet="ab 微调模型。，；.!?\n[]()|*`#-1", max_size=300), max_size=6))
def test_a_unit_is_a_slice_of_the_document(parts: list[str]) -> None:
    document = document_of(*(Block(kind="para", markdown=part) for part in parts))
    for unit in quotable([document]).units:
        assert shown_text(unit.span.cut(document.markdown)) == unit.text


def test_sections_are_told_by_the_headings_above(make_document: Make) -> None:
    text = "# Boats\n\nA boat floats on the water.\n\n## Sails\n\nA sail catches the wind.\n\nIt is made of cloth."
    found = quotable([make_document("a.md", text)])
    assert [each.headings for each in found.sections] == [("Boats",), ("Boats", "Sails")]
    assert [(unit.section, unit.place, unit.ordinal) for unit in found.units] == [(0, 0, 0), (1, 0, 1), (1, 1, 2)]


@pytest.mark.parametrize(
    "line",
    [
        "[English](README.md) | 简体中文 | 日本語",
        "[Install](a.md) [Use](b.md) [Train](c.md) [Serve](d.md)",
        "See [the guide](guide.md) for all of it.",
        "详见[安装文档](install.md)的说明。",
        "How do I install the program?",
        "======== 2024-05-01 12:00:00 ========",
        "Copyright 2024 the authors of this program.",
        "https://example.org/a/long/address/of/a/page",
    ],
)
def test_what_says_nothing_by_itself_is_left_out(make_document: Make, line: str) -> None:
    assert texts_of(make_document("a.md", f"{line}\n\nThe pump moves water.")) == ["The pump moves water."]


def test_tables_and_code_are_left_out_beside_prose() -> None:
    table = Block(kind="table", markdown="| pump | litres |\n|---|---|\n| small one | 20 litres |")
    code = Block(kind="code", markdown="```sh\nlumen up --everything\n```")
    prose = Block(kind="para", markdown="The pump moves water.")
    assert texts_of(document_of(table, code, prose)) == ["The pump moves water."]


def test_a_document_that_is_a_table_is_quoted_by_its_rows() -> None:
    table = Block(kind="table", markdown="| pump | litres a minute |\n|---|---|\n| small pump | 20 litres |")
    assert "small pump | 20 litres" in texts_of(document_of(table))


def test_a_sentence_that_stands_twice_is_quoted_where_it_stands_first(make_document: Make) -> None:
    same = "All rights to the pump are kept."
    found = quotable([make_document("a.md", same), make_document("b.md", f"{same}\n\nThe pump moves water.")])
    assert [(unit.document, unit.text) for unit in found.units] == [(0, same), (1, "The pump moves water.")]


def test_parts_that_a_semicolon_ends_are_one_sentence(make_document: Make) -> None:
    assert texts_of(make_document("a.md", "水泵每分钟抽水二十升；它不需要电。水箱装满后自动停止。")) == [
        "水泵每分钟抽水二十升；它不需要电。",
        "水箱装满后自动停止。",
    ]


def test_one_giant_sentence_is_clipped_at_a_comma(make_document: Make) -> None:
    document = make_document("a.md", "水泵每分钟抽水二十升，" * 40_000)
    (unit,) = quotable([document]).units
    assert unit.is_clipped
    assert text_size(unit.text) <= 160
    assert unit.span.cut(document.markdown).endswith("二十升")


def test_a_giant_word_is_clipped_anywhere(make_document: Make) -> None:
    (unit,) = quotable([make_document("a.md", "abcdefgh" * 100_000)]).units
    assert unit.is_clipped
    assert len(unit.text) == 480


def test_a_reader_sees_no_marks_of_footnotes_and_emphasis() -> None:
    assert shown_text("Founded in *Redmond*.[12] It sells `DOS`,[3][4] **and** [more](x.md).") == (
        "Founded in Redmond. It sells DOS, and more."
    )


def test_list_references_in_code_stay() -> None:
    assert shown_text("take `xs[0]` of 2 * 3 * 4") == "take xs[0] of 2 * 3 * 4"


@pytest.mark.parametrize(
    ("text", "chinese"),
    [("用 XTuner 微调 InternLM2-7B", True), ("the word 微调 means fine-tuning", False), ("", False), ("42", False)],
)
def test_a_chinese_sentence_may_have_latin_names(text: str, chinese: bool) -> None:
    assert is_chinese(text) == chinese


def test_an_unmarked_heading_of_references_ends_the_text() -> None:
    document = markdown_document("a.md", "# Pumps\n\nThe pump moves water.\n\nReferences\n\nPumps and tanks: a review.")
    assert [each.headings for each in quotable([document]).sections] == [("Pumps",), ("Pumps", "References")]
