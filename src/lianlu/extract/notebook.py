"""Jupyter notebooks (nbformat 3 and 4): the text of their cells, code as code, what was printed, no images."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from lianlu.core.errors import DataError
from lianlu.extract.front_matter import FrontMatter, front_matter
from lianlu.extract.markdown import markdown_blocks
from lianlu.extract.reader import ReadConfig, document_of
from lianlu.records import Block, Document, Source
from lianlu.text.decode import decode

__all__ = ["fenced", "read"]

_LONGEST_OUTPUT = 2000  # characters: logs of training fill notebooks
_ESCAPES = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_NOT_IN_A_NAME = re.compile(r"[^\w+#.-]")  # it stands behind a fence
_FENCES = re.compile(r"`{3,}")


def read(content: bytes, source: Source, config: ReadConfig) -> Document:  # noqa: ARG001 - the reader Protocol
    """Read a notebook.

    Raises:
        DataError: text.binary, extract.broken, extract.no-content
    """
    try:
        book = msgspec.json.decode(decode(content).text.encode())
    except (ValueError, RecursionError) as error:
        raise DataError("extract.broken", what="ipynb", why=str(error)[:200]) from error
    if not isinstance(book, dict):
        raise DataError("extract.broken", what="ipynb", why="it is no map")
    cells = _cells(book)
    language = _language(book, cells)
    images = sum(_images(cell) for cell in cells)
    front = (
        front_matter(_text(cells[0].get("source"))) if cells and cells[0].get("cell_type") != "code" else FrontMatter()
    )
    blocks: list[Block] = []
    for at, cell in enumerate(cells):
        blocks += _blocks(cell, language, 0 if at else front.end)
    meta: dict[str, Any] = {**front.meta, "code_language": language} | ({"images_left_out": images} if images else {})
    title = front.meta.get("title")
    return document_of(source, blocks, title=title if isinstance(title, str) else "", meta=meta)


def fenced(code: str, language: str) -> str:
    """Code in a fence that is longer than any inside it."""
    longest = max((len(found) for found in _FENCES.findall(code)), default=2)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{code}\n{fence}"


def _cells(book: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    sheets = book.get("worksheets")
    found: Any = book.get("cells")
    if found is None and isinstance(sheets, list):
        of_sheets = [sheet.get("cells") for sheet in sheets if isinstance(sheet, dict)]
        found = [cell for cells in of_sheets if isinstance(cells, list) for cell in cells]
    if not isinstance(found, list):
        raise DataError("extract.broken", what="ipynb", why="it has no cells")
    return [cell for cell in found if isinstance(cell, dict)]


def _language(book: Mapping[str, Any], cells: list[Mapping[str, Any]]) -> str:
    about = book.get("metadata")
    told = about if isinstance(about, dict) else {}
    places = (told.get("language_info"), told.get("kernelspec"), *cells[:1])
    for place, key in zip(places, ("name", "language", "language"), strict=False):
        name = place.get(key) if isinstance(place, dict) else None
        if isinstance(name, str) and name.strip():
            return _NOT_IN_A_NAME.sub("", name.lower())[:30] or "python"
    return "python"


def _blocks(cell: Mapping[str, Any], language: str, begin: int = 0) -> Iterator[Block]:
    text = _text(cell.get("source", cell.get("input")))[begin:].strip("\n")
    match cell.get("cell_type"):
        case "markdown":
            yield from markdown_blocks(text)
        case "heading":
            level = cell.get("level")
            depth = level if isinstance(level, int) and 1 <= level <= 6 else 1
            yield from markdown_blocks(f"{'#' * depth} {' '.join(text.split())}")
        case "code":
            if text.strip():
                yield Block(kind="code", markdown=fenced(text, language))
            outputs = cell.get("outputs")
            for output in outputs if isinstance(outputs, list) else ():
                printed = _printed(output) if isinstance(output, dict) else ""
                if printed:
                    yield Block(kind="code", markdown=fenced(printed, "text"))
        case "raw":
            if text.strip():
                yield Block(kind="para", markdown=text)
        case _:
            return


def _printed(output: Mapping[str, Any]) -> str:
    kind = output.get("output_type")
    if kind in ("error", "pyerr"):
        text = f"{output.get('ename', '')}: {output.get('evalue', '')}"
    else:
        if _is_image(output):
            return ""  # `<Figure size 640x480>` says nothing
        data = output.get("data")
        text = _text(output.get("text") or (data.get("text/plain") if isinstance(data, dict) else ""))
    text = _ESCAPES.sub("", text).strip()
    return text if len(text) <= _LONGEST_OUTPUT else f"{text[:_LONGEST_OUTPUT].rstrip()}\n…"


def _images(cell: Mapping[str, Any]) -> int:
    """How many images the cell shows: of its outputs, and pasted into its text."""
    outputs, pasted = cell.get("outputs"), cell.get("attachments")
    shown = [output for output in outputs if isinstance(output, dict)] if isinstance(outputs, list) else []
    return sum(_is_image(output) for output in shown) + (len(pasted) if isinstance(pasted, dict) else 0)


def _is_image(output: Mapping[str, Any]) -> bool:
    """Whether an output is an image; in the third format its data stand in the output itself, as `png`."""
    data = output.get("data")
    kinds = data if isinstance(data, dict) else {}
    return any(name.startswith("image/") for name in kinds) or any(name in output for name in ("png", "jpeg", "svg"))


def _text(source: Any) -> str:
    """A cell's text is one string or a list of lines."""
    if isinstance(source, list):
        return "".join(part for part in source if isinstance(part, str))
    return source if isinstance(source, str) else ""
