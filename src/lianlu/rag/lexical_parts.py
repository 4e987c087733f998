"""The parts of a lexical index: postings of some chunks each, and what is known of them all together.

A chunk that is gone is only marked; its norm is infinite, so that it gets no score, and it is left out when parts are
joined. What is counted (chunks, their mean length, how many have a term) is counted of the living, so that it does not
matter in how many parts they lie.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from lianlu.text.postings import Counts, Int32s, Int64s, Postings, blocks, join, term_key
from lianlu.text.tokens import term_weight, terms

__all__ = ["Contents", "Floats", "Part", "Weighed", "joined", "part_of"]

_K1 = 1.5
_B = 0.75
_MOST_TERMS = 10_000  # remembered
_MOST_QUESTIONS = 8  # remembered: who searches asks for scores of the same question next

Floats = npt.NDArray[np.float32]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Part:
    """The postings of some chunks.

    Attributes:
        ids: row ids of the chunks, ascending; their order is that of the places in the postings.
        tops: for each term the largest count / (count + norm) of a chunk, for the mean length of this part.
        alive: which of the chunks are still there.
    """

    ids: Int64s
    postings: Postings
    tops: Floats
    alive: Bools

    @cached_property
    def mean(self) -> float:
        return float(self.postings.lengths.mean()) if len(self.ids) else 1.0

    @cached_property
    def live(self) -> int:
        return int(np.count_nonzero(self.alive))

    @property
    def is_whole(self) -> bool:
        return self.live == len(self.ids)

    def find(self, key: np.uint64) -> tuple[slice, float]:
        """Where the postings of a term are, and its top."""
        at = int(np.searchsorted(self.postings.keys, key))
        if at == len(self.postings.keys) or self.postings.keys[at] != key:
            return slice(0, 0), 0.0
        return slice(int(self.postings.starts[at]), int(self.postings.starts[at + 1])), float(self.tops[at])

    def without(self, ids: Int64s) -> Part:
        places = np.searchsorted(self.ids, ids)
        inside = places < len(self.ids)
        places = places[inside][self.ids[places[inside]] == ids[inside]]
        if not len(places):
            return self
        alive = self.alive.copy()
        alive[places] = False
        return replace(self, alive=alive)


def part_of(ids: Int64s, postings: Postings) -> Part:
    lengths = postings.lengths
    norms = _norms(lengths, float(lengths.mean()) if len(lengths) else 1.0)
    tops = np.zeros(len(postings.keys), dtype=np.float32)
    for begin, end in blocks(postings.starts):
        some = slice(int(postings.starts[begin]), int(postings.starts[end]))
        counts = postings.counts[some].astype(np.float32)
        shares = counts / (counts + norms[postings.places[some]])
        tops[begin:end] = np.maximum.reduceat(shares, postings.starts[begin:end] - some.start)
    return Part(ids, postings, tops, np.ones(len(ids), dtype=bool))


def joined(parts: Sequence[Part]) -> Part:
    if len(parts) == 1 and parts[0].is_whole:
        return parts[0]
    kept = [part.alive for part in parts]
    ids = np.concatenate([part.ids[mask] for part, mask in zip(parts, kept, strict=True)])
    return part_of(ids, join([part.postings for part in parts], kept))


def _norms(lengths: Int32s, mean: float) -> Floats:
    return (_K1 * (1 - _B + _B * lengths / max(mean, 1.0))).astype(np.float32)


@dataclass(frozen=True)
class _Term:
    """A term of a question.

    Attributes:
        having: number of chunks with it.
        found: for each part where its postings are.
        top: no chunk has a larger count / (count + norm).
    """

    having: int
    found: tuple[slice, ...]
    top: float


@dataclass(frozen=True)
class Weighed:
    """A term with what it counts in a question, and the most that it adds to a chunk."""

    key: int
    term: _Term
    weight: np.float32
    bound: np.float32

    @property
    def size(self) -> int:
        return sum(each.stop - each.start for each in self.term.found)


@dataclass(frozen=True)
class Contents:
    """What is indexed. A chunk's place is its number in all parts one after the other, the dead ones counted."""

    parts: tuple[Part, ...]
    last_id: int
    terms: dict[str, _Term] = field(default_factory=dict[str, _Term], compare=False)
    questions: dict[str, list[Weighed]] = field(default_factory=dict[str, "list[Weighed]"], compare=False)

    @cached_property
    def starts(self) -> list[int]:
        return [0, *(int(end) for end in np.cumsum([len(part.ids) for part in self.parts]))]

    @cached_property
    def ids(self) -> Int64s:
        """By place."""
        return np.concatenate([np.zeros(0, dtype=np.int64), *(part.ids for part in self.parts)])

    @cached_property
    def live_ids(self) -> Int64s:
        if all(part.is_whole for part in self.parts):
            return self.ids
        return np.concatenate([np.zeros(0, dtype=np.int64), *(part.ids[part.alive] for part in self.parts)])

    @cached_property
    def count(self) -> int:
        return sum(part.live for part in self.parts)

    @cached_property
    def mean(self) -> float:
        total = sum(int(part.postings.lengths[part.alive].sum(dtype=np.int64)) for part in self.parts)
        return total / self.count if self.count else 1.0

    @cached_property
    def norms(self) -> Floats:
        """By place; infinite where a chunk is dead, so that no score comes of it."""
        norms = [_norms(part.postings.lengths, self.mean) for part in self.parts]
        for each, part in zip(norms, self.parts, strict=True):
            each[~part.alive] = np.inf
        return np.concatenate([np.zeros(0, dtype=np.float32), *norms])

    def term(self, term: str) -> _Term:
        known = self.terms.get(term)
        if known is None:
            if len(self.terms) > _MOST_TERMS:
                self.terms.clear()
            known = self.terms[term] = self._looked_up(np.uint64(term_key(term)))
        return known

    def _looked_up(self, key: np.uint64) -> _Term:
        having, top = 0, 0.0
        found: list[slice] = []
        for part in self.parts:
            where, best = part.find(key)
            found.append(where)
            size = where.stop - where.start
            if size and not part.is_whole:
                size = int(np.count_nonzero(part.alive[part.postings.places[where]]))
            having += size
            # longer chunks than on average weigh more when the average grows, at most as much more as it grew
            top = max(top, best * max(1.0, max(self.mean, 1.0) / max(part.mean, 1.0)))
        return _Term(having, tuple(found), min(top, 1.0))

    def idf(self, term: str, beside: int = 0) -> float:
        having = self.term(term).having
        return float(np.log1p((self.count + beside - having + 0.5) / (having + 0.5)))

    def weighed(self, question: str) -> list[Weighed]:
        """The terms of a question that some chunk has, the weightiest first; stop words count a tenth."""
        if question in self.questions:
            return self.questions[question]
        found: list[Weighed] = []
        for term, times in Counter(terms(question)).items():
            known = self.term(term)
            if known.having:
                weight = np.float32(times * term_weight(term) * self.idf(term) * (_K1 + 1))
                found.append(Weighed(term_key(term), known, weight, weight * np.float32(known.top)))
        found.sort(key=lambda each: (-each.weight, each.key))
        if len(self.questions) >= _MOST_QUESTIONS:
            self.questions.clear()
        self.questions[question] = found
        return found

    def add(self, scores: Floats, term: Weighed, norms: Floats) -> None:
        """Add to the score of every chunk what a term gives."""
        for part, where, start in zip(self.parts, term.term.found, self.starts, strict=False):
            if where.stop > where.start:
                span = slice(start, start + len(part.ids))
                places = part.postings.places[where].astype(np.intp)
                np.add.at(scores[span], places, _given(term, part.postings.counts[where], norms[span].take(places)))

    def add_to(self, scores: Floats, places: Int64s, term: Weighed, norms: Floats) -> None:
        """Add what a term gives to the chunks at some places, ascending; `scores` are of all places."""
        for part, where, start in zip(self.parts, term.term.found, self.starts, strict=False):
            if where.stop == where.start:
                continue
            begin, end = (
                places.searchsorted((start, start + len(part.ids))) if len(self.parts) > 1 else (0, len(places))
            )
            if begin == end:
                continue
            having = part.postings.places[where]
            wanted = (places[begin:end] - start).astype(np.int32)
            at = having.searchsorted(wanted)
            at[at == len(having)] = 0
            hit = having[at] == wanted
            to = places[begin:end][hit]
            scores[to] += _given(term, part.postings.counts[where][at[hit]], norms[to])


def _given(term: Weighed, counts: Counts, norms: Floats) -> Floats:
    """What a term adds to chunks that have it so many times; `norms` may be used up."""
    shares = counts.astype(np.float32)
    norms += shares
    shares *= term.weight
    shares /= norms
    return shares
