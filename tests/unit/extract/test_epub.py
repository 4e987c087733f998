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


def titled(entries: str, pages: dict[str, bytes], *, kind: str = "nav", spine: str = "") -> list[str]:
    """The headings of a book with this table of contents and these pages."""
    nav = f'<html xmlns:e="http://www.idpf.org/2007/ops"><body>{entries}</body></html>' if kind == "nav" else entries
    about = 'properties="nav" media-type="text/html"' if kind == "nav" else 'media-type="application/x-dtbncx+xml"'
    items = "".join(f'<item id="{name}" href="{name}" media-type="text/html"/>' for name in pages)
    order = spine or "".join(f'<itemref idref="{name}"/>' for name in pages)
    package = f'<package><item id="toc" href="toc" {about}/>{items}{order}</package>'
    parts = {f"O/{name}": page for name, page in pages.items()} | {"O/toc": nav.encode()}
    found = book(archive({"META-INF/container.xml": CONTAINER, "O/book.opf": package.encode(), **parts}))
    return [block.markdown for block in found.blocks if block.kind == "heading"]


PAGES = {
    "part": b"<h1>Part I</h1><p>About it.</p>",
    "one": b"<h1>Chapter 1</h1><p>Words.</p><h2>Aside</h2><p>Words.</p>",
    "two": b"<p>Words without a heading.</p>",
    "end": b"<h3>Afterword</h3><p>Words.</p>",
}
NESTED = ["# Part I", "## Chapter 1", "### Aside", "## Chapter 2", "# Afterword"]


def test_the_table_of_contents_gives_pages_their_depth() -> None:
    nav = """<nav e:type="page-list"><ol><li><a href="two">17</a></li></ol></nav>
    <nav e:type="toc"><ol><li><a href="part">Part I</a><ol><li><a href="one#top">Chapter 1</a></li>
    <li><a href="two">Chapter 2</a></li></ol></li><li><a href="end">Afterword</a></li></ol></nav>
    <nav e:type="landmarks"><ol><li><a href="one">Begin reading</a></li></ol></nav>"""
    assert titled(nav, PAGES) == NESTED


def test_the_older_table_of_contents_gives_them_too() -> None:
    def point(target: str, title: str, inner: str = "") -> str:
        return f'<navPoint><navLabel><text>{title}</text></navLabel><content src="{target}"/>{inner}</navPoint>'

    chapters = point("one", "Chapter 1") + point("two#a", "Chapter 2")
    ncx = f"<ncx><navMap>{point('part', 'Part I', chapters)}{point('end', 'Afterword')}</navMap></ncx>"
    assert titled(ncx, PAGES, kind="ncx") == NESTED


def test_a_table_of_contents_that_is_no_xml_costs_titles_only() -> None:
    assert titled("<nav><a href='two'>Chapter&nbsp;2</nav>", PAGES) == [
        "# Part I",
        "# Chapter 1",
        "## Aside",
        "### Afterword",
    ]


def test_a_page_that_is_named_often_is_read_once() -> None:
    often = '<itemref idref="one"/>' * 5000
    assert titled("", PAGES, spine=often) == ["# Chapter 1", "## Aside"]


@pytest.mark.parametrize(
    ("dates", "date"),
    [
        ("<dc:date>2010-08-05T07:00:00Z</dc:date>", "2010-08-05"),
        ("<dc:date>1999</dc:date>", "1999"),
        ("<dc:date>May 2021</dc:date><dc:date>2021-05</dc:date>", "2021-05"),
        (
            "<dc:date opf:event='modification'>2024-01-01</dc:date><dc:date opf:event='publication'>1869</dc:date>",
            "1869",
        ),
        ("<dc:date>May 2021</dc:date>", None),
        ("", None),
    ],
)
def test_the_date_is_when_the_book_appeared(dates: str, date: str | None) -> None:
    package = PACKAGE.replace("<dc:date>2021-05-01</dc:date>", dates)
    package = package.replace("<metadata>", '<metadata xmlns:opf="http://www.idpf.org/2007/opf">')
    assert book(archive(PARTS | {"O/book.opf": package.encode()})).meta.get("date") == date


def test_pages_of_xhtml_with_empty_elements_are_read_whole() -> None:
    page = b"<?xml version='1.0'?><html><head><title/><script src='a.js'/><style/></head><body><a id='p'/><p>All of it.</p></body></html>"
    assert "All of it." in book(archive(PARTS | {"O/two.xhtml": page})).markdown


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
