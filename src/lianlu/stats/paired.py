"""Two runs over the same items: what differs is the items they disagree on, not the two means.

Two models at 47% may agree on every item or on none; only the paired difference tells. Its standard error is that of the
differences item by item (Miller 2024, arXiv 2411.00640), and the p value is McNemar's exact test on the disagreements.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from lianlu.stats.interval import mean, normal

__all__ = ["Paired", "mcnemar", "paired"]


@dataclass(frozen=True)
class Paired:
    """Second minus first.

    Attributes:
        only_first: items where the first scored higher; `only_second` where the second did.
        p_value: of a difference at least this uneven, were there none.
    """

    difference: float
    standard_error: float | None
    low: float
    high: float
    n: int
    only_first: int
    only_second: int
    p_value: float


def paired(first: Sequence[float], second: Sequence[float], *, level: float = 0.95) -> Paired:
    """Compare scores of the same items in the same order.

    Raises:
        ValueError: the two are of different length or empty

    >>> paired([0, 0, 1, 1], [1, 1, 1, 1]).difference
    0.5
    """
    if len(first) != len(second):
        raise ValueError(f"{len(first)} scores cannot be paired with {len(second)}")
    differences = [after - before for before, after in zip(first, second, strict=True)]
    whole = mean(differences, level=level)
    interval = normal(whole.value, whole.standard_error, level=level)
    higher, lower = sum(each > 0 for each in differences), sum(each < 0 for each in differences)
    return Paired(
        difference=whole.value,
        standard_error=whole.standard_error,
        low=max(interval.low, -1.0) if _are_shares(first, second) else interval.low,
        high=min(interval.high, 1.0) if _are_shares(first, second) else interval.high,
        n=whole.n,
        only_first=lower,
        only_second=higher,
        p_value=mcnemar(lower, higher),
    )


def mcnemar(only_first: int, only_second: int) -> float:
    """The exact two-sided p value of a split of disagreements, each as likely as the other.

    Raises:
        ValueError: a count is negative

    >>> mcnemar(0, 10)
    0.001953125
    """
    if min(only_first, only_second) < 0:
        raise ValueError("counts are not negative")
    n = only_first + only_second
    tail = sum(math.comb(n, k) for k in range(min(only_first, only_second) + 1))
    return min(1.0, 2 * tail / 2**n)


def _are_shares(first: Sequence[float], second: Sequence[float]) -> bool:
    return all(0 <= each <= 1 for each in (*first, *second))
