"""From a span of a document's markdown back to the file: page, lines and characters of the source."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

from lianlu.rag.answer import Citation
from lianlu.records import Chunk, Document, Span

__all__ = ["cite", "source_span"]


def cite(document: Document, span: Span, *, number: int, chunk: Chunk, also: Sequence[str] = ()) -> Citation:
    """The citation of a place in a document, with the chunk around it as its context.

    Args:
        also: uris of other documents with the same words.
    """
    source = source_span(document, span)
    first, _ = _blocks_of(document, span)
    return Citation(
        number=number,
        document_id=document.id,
        uri=document.source.uri,
        quote=span.cut(document.markdown),
        span=Span(start=span.start, end=span.end),
        headings=chunk.headings,
        page=document.blocks[first].page if document.blocks else None,
        first_line=source.first_line if source else None,
        last_line=source.last_line if source else None,
        source_span=source,
        context=chunk.text,
        context_start=chunk.span.start,
        also=tuple(also),
    )


def source_span(document: Document, span: Span) -> Span | None:
    """Where a span of the markdown stands in the source text; whole blocks where a block was not taken verbatim.

    None where the source is no text (PDF, Word).
    """
    if not document.blocks:
        return None
    first, last = _blocks_of(document, span)
    begins, ends = _in_source(document, first, span), _in_source(document, last, span)
    if begins is None or ends is None:
        return None
    return Span(start=begins.start, end=ends.end, first_line=begins.first_line, last_line=ends.last_line)


def _blocks_of(document: Document, span: Span) -> tuple[int, int]:
    starts = document.block_starts()
    first = max(bisect_right(starts, span.start) - 1, 0)
    last = max(bisect_right(starts, max(span.end - 1, span.start)) - 1, first)
    return first, last


def _in_source(document: Document, number: int, span: Span) -> Span | None:
    """The part of `span` inside one block, in the source."""
    block = document.blocks[number]
    if block.span is None or not block.verbatim:
        return block.span
    begin = document.block_starts()[number]
    start = min(max(span.start - begin, 0), len(block.markdown))
    end = min(max(span.end - begin, start), len(block.markdown))
    before = block.markdown.count("\n", 0, start)
    within = block.markdown.count("\n", start, max(end - 1, start))
    line = block.span.first_line
    return Span(
        start=block.span.start + start,
        end=block.span.start + end,
        first_line=None if line is None else line + before,
        last_line=None if line is None else line + before + within,
    )
