"""BM25 over chunks: a large part that stays as it is, a few small ones for what changed since, and marks on what is gone.

Raw counts are kept, not scores, so that the other postings hold when a chunk comes or goes: following a change costs as
much as the change, and the parts are joined when the small ones reach a tenth of the large one. Whatever the parts, the
scores are those of one index built anew from the chunks that are there, to the last bit: the terms of a question are added
in the same order everywhere.

A question is answered without reading the postings of its common words where they cannot matter: terms are added by
weight, and as soon as all that is left cannot lift a chunk among the best, only the chunks that still can be are looked up
(MaxScore; Turtle and Flood 1995). The bound of a term is its best score in a part, kept beside the postings.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import count, islice, takewhile
from pathlib import Path

import numpy as np
import numpy.typing as npt

from lianlu.core.errors import LianluError
from lianlu.rag.lexical_parts import Contents, Floats, Part, Weighed, joined, part_of
from lianlu.rag.sidecar import Array, layer_files, load_layers, newest, save_layers
from lianlu.text.postings import Int64s, Postings, invert, join

__all__ = ["ANALYSIS_VERSION", "LexicalIndex", "lexical_files", "load_lexical", "save_lexical", "try_save_lexical"]

ANALYSIS_VERSION = (
    2  # raised when `text.tokens` cuts or `text.postings` numbers differently: older sidecars are then stale
)
_KIND = "lexical"
_RUN = 8192  # chunks tokenized at a time
_SHARE_OF_CHANGES = 0.1  # of the large part: beyond it all parts are joined
_LARGER = 4  # each small part has at least so many times the chunks of the next
_WORTH_A_LOOK = 50_000  # postings: adding fewer takes less time than to see whether they must be added
_LESS = np.float32(0.6)  # what may still come has shrunk so far since the last look
_LOOKUPS = 32  # looking a chunk up in a list of postings costs as much as adding so many of them
_FEW = 4  # times as many chunks as are wanted: not worth another look
_STRIDE = 64
_SLACK = np.float32(1.0001)  # what rounding may add to a bound

TextOf = Callable[[Sequence[int]], Iterable[str]]


class LexicalIndex:
    """Postings of a set of chunks; a change makes another one, which shares what stayed."""

    def __init__(self, contents: Contents, mark: str = "") -> None:
        self._contents = contents
        self._mark = mark  # of the file that holds the first part

    @classmethod
    def empty(cls) -> LexicalIndex:
        return cls(Contents((), 0))

    @property
    def chunk_ids(self) -> Int64s:
        """Row ids of the chunks, ascending."""
        return self._contents.live_ids

    @property
    def last_id(self) -> int:
        """The largest row id that was ever in it, 0 before the first: what comes later is new."""
        return self._contents.last_id

    def idf(self, term: str, *, beside: int = 0) -> float:
        """Rarity of a term; a term that no chunk has is the rarest. `beside` counts chunks thought of that lack it."""
        return self._contents.idf(term, beside)

    def has(self, term: str) -> bool:
        """Whether any chunk has a term."""
        return self._contents.term(term).having > 0

    def search(self, question: str, limit: int, allowed: Int64s | None = None) -> list[tuple[int, float]]:
        """Row ids and BM25 scores of the best chunks, best first; equal scores by row id.

        Args:
            allowed: row ids that may be found, ascending; None for all.
        """
        contents = self._contents
        if not contents.count or limit < 1:
            return []
        weighed = contents.weighed(question)
        norms = contents.norms
        scores = np.zeros(len(norms), dtype=np.float32)
        if allowed is None:
            places = _best(contents, weighed, scores, norms, limit)
        else:
            places = _places(contents.ids, np.asarray(allowed, dtype=np.int64))
            _sum(contents, weighed, scores, places, norms)
            places = places[scores[places] > 0]
        return _ranked(contents.ids, scores, places, limit)

    def scores_of(self, question: str, chunk_ids: Sequence[int]) -> list[float]:
        """BM25 of some chunks, in their order; 0 for one that is not there."""
        contents = self._contents
        wanted = _int64s(chunk_ids)
        places = _places(contents.ids, np.unique(wanted))
        scores = np.zeros(len(contents.ids), dtype=np.float32)
        _sum(contents, contents.weighed(question), scores, places, contents.norms)
        known = dict(zip(contents.ids[places].tolist(), scores[places].tolist(), strict=True))
        return [known.get(row, 0.0) for row in wanted.tolist()]

    def changed(self, new_ids: Sequence[int], gone_ids: Sequence[int], text_of: TextOf) -> LexicalIndex:
        """The index with some chunks more and some less.

        Args:
            new_ids: ascending and beyond `last_id`; only these are tokenized.
            gone_ids: those it does not have are passed over.
            text_of: the texts of some of the new chunks, in their order.
        """
        before = self._contents
        gone = np.unique(_int64s(gone_ids))
        parts = [part.without(gone) for part in before.parts]
        if len(new_ids):
            parts.append(_built(new_ids, text_of))
        elif all(part is old for part, old in zip(parts, before.parts, strict=True)):
            return self
        last_id = max(before.last_id, int(new_ids[-1]) if len(new_ids) else 0)
        large = parts[0]
        changes = len(large.ids) - large.live + sum(len(part.ids) for part in parts[1:])
        if changes > _SHARE_OF_CHANGES * len(large.ids):
            return LexicalIndex(Contents((joined(parts),), last_id))
        while len(parts) > 2 and len(parts[-2].ids) < _LARGER * len(parts[-1].ids):
            parts[-2:] = [joined(parts[-2:])]
        mark = self._mark if before.parts else ""
        return LexicalIndex(Contents(tuple(parts), last_id), mark)

    def save(self, path: Path, identity: str, generation: int) -> None:
        """See `save_lexical`."""
        contents = self._contents

        def base() -> dict[str, Array]:
            nonlocal contents
            if contents.parts:
                contents = Contents((joined(contents.parts),), contents.last_id)
            return _arrays(contents.parts[0] if contents.parts else part_of(_int64s(()), Postings.none()))

        about = _about(identity) | {
            "generation": generation,
            "last_id": contents.last_id,
        }
        self._mark = save_layers(
            path, _KIND, about, mark=self._mark, base=base, changes=lambda: _arrays_of_changes(contents)
        )
        self._contents = contents

    @property
    def is_kept(self) -> bool:
        """Whether it was read from a file, or written to one."""
        return self._mark != ""


def _best(contents: Contents, weighed: Sequence[Weighed], scores: Floats, norms: Floats, limit: int) -> Int64s:
    """Fill in the scores of chunks that may be among the best; returns their places, ascending.

    The scores of other places may be incomplete.
    """
    rest = sum((each.bound for each in weighed), np.float32(0))
    look_below = rest / 2  # before, less was added than is left
    places: Int64s | None = None
    for each in weighed:
        if each.size > _WORTH_A_LOOK and rest < look_below:
            look_below = rest * _LESS
            if places is None:
                places = _left(scores, rest * _SLACK, limit, each.size // _LOOKUPS)
            elif len(places) > _FEW * limit:
                places = places[scores[places] >= _floor(scores[places], limit) - rest * _SLACK]
        if places is None:
            contents.add(scores, each, norms)
        else:
            contents.add_to(scores, places, each, norms)
        rest -= each.bound
    return np.flatnonzero(scores > 0) if places is None else places  # `> 0`: six times as fast as of the scores


def _left(scores: Floats, rest: np.float32, limit: int, most: int) -> Int64s | None:
    """The places that may still be among the best, when no score grows by more than `rest`; None if they are too many."""
    least = _floor(scores, limit) - rest
    if least <= 0:
        return None
    can_be = scores >= least
    return np.flatnonzero(can_be) if np.count_nonzero(can_be) <= most else None


def _floor(scores: Floats, limit: int) -> np.float32:
    """The score that so many reach. A few of the scores tell which ones need to be sorted."""
    if len(scores) < limit:
        return np.float32(0)
    some = scores[::_STRIDE]
    least = min(2 * limit // _STRIDE + 8, len(some))
    top = scores[scores >= np.partition(some, len(some) - least)[len(some) - least]]
    top = top if len(top) >= limit else scores
    return np.partition(top, len(top) - limit)[len(top) - limit]


def _sum(contents: Contents, weighed: Sequence[Weighed], scores: Floats, places: Int64s, norms: Floats) -> None:
    """Fill in the scores of some places, ascending."""
    for each in weighed:
        if len(places) * _LOOKUPS < each.size:
            contents.add_to(scores, places, each, norms)
        else:
            contents.add(scores, each, norms)


def _ranked(ids: Int64s, scores: Floats, places: Int64s, limit: int) -> list[tuple[int, float]]:
    places = places[scores[places] >= _floor(scores[places], limit)]
    found = scores[places]
    order = np.lexsort((places, -found))[:limit]
    return list(zip(ids[places[order]].tolist(), found[order].tolist(), strict=True))


def _places(ids: Int64s, wanted: Int64s) -> Int64s:
    """The places of those of the wanted row ids, ascending, that are there."""
    at = np.searchsorted(ids, wanted)
    inside = at < len(ids)
    at = at[inside]
    return at[ids[at] == wanted[inside]]


def _built(ids: Sequence[int], text_of: TextOf) -> Part:
    texts = iter(text_of([int(row) for row in ids]))
    runs = [invert([first, *islice(texts, _RUN - 1)]) for first in texts]
    whole = join(runs, [np.ones(len(run.lengths), dtype=bool) for run in runs])
    assert len(whole.lengths) == len(ids), "a text for each chunk"
    return part_of(_int64s(ids), whole)


def save_lexical(path: Path, index: LexicalIndex, identity: str, generation: int) -> None:
    """Write an index beside its base: what changed, or all of it where the file there is not the one it came from.

    Raises:
        LimitError: file.disk-full
        UsageError: file.unwritable
    """
    index.save(path, identity, generation)


def try_save_lexical(path: Path, index: LexicalIndex, identity: str, generation: int) -> bool:
    """Save where it is possible: a base in a folder that cannot be written, or on a full disk, is searched all the same.

    Nothing is written where another process has already written this state or a later one.
    """
    if index.is_kept and newest(path, _about(identity)) >= generation:
        return True
    try:
        index.save(path, identity, generation)
    except (LianluError, OSError):
        return False
    return True


def load_lexical(path: Path, identity: str) -> tuple[LexicalIndex, int] | None:
    """The index in a file and its generation; None when it is absent, damaged, of another base or cut otherwise."""
    layers = load_layers(path, _KIND, _about(identity))
    if layers is None:
        return None
    parts = [_loaded(layers.base.arrays, 0)]
    if layers.changes is not None:
        changes = layers.changes.arrays
        parts[0] = replace(parts[0], alive=_alive(len(parts[0].ids), changes["0.dead"]))
        numbers = takewhile(lambda number: f"{number}.ids" in changes, count(1))
        parts += [_loaded(changes, number) for number in numbers]
    contents = Contents(tuple(parts), int(layers.about["last_id"]))
    return LexicalIndex(contents, layers.base.mark), int(layers.about["generation"])


def lexical_files(path: Path) -> list[Path]:
    """Every file that belongs to the index at a path."""
    return layer_files(path)


def _about(identity: str) -> dict[str, str | int]:
    return {"identity": identity, "analysis": ANALYSIS_VERSION}


def _arrays(part: Part, number: int = 0) -> dict[str, Array]:
    postings = part.postings
    return {
        f"{number}.ids": part.ids,
        f"{number}.lengths": postings.lengths,
        f"{number}.keys": postings.keys,
        f"{number}.starts": postings.starts,
        f"{number}.places": postings.places,
        f"{number}.counts": postings.counts,
        f"{number}.tops": part.tops,
    }


def _arrays_of_changes(contents: Contents) -> dict[str, Array]:
    arrays: dict[str, Array] = {}
    for number, part in enumerate(contents.parts):
        arrays[f"{number}.dead"] = np.flatnonzero(~part.alive)
        if number:
            arrays |= _arrays(part, number)
    return arrays


def _loaded(arrays: Mapping[str, Array], number: int) -> Part:
    names = ("keys", "starts", "places", "counts", "lengths")
    postings = Postings(*(arrays[f"{number}.{name}"] for name in names))
    ids = arrays[f"{number}.ids"]
    dead = arrays.get(f"{number}.dead", _int64s(()))
    return Part(ids, postings, arrays[f"{number}.tops"], _alive(len(ids), dead))


def _alive(count: int, dead: Int64s) -> npt.NDArray[np.bool_]:
    alive = np.ones(count, dtype=bool)
    alive[dead] = False
    return alive


def _int64s(values: Sequence[int]) -> Int64s:
    return np.asarray(values, dtype=np.int64)
