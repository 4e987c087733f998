"""How often one beats another over the same items, equal ones counting half, with an interval that few items keep wide.

Where all items are equal, their spread is none, and the usual interval claims a certainty that is not there. So one win
and one loss are added before mean and spread are taken, as Agresti and Coull (1998) add to a share, and the quantile is
Student's. Items that come several times are averaged first: repeats are no new evidence.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from statistics import NormalDist

from lianlu.stats.interval import Estimate

__all__ = ["student_quantile", "win_rate"]


def win_rate(points: Sequence[float], items: Sequence[Hashable], *, level: float = 0.95) -> Estimate:
    """The mean of points (1 won, 0.5 equal, 0 lost), each of an item; `n` is the number of points.

    Raises:
        ValueError: there are no points, not one item for each, or a point or the level is not between 0 and 1

    >>> estimate = win_rate([1, 0.5, 0.5, 0.5], "abcd")
    >>> estimate.value, estimate.low < 0.5 < estimate.high
    (0.625, True)
    """
    if not points or len(points) != len(items):
        raise ValueError(f"{len(points)} points of {len(items)} items have no mean")
    if not all(0 <= point <= 1 for point in points) or not 0 < level < 1:
        raise ValueError("a point or the level is not between 0 and 1")
    of_item: dict[Hashable, list[float]] = {}
    for point, item in zip(points, items, strict=True):
        of_item.setdefault(item, []).append(point)
    value = math.fsum(points) / len(points)
    added = [*(math.fsum(each) / len(each) for each in of_item.values()), 0.0, 1.0]
    middle = math.fsum(added) / len(added)
    spread = math.fsum((each - middle) ** 2 for each in added) / (len(added) - 1)
    error = math.sqrt(spread / len(added))
    reach = student_quantile(len(added) - 1, level) * error
    return Estimate(value, error, max(middle - reach, 0.0), min(middle + reach, 1.0), len(points))


def student_quantile(freedom: int, level: float) -> float:
    """The two-sided quantile of Student's distribution, by the expansion of Cornish and Fisher (from 2 on within 2 %)."""
    z = NormalDist().inv_cdf((1 + level) / 2)
    first = (z**3 + z) / 4
    second = (5 * z**5 + 16 * z**3 + 3 * z) / 96
    third = (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384
    return z + first / freedom + second / freedom**2 + third / freedom**3
