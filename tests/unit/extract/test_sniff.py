from __future__ import annotations

from typing import Any

import pytest

from lianlu.core.errors import DataError
from lianlu.extract.sniff import reader_name
from made_files import archive, docx, pdf

OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
OPEN = b"application/vnd.oasis.opendocument."
PDF = pdf([(72.0, 700.0, 10.0, "R", "text")])


def words(made: Any) -> None:
    made.add_paragraph("x")


@pytest.mark.parametrize(
    ("content", "name", "reader"),
    [
        (PDF, "a.md", "pdf"),
        (b"\n\n" + PDF, "a.pdf", "pdf"),
        (docx(words), "a.txt", "docx"),
        (b"# text", "a.md", "markdown"),
        (b"# text", "a.MARKDOWN", "markdown"),
        (b"text", "LICENSE", "text"),
        (b"text", "docs/a.rst", "rst"),
        (b"<!DOCTYPE HTML><html>", "a.txt", "html"),
        (b'<?xml version="1.0"?>\n<!-- x -->\n<html xmlns="y">', "a", "html"),
        ("\ufeff<!doctype html>".encode("utf-16"), "a.md", "html"),
        (b"<div align=center>", "README.md", "markdown"),
        (b"<p>x", "a.htm", "html"),
        (b"BMW builds cars", "a.txt", "text"),
        (archive({"xl/workbook.xml": b"x"}), "a.zip", "xlsx"),
        (archive({"ppt/presentation.xml": b"x"}), "a.pptx", "pptx"),
        (archive({"META-INF/container.xml": b"x"}), "a.docx", "epub"),
        (b"a,b", "A.CSV", "csv"),
        (b"a\tb", "a.tsv", "csv"),
        (b"{}", "a.ipynb", "ipynb"),
        (b"def f(): ...", "a.py", "code"),
        (b"all:", "sub/Makefile", "code"),
        (b"{}", "package.json", "code"),
        (b"project(x)", "CMakeLists.txt", "code"),
    ],
)
def test_content_decides_before_the_ending(content: bytes, name: str, reader: str) -> None:
    assert reader_name(content, name) == reader


@pytest.mark.parametrize(
    ("content", "name", "code"),
    [
        (b"# not a pdf", "a.pdf", "extract.broken"),
        (b"not a word file", "a.docx", "extract.broken"),
        (archive({"a.txt": b"x"}), "a.docx", "extract.other-format"),
        (archive({"xl/other.xml": b"x"}), "a.xlsx", "extract.other-format"),
        (b"no sheet", "a.xlsx", "extract.broken"),
        (b"PK\x03\x04broken", "a.epub", "extract.broken"),
        (b"PK\x03\x04broken", "a.docx", "extract.broken"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "EncryptedPackage".encode("utf-16-le"), "a.docx", "extract.encrypted"),
        (OLE, "a.msg", "extract.other-format"),
        (archive({"mimetype": b"text/plain"}), "a.zip", "extract.other-format"),
        (b"\x89PNG\r\n", "a.md", "extract.image"),
        (b"{}", "a.jsonl", "extract.unknown-format"),
        (b"\x1f\x8b\x08", "a.txt", "extract.other-format"),
    ],
)
def test_what_is_not_read_is_named(content: bytes, name: str, code: str) -> None:
    with pytest.raises(DataError) as caught:
        reader_name(content, name)
    assert caught.value.code == code
    assert caught.value.message("zh")
    assert caught.value.hint("en")


@pytest.mark.parametrize(
    ("content", "name", "what", "ending"),
    [
        (OLE, "a.doc", "doc", "docx"),
        (OLE + "Workbook".encode("utf-16-le"), "figures", "xls", "xlsx"),
        (OLE + "PowerPoint Document".encode("utf-16-le"), "a.ppt", "ppt", "pptx"),
        (OLE + "Workbook".encode("utf-16-le"), "a.xlsx", "xls", "xlsx"),
        (archive({"xl/workbook.bin": b"x"}), "a.xlsb", "xlsb", "xlsx"),
        (archive({"mimetype": OPEN + b"spreadsheet"}), "a.ods", "ods", "xlsx"),
        (archive({"mimetype": OPEN + b"text"}), "a.docx", "odt", "docx"),
    ],
)
def test_formats_of_before_are_told_what_to_be_saved_as(content: bytes, name: str, what: str, ending: str) -> None:
    with pytest.raises(DataError) as caught:
        reader_name(content, name)
    assert caught.value.code == "extract.save-as"
    assert f".{what} " in caught.value.message("en")
    assert f".{ending}" in caught.value.hint("en")
    assert f".{ending}" in caught.value.hint("zh")


def test_a_locked_office_file_is_named_by_its_ending() -> None:
    with pytest.raises(DataError, match="xlsx"):
        reader_name(OLE + "EncryptedPackage".encode("utf-16-le"), "a.xlsx")
