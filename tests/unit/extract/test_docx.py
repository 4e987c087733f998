from __future__ import annotations

from typing import Any

import pytest

from lianlu.core.errors import DataError
from lianlu.extract.docx import read
from lianlu.extract.reader import ReadConfig
from lianlu.records import Document
from made_files import archive, changed, docx, source_of


def document(content: bytes) -> Document:
    return read(content, source_of(content), ReadConfig())


def filled(made: Any) -> None:
    made.core_properties.title = "From the properties"
    made.core_properties.author = "Ann"
    made.add_heading("第一章", level=1)
    made.add_paragraph("Some text of the body.")
    made.add_heading("Second", level=2)
    made.add_paragraph("one", style="List Bullet")
    made.add_paragraph("two", style="List Bullet")
    table = made.add_table(rows=2, cols=2)
    for row, words in zip(table.rows, (("a", "b"), ("1", "2")), strict=True):
        for cell, text in zip(row.cells, words, strict=True):
            cell.text = text


def test_headings_lists_and_tables_are_kept() -> None:
    found = document(docx(filled))
    assert [(block.kind, block.level, block.markdown) for block in found.blocks] == [
        ("heading", 1, "# 第一章"),
        ("para", None, "Some text of the body."),
        ("heading", 2, "## Second"),
        ("list", None, "- one\n- two"),
        ("table", None, "| a | b |\n| --- | --- |\n| 1 | 2 |"),
    ]
    assert found.title == "From the properties"
    assert found.meta["author"] == "Ann"


WORD = b'<w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:body/></w:document>'


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (docx(filled)[:2000], "extract.broken"),
        (archive({"word/document.xml": b"0" * 60_000_000}), "extract.bomb"),
        (archive({f"part{number}": b"" for number in range(10_050)}), "extract.bomb"),
        (archive({"word/document.xml": b"<!DOCTYPE x [<!ENTITY a 'b'>]>" + WORD}), "extract.broken"),
        (changed(docx(filled), {"word/document.xml": b"<not closed"}), "extract.broken"),
        (archive({"other.xml": b"<a/>"}), "extract.broken"),
    ],
    ids=["cut off", "ratio", "entries", "entities", "broken xml", "no document"],
)
def test_hostile_archives_are_refused(content: bytes, code: str) -> None:
    with pytest.raises(DataError) as caught:
        document(content)
    assert caught.value.code == code


def test_document_without_text_is_told() -> None:
    with pytest.raises(DataError) as caught:
        document(docx(lambda made: None))
    assert caught.value.code == "extract.no-content"
