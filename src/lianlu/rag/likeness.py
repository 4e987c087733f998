"""How alike many texts are, without a matrix of all pairs: cosines of their terms, weighted by rarity, as a sparse matrix.

A step of a walk from text to like text is two products with that matrix, so the time grows with the text and not with its
square. Terms are those of `text.postings`; single Chinese characters, and what stands nearly everywhere, tell nothing apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lianlu.text.postings import Int64s, Postings, invert

__all__ = ["Floats", "Likeness", "likeness_of"]

Floats = npt.NDArray[np.float64]

_LEAP = 0.15
_STEPS = 25
_SINGLE = (1 << 21) - 1  # key of a character alone: its pairs say more
_IS_WORD = 1 << 63
_TOO_COMMON = 0.3  # of the texts, where there are enough of them to tell
_ENOUGH_TO_TELL = 60


@dataclass(frozen=True)
class Likeness:
    """Texts by terms, each text of length one, as entries sorted by term.

    Attributes:
        count: of the texts that are compared with each other; rows behind them are what they are compared to.
        rows, terms, weights: of each entry.
        starts: where the entries of each term begin; one more than there are terms.
    """

    count: int
    rows: Int64s
    terms: Int64s
    weights: Floats
    starts: Int64s
    row_count: int

    def centrality(self) -> Floats:
        """How likely a walk that goes from text to like text is to be at each; the largest is 1."""
        inside = self.rows < self.count
        rows, terms, weights = self.rows[inside], self.terms[inside], self.weights[inside]
        term_count = len(self.starts) - 1

        def through(values: Floats) -> Floats:
            by_term = np.bincount(terms, weights * values[rows], minlength=term_count)
            return np.bincount(rows, weights * by_term[terms], minlength=self.count).astype(np.float64)

        degrees = through(np.ones(self.count))
        degrees[degrees <= 0] = 1.0
        at = np.full(self.count, 1.0 / self.count)
        for _ in range(_STEPS):
            at = _LEAP / self.count + (1 - _LEAP) * through(at / degrees)
        return at / max(float(at.max()), 1e-12)

    def likeness(self, row: int) -> Floats:
        """Cosine of every text to one row."""
        total = np.zeros(self.row_count)
        for at in np.flatnonzero(self.rows == row).tolist():
            start, end = self.starts[self.terms[at]], self.starts[self.terms[at] + 1]
            total[self.rows[start:end]] += self.weights[at] * self.weights[start:end]
        return total[: self.count]

    def coverage(self, row: int) -> Floats:
        """How much of one row every row has, whatever else it says."""
        total = np.zeros(self.row_count)
        for at in np.flatnonzero(self.rows == row).tolist():
            start, end = self.starts[self.terms[at]], self.starts[self.terms[at] + 1]
            total[self.rows[start:end]] += self.weights[at] ** 2
        return total

    def likeness_to_own(self, own: Int64s) -> Floats:
        """Cosine of every text to a row of its own, such as that of its headings."""
        wide = self.row_count
        keys = self.terms * wide + self.rows  # ascending: entries are sorted by term, then by row
        inside = np.flatnonzero(self.rows < self.count)
        wanted = self.terms[inside] * wide + own[self.rows[inside]]
        at = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
        is_there = keys[at] == wanted
        products = np.where(is_there, self.weights[inside] * self.weights[at], 0.0)
        return np.bincount(self.rows[inside], products, minlength=self.count).astype(np.float64)


def likeness_of(texts: Sequence[str], beside: Sequence[str] = ()) -> Likeness:
    """How alike texts are, and what they have in common with some others."""
    row_count = len(texts) + len(beside)
    postings = invert([*texts, *beside])
    sizes = np.diff(postings.starts)
    kept = _telling(postings, sizes, len(texts))
    entry_kept = np.repeat(kept, sizes)
    terms = np.repeat(np.cumsum(kept) - 1, sizes)[entry_kept]
    rows = postings.places[entry_kept].astype(np.int64)
    rarity = np.log(1.0 + row_count / sizes[kept])
    weights = (1.0 + np.log(postings.counts[entry_kept].astype(np.float64))) * rarity[terms]
    lengths = np.sqrt(np.bincount(rows, weights**2, minlength=row_count))
    lengths[lengths == 0] = 1.0
    starts = np.concatenate((np.zeros(1, dtype=np.int64), np.cumsum(sizes[kept])))
    return Likeness(len(texts), rows, terms, weights / lengths[rows], starts, row_count)


def _telling(postings: Postings, sizes: Int64s, count: int) -> npt.NDArray[np.bool_]:
    """The terms that tell texts apart: not single characters, nor what stands everywhere."""
    keys = postings.keys
    is_single = (keys < np.uint64(_IS_WORD)) & ((keys & np.uint64(_SINGLE)) == 0)
    is_common = sizes > _TOO_COMMON * count if count >= _ENOUGH_TO_TELL else np.zeros(len(keys), dtype=bool)
    telling = ~(is_single | is_common)
    return telling if telling.any() else np.ones(len(keys), dtype=bool)
