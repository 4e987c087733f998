"""The mean of values that come in groups: questions about one paragraph are right or wrong together.

Counted as if they were independent, they claim a certainty that is not there. A share gets the Wilson interval of as
many items as the groups are worth, which is the count divided by the design effect (Korn and Graubard 1998; Dean and
Pagano 2015); other values get the percentile interval over samples of whole groups.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import NDArray

from lianlu.stats.interval import Estimate, Interval, bootstrap, share_interval

__all__ = ["clustered_mean"]

Floats = NDArray[np.float64]


def clustered_mean(
    values: Sequence[float], groups: Sequence[Hashable], *, seed: int = 0, level: float = 0.95
) -> Estimate:
    """The mean of values between 0 and 1, each of a group; one group alone says nothing, so the interval is then 0 to 1.

    The standard error is the cluster-robust one (Liang and Zeger 1986), corrected for few groups.

    Args:
        seed: of the samples of groups, where the values are no shares.

    Raises:
        ValueError: there are no values, not one group for each, or a value or the level is not between 0 and 1

    >>> estimate = clustered_mean([1, 1, 1, 0], ["a", "a", "b", "b"])
    >>> estimate.value, round(estimate.low, 2), round(estimate.high, 2)
    (0.75, 0.26, 0.96)
    """
    array = np.asarray(values, dtype=np.float64)
    if not array.size or len(groups) != array.size:
        raise ValueError(f"{array.size} values in {len(groups)} groups have no mean")
    if not bool(((array >= 0) & (array <= 1)).all()):
        raise ValueError("a value is not between 0 and 1")
    number = {group: at for at, group in enumerate(dict.fromkeys(groups))}
    group_of = np.array([number[group] for group in groups])
    value = float(array.mean())
    if len(number) == 1:
        return Estimate(value, None, 0.0, 1.0, array.size)
    error = _error(array - value, group_of, len(number))
    if bool(np.isin(array, (0.0, 1.0)).all()):
        interval = share_interval(value, _effective(value, error, array.size, len(number)), level=level)
    else:
        interval = _over_groups(array, group_of, len(number), seed=seed, level=level)
    return Estimate(value, error, interval.low, interval.high, array.size)


def _error(residuals: Floats, group_of: NDArray[np.int64], groups: int) -> float:
    sums = np.bincount(group_of, weights=residuals, minlength=groups)
    return math.sqrt(groups / (groups - 1) * float((sums**2).sum())) / residuals.size


def _effective(share: float, error: float, n: int, groups: int) -> float:
    """How many independent items the groups are worth; as many as there are groups where all values are the same."""
    if share in (0.0, 1.0):
        return groups
    return n if error == 0 else min(n, share * (1 - share) / error**2)


def _over_groups(values: Floats, group_of: NDArray[np.int64], groups: int, *, seed: int, level: float) -> Interval:
    sums = np.bincount(group_of, weights=values, minlength=groups)
    counts = np.bincount(group_of, minlength=groups)

    def means(drawn: Floats) -> Floats:
        chosen = drawn.astype(np.int64)
        return sums[chosen].sum(axis=1) / counts[chosen].sum(axis=1)

    return bootstrap(range(groups), means, seed=seed, level=level)
