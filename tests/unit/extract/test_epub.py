from __future__ import annotations

import pytest

from lianlu.core.errors import DataError
from lianlu.extract.epub import read
from lianlu.extract.reader import ReadConfig
from lianlu.records import Document
from made_files import archive, source_of

CONTAINER = (
    b'<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>'
    b'<rootfile full-path="O/book.opf" media-type="application/oebps-package+xml"/></rootfiles></container>'
)
PACKAGE = """<?xml version="1.0"?>
<package xmlns="http://www.idpf.org/2007/opf" xmlns:dc="http://purl.org/dc/elements/1.1/">
<metadata><dc:title>小书</dc:title><dc:creator>李雷</dc:creator><dc:date>2021-05-01</dc:date></metadata>
<manifest>
<item id="nav" href="nav.xhtml" media-type="application/xhtml+xml" properties="nav"/>
<item id="one" href="one%20a.xhtml" media-type="application/xhtml+xml"/>
<item id="two" href="two.xhtml" media-type="application/xhtml+xml"/>
<item id="notes" href="notes.xhtml" media-type="application/xhtml+xml"/>
<item id="style" href="s.css" media-type="text/css"/>
<item id="gone" href="gone.xhtml" media-type="application/xhtml+xml"/>
</manifest>
<spine><itemref idref="nav"/><itemref idref="notes" linear="no"/><itemref idref="one"/><itemref idref="style"/>
<itemref idref="gone"/><itemref idref="nobody"/><itemref idref="two"/></spine>
</package>"""
NAV = '<html xmlns="http://www.w3.org/1999/xhtml"><body><nav><a href="one%20a.xhtml">第一章 山</a></nav></body></html>'
PARTS = {
    "mimetype": b"application/epub+zip",
    "META-INF/container.xml": CONTAINER,
    "O/book.opf": PACKAGE.encode(),
    "O/nav.xhtml": NAV.encode(),
    "O/one a.xhtml": "<?xml version='1.0' encoding='utf-8'?><!DOCTYPE html><html><body><p>从前有座山。</p></body></html>".encode(),
    "O/two.xhtml": "<html><body><h1>第二章</h1><p>山里有座庙。</p></body></html>".encode(),
    "O/notes.xhtml": b"<html><body><h2>Notes</h2><p>Far away.</p></body></html>",
}


def book(content: bytes) -> Document:
    return read(content, source_of(content, "a.epub"), ReadConfig())


def test_chapters_come_in_reading_order_with_their_titles() -> None:
    found = book(archive(PARTS))
    assert found.markdown == "# 第一章 山\n\n从前有座山。\n\n# 第二章\n\n山里有座庙。\n\n## Notes\n\nFar away."
    assert found.title == "小书"
    assert (found.meta["author"], found.meta["date"]) == ("李雷", "2021-05-01")


def test_titles_come_from_the_older_table_of_contents_too() -> None:
    ncx = (
        '<ncx xmlns="http://www.daisy.org/z3986/2005/ncx/"><navMap><navPoint><navLabel><text>Old title</text></navLabel>'
        '<content src="one%20a.xhtml"/></navPoint></navMap></ncx>'
    )
    package = PACKAGE.replace(
        '<item id="nav" href="nav.xhtml" media-type="application/xhtml+xml" properties="nav"/>',
        '<item id="nav" href="toc.ncx" media-type="application/x-dtbncx+xml"/>',
    )
    parts = PARTS | {"O/book.opf": package.encode(), "O/toc.ncx": ncx.encode()}
    assert book(archive(parts)).markdown.startswith("# Old title\n\n")


def locked(method: str) -> bytes:
    said = f'<encryption><EncryptedData><EncryptionMethod Algorithm="{method}"/></EncryptedData></encryption>'
    return archive(PARTS | {"META-INF/encryption.xml": said.encode()})


def test_scrambled_fonts_are_no_lock() -> None:
    assert book(locked("http://www.idpf.org/2008/embedding")).blocks


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (locked("http://www.w3.org/2001/04/xmlenc#aes128-cbc"), "extract.encrypted"),
        (archive({"META-INF/container.xml": CONTAINER}), "extract.broken"),
        (archive({"META-INF/container.xml": b"<a"}), "extract.broken"),
        (archive(PARTS | {"O/book.opf": b"<!DOCTYPE p [<!ENTITY a 'b'>]><package/>"}), "extract.broken"),
        (archive(PARTS | {"O/book.opf": b"<package/>"}), "extract.no-content"),
        (archive(PARTS)[:400], "extract.broken"),
        (archive(PARTS | {"big.xhtml": b"0" * 60_000_000}), "extract.bomb"),
    ],
    ids=["locked", "no package", "no xml", "entities", "no chapters", "cut off", "bomb"],
)
def test_what_is_no_book_is_told(content: bytes, code: str) -> None:
    with pytest.raises(DataError) as caught:
        book(content)
    assert caught.value.code == code
