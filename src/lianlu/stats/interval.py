"""Means with their standard error and interval. Knows nothing of benchmarks.

A share of yes and no gets the Wilson interval, which stays inside 0–1 and is honest for few items and for scores near 0
or 1, where mean ± 1.96 standard errors claims a certainty that is not there: 20 of 20 is 0.84–1, not 1–1.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

__all__ = ["Estimate", "Interval", "bootstrap", "mean", "mean_of_means", "normal", "share_interval", "wilson"]

Floats = NDArray[np.float64]
_MOST_DRAWN = 4_000_000  # numbers drawn at once: 32 MB


@dataclass(frozen=True)
class Interval:
    """From `low` to `high`, both included."""

    low: float
    high: float


@dataclass(frozen=True)
class Estimate:
    """A mean of `n` values. The standard error is None where one value says nothing of the spread."""

    value: float
    standard_error: float | None
    low: float
    high: float
    n: int


def mean(values: Sequence[float], *, level: float = 0.95) -> Estimate:
    """The mean with its sample standard error (n - 1); values that are all 0 or 1 get the Wilson interval.

    Raises:
        ValueError: there are no values, or the level is not between 0 and 1

    >>> mean([1, 1, 0, 1]).value
    0.75
    """
    array = _checked(values)
    n = len(array)
    value = float(array.mean())
    error = float(array.std(ddof=1)) / math.sqrt(n) if n > 1 else None
    is_share = bool(np.isin(array, (0.0, 1.0)).all())
    interval = wilson(int(array.sum()), n, level=level) if is_share else normal(value, error, level=level)
    return Estimate(value, error, interval.low, interval.high, n)


def mean_of_means(groups: Sequence[Sequence[float]], *, level: float = 0.95) -> Estimate:
    """Every group counts the same, whatever its size; the standard error is None where a group has a single value.

    Raises:
        ValueError: there are no groups, or a group is empty
    """
    if not groups:
        raise ValueError("no groups")
    means = [mean(group, level=level) for group in groups]
    value = math.fsum(each.value for each in means) / len(means)
    known = [each.standard_error for each in means if each.standard_error is not None]
    error = math.sqrt(math.fsum(each**2 for each in known)) / len(means) if len(known) == len(means) else None
    interval = normal(value, error, level=level)
    return Estimate(value, error, interval.low, interval.high, sum(each.n for each in means))


def normal(value: float, standard_error: float | None, *, level: float = 0.95) -> Interval:
    """`value` ± z standard errors; without a standard error nothing is known and the interval has no ends.

    Raises:
        ValueError: the level is not between 0 and 1
    """
    if standard_error is None:
        return Interval(-math.inf, math.inf)
    reach = _z(level) * standard_error
    return Interval(value - reach, value + reach)


def wilson(successes: int, n: int, *, level: float = 0.95) -> Interval:
    """The score interval of a share (Wilson 1927).

    Raises:
        ValueError: not 0 <= successes <= n, n is 0, or the level is not between 0 and 1

    >>> round(wilson(20, 20).low, 3)
    0.839
    """
    if not 0 <= successes <= n or n == 0:
        raise ValueError(f"{successes} of {n} is no share")
    return share_interval(successes / n, n, level=level)


def share_interval(share: float, n: float, *, level: float = 0.95) -> Interval:
    """The Wilson interval of a share of `n` items; `n` need not be whole, as where items that are alike count less.

    Raises:
        ValueError: the share is not between 0 and 1, n is not positive, or the level is not between 0 and 1
    """
    if not 0 <= share <= 1 or not n > 0:
        raise ValueError(f"{share} of {n} is no share")
    z = _z(level)
    slack = z * z / n
    middle = (share + slack / 2) / (1 + slack)
    reach = z * math.sqrt(share * (1 - share) / n + slack / (4 * n)) / (1 + slack)
    low = 0.0 if share == 0 else max(middle - reach, 0.0)
    high = 1.0 if share == 1 else min(middle + reach, 1.0)
    return Interval(low, high)


def bootstrap(
    values: Sequence[float],
    statistic: Callable[[Floats], Floats] = lambda drawn: drawn.mean(axis=1),
    *,
    seed: int,
    rounds: int = 2000,
    level: float = 0.95,
) -> Interval:
    """The percentile interval of `statistic` over samples drawn with replacement; the same seed gives the same ends.

    Args:
        statistic: from an array (rounds, n) to one number for each row.

    Raises:
        ValueError: there are no values, no rounds, or the level is not between 0 and 1
    """
    array = _checked(values)
    _z(level)
    if rounds < 1:
        raise ValueError("no rounds")
    generator = np.random.default_rng(seed)
    at_once = max(1, _MOST_DRAWN // len(array))
    found = [
        statistic(array[generator.integers(0, len(array), (min(at_once, rounds - done), len(array)))])
        for done in range(0, rounds, at_once)
    ]
    low, high = np.quantile(np.concatenate(found), ((1 - level) / 2, (1 + level) / 2))
    return Interval(float(low), float(high))


def _checked(values: Sequence[float]) -> Floats:
    array = np.asarray(values, dtype=np.float64)
    if array.size == 0:
        raise ValueError("no values")
    return array


def _z(level: float) -> float:
    if not 0 < level < 1:
        raise ValueError(f"the level {level} is not between 0 and 1")
    return NormalDist().inv_cdf((1 + level) / 2)
