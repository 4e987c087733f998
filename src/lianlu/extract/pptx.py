"""PowerPoint presentations: a page for each slide, its title as heading, its text, tables, charts and notes.

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
from lianlu.text.language import language_of

__all__ = ["read"]

_A = "{http://schemas.openxmlformats.org/drawingml/2006/main}"
_P = "{http://schemas.openxmlformats.org/presentationml/2006/main}"
_C = "{http://schemas.openxmlformats.org/drawingml/2006/chart}"
_M = "{http://schemas.openxmlformats.org/markup-compatibility/2006}"
_R = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}"
_Parts = dict[str, tuple[str, str]]  # what a slide refers to, as `Archive.relations_of` tells
_MAIN = "ppt/presentation.xml"
_TITLES = ("title", "ctrTitle")
_NO_CONTENT = ("dt", "ftr", "sldNum", "hdr", "sldImg")
_MOST_SLIDES = 5000
_MOST_POINTS = 2000  # of a series in a chart
_UNTITLED = "## "  # a heading of ours, until the language of the slides is known
_NOTES = "### "
_WORDS = {"en": ("Slide {}", "Notes"), "zh": ("幻灯片 {}", "备注")}


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
            root = _without_fallbacks(archive.xml_of(name))
            found = list(_slide(archive, name, root, number))
            blocks += found
            hidden += [number] if root.get("show") == "0" and found else []
    meta["slides"] = len(slides)
    if hidden:
        meta["hidden_slides"] = hidden
    title = str(meta.get("title", "")) or _first_title(blocks) or source.uri.rpartition("/")[2]
    return document_of(source, _in_its_language(blocks), title=title, meta=meta)


def _slides(archive: Archive) -> list[str]:
    """The parts of the slides in the order they are shown."""
    relations = archive.relations_of(_MAIN)
    ids = [each.get(f"{_R}id") for each in archive.xml_of(_MAIN).iter(f"{_P}sldId")]
    named = [relations.get(each or "", ("", "")) for each in ids]
    return list(dict.fromkeys(path for kind, path in named if kind == "slide" and path in archive.names))


def _without_fallbacks(root: Any) -> Any:
    """What newer programs draw in their own way stands there once more, as older ones know it."""
    for choice in list(root.iter(f"{_M}Choice")):
        for other in list(choice.itersiblings(f"{_M}Choice", f"{_M}Fallback")):
            choice.getparent().remove(other)
    return root


def _first_title(blocks: list[Block]) -> str:
    headings = (block.markdown for block in blocks if block.kind == "heading" and block.level == 2)
    return next((heading.removeprefix("## ") for heading in headings if heading != _UNTITLED), "")


def _in_its_language(blocks: list[Block]) -> list[Block]:
    """The headings that are ours in the language of the slides."""
    is_chinese = language_of("\n".join(block.markdown for block in blocks)).startswith("zh")
    slide, notes = _WORDS["zh" if is_chinese else "en"]
    told = {_UNTITLED: "## " + slide, _NOTES: "### " + notes}
    return [
        msgspec.structs.replace(block, markdown=told[block.markdown].format(block.page))
        if block.kind == "heading" and block.markdown in told
        else block
        for block in blocks
    ]


def _slide(archive: Archive, name: str, root: Any, number: int) -> Iterator[Block]:
    shapes = list(root.iter(f"{_P}sp", f"{_P}graphicFrame"))
    titles = [shape for shape in shapes if _place(shape) in _TITLES]
    title = " ".join(" ".join(_words(shape).split()) for shape in titles).strip()
    parts = archive.relations_of(name)
    body = [block for shape in shapes if shape not in titles for block in _shape(archive, parts, shape, number)]
    notes = _notes(archive, parts, number)
    if title or body or notes:  # without a heading of its own it would be cited as part of the slide before
        yield Block(kind="heading", level=2, markdown=f"## {title}" if title else _UNTITLED, page=number)
    yield from body
    if notes:
        yield Block(kind="heading", level=3, markdown=_NOTES, page=number)
        yield from notes


def _shape(archive: Archive, parts: _Parts, shape: Any, number: int) -> Iterator[Block]:
    if _place(shape) in _NO_CONTENT:
        return
    for table in shape.iter(f"{_A}tbl"):
        rows = [TableRow(tuple(_words(cell) for cell in row.iter(f"{_A}tc"))) for row in table.iter(f"{_A}tr")]
        words = [each for row in rows for cell in row.cells if (each := " ".join(cell.split()))]
        # A row alone is no table with a head, but its words were shown.
        alone = [Block(kind="para", markdown=" · ".join(words))] if words else []
        yield from (_on_page(block, number) for block in list(row_blocks(rows, level=3)) or alone)
    if shape.tag == f"{_P}sp":
        yield from _text(shape, number)
    else:
        yield from _drawn(archive, parts, shape, number)


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


def _drawn(archive: Archive, parts: _Parts, shape: Any, number: int) -> Iterator[Block]:
    """The words of a SmartArt diagram or the values of a chart, which lie in parts of their own."""
    wanted = {value for each in shape.iter() for key, value in each.attrib.items() if key.startswith(_R)}
    for kind, path in (parts[each] for each in sorted(wanted) if each in parts):
        if kind not in ("diagramData", "chart") or path not in archive.names:
            continue
        root = archive.xml_of(path)
        lines = [words for each in root.iter(f"{_A}p") if (words := " ".join(_words(each).split()))]
        if lines:
            yield Block(kind="list", markdown="\n".join(f"- {line}" for line in lines), page=number)
        if kind == "chart":
            yield from (_on_page(block, number) for block in row_blocks(_chart_rows(root), level=3))


def _chart_rows(root: Any) -> Iterator[TableRow]:
    """A row for each category, a column for each series, as PowerPoint kept them beside the drawing."""
    series = list(root.iter(f"{_C}ser"))
    names = [" ".join(_points(each.find(f"{_C}tx")).values()) for each in series]
    labels: dict[int, str] = {}
    for each in series:
        for axis in (each.find(f"{_C}cat"), each.find(f"{_C}xVal")):
            labels = _points(axis) | labels
    values = [{**_points(each.find(f"{_C}val")), **_points(each.find(f"{_C}yVal"))} for each in series]
    if any(values):
        yield TableRow(("#", *names))
    for at in sorted({at for each in values for at in each})[:_MOST_POINTS]:
        yield TableRow((labels.get(at, str(at + 1)), *(each.get(at, "") for each in values)))


def _points(element: Any) -> dict[int, str]:
    """Number and text of the points of a part of a series; of labels in several levels the innermost, which comes first."""
    found: dict[int, str] = {}
    for point in element.iter(f"{_C}pt") if element is not None else ():
        at = point.get("idx", "")
        if at.isdecimal() and len(at) < 8:
            found.setdefault(int(at), " ".join((point.findtext(f"{_C}v") or "").split()))
    return found


def _notes(archive: Archive, parts: _Parts, number: int) -> list[Block]:
    paths = [path for kind, path in parts.values() if kind == "notesSlide" and path in archive.names]
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
