"""PowerPoint presentations: a page for each slide, its title as heading, its text, tables and notes.

Read from the XML itself: text in DrawingML is regular, and a library that also writes slides and draws charts is many times
larger than what is needed of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from lianlu.core.errors import DataError
from lianlu.extract.archive import Archive, opened, properties
from lianlu.extract.reader import ReadConfig, document_of
from lianlu.extract.rows import TableRow, row_blocks
from lianlu.records import Block, Document, Source

__all__ = ["read"]

_A = "{http://schemas.openxmlformats.org/drawingml/2006/main}"
_P = "{http://schemas.openxmlformats.org/presentationml/2006/main}"
_R = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}"
_MAIN = "ppt/presentation.xml"
_TITLES = ("title", "ctrTitle")
_NO_CONTENT = ("dt", "ftr", "sldNum", "hdr", "sldImg")
_MOST_SLIDES = 5000


def read(content: bytes, source: Source, config: ReadConfig) -> Document:
    """Read a presentation; a slide's number is its page. Hidden slides are read too and named in the meta.

    Raises:
        DataError: extract.broken, extract.bomb, extract.encrypted, extract.too-large, extract.no-content
    """
    blocks: list[Block] = []
    hidden: list[int] = []
    with opened(content, "pptx") as archive:
        meta = properties(archive)
        slides = _slides(archive)
        limit = min(config.max_pages, _MOST_SLIDES)
        if len(slides) > limit:
            raise DataError("extract.too-large", size=len(slides), unit="slides", limit=limit, field="max_pages")
        for number, name in enumerate(slides, start=1):
            root = archive.xml_of(name)
            found = list(_slide(archive, name, root, number))
            blocks += found
            hidden += [number] if root.get("show") == "0" and found else []
    meta["slides"] = len(slides)
    if hidden:
        meta["hidden_slides"] = hidden
    return document_of(source, blocks, title=str(meta.get("title", "")), meta=meta)


def _slides(archive: Archive) -> list[str]:
    """The parts of the slides in the order they are shown."""
    relations = archive.relations_of(_MAIN)
    ids = [each.get(f"{_R}id") for each in archive.xml_of(_MAIN).iter(f"{_P}sldId")]
    named = [relations.get(each or "", ("", "")) for each in ids]
    return [path for kind, path in named if kind == "slide" and path in archive.names]


def _slide(archive: Archive, name: str, root: Any, number: int) -> Iterator[Block]:
    shapes = list(root.iter(f"{_P}sp", f"{_P}graphicFrame"))
    titles = [shape for shape in shapes if _place(shape) in _TITLES]
    title = " ".join(" ".join(_words(shape).split()) for shape in titles).strip()
    body = [block for shape in shapes if shape not in titles for block in _shape(archive, name, shape, number)]
    notes = _notes(archive, name, number)
    if title:
        yield Block(kind="heading", level=2, markdown=f"## {title}", page=number)
    yield from body
    yield from notes


def _shape(archive: Archive, name: str, shape: Any, number: int) -> Iterator[Block]:
    if _place(shape) in _NO_CONTENT:
        return
    for table in shape.iter(f"{_A}tbl"):
        rows = (TableRow(tuple(_words(cell) for cell in row.iter(f"{_A}tc"))) for row in table.iter(f"{_A}tr"))
        yield from (_on_page(block, number) for block in row_blocks(rows, level=3))
    if shape.tag == f"{_P}sp":
        yield from _text(shape, number)
    else:
        yield from _diagram(archive, name, shape, number)


def _text(shape: Any, number: int) -> Iterator[Block]:
    """Paragraphs of a text box; where there are several or deeper ones they are a list."""
    lines: list[tuple[int, str]] = []
    for paragraph in shape.iter(f"{_A}p"):
        words = " ".join(_words(paragraph).split())
        about = paragraph.find(f"{_A}pPr")
        level = about.get("lvl", "0") if about is not None else "0"
        if words:
            lines.append((int(level) if level.isdecimal() else 0, words))
    if len(lines) > 1:
        markdown = "\n".join(f"{'  ' * min(level, 8)}- {words}" for level, words in lines)
        yield Block(kind="list", markdown=markdown, page=number)
    elif lines:
        yield Block(kind="para", markdown=lines[0][1], page=number)


def _diagram(archive: Archive, name: str, shape: Any, number: int) -> Iterator[Block]:
    """The words of a SmartArt diagram or a chart, which lie in parts of their own."""
    relations = archive.relations_of(name)
    wanted = {value for each in shape.iter() for key, value in each.attrib.items() if key.startswith(_R)}
    parts = [
        path
        for each in sorted(wanted)
        for kind, path in [relations.get(each, ("", ""))]
        if kind in ("diagramData", "chart")
    ]
    for path in parts:
        if path in archive.names:
            lines = [words for each in archive.xml_of(path).iter(f"{_A}p") if (words := " ".join(_words(each).split()))]
            if lines:
                yield Block(kind="list", markdown="\n".join(f"- {line}" for line in lines), page=number)


def _notes(archive: Archive, name: str, number: int) -> list[Block]:
    paths = [
        path for kind, path in archive.relations_of(name).values() if kind == "notesSlide" and path in archive.names
    ]
    found: list[Block] = []
    for path in paths:
        for shape in archive.xml_of(path).iter(f"{_P}sp"):
            if _place(shape) == "body":
                found += _text(shape, number)
    return found


def _place(shape: Any) -> str:
    """Which placeholder of its layout a shape fills: `title`, `body`, …; empty for a free one."""
    holder = next(shape.iter(f"{_P}ph"), None)
    return "" if holder is None else holder.get("type", "body")


def _words(element: Any) -> str:
    """The text of runs and fields; a line break is a space."""
    return "".join(" " if each.tag == f"{_A}br" else (each.text or "") for each in element.iter(f"{_A}t", f"{_A}br"))


def _on_page(block: Block, number: int) -> Block:
    return msgspec.structs.replace(block, page=number)
