"""Rows of 16-bit vectors and the nearest of them: all are compared while they are few, else only the likely ones.

Beyond 30,000 rows the signs of the coordinates, 48 bytes of 384, are compared with those of the question (8 ms for a
million), and the rows that agree most are compared in full. No graph is kept: for the same recall an HNSW index takes
minutes to hours to build where this takes seconds, and a change costs as much as the change
(docs/decisions/040-vector-index.md). Filters always compare in full. As in `rag.lexical` there is one large part that
stays in its file and small ones for what changed since. Scores are cosines, rounded to six digits so that equal vectors
are equally near wherever they lie; equal ones come by row id.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import count, takewhile
from pathlib import Path

import numpy as np
import numpy.typing as npt

from lianlu.core.errors import LianluError
from lianlu.rag.sidecar import Array, layer_files, load_layers, newest, save_layers

__all__ = ["EXACT_ROWS", "VectorIndex", "load_vectors", "save_vectors", "try_save_vectors", "vector_files", "widened"]

EXACT_ROWS = 30_000
_LAYOUT = 1
_KIND = "vectors"
_RUN = 8192  # rows asked for, widened or coded at a time
_BLOCK = 1 << 16  # rows whose signs are compared at a time: what is made on the way stays in the cache
_SAMPLE = 20_000  # rows whose mean is the middle
_LEAST_COMPARED = 1000
_SHARE_COMPARED = 400  # one row of so many is compared in full
_COMPARED_PER_RESULT = 2
_MOST_EQUAL = 4
_LEAST_SAMPLED = 250
_FAR = (1 << 16) - 1  # no row of fewer dimensions is as far
_SHARE_OF_CHANGES = 0.1
_LARGER = 4
_DECIMALS = 6
_WORD_BITS = 64

Int64s = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]
Halves = npt.NDArray[np.float16]
Bools = npt.NDArray[np.bool_]
Codes = npt.NDArray[np.uint64]
Distances = npt.NDArray[np.uint16]
VectorsOf = Callable[[Sequence[int]], Halves]


@dataclass(frozen=True)
class _Part:
    """Some rows.

    Attributes:
        ids: ascending.
        rows: (N, D), of length one.
        alive: which of them are still there.
        made: what was computed of the rows, and holds whichever of them die.
    """

    ids: Int64s
    rows: Halves
    alive: Bools
    made: dict[str, Array] = field(default_factory=dict[str, Array], compare=False)

    @property
    def wide(self) -> Floats:
        if "wide" not in self.made:
            self.made["wide"] = widened(self.rows)
        return self.made["wide"]

    def codes(self, middle: Floats) -> Codes:
        """The signs about the middle of the index, which stays the same as long as the part does."""
        if "codes" not in self.made:
            self.made["codes"] = _codes(self.rows, middle)
        return self.made["codes"]

    @cached_property
    def live(self) -> int:
        return int(np.count_nonzero(self.alive))

    @property
    def is_whole(self) -> bool:
        return self.live == len(self.ids)

    def without(self, ids: Int64s) -> _Part:
        places = _places(self.ids, ids)
        if not len(places):
            return self
        alive = self.alive.copy()
        alive[places] = False
        return replace(self, alive=alive)


@dataclass(frozen=True)
class _Contents:
    """A row's place is its number in all parts one after the other, the dead ones counted."""

    parts: tuple[_Part, ...]
    last_id: int
    middle: Floats

    @cached_property
    def starts(self) -> list[int]:
        return [0, *(int(end) for end in np.cumsum([len(part.ids) for part in self.parts]))]

    @cached_property
    def ids(self) -> Int64s:
        return np.concatenate([np.zeros(0, dtype=np.int64), *(part.ids for part in self.parts)])

    @cached_property
    def alive(self) -> Bools:
        return np.concatenate([np.zeros(0, dtype=bool), *(part.alive for part in self.parts)])

    @cached_property
    def live_ids(self) -> Int64s:
        return self.ids if all(part.is_whole for part in self.parts) else self.ids[self.alive]

    def mask(self, places: Int64s) -> Bools:
        mask = np.zeros(len(self.ids), dtype=bool)
        mask[places] = True
        return mask

    def compared(self, query: Floats, places: Int64s) -> Floats:
        """The cosines of the rows at some places, ascending."""
        bounds = np.searchsorted(places, self.starts).tolist()
        found = [
            _dots(part.rows, places[begin:end] - start, query)
            for part, start, begin, end in zip(self.parts, self.starts, bounds, bounds[1:], strict=False)
        ]
        return np.round(np.concatenate([np.zeros(0, dtype=np.float32), *found]), _DECIMALS)

    def all_compared(self, query: Floats) -> Floats:
        """The cosine of every row, by place."""
        return np.round(np.concatenate([part.wide @ query for part in self.parts]), _DECIMALS)

    def likely(self, query: Floats, wanted: int, may: Bools | None) -> Int64s:
        """Places, ascending, of about so many of the rows that may be (None: all) whose signs are most like the query's."""
        signs = _codes((query - self.middle)[None, :], np.zeros_like(self.middle))[:, 0]
        distances = np.concatenate([_distances(part.codes(self.middle), signs) for part in self.parts])
        if may is not None:
            distances[~may] = _FAR
        return _nearest(distances, wanted)


