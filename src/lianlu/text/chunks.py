"""Cut a document into chunks to be retrieved: structure first, then sentences, and only then anywhere.

A chunk is a verbatim slice of `document.markdown`; chunks do not overlap and leave out nothing but white space, so a
citation inside a chunk is a place in the document. A heading opens a chunk and stays with what it announces. Code is cut
where something new begins at the margin, else at blank lines, else at lines. Sizes are asked for by span, because who
counts with a tokenizer reads the document once and not each candidate anew.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import msgspec

from lianlu.records import Block, Chunk, Document, Span
from lianlu.text.normalise import CJK, LATIN_PER_CJK
from lianlu.text.sentences import sentences

__all__ = ["ChunkConfig", "Measure", "SizeOf", "chunk_document", "heading_text", "sizes_by_tokens", "text_sizes"]

SizeOf = Callable[[int, int], int]
"""Size of a text's part from start to end."""
Measure = Callable[[str], SizeOf]
"""Reads a text once, then tells sizes of its parts."""

_HEADING_MARKS = re.compile(r"^\s*#{1,6}\s+|\s*#*\s*$")
_LINKS = re.compile(r"!?\[([^\]]*)\]\([^)]*\)")
_BREAK = re.compile(r"[\s,，、;；|]")
_IDEOGRAPH = re.compile(f"[{CJK}]")
_AT_THE_MARGIN = re.compile(r"\n[ \t]*\n(?=[^\s})\]])")
_AFTER_A_BLANK_LINE = re.compile(r"\n[ \t]*\n(?=.)")
_AT_A_LINE = re.compile(r"\n(?=.)")


class ChunkConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How long chunks are. Sizes are in Chinese characters (three Latin letters count as one), or in the unit of the counter.

    Attributes:
        size: what a chunk should have, from 20 to 100,000.
        smallest: a section smaller than this joins the next one.

    Raises:
        ValueError: a size out of range
    """

    size: int = 400
    smallest: int = 40

    def __post_init__(self) -> None:
        if not 20 <= self.size <= 100_000 or self.smallest < 0:
            raise ValueError(f"chunks of {self.size}, at least {self.smallest}")


@dataclass(frozen=True)
class _Piece:
    """A part of the document that is not cut further: span, size, and the headings above it."""

    start: int
    end: int
    size: int
    headings: tuple[str, ...]
    page: int | None
    is_heading: bool = False


def text_sizes(text: str) -> SizeOf:
    """Sizes in Chinese characters, as `text_size` counts them.

    >>> text_sizes("大模型 fine-tuning")(0, 3)
    3
    """
    places = [match.start() for match in _IDEOGRAPH.finditer(text)]

    def size_of(start: int, end: int) -> int:
        ideographs = bisect_left(places, end) - bisect_left(places, start)
        return ideographs + -(-(end - start - ideographs) // LATIN_PER_CJK)

    return size_of


def sizes_by_tokens(starts: Sequence[int]) -> SizeOf:
    """Sizes in tokens, of a text whose tokens begin at `starts` (ascending)."""
    return lambda start, end: bisect_left(starts, end) - bisect_left(starts, start)


def chunk_document(
    document: Document, config: ChunkConfig | None = None, measure: Measure = text_sizes
) -> Iterator[Chunk]:
    """The chunks of a document in reading order.

    Args:
        config: sizes.
        measure: what sizes are counted in; give an embedder's own tokens so that nothing is cut off unread.
    """
    chosen = config or ChunkConfig()
    markdown = document.markdown
    for ordinal, pieces in enumerate(_grouped(_pieces(document, markdown, chosen.size, measure(markdown)), chosen)):
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


def _pieces(document: Document, markdown: str, size: int, size_of: SizeOf) -> Iterator[_Piece]:
    path: list[tuple[int, str]] = []
    for block, start in zip(document.blocks, document.block_starts(), strict=True):
        if block.kind == "heading":
            level = block.level or 1
            path = [above for above in path if above[0] < level]
            path.append((level, heading_text(block.markdown)))
        headings = tuple(title for _, title in path if title)
        for span in _cut(markdown, start, block, size, size_of):
            measured = size_of(span.start, span.end)
            yield _Piece(span.start, span.end, measured, headings, block.page, _is_heading(block))


def _is_heading(block: Block) -> bool:
    return block.kind == "heading"


def _cut(markdown: str, start: int, block: Block, size: int, size_of: SizeOf) -> Iterator[Span]:
    """A block whole if it fits, else its sentences or parts of code; what does not fit even so is cut at blanks and commas."""
    end = start + len(block.markdown)
    if not block.markdown.strip():
        return
    if size_of(start, end) <= size:
        yield Span(start=start, end=end)
        return
    parts = (
        _code_parts(markdown, start, end, size, size_of) if block.kind == "code" else _prose_parts(markdown, start, end)
    )
    for part in parts:
        if size_of(part.start, part.end) <= size:
            yield part
        else:
            yield from _cut_anywhere(markdown, part.start, part.end, size, size_of)


def _prose_parts(markdown: str, start: int, end: int) -> Iterator[Span]:
    for sentence in sentences(markdown[start:end]):
        yield Span(start=start + sentence.start, end=start + sentence.end)


def _code_parts(
    markdown: str,
    start: int,
    end: int,
    size: int,
    size_of: SizeOf,
    marks: Sequence[re.Pattern[str]] = (_AT_THE_MARGIN, _AFTER_A_BLANK_LINE, _AT_A_LINE),
) -> Iterator[Span]:
    """A listing in the largest parts that fit, joined as far as they fit together."""
    cuts = [start, *(match.end() for match in marks[0].finditer(markdown, start, end)), end]
    begun = start
    for here, there in pairwise(cuts):
        if here > begun and size_of(begun, there) > size:
            yield from _code_part(markdown, begun, here, size, size_of, marks[1:])
            begun = here
    if begun < end:
        yield from _code_part(markdown, begun, end, size, size_of, marks[1:])


def _code_part(
    markdown: str, start: int, end: int, size: int, size_of: SizeOf, finer: Sequence[re.Pattern[str]]
) -> Iterator[Span]:
    if finer and size_of(start, end) > size:
        yield from _code_parts(markdown, start, end, size, size_of, finer)
    else:
        yield Span(start=start, end=end)


def _cut_anywhere(markdown: str, start: int, end: int, size: int, size_of: SizeOf) -> Iterator[Span]:
    while start < end:
        fits = _longest_fit(start, end, size, size_of)
        if fits < end:
            breaks = [match.end() for match in _BREAK.finditer(markdown, start + (fits - start) // 2, fits)]
            fits = breaks[-1] if breaks else fits
        yield Span(start=start, end=fits)
        start = fits


def _longest_fit(start: int, end: int, size: int, size_of: SizeOf) -> int:
    """The furthest end whose text still counts at most `size`, at least one character on."""
    low, high = start + 1, min(end, start + size * 8)
    while low < high:
        middle = (low + high + 1) // 2
        if size_of(start, middle) <= size:
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
