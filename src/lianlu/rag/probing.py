"""Ask a base for sentences taken out of its own chunks, and weigh its vectors by what comes: see `rag.calibration`.

The indexes are changed in memory only: the sampled chunks leave, and what is left of them comes in under new row ids.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from msgspec.structs import replace as replaced

from lianlu.rag.calibration import Asked, LanguageWeight, Probe, best_weight, probe_of, sampled
from lianlu.rag.dense import piece_id
from lianlu.rag.embedding import EmbeddingCache, Space, embed, embedded_texts, sizes_for
from lianlu.rag.extractive import indexed_text
from lianlu.rag.fusion import candidates
from lianlu.rag.truth import ChunkRow
from lianlu.records import Block, Document, Span

if TYPE_CHECKING:
    from lianlu.llm import Backend
    from lianlu.rag.base import KnowledgeBase

__all__ = ["weights_of"]


async def weights_of(base: KnowledgeBase, space: Space) -> dict[str, LanguageWeight]:
    """The weight of vectors for each language of the documents.

    Raises:
        BackendError: the embedder cannot be reached
    """
    from lianlu.llm import open_backend

    with base.truth.reading():
        chosen = _chosen(base)
    async with open_backend(space.ref) as backend:
        return {language: await _weight(base, backend, space, rows) for language, rows in sorted(chosen.items())}


def _chosen(base: KnowledgeBase) -> dict[str, list[tuple[ChunkRow, Probe]]]:
    """Chunks to ask for, by the language of their documents."""
    by_language: defaultdict[str, list[int]] = defaultdict(list)
    languages = {each.row: each.language or "und" for each in base.truth.documents()}
    for row, document in base.truth.chunk_owners():
        by_language[languages[document]].append(row)
    found: dict[str, list[tuple[ChunkRow, Probe]]] = {}
    for language, rows in by_language.items():
        chunks = base.truth.chunks(sampled(rows))
        probes = [(chunks[row], probe_of(row, chunks[row].chunk)) for row in sorted(chunks)]
        found[language] = [(chunk, probe) for chunk, probe in probes if probe is not None]
    return found


async def _weight(
    base: KnowledgeBase, backend: Backend, space: Space, chosen: Sequence[tuple[ChunkRow, Probe]]
) -> LanguageWeight:
    cache = EmbeddingCache(base.cache_path)
    with base.truth.reading():
        lexical, dense = base.index, base.vectors
        documents = {chunk.document_row: base.document(chunk.document_row) for chunk, _ in chosen}
    if dense is None or not chosen:
        return LanguageWeight(weight=0.0)
    rests = [_with_text(chunk, probe.rest) for chunk, probe in chosen]
    texts = [await _texts(documents[rest.document_row], rest, backend, space) for rest in rests]
    vectors = await embed(backend, [text for of_one in texts for text in of_one], "document", space, cache)
    queries = (await embed(backend, [probe.sentence for _, probe in chosen], "query", space, cache)).astype("float32")
    cache.close()
    first = max(lexical.last_id, dense.last_id) + 1
    new = list(range(first, first + len(chosen)))
    gone = [probe.row for _, probe in chosen]
    pieces = [piece_id(row, at) for row, of_one in zip(new, texts, strict=True) for at in range(len(of_one))]
    place = {piece: number for number, piece in enumerate(pieces)}
    lexical = lexical.changed(new, gone, lambda rows: [indexed_text(rests[row - first]) for row in rows])
    dense = dense.changed(pieces, gone, lambda ids: vectors[[place[piece] for piece in ids]])
    return best_weight(
        [
            Asked(row, candidates(lexical, dense, probe.sentence, query))
            for row, (_, probe), query in zip(new, chosen, queries, strict=True)
        ]
    )


async def _texts(document: Document, rest: ChunkRow, backend: Backend, space: Space) -> list[str]:
    """What is embedded of what is left of a chunk: it is measured as a text of its own."""
    text = rest.chunk.text
    chunk = replaced(rest.chunk, span=Span(start=0, end=len(text)))
    alone = replaced(document, blocks=(Block(kind="para", markdown=text),))
    return embedded_texts(alone, chunk, space, await sizes_for(text, backend, space))


def _with_text(row: ChunkRow, text: str) -> ChunkRow:
    return replace(row, chunk=replaced(row.chunk, text=text))