class VectorIndex:
    """Vectors of length one by row id; a change makes another index, which shares what stayed."""

    def __init__(self, contents: _Contents, mark: str = "", *, exact_rows: int = EXACT_ROWS) -> None:
        self._contents = contents
        self._mark = mark  # of the file that holds the first part
        self._exact_rows = exact_rows

    @classmethod
    def empty(cls, dimensions: int, *, exact_rows: int = EXACT_ROWS) -> VectorIndex:
        """An index without rows, for vectors of so many dimensions; beyond `exact_rows` not all are compared."""
        return cls(_Contents((), 0, np.zeros(dimensions, dtype=np.float32)), exact_rows=exact_rows)

    @property
    def dimensions(self) -> int:
        return len(self._contents.middle)

    @property
    def chunk_ids(self) -> Int64s:
        """The row ids, ascending."""
        return self._contents.live_ids

    @property
    def last_id(self) -> int:
        """The largest row id that was ever in it, 0 before the first: what comes later is new."""
        return self._contents.last_id

    def search(self, query: Floats, limit: int, allowed: Int64s | None = None) -> list[tuple[int, float]]:
        """Row ids and cosines of the nearest rows, nearest first; equal ones by row id.

        Args:
            query: (D,), of length one.
            allowed: row ids that may be found, ascending; None for all.
        """
        contents = self._contents
        live = len(contents.live_ids)
        if not live or limit < 1:
            return []
        query = np.asarray(query, dtype=np.float32)
        places = None if allowed is None and live == len(contents.ids) else self._allowed(allowed)
        count = live if places is None else len(places)
        if allowed is None and count <= self._exact_rows:
            scores = contents.all_compared(query)
            places = np.arange(len(scores)) if places is None else places
            scores = scores[places]
        else:
            if places is None or count > self._exact_rows:
                wanted = max(_LEAST_COMPARED, count // _SHARE_COMPARED, _COMPARED_PER_RESULT * limit)
                places = contents.likely(query, wanted, None if places is None else contents.mask(places))
            scores = contents.compared(query, places)
        if len(places) > limit:
            best = scores >= np.partition(scores, len(scores) - limit)[len(scores) - limit]
            places, scores = places[best], scores[best]
        order = np.lexsort((places, -scores))[:limit]
        return list(zip(contents.ids[places[order]].tolist(), scores[order].tolist(), strict=True))

    def scores_of(self, query: Floats, chunk_ids: Sequence[int]) -> list[float]:
        """The cosines of some rows, in their order; 0 for one that is not there."""
        contents = self._contents
        wanted = np.asarray(chunk_ids, dtype=np.int64)
        places = self._places(np.unique(wanted))
        scores = contents.compared(np.asarray(query, dtype=np.float32), places)
        known = dict(zip(contents.ids[places].tolist(), scores.tolist(), strict=True))
        return [known.get(row, 0.0) for row in wanted.tolist()]

    def changed(self, new_ids: Sequence[int], gone_ids: Sequence[int], vectors_of: VectorsOf) -> VectorIndex:
        """The index with some rows more and some less.

        Args:
            new_ids: ascending and beyond `last_id`.
            gone_ids: those it does not have are passed over.
            vectors_of: the vectors of some of the new rows, (N, D).
        """
        before = self._contents
        gone = np.unique(np.asarray(gone_ids, dtype=np.int64))
        parts = [part.without(gone) for part in before.parts]
        if len(new_ids):
            parts.append(_read(new_ids, vectors_of, self.dimensions))
        elif all(part is old for part, old in zip(parts, before.parts, strict=True)):
            return self
        last_id = max(before.last_id, int(new_ids[-1]) if len(new_ids) else 0)
        large = parts[0]
        changes = len(large.ids) - large.live + sum(len(part.ids) for part in parts[1:])
        if not before.parts or changes > _SHARE_OF_CHANGES * len(large.ids):
            return VectorIndex(_whole(parts, last_id, self.dimensions), exact_rows=self._exact_rows)
        while len(parts) > 2 and len(parts[-2].ids) < _LARGER * len(parts[-1].ids):
            parts[-2:] = [_joined(parts[-2:])]
        contents = _Contents(tuple(parts), last_id, before.middle)
        return VectorIndex(contents, self._mark, exact_rows=self._exact_rows)

    @property
    def is_kept(self) -> bool:
        """Whether it was read from a file, or written to one."""
        return self._mark != ""

    def save(self, path: Path, identity: str, generation: int, space: str) -> None:
        """See `save_vectors`."""
        contents = self._contents

        def base() -> dict[str, Array]:
            nonlocal contents
            if len(contents.parts) != 1 or not contents.parts[0].is_whole:
                contents = _whole(contents.parts, contents.last_id, self.dimensions)
            arrays = {"middle": contents.middle, **_arrays(contents.parts[0], 0)}
            return arrays | (
                {"0.codes": contents.parts[0].codes(contents.middle)} if len(contents.ids) > self._exact_rows else {}
            )

        about = _about(identity, space) | {"generation": generation, "last_id": contents.last_id}
        self._mark = save_layers(
            path, _KIND, about, mark=self._mark, base=base, changes=lambda: _arrays_of_changes(contents)
        )
        self._contents = contents

    def _allowed(self, ids: Int64s | None) -> Int64s:
        return np.flatnonzero(self._contents.alive) if ids is None else self._places(ids)

    def _places(self, ids: Int64s) -> Int64s:
        """The places of those of the wanted row ids, ascending, that are there."""
        at = _places(self._contents.ids, np.asarray(ids, dtype=np.int64))
        return at[self._contents.alive[at]]


def save_vectors(path: Path, index: VectorIndex, identity: str, generation: int, space: str) -> None:
    """Write an index beside its base: what changed, or all of it where the file there is not the one it came from.

    Args:
        space: what the vectors live in; those of another one are never compared with them.

    Raises:
        LimitError: file.disk-full
        UsageError: file.unwritable
    """
    index.save(path, identity, generation, space)


def try_save_vectors(path: Path, index: VectorIndex, identity: str, generation: int, space: str) -> bool:
    """Save where it is possible, and where no other process has written this state or a later one."""
    if index.is_kept and newest(path, _about(identity, space)) >= generation:
        return True
    try:
        index.save(path, identity, generation, space)
    except (LianluError, OSError):
        return False
    return True


def load_vectors(
    path: Path, identity: str, space: str, *, exact_rows: int = EXACT_ROWS
) -> tuple[VectorIndex, int] | None:
    """The index in a file and its generation; None when it is absent, damaged, of another base or another space."""
    layers = load_layers(path, _KIND, _about(identity, space))
    if layers is None:
        return None
    arrays = layers.base.arrays
    parts = [_loaded(arrays, 0)]
    if layers.changes is not None:
        changes = layers.changes.arrays
        parts[0] = replace(parts[0], alive=_alive(len(parts[0].ids), changes["0.dead"]))
        parts += [_loaded(changes, number) for number in takewhile(lambda each: f"{each}.ids" in changes, count(1))]
    contents = _Contents(tuple(parts), int(layers.about["last_id"]), arrays["middle"])
    return VectorIndex(contents, layers.base.mark, exact_rows=exact_rows), int(layers.about["generation"])


def vector_files(path: Path) -> list[Path]:
    """Every file that belongs to the index at a path."""
    return layer_files(path)


def widened(rows: Halves) -> Floats:
    """16-bit floats as 32-bit ones, six times as fast as `astype` where numpy has no instruction for it.

    The bits are moved to where 32-bit floats have theirs; a factor of two to the 112th makes up for the other exponent.
    """
    bits = np.ascontiguousarray(rows).view(np.int16).astype(np.int32)
    bits <<= 13
    bits &= ~np.int32(0x70000000)  # copies of the sign
    wide = bits.view(np.float32)
    wide *= np.float32(2.0**112)
    return wide


def _places(ids: Int64s, wanted: Int64s) -> Int64s:
    at = np.searchsorted(ids, wanted)
    inside = at < len(ids)
    at = at[inside]
    return at[ids[at] == wanted[inside]]


def _dots(rows: Halves, places: Int64s, query: Floats) -> Floats:
    blocks = (widened(rows[places[at : at + _RUN]]) @ query for at in range(0, len(places), _RUN))
    return np.concatenate([np.zeros(0, dtype=np.float32), *blocks])


def _codes(rows: npt.NDArray[np.floating], middle: Floats) -> Codes:
    """On which side of the middle each coordinate lies, a bit each, (words, N)."""
    words = -(-len(middle) // _WORD_BITS)
    codes = np.zeros((words, len(rows)), dtype=np.uint64)
    for at in range(0, len(rows), _RUN):
        bits = np.packbits(rows[at : at + _RUN] > middle, axis=1, bitorder="little")
        padded = np.zeros((len(bits), words * 8), dtype=np.uint8)
        padded[:, : bits.shape[1]] = bits
        codes[:, at : at + _RUN] = padded.view("<u8").T
    return codes


def _distances(codes: Codes, signs: Codes) -> Distances:
    """In how many bits each row differs from `signs`; (words, N) and (words,)."""
    length = codes.shape[1]
    distances = np.zeros(length, dtype=np.uint16)
    differing = np.empty(min(_BLOCK, length), dtype=np.uint64)
    bits = np.empty(len(differing), dtype=np.uint8)
    for at in range(0, length, _BLOCK):
        some = distances[at : at + _BLOCK]
        for word, sign in zip(codes, signs, strict=True):
            np.bitwise_xor(word[at : at + _BLOCK], sign, out=differing[: len(some)])
            np.bitwise_count(differing[: len(some)], out=bits[: len(some)])
            np.add(some, bits[: len(some)], out=some)
    return distances


def _nearest(distances: Distances, wanted: int) -> Int64s:
    """Places, ascending, of about so many of the least distances."""
    stride = max(1, wanted // _LEAST_SAMPLED)  # counting a few of them tells how far to go
    at_most = np.cumsum(np.bincount(distances[::stride], minlength=1)[:_FAR])
    last = min(int(np.searchsorted(at_most, wanted // stride)), _FAR - 1)
    places = np.flatnonzero(distances <= last)
    if len(places) > _MOST_EQUAL * wanted:  # a great many alike: the first of them, as among equal scores
        tied = np.flatnonzero(distances[places] == last)
        places = np.delete(places, tied[max(_MOST_EQUAL * wanted - (len(places) - len(tied)), 0) :])
    return places


def _read(ids: Sequence[int], vectors_of: VectorsOf, dimensions: int) -> _Part:
    rows = np.empty((len(ids), dimensions), dtype=np.float16)
    for at in range(0, len(ids), _RUN):
        rows[at : at + _RUN] = vectors_of([int(row) for row in ids[at : at + _RUN]])
    return _Part(np.asarray(ids, dtype=np.int64), rows, np.ones(len(ids), dtype=bool))


def _joined(parts: Sequence[_Part]) -> _Part:
    if len(parts) == 1 and parts[0].is_whole:
        return parts[0]
    ids = np.concatenate([np.zeros(0, dtype=np.int64), *(part.ids[part.alive] for part in parts)])
    rows = np.concatenate([part.rows[part.alive] for part in parts])
    return _Part(ids, rows, np.ones(len(ids), dtype=bool))


def _whole(parts: Sequence[_Part], last_id: int, dimensions: int) -> _Contents:
    """All rows in one part, with the middle of its own first ones."""
    nothing = _Part(np.zeros(0, dtype=np.int64), np.zeros((0, dimensions), dtype=np.float16), np.zeros(0, dtype=bool))
    whole = _joined(parts or (nothing,))
    sample = widened(whole.rows[:_SAMPLE])
    middle = sample.mean(axis=0) if len(sample) else np.zeros(dimensions, dtype=np.float32)
    return _Contents((replace(whole, made={}),), last_id, middle.astype(np.float32))


def _about(identity: str, space: str) -> dict[str, str | int]:
    return {"identity": identity, "space": space, "layout": _LAYOUT}


def _arrays(part: _Part, number: int) -> dict[str, Array]:
    return {f"{number}.ids": part.ids, f"{number}.rows": part.rows}


def _arrays_of_changes(contents: _Contents) -> dict[str, Array]:
    arrays: dict[str, Array] = {}
    for number, part in enumerate(contents.parts):
        arrays[f"{number}.dead"] = np.flatnonzero(~part.alive)
        if number:
            arrays |= _arrays(part, number)
    return arrays


def _loaded(arrays: Mapping[str, Array], number: int) -> _Part:
    ids = arrays[f"{number}.ids"]
    dead = arrays.get(f"{number}.dead", np.zeros(0, dtype=np.int64))
    made = {"codes": arrays["0.codes"]} if f"{number}.codes" in arrays else {}
    return _Part(ids, arrays[f"{number}.rows"], _alive(len(ids), dead), made)


def _alive(length: int, dead: Int64s) -> Bools:
    alive = np.ones(length, dtype=bool)
    alive[dead] = False
    return alive
