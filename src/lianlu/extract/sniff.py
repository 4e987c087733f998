"""Which reader a file needs, by its content first and its ending second. Parses nothing: it looks at the first bytes.

An ending says what someone called a file; the first bytes say what it is. So a PDF named `.md` is read as a PDF, and a zip
archive named `.docx` without a Word document inside is refused.
"""

from __future__ import annotations

import codecs
import re
import zipfile
import zlib
from io import BytesIO
from pathlib import PurePosixPath

from lianlu.core.errors import DataError
from lianlu.core.registry import names
from lianlu.extract.code import LANGUAGES, NAMES

__all__ = ["MEDIA_TYPES", "reader_name"]

MEDIA_TYPES = {
    "markdown": "text/markdown",
    "text": "text/plain",
    "rst": "text/x-rst",
    "html": "text/html",
    "pdf": "application/pdf",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    "epub": "application/epub+zip",
    "csv": "text/csv",
    "ipynb": "application/x-ipynb+json",
    "code": "text/x-source",
}
# One part that every archive of the format has.
_PARTS = {
    "docx": ("word/document.xml", "word/document2.xml"),
    "xlsx": ("xl/workbook.xml",),
    "pptx": ("ppt/presentation.xml",),
    "epub": ("META-INF/container.xml",),
}
_ARCHIVES = {
    "docx": "docx",
    "docm": "docx",
    "xlsx": "xlsx",
    "xlsm": "xlsx",
    "pptx": "pptx",
    "pptm": "pptx",
    "epub": "epub",
}
# Formats to be saved as another: by an ending or what their content has, and the ending to choose.
_OLD = {
    "doc": ("WordDocument".encode("utf-16-le"), "docx"),
    "xls": ("Workbook".encode("utf-16-le"), "xlsx"),
    "ppt": ("PowerPoint Document".encode("utf-16-le"), "pptx"),
}
_OPEN_DOCUMENT = {"text": ("odt", "docx"), "spreadsheet": ("ods", "xlsx"), "presentation": ("odp", "pptx")}
_ENDINGS = {
    "md": "markdown",
    "markdown": "markdown",
    "mdx": "markdown",
    "qmd": "markdown",
    "rst": "rst",
    "rest": "rst",
    "html": "html",
    "htm": "html",
    "xhtml": "html",
    "txt": "text",
    "text": "text",
    "log": "text",
    "org": "text",
    "adoc": "text",
    "asciidoc": "text",
    "": "text",
    "csv": "csv",
    "tsv": "csv",
    "tab": "csv",
    "ipynb": "ipynb",
} | dict.fromkeys(LANGUAGES, "code")
_HTML_START = re.compile(rb"(?:\s|<\?xml[^>]*>|<!--.*?-->)*(?:<!doctype\s+html|<html[\s>])", re.IGNORECASE | re.DOTALL)
_IMAGES = (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"II*\x00", b"MM\x00*")
_SIGNS: tuple[tuple[bytes, str], ...] = (
    (b"RIFF", "RIFF"),
    (b"\x1f\x8b", "gzip"),
    (b"BZh", "bzip2"),
    (b"\xfd7zXZ", "xz"),
    (b"7z\xbc\xaf", "7z"),
    (b"Rar!", "rar"),
    (b"{\\rtf", "RTF"),
    (b"\x7fELF", "ELF"),
    (b"MZ\x90", "EXE"),
    (b"SQLite format 3", "SQLite"),
)
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_HEAD_BYTES = 4096


def reader_name(content: bytes, name: str) -> str:
    """The registry name of the reader for a file.

    Args:
        content: the whole file.
        name: its name or path; only the ending counts.

    Raises:
        DataError: extract.unknown-format, extract.other-format, extract.save-as, extract.image, extract.encrypted,
            extract.broken
    """
    head = content[:_HEAD_BYTES]
    ending = PurePosixPath(name).suffix.lower().removeprefix(".")
    if b"%PDF-" in head[:1024]:
        return "pdf"
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _zip_reader(content, ending)
    if head.startswith(_OLE):
        raise _ole(content, ending)
    plugin = ending if ending and ending not in _ENDINGS and ending in names("reader") else ""
    if plugin and plugin not in MEDIA_TYPES:
        return plugin
    if ending == "pdf" or ending in _ARCHIVES:
        raise DataError("extract.broken", what=ending, why="the file does not begin as such a file does")
    if head.startswith(_IMAGES):
        raise DataError("extract.image")
    for sign, what in _SIGNS:
        if head.startswith(sign):
            raise DataError("extract.other-format", what=what)
    if PurePosixPath(name).name in NAMES:
        return "code"
    if _HTML_START.match(_narrow(head)):
        return "html"
    if ending in _ENDINGS:
        return _ENDINGS[ending]
    raise DataError("extract.unknown-format", ending=f".{ending}")


def _narrow(head: bytes) -> bytes:
    """The head as single bytes, also where the file is UTF-16 or begins with a mark."""
    head = head.removeprefix(codecs.BOM_UTF8)
    return head.replace(b"\x00", b"").lstrip(b"\xff\xfe") if b"\x00" in head else head


def _zip_reader(content: bytes, ending: str) -> str:
    try:
        with zipfile.ZipFile(BytesIO(content)) as archive:
            parts = set(archive.namelist())
            kind = _open_document(archive) if "mimetype" in parts else ""
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        if ending in _ARCHIVES:
            raise DataError("extract.broken", what=ending, why=str(error)) from error
        raise DataError("extract.other-format", what="zip") from error
    found = next((reader for reader, own in _PARTS.items() if any(part in parts for part in own)), "")
    if found:
        return found
    if ending and ending not in MEDIA_TYPES and ending not in _ENDINGS and ending in names("reader"):
        return ending
    if "xl/workbook.bin" in parts:
        raise DataError("extract.save-as", what="xlsb", ending="xlsx")
    if kind in _OPEN_DOCUMENT:
        what, better = _OPEN_DOCUMENT[kind]
        raise DataError("extract.save-as", what=what, ending=better)
    raise DataError("extract.other-format", what="zip")


def _open_document(archive: zipfile.ZipFile) -> str:
    """`text`, `spreadsheet`, … as the first part of an OpenDocument file says."""
    try:
        with archive.open("mimetype") as part:
            said = part.read(100).decode("ascii", errors="replace")
    except (zipfile.BadZipFile, zlib.error, RuntimeError, NotImplementedError, OSError, EOFError):
        return ""
    return said.strip().removeprefix("application/vnd.oasis.opendocument.")


def _ole(content: bytes, ending: str) -> DataError:
    if "EncryptedPackage".encode("utf-16-le") in content:
        return DataError("extract.encrypted", what=_ARCHIVES.get(ending, "docx, xlsx, pptx"))
    found = ending if ending in _OLD else next((old for old, (name, _) in _OLD.items() if name in content), "")
    if found:
        return DataError("extract.save-as", what=found, ending=_OLD[found][1])
    return DataError("extract.other-format", what="OLE")
