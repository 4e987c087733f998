"""E-books (EPUB 2 and 3): the chapters in reading order, each as its own headings have it."""

from __future__ import annotations

from typing import Any

import msgspec

from lianlu.core.errors import DataError
from lianlu.extract.archive import Archive, opened, resolved
from lianlu.extract.html_blocks import blocks_of, parse_html
from lianlu.extract.reader import ReadConfig, document_of
from lianlu.records import Block, Document, Source
from lianlu.text.decode import decode

__all__ = ["read"]

_CONTAINER = "META-INF/container.xml"
_ENCRYPTION = "META-INF/encryption.xml"
_FONTS = ("http://www.idpf.org/2008/embedding", "http://ns.adobe.com/pdf/enc#RC")
_PAGES = ("application/xhtml+xml", "text/html")
_FACTS = {"title": "title", "creator": "author", "language": "language", "date": "date", "publisher": "publisher"}


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
        titles = _titles(archive, package, root)
        blocks = [block for path in _chapters(archive, package, root) for block in _chapter(archive, path, titles)]
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
    return found


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
    return [*main, *beside]


def _titles(archive: Archive, package: str, root: Any) -> dict[str, str]:
    """What the table of contents calls each page."""
    found: dict[str, str] = {}
    for item in _items(root).values():
        path = resolved(package, item.get("href", ""))
        is_nav = "nav" in (item.get("properties") or "").split()
        is_ncx = item.get("media-type") == "application/x-dtbncx+xml"
        if path not in archive.names or not (is_nav or is_ncx):
            continue
        for each in archive.xml_of(path).iter():
            if is_nav and _name(each) == "a" and each.get("href"):
                found.setdefault(resolved(path, each.get("href")), _text(each))
            elif is_ncx and _name(each) == "navPoint":
                named = {_name(part): part for part in each.iter()}
                if "content" in named and "text" in named:
                    found.setdefault(resolved(path, named["content"].get("src", "")), _text(named["text"]))
    return found


def _chapter(archive: Archive, path: str, titles: dict[str, str]) -> list[Block]:
    root = parse_html(decode(archive.bytes_of(path)).text)
    blocks = [] if root is None else blocks_of(root)
    if blocks and titles.get(path) and not any(block.kind == "heading" for block in blocks[:3]):
        blocks = [Block(kind="heading", level=1, markdown=f"# {titles[path]}"), *blocks]
    return [msgspec.structs.replace(block, span=None, verbatim=False) for block in blocks]


def _text(element: Any) -> str:
    return " ".join("".join(element.itertext()).split())[:200]


def _name(element: Any) -> str:
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""
