from __future__ import annotations

from typing import Any

import pytest

from lianlu.core.errors import DataError
from lianlu.extract.sniff import reader_name
from made_files import archive, docx, pdf

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
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "a.doc", "extract.other-format"),
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
