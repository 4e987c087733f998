"""What a model is given for the chunks that were found: each with its neighbours in the same section, equal texts once.

A chunk is cut for finding; what it means often stands a sentence further. The neighbours are given as they stand in the
document, so that whatever is cited of them is a place like any other, and the check of claims reads the same text as the
model. Words that stand in two documents are given once, under the document that was found first, and the other is named.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lianlu.rag.extractive import Found
from lianlu.rag.truth import ChunkRow
from lianlu.records import Document

if TYPE_CHECKING:
    from lianlu.rag.base import KnowledgeBase

__all__ = ["LONGEST_SOURCE", "ROOM", "Source", "sources_of", "text_under_headings"]

LONGEST_SOURCE = 4000
ROOM = 16_000
"""Characters of all sources together: some 5,000 tokens of English, 12,000 of Chinese."""


@dataclass(frozen=True)
class Source:
    """What stands under one number in a prompt.

    Attributes:
        rows: neighbouring chunks, in reading order.
        text: what the model reads, under its headings.
        also: uris of the documents that have a chunk too, by its row.
    """

    document: Document
    rows: tuple[ChunkRow, ...]
    text: str
    also: Mapping[int, tuple[str, ...]] = field(default_factory=dict)


@dataclass
class _Run:
    """Neighbouring chunks of a document: `first` and `last` are places in its list of chunks."""

    chunks: Sequence[ChunkRow]
    first: int
    last: int

    @property
    def rows(self) -> tuple[ChunkRow, ...]:
        return tuple(self.chunks[self.first : self.last + 1])

    @property
    def size(self) -> int:
        return self.chunks[self.last].chunk.span.end - self.chunks[self.first].chunk.span.start

    def has(self, row: ChunkRow) -> bool:
        return row.document_row == self.chunks[0].document_row and self.first <= row.chunk.ordinal <= self.last


def sources_of(base: KnowledgeBase, found: Sequence[Found], limit: int, *, room: int = ROOM) -> list[Source]:
    """The sources for the `limit` best chunks with different texts, best first; fewer where chunks are neighbours.

    Args:
        room: characters of all sources together; the best one is given even if it needs more.
    """
    with base.truth.reading():
        distinct, also = _distinct(found, limit)
        listed = {row: base.truth.chunks_of(row) for row in dict.fromkeys(each.document_row for each in distinct)}
        runs = _runs(distinct, listed)
        _grow(runs, room)
        return [_source(base.document(run.chunks[0].document_row), run, also) for run in _within(runs, room)]


def text_under_headings(rows: Sequence[ChunkRow], markdown: str) -> str:
    """Neighbouring chunks as one text under their title and headings: what `indexed_text` is for one chunk."""
    first, last = rows[0], rows[-1]
    headings = first.chunk.headings
    above = headings if first.title in headings else (first.title, *headings)
    return "\n".join((*above, markdown[first.chunk.span.start : last.chunk.span.end]))[:LONGEST_SOURCE]


def _distinct(found: Sequence[Found], limit: int) -> tuple[list[ChunkRow], dict[int, tuple[str, ...]]]:
    """The first chunks with different texts, and where else each of them stands."""
    rows: dict[str, ChunkRow] = {}
    also: dict[int, tuple[str, ...]] = {}
    for each in found:
        words = " ".join(each.row.chunk.text.split())
        if words in rows:
            kept = rows[words]
            others = also.get(kept.row, ())
            if each.row.uri != kept.uri and each.row.uri not in others:
                also[kept.row] = (*others, each.row.uri)
        elif len(rows) < limit:
            rows[words] = each.row
    return list(rows.values()), also


def _runs(found: Sequence[ChunkRow], listed: Mapping[int, Sequence[ChunkRow]]) -> list[_Run]:
    """A run for each chunk; one that is a neighbour of a better one joins it."""
    runs: list[_Run] = []
    for row in found:
        chunks = listed[row.document_row]
        at = next((place for place, each in enumerate(chunks) if each.row == row.row), None)
        if at is None:
            continue  # the document was changed since it was found
        beside = next((run for run in runs if run.chunks is chunks and run.first - 1 <= at <= run.last + 1), None)
        if beside is None:
            runs.append(_Run(chunks, at, at))
        else:
            wider = _Run(chunks, min(beside.first, at), max(beside.last, at))
            if wider.size <= LONGEST_SOURCE:
                beside.first, beside.last = wider.first, wider.last
            else:
                runs.append(_Run(chunks, at, at))
    return runs


def _grow(runs: Sequence[_Run], room: int) -> None:
    """Let each run take in the chunk behind it and the one before it, the best run first, as far as there is room."""
    left = room - sum(run.size for run in runs)
    for run in runs:
        for step in (1, -1):
            edge = run.last if step > 0 else run.first
            at = edge + step
            if not 0 <= at < len(run.chunks) or run.chunks[at].chunk.headings != run.chunks[edge].chunk.headings:
                continue
            if any(other.has(run.chunks[at]) for other in runs):
                continue
            wider = _Run(run.chunks, min(run.first, at), max(run.last, at))
            if wider.size <= LONGEST_SOURCE and wider.size - run.size <= left:
                left -= wider.size - run.size
                run.first, run.last = wider.first, wider.last


def _within(runs: Sequence[_Run], room: int) -> list[_Run]:
    """The best runs that fit; at least one."""
    kept: list[_Run] = []
    for run in runs:
        room -= min(run.size, LONGEST_SOURCE)
        if kept and room < 0:
            break
        kept.append(run)
    return kept


def _source(document: Document, run: _Run, also: Mapping[int, tuple[str, ...]]) -> Source:
    rows = run.rows
    others = {row.row: also[row.row] for row in rows if row.row in also}
    return Source(document, rows, text_under_headings(rows, document.markdown), others)
