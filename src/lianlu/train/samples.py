"""Samples as token ids, in which order they are seen, and how they are put into rows.

The order is a function of seed and epoch alone, so that a run is resumed by its step number: nothing is replayed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from lianlu.core.hashing import digest
from lianlu.nn.prefixes import clusters, grow_tree

__all__ = [
    "Encoded",
    "Pair",
    "Rated",
    "Unit",
    "content_key",
    "fingerprint",
    "order_of_epoch",
    "rows_of",
    "samples_of_step",
    "units_of_rows",
    "windows",
]


@dataclass(frozen=True)
class Encoded:
    """Token ids of one sample, and which of them are learned; `id` leads back to file and line."""

    id: str
    ids: NDArray[np.int32]
    mask: NDArray[np.bool_]

    @property
    def supervised(self) -> int:
        """Tokens that are learned: the first one has nothing before it to be predicted from."""
        return int(self.mask[1:].sum())

    @property
    def pieces(self) -> tuple[Encoded, ...]:
        """What goes through the model for this sample."""
        return (self,)

    @property
    def tokens(self) -> int:
        return len(self.ids)


@dataclass(frozen=True)
class Pair:
    """Two answers to one prompt; in each the answer is what is supervised."""

    id: str
    chosen: Encoded
    rejected: Encoded

    @property
    def pieces(self) -> tuple[Encoded, ...]:
        return self.chosen, self.rejected

    @property
    def tokens(self) -> int:
        return len(self.chosen.ids) + len(self.rejected.ids)

    @property
    def supervised(self) -> int:
        return self.chosen.supervised + self.rejected.supervised


@dataclass(frozen=True)
class Rated:
    """An answer that is liked or not; `other` is the same prompt with the answer to another one (for KTO's estimate)."""

    id: str
    answer: Encoded
    other: Encoded
    is_liked: bool

    @property
    def pieces(self) -> tuple[Encoded, ...]:
        return self.answer, self.other

    @property
    def tokens(self) -> int:
        return len(self.answer.ids) + len(self.other.ids)

    @property
    def supervised(self) -> int:
        return self.answer.supervised


Unit = Encoded | Pair | Rated


@lru_cache(maxsize=4)
def order_of_epoch(count: int, seed: int, epoch: int) -> NDArray[np.int64]:
    """A permutation of `count` samples, kept: each step of an epoch asks for it again."""
    order = np.random.Generator(np.random.PCG64([seed, epoch])).permutation(count)
    order.setflags(write=False)
    return order


def samples_of_step(step: int, count: int, batch_size: int, seed: int) -> NDArray[np.int64]:
    """Which samples step `step` (from 0) sees; the last step of an epoch may see fewer."""
    epoch, batch = divmod(step, -(-count // batch_size))
    return order_of_epoch(count, seed, epoch)[batch * batch_size : (batch + 1) * batch_size]


def rows_of(lengths: Sequence[int], limit: int) -> list[list[int]]:
    """Indices put into rows of at most `limit` tokens, the longest first, each into the first row with room.

    A sample longer than the limit has a row of its own.

    >>> rows_of([5, 3, 4, 2], 7)
    [[0, 3], [2, 1]]
    """
    rows: list[list[int]] = []
    room: list[int] = []
    for index in sorted(range(len(lengths)), key=lambda each: -lengths[each]):
        place = next((row for row, left in enumerate(room) if left >= lengths[index]), None)
        if place is None:
            rows.append([])
            room.append(limit)
            place = len(rows) - 1
        rows[place].append(index)
        room[place] -= lengths[index]
    return rows


def units_of_rows(units: Sequence[Unit], limit: int, least_shared: int | None) -> list[list[int]]:
    """Indices of samples put into rows of at most `limit` tokens; those that share a beginning stand together.

    Args:
        least_shared: beginnings of so many tokens are computed once; None shares none.
    """
    if least_shared is None:
        return rows_of([unit.tokens for unit in units], limit)
    trees = [grow_tree([piece.ids for piece in unit.pieces], least_shared).tokens for unit in units]
    leads = [unit.pieces[0].ids for unit in units]
    more = [tokens - len(lead) for tokens, lead in zip(trees, leads, strict=True)]
    found = clusters(leads, limit, least_shared, more=more)
    rows = rows_of([tokens for _, tokens in found], limit)
    return [[unit for cluster in row for unit in found[cluster][0]] for row in rows]


def windows(id: str, ids: Sequence[int], size: int) -> list[Encoded]:
    """A long text cut into windows that overlap by one token, so that every token but the first is predicted once."""
    whole = np.array(ids, dtype=np.int32)
    starts = range(0, max(1, len(whole) - 1), size - 1)
    pieces = [whole[start : start + size] for start in starts]
    return [
        Encoded(f"{id}@{start}" if len(pieces) > 1 else id, piece, np.ones(len(piece), dtype=bool))
        for start, piece in zip(starts, pieces, strict=True)
    ]


def content_key(unit: Unit) -> str:
    """Hash of what goes through the model for a unit. Its id does not tell: two files of one name have the same ids."""
    return digest(*(part.tobytes() for piece in unit.pieces for part in (piece.ids, piece.mask)))


def fingerprint(samples: Iterable[Unit]) -> str:
    """Hash of what is learned: ids, masks and what is liked, in order."""
    parts: list[bytes] = []
    for unit in samples:
        for piece in unit.pieces:
            parts += [piece.ids.tobytes(), piece.mask.tobytes()]
        if isinstance(unit, Rated):
            parts.append(b"liked" if unit.is_liked else b"not")
    return digest(*parts)
