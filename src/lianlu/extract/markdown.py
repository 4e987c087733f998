"""Markdown: top-level blocks as verbatim slices of the source, so that a citation can be checked against the file.

cmark finds where blocks begin and end; nothing is rendered. Raw HTML as READMEs have it is the exception: its words
are read and its badges and centring left out, since `<div align="center">` is nothing anyone asks about. The body of a
MyST admonition (```` ```{note} ````) is markdown of its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import msgspec

from lianlu.extract.commonmark import Part, parts
from lianlu.extract.front_matter import front_matter
from lianlu.extract.html_blocks import blocks_of, parse_html
from lianlu.extract.lines import Lines
from lianlu.extract.reader import ReadConfig, document_of
from lianlu.records import Block, Document, Source, Span
from lianlu.text.decode import decode

__all__ = ["markdown_blocks", "plain_words", "read"]

# No part of these may run on past the next mark of its own kind: text like `![![![` would cost its length squared.
_IMAGE = re.compile(
    r"!\[(?P<alt>[^\[\]]*)\](?:\([^()\s]*(?:\([^()\s]*\)[^()\s]*)*(?:\s+(?:\"[^\"()]*\"|'[^'()]*'))?\)|\[[^\[\]]*\])"
)
_EMPTY_LINK = re.compile(r"\[\s*\](?:\([^()]*\)|\[[^\[\]]*\])")
_LINK = re.compile(r"\[(?P<words>[^\[\]]*)\](?:\([^()]*\)|\[[^\[\]]*\])")
_TAG = re.compile(r"<!--.{0,2000}?-->|</?[A-Za-z][^<>]*>", re.DOTALL)
_FENCE = re.compile(r" {0,3}(?:`{3,}|~{3,})(?P<info>.*)")
_DIRECTIVE = re.compile(r"^\{(?P<name>[\w:-]+)\}")
_DIRECTIVES_LEFT_OUT = ("toctree", "contents", "raw", "include", "automodule", "autoclass", "autofunction")
_DIRECTIVES_OF_CODE = ("code", "code-block", "code-cell", "eval-rst", "literalinclude", "mermaid", "sourcecode")
_OPTION = re.compile(r":[\w-]+:|---\s*$")
_COLON_FENCE = re.compile(r"\s{0,3}:{3,}\s*(?:\{[\w-]+\}.*)?$")


def read(content: bytes, source: Source, config: ReadConfig) -> Document:  # noqa: ARG001 - the reader Protocol
    """Read markdown: CommonMark with tables, front matter, GitHub's raw HTML and MyST's directives.

    Raises:
        DataError: text.binary, extract.no-content
    """
    decoded = decode(content)
    lines = Lines(decoded.text)
    front = front_matter(decoded.text)
    meta: dict[str, Any] = {**front.meta, "encoding": decoded.encoding}
    if decoded.replaced:
        meta["replaced"] = decoded.replaced
    blocks = list(_blocks(lines, _line_after(lines, front.end), len(lines), 0))
    named = meta.get("title")
    title = str(named) if isinstance(named, (str, int, float)) else _first_heading(blocks)
    return document_of(source, blocks, title=title, meta=meta)


def markdown_blocks(text: str) -> list[Block]:
    """The blocks of markdown that is a part of something else, so that their places say nothing."""
    lines = Lines(text)
    blocks = _blocks(lines, 0, len(lines), 0)
    return [msgspec.structs.replace(block, span=None, verbatim=False) for block in blocks]


def plain_words(markdown: str) -> str:
    """A line of markdown without images, links, tags and marks."""
    text = _LINK.sub(r"\g<words>", _EMPTY_LINK.sub("", _IMAGE.sub("", _TAG.sub("", markdown))))
    text = re.sub(r"\\([!-/:-@\[-`{-~])", r"\1", re.sub(r"[*`]|(?<!\w)_|_(?!\w)", "", text))
    return " ".join(text.split())


def _first_heading(blocks: list[Block]) -> str:
    """The first heading of level 1, else the one the file begins with."""
    for at, block in enumerate(blocks[:30]):
        if block.kind == "heading" and (block.level == 1 or at == 0):
            return plain_words(_heading_line(block))
    return ""


def _heading_line(block: Block) -> str:
    line = block.markdown.strip().splitlines()[0].strip()
    return re.sub(r"\s+#+$", "", line.lstrip("#")).strip()


def _blocks(lines: Lines, first: int, end: int, depth: int) -> Iterator[Block]:
    """Blocks of the lines `first` up to `end`, which are markdown on their own."""
    if first >= end:
        return
    text = lines.text[lines.starts[first] : lines.ends[end - 1]]
    for part in parts(text, [lines[line] for line in range(first, end)]):
        yield from _block(lines, part, first + part.first, first + part.end, depth)


def _block(lines: Lines, part: Part, first: int, end: int, depth: int) -> Iterator[Block]:
    match part.kind:
        case "heading":
            block = lines.block("heading", first, end, part.level)
            if plain_words(_heading_line(block)):
                yield block
        case "para":
            yield from _paragraph(lines, first, end)
        case "code":
            yield from _code(lines, first, end, depth)
        case "list" | "table":
            yield lines.block(part.kind, first, end)
        case "quote":
            yield lines.block("para", first, end)
        case "html":
            yield from _html(lines, first, end)


def _paragraph(lines: Lines, first: int, end: int) -> Iterator[Block]:
    while first < end and _COLON_FENCE.fullmatch(lines[first]):
        first += 1
    while end > first and _COLON_FENCE.fullmatch(lines[end - 1]):
        end -= 1
    if first == end:
        return
    block = lines.block("para", first, end)
    text = block.markdown
    if text.startswith("$$") and text.endswith("$$") and len(text) > 4:
        yield msgspec.structs.replace(block, kind="formula")
    elif ("![" not in text and "<" not in text) or _has_words(plain_words(text)):
        yield block
    elif any(_describes(image) for image in _IMAGE.finditer(text)):
        yield msgspec.structs.replace(block, kind="figure")


def _describes(image: re.Match[str]) -> bool:
    """An image with a description worth keeping; one inside a link is a badge."""
    inside_link = image.string[: image.start()].endswith("[")
    return not inside_link and _has_words(image["alt"]) and "badge" not in image.group()


def _code(lines: Lines, first: int, end: int, depth: int) -> Iterator[Block]:
    fence = _FENCE.match(lines[first])
    if fence is None:
        yield lines.block("code", first, end)
        return
    is_closed = end - first > 1 and set(lines[end - 1].strip()) <= {"`", "~"}
    last = end - 1 if is_closed else end
    directive = _DIRECTIVE.match(fence["info"].strip())
    if directive is None or directive["name"] in _DIRECTIVES_OF_CODE:
        if any(lines[line].strip() for line in range(first + 1, last)):
            yield lines.block("code", first, end)
        return
    if directive["name"] in _DIRECTIVES_LEFT_OUT or depth > 5:
        return
    body = first + 1
    while body < last and _OPTION.match(lines[body].strip()):
        body += 1
    if directive["name"] == "math":
        yield lines.block("formula", first, end)
    elif body < last and any(lines[line].strip() for line in range(body, last)):
        yield from _blocks(lines, body, last, depth + 1)


def _html(lines: Lines, first: int, end: int) -> Iterator[Block]:
    """The words of raw HTML; a badge or an image without description gives nothing."""
    span = lines.span(first, end)
    raw = span.cut(lines.text)
    if not _has_words(_TAG.sub("", raw)) and " alt=" not in raw:
        return
    root = parse_html(raw)
    if root is None:
        return
    for block in blocks_of(root, Lines(raw)):
        if block.kind != "figure" or not _is_badge(block.markdown):
            yield msgspec.structs.replace(block, span=_shifted(block.span, span, lines))


def _shifted(inner: Span | None, outer: Span, lines: Lines) -> Span:
    if inner is None:
        return outer
    return lines.span_of(outer.start + inner.start, outer.start + inner.end)


def _is_badge(markdown: str) -> bool:
    return "badge" in markdown or "shields.io" in markdown


def _has_words(text: str) -> bool:
    return any(character.isalnum() for character in text)


def _line_after(lines: Lines, offset: int) -> int:
    return 0 if offset == 0 else next((line for line, start in enumerate(lines.starts) if start >= offset), len(lines))
