"""Where else the documents say the same, word for word: a copy of a page is no second witness, and is only named."""

from __future__ import annotations

from collections.abc import Iterable

from lianlu.rag.truth import ChunkRow

__all__ = ["uris_with"]

_MOST_NAMED = 10


def uris_with(quote: str, rows: Iterable[ChunkRow], *, apart_from: str) -> tuple[str, ...]:
    """The documents of `rows` that hold a quote, whatever the blanks in it, in the order of `rows`; ten at most."""
    words = " ".join(quote.split())
    uris = dict.fromkeys(row.uri for row in rows if row.uri != apart_from and words in " ".join(row.chunk.text.split()))
    return tuple(uris)[:_MOST_NAMED]
