"""The indexes of a base, brought to the state that is read: from memory, from their sidecar files, or from the chunks.

A sidecar is never trusted for a state it was not made for. What changed since is asked of the truth, so that following a
change costs as much as the change.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from lianlu.rag.dense import DenseIndex
from lianlu.rag.extractive import indexed_text
from lianlu.rag.lexical import LexicalIndex, lexical_files, load_lexical, try_save_lexical
from lianlu.rag.truth import Change, Truth, Vectors

if TYPE_CHECKING:
    from lianlu.rag.embedding import Space

__all__ = ["LEXICAL", "VECTORS", "Indexes", "sidecar_files", "space_of_base"]

LEXICAL = ".lexical"
VECTORS = ".vectors"


class Indexes:
    """By words, and by vectors where the base has any.

    Attributes:
        generation: of the state they show; -1 before the first.
    """

    def __init__(self, truth: Truth, lexical_path: Path, vectors_path: Path, *, is_snapshot: bool) -> None:
        self._truth = truth
        self._lexical_path = lexical_path
        self._vectors_path = vectors_path
        self._is_snapshot = is_snapshot
        self.lexical = LexicalIndex.empty()
        self.vectors: DenseIndex | None = None
        self.space: Space | None = None
        self.generation = -1

    def refresh(self) -> bool:
        """Show the state that the truth reads now; inside `Truth.reading`. Returns whether it is another one."""
        if self.generation >= 0 and self._is_snapshot:
            return False
        identity, generation = self._truth.state()
        if generation == self.generation:
            return False
        space = space_of_base(self._truth)
        self._follow_words(identity, generation)
        self._follow_vectors(identity, generation, space)
        self.generation = generation
        return True

    def _follow_words(self, identity: str, generation: int) -> None:
        index, at = self.lexical, self.generation
        if at < 0:
            index, at = load_lexical(self._lexical_path, identity) or (index, at)
        if at != generation:
            change = self._change(at, generation, index.last_id)
            if change is None:
                index = LexicalIndex.empty().changed(self._truth.chunk_ids(), [], self._texts)
            else:
                index = index.changed(change.new, change.gone, self._texts)
            if not self._is_snapshot:
                try_save_lexical(self._lexical_path, index, identity, generation)
        self.lexical = index

    def _follow_vectors(self, identity: str, generation: int, space: Space | None) -> None:
        is_same = space is not None and self.space is not None and space.id == self.space.id
        self.space = space
        if space is None:
            self.vectors = None
            return
        from lianlu.rag.vectors import VectorIndex, load_vectors, try_save_vectors

        index, at = (self.vectors, self.generation) if is_same and self.vectors is not None else (None, -1)
        if index is None:
            loaded = load_vectors(self._vectors_path, identity, space.id)
            index, at = (DenseIndex(loaded[0]), loaded[1]) if loaded else (None, -1)
        if index is None or at != generation:
            change = self._change(at, generation, index.last_id) if index is not None else None
            if index is None or change is None:
                empty = DenseIndex(VectorIndex.empty(space.dimensions))
                index = empty.changed(self._truth.pieces(), [], self._vectors_of)
            else:
                index = index.changed(self._truth.pieces(change.new), change.gone, self._vectors_of)
            if not self._is_snapshot:
                try_save_vectors(self._vectors_path, index.pieces, identity, generation, space.id)
        self.vectors = index

    def _change(self, at: int, generation: int, last_id: int) -> Change | None:
        """None where all is to be read: nothing is known, or the sidecar is of a later state than the one read."""
        return self._truth.changes_since(at, last_id) if 0 <= at < generation else None

    def _texts(self, rows: Sequence[int]) -> Iterable[str]:
        for start in range(0, len(rows), 500):
            some = rows[start : start + 500]
            found = self._truth.chunks(some)
            for row in some:
                yield indexed_text(found[row])

    def _vectors_of(self, pieces: Sequence[int]) -> Vectors:
        assert self.space is not None
        return self._truth.vectors(pieces, self.space.dimensions)


def space_of_base(truth: Truth) -> Space | None:
    """What the vectors of a base live in; None where it has none."""
    written = truth.meta("space")
    if not written:
        return None
    from lianlu.rag.embedding import Space

    return msgspec.json.decode(written, type=Space)


def sidecar_files(path: Path) -> list[Path]:
    """The files that were derived from a base and lie beside it."""
    from lianlu.rag.vectors import vector_files

    return [*lexical_files(path.with_suffix(LEXICAL)), *vector_files(path.with_suffix(VECTORS))]
