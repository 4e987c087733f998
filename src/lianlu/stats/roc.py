"""How well a score parts yes from no: the area under the ROC curve, which is the share of pairs that it orders rightly.

Its standard error, and that of the difference of two scores over the same items, come from the parts that each item
has in the area (DeLong, DeLong and Clarke-Pearson 1988, Biometrics 44); nothing is assumed of how scores are spread.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lianlu.stats.interval import Estimate, normal

__all__ = ["auc", "auc_difference"]

Floats = NDArray[np.float64]


def auc(yes: Sequence[float], no: Sequence[float], *, level: float = 0.95) -> Estimate:
    """The area under the ROC curve: how often a `yes` scores above a `no`, equal scores counting half.

    Raises:
        ValueError: there is no `yes` or no `no`, or the level is not between 0 and 1

    >>> auc([0.9, 0.8, 0.4], [0.5, 0.1]).value
    0.8333333333333334
    """
    of_yes, of_no = _parts(yes, no)
    error = _error(of_yes, of_no)
    value = float(of_yes.mean())
    return _estimate(value, error, len(yes) + len(no), 0.0, level)


def auc_difference(
    first: tuple[Sequence[float], Sequence[float]],
    second: tuple[Sequence[float], Sequence[float]],
    *,
    level: float = 0.95,
) -> Estimate:
    """The area of the second score less that of the first, over the same items in the same order.

    Args:
        first, second: scores of the `yes` and of the `no` items.

    Raises:
        ValueError: the items are not as many, there is no `yes` or no `no`, or the level is not between 0 and 1
    """
    if [len(each) for each in first] != [len(each) for each in second]:
        raise ValueError("the two scores are of different items")
    of_yes, of_no = (after - before for before, after in zip(_parts(*first), _parts(*second), strict=True))
    value = float(of_yes.mean())
    return _estimate(value, _error(of_yes, of_no), len(of_yes) + len(of_no), -1.0, level)


def _parts(yes: Sequence[float], no: Sequence[float]) -> tuple[Floats, Floats]:
    """Of each item the share of the other side that it is ordered rightly against."""
    above, below = np.asarray(yes, dtype=np.float64), np.asarray(no, dtype=np.float64)
    if not above.size or not below.size:
        raise ValueError("an area needs items of both kinds")
    sorted_yes, sorted_no = np.sort(above), np.sort(below)
    of_yes = (np.searchsorted(sorted_no, above, "left") + np.searchsorted(sorted_no, above, "right")) / 2 / below.size
    of_no = (
        1 - (np.searchsorted(sorted_yes, below, "left") + np.searchsorted(sorted_yes, below, "right")) / 2 / above.size
    )
    return of_yes, of_no


def _error(of_yes: Floats, of_no: Floats) -> float | None:
    """None where one item says nothing of the spread."""
    if min(of_yes.size, of_no.size) < 2:
        return None
    return math.sqrt(float(of_yes.var(ddof=1)) / of_yes.size + float(of_no.var(ddof=1)) / of_no.size)


def _estimate(value: float, error: float | None, n: int, least: float, level: float) -> Estimate:
    interval = normal(value, error, level=level)
    return Estimate(value, error, max(interval.low, least), min(interval.high, 1.0), n)
