"""E-books (EPUB 2 and 3): the chapters in reading order, each at the depth that the table of contents gives it.

Publishers begin every page with a heading of level 1 or of any other, so levels say little across pages: where the table of
contents has a page, its depth there decides, and a citation reads `Part I › Chapter 2`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import msgspec

from lianlu.core.errors import DataError
from lianlu.extract.archive import Archive, opened, parse_xml, resolved
from lianlu.extract.html_blocks import blocks_of, parse_html
from lianlu.extract.reader import ReadConfig, document_of
from lianlu.records import Block, Document, Source
from lianlu.text.decode import decode

__all__ = ["read"]

_CONTAINER = "META-INF/container.xml"
_ENCRYPTION = "META-INF/encryption.xml"
_FONTS = ("http://www.idpf.org/2008/embedding", "http://ns.adobe.com/pdf/enc#RC")
_PAGES = ("application/xhtml+xml", "text/html")
_FACTS = {"title": "title", "creator": "author", "language": "language", "publisher": "publisher"}
_OPS = "{http://www.idpf.org/2007/ops}"
_DAY = re.compile(r"\d{4}(?:-\d{2}(?:-\d{2})?)?(?!\d)")
_DEEPEST = 6
_Contents = dict[
    str, tuple[int, str]
]  # path of a page -> its depth in the table of contents, from 1, and its title there


def read(content: bytes, source: Source, config: ReadConfig) -> Document:  # noqa: ARG001 - the reader Protocol
    """Read a book.

    Raises:
        DataError: extract.broken, extract.bomb, extract.encrypted, extract.no-content
    """
    with opened(content, "epub") as archive:
        _refuse_locked(archive)
        package = _package(archive)
        root = archive.xml_of(package)
        meta = _facts(root)
        contents = _contents(archive, package, root)
        blocks = [block for path in _chapters(archive, package, root) for block in _chapter(archive, path, contents)]
    return document_of(source, blocks, title=str(meta.get("title", "")), meta=meta)


def _refuse_locked(archive: Archive) -> None:
    """Fonts may be scrambled, which is no lock; anything else that is encrypted is."""
    if _ENCRYPTION not in archive.names:
        return
    methods = {
        each.get("Algorithm", "") for each in archive.xml_of(_ENCRYPTION).iter() if _name(each) == "EncryptionMethod"
    }
    if methods - set(_FONTS):
        raise DataError("extract.encrypted", what="epub")


def _package(archive: Archive) -> str:
    for each in archive.xml_of(_CONTAINER).iter():
        path = each.get("full-path", "") if _name(each) == "rootfile" else ""
        if path in archive.names:
            return path
    raise DataError("extract.broken", what="epub", why="it names no package")


def _facts(root: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for each in root.iter():
        text = " ".join((each.text or "").split())
        fact = _FACTS.get(_name(each))
        if fact and text and "purl.org/dc" in str(each.tag):
            found.setdefault(fact, text[:300])
    date = _date(root)
    return found | ({"date": date} if date else {})


def _date(root: Any) -> str:
    """When the book appeared; of several dates (EPUB 2 says what each is of) not the one when the file was changed."""
    found: dict[str, str] = {}
    for each in root.iter():
        match = (
            _DAY.match((each.text or "").strip()) if _name(each) == "date" and "purl.org/dc" in str(each.tag) else None
        )
        if match:
            event = next((value for name, value in each.attrib.items() if name.endswith("event")), "")
            found.setdefault(event, match[0])
    return next((found[event] for event in ("publication", "", *found) if event in found), "")


def _items(root: Any) -> dict[str, Any]:
    return {each.get("id", ""): each for each in root.iter() if _name(each) == "item"}


def _chapters(archive: Archive, package: str, root: Any) -> list[str]:
    """The pages in reading order; those beside the text (notes, answers) after it, the table of contents not at all."""
    items = _items(root)
    main: list[str] = []
    beside: list[str] = []
    for each in root.iter():
        item = items.get(each.get("idref", "")) if _name(each) == "itemref" else None
        if item is None or item.get("media-type") not in _PAGES or "nav" in (item.get("properties") or "").split():
            continue
        path = resolved(package, item.get("href", ""))
        if path in archive.names:
            (beside if each.get("linear") == "no" else main).append(path)
    return list(dict.fromkeys([*main, *beside]))


def _contents(archive: Archive, package: str, root: Any) -> _Contents:
    """Where the tables of contents, the one of EPUB 3 first, have each page."""
    items = list(_items(root).values())
    navs = [item for item in items if "nav" in (item.get("properties") or "").split()]
    ncxs = [item for item in items if item.get("media-type") == "application/x-dtbncx+xml"]
    found: _Contents = {}
    for item in (*navs, *ncxs):
        path = resolved(package, item.get("href", ""))
        table = parse_xml(archive.bytes_of(path)) if path in archive.names else None
        if table is not None:  # a table of contents that is no XML costs titles, not the book
            for depth, target, title in _nav_entries(table) if item in navs else _ncx_entries(table):
                found.setdefault(resolved(path, target), (min(depth, _DEEPEST), title))
    return found


def _nav_entries(root: Any) -> Iterator[tuple[int, str, str]]:
    """Depth, target and title; of the lists in such a page not those of printed pages and of landmarks."""
    for nav in root.iter("{*}nav"):
        if nav.get(f"{_OPS}type", "toc") == "toc":
            for each in nav.iter("{*}a"):
                if each.get("href"):
                    yield max(sum(1 for _ in each.iterancestors("{*}ol")), 1), each.get("href"), _text(each)


def _ncx_entries(root: Any) -> Iterator[tuple[int, str, str]]:
    for each in root.iter("{*}navPoint"):
        label, content = each.find("{*}navLabel"), each.find("{*}content")
        if label is not None and content is not None:
            yield 1 + sum(1 for _ in each.iterancestors("{*}navPoint")), content.get("src", ""), _text(label)


def _chapter(archive: Archive, path: str, contents: _Contents) -> list[Block]:
    root = parse_html(decode(archive.bytes_of(path)).text)
    blocks = [] if root is None else blocks_of(root)
    if blocks and path in contents:
        depth, title = contents[path]
        if title and not any(block.kind == "heading" for block in blocks[:3]):
            blocks = [Block(kind="heading", level=depth, markdown=f"{'#' * depth} {title}"), *blocks]
        blocks = _at_depth(blocks, depth)
    return [msgspec.structs.replace(block, span=None, verbatim=False) for block in blocks]


def _at_depth(blocks: list[Block], depth: int) -> list[Block]:
    """The blocks of a page with their headings moved so that the first one has this level."""
    by = depth - next((block.level for block in blocks if block.level), depth)
    return [_moved(block, by) for block in blocks] if by else blocks


def _moved(block: Block, by: int) -> Block:
    if block.kind != "heading" or not block.level:
        return block
    level = min(max(block.level + by, 1), _DEEPEST)
    return msgspec.structs.replace(block, level=level, markdown=f"{'#' * level} {block.markdown.lstrip('#').lstrip()}")


def _text(element: Any) -> str:
    return " ".join("".join(element.itertext()).split())[:200]


def _name(element: Any) -> str:
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""
