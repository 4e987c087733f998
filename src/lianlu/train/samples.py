"""Samples as token ids, in which order they are seen, and how they are put into rows.

The order is a function of seed and epoch alone, so that a run is resumed by its step number: nothing is replayed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lianlu.core.hashing import digest

__all__ = ["Encoded", "fingerprint", "order_of_epoch", "rows_of", "samples_of_step", "windows"]


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


def order_of_epoch(count: int, seed: int, epoch: int) -> NDArray[np.int64]:
    """A permutation of `count` samples."""
    return np.random.Generator(np.random.PCG64([seed, epoch])).permutation(count)


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


def windows(id: str, ids: Sequence[int], size: int) -> list[Encoded]:
    """A long text cut into windows that overlap by one token, so that every token but the first is predicted once."""
    whole = np.array(ids, dtype=np.int32)
    starts = range(0, max(1, len(whole) - 1), size - 1)
    pieces = [whole[start : start + size] for start in starts]
    return [
        Encoded(f"{id}@{start}" if len(pieces) > 1 else id, piece, np.ones(len(piece), dtype=bool))
        for start, piece in zip(starts, pieces, strict=True)
    ]


def fingerprint(samples: Sequence[Encoded]) -> str:
    """Hash of what is learned: ids and masks, in order."""
    return digest(*(part for each in samples for part in (each.ids.tobytes(), each.mask.tobytes())))
