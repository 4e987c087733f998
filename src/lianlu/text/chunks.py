"""Cut a document into chunks to be retrieved: structure first, then sentences, and only then anywhere.

A chunk is a verbatim slice of `document.markdown`; chunks do not overlap and leave out nothing but white space, so a
citation inside a chunk is a place in the document. A heading opens a chunk and stays with what it announces.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, Field

from lianlu.records import Block, Chunk, Document, Span
from lianlu.text.normalise import text_size
from lianlu.text.sentences import sentences

__all__ = ["ChunkConfig", "chunk_document", "heading_text"]

_HEADING_MARKS = re.compile(r"^\s*#{1,6}\s+|\s*#*\s*$")
_LINKS = re.compile(r"!?\[([^\]]*)\]\([^)]*\)")
_BREAK = re.compile(r"[\s,，、;；|]")


class ChunkConfig(BaseModel):
    """How long chunks are. Sizes are in Chinese characters (three Latin letters count as one), or in the unit of the counter."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    size: int = Field(default=400, ge=20, le=100_000, description="size a chunk should have, in Chinese characters")
    smallest: int = Field(default=40, ge=0, description="a section smaller than this joins the next one")


@dataclass(frozen=True)
class _Piece:
    """A part of the document that is not cut further: span, size, and the headings above it."""

    start: int
    end: int
    size: int
    headings: tuple[str, ...]
    page: int | None
    is_heading: bool = False


def chunk_document(
    document: Document, config: ChunkConfig | None = None, count: Callable[[str], int] = text_size
) -> Iterator[Chunk]:
    """The chunks of a document in reading order.

    Args:
        config: sizes.
        count: length of a text; give an embedder's own token counter so that nothing is cut off unread.
    """
    chosen = config or ChunkConfig()
    markdown = document.markdown
    for ordinal, pieces in enumerate(_grouped(_pieces(document, markdown, chosen.size, count), chosen)):
        span = _stripped(markdown, pieces[0].start, pieces[-1].end)
        if span.start < span.end:
            told = next((piece for piece in pieces if not piece.is_heading), pieces[-1])
            yield Chunk(
                document_id=document.id,
                ordinal=ordinal,
                text=span.cut(markdown),
                span=span,
                headings=told.headings,
                page=pieces[0].page,
            )


def heading_text(markdown: str) -> str:
    """The words of a heading without its marks and link targets."""
    return _LINKS.sub(r"\1", _HEADING_MARKS.sub("", markdown.split("\n", 1)[0])).strip()


def _pieces(document: Document, markdown: str, size: int, count: Callable[[str], int]) -> Iterator[_Piece]:
    path: list[tuple[int, str]] = []
    for block, start in zip(document.blocks, document.block_starts(), strict=True):
        if block.kind == "heading":
            level = block.level or 1
            path = [above for above in path if above[0] < level]
            path.append((level, heading_text(block.markdown)))
        headings = tuple(title for _, title in path if title)
        for span in _cut(markdown, start, start + len(block.markdown), size, count):
            text = span.cut(markdown)
            yield _Piece(span.start, span.end, count(text), headings, block.page, _is_heading(block))


def _is_heading(block: Block) -> bool:
    return block.kind == "heading"


def _cut(markdown: str, start: int, end: int, size: int, count: Callable[[str], int]) -> Iterator[Span]:
    """A block whole if it fits, else its sentences; a sentence that does not fit is cut at blanks and commas."""
    text = markdown[start:end]
    if not text.strip():
        return
    if count(text) <= size:
        yield Span(start=start, end=end)
        return
    for sentence in sentences(text):
        if count(sentence.cut(text)) <= size:
            yield Span(start=start + sentence.start, end=start + sentence.end)
        else:
            yield from _cut_anywhere(markdown, start + sentence.start, start + sentence.end, size, count)


def _cut_anywhere(markdown: str, start: int, end: int, size: int, count: Callable[[str], int]) -> Iterator[Span]:
    while start < end:
        fits = _longest_fit(markdown, start, end, size, count)
        if fits < end:
            breaks = [match.end() for match in _BREAK.finditer(markdown, start + (fits - start) // 2, fits)]
            fits = breaks[-1] if breaks else fits
        yield Span(start=start, end=fits)
        start = fits


def _longest_fit(markdown: str, start: int, end: int, size: int, count: Callable[[str], int]) -> int:
    """The furthest end whose text still counts at most `size`, at least one character on."""
    low, high = start + 1, min(end, start + size * 8)
    while low < high:
        middle = (low + high + 1) // 2
        if count(markdown[start:middle]) <= size:
            low = middle
        else:
            high = middle - 1
    return low


def _grouped(pieces: Iterator[_Piece], config: ChunkConfig) -> Iterator[list[_Piece]]:
    """Runs of pieces that make a chunk: full, or ended by a heading once they are worth standing alone."""
    run: list[_Piece] = []
    size = 0
    for piece in pieces:
        is_full = size + piece.size > config.size
        opens = piece.is_heading and any(not each.is_heading for each in run) and size >= config.smallest
        if run and (opens or (is_full and not _only_headings(run, size, config))):
            yield run
            run, size = [], 0
        run.append(piece)
        size += piece.size
    if run:
        yield run


def _only_headings(run: list[_Piece], size: int, config: ChunkConfig) -> bool:
    """A heading is never left behind alone, unless headings themselves fill the chunk."""
    return size < config.size and all(piece.is_heading for piece in run)


def _stripped(markdown: str, start: int, end: int) -> Span:
    text = markdown[start:end]
    left = len(text) - len(text.lstrip())
    return Span(start=start + left, end=max(start + left, start + len(text.rstrip())))
