"""Means and intervals against plain slow versions, known values, and how often they hold."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lianlu.stats import bootstrap, mean, mean_of_means, normal, wilson

SHARES = st.integers(1, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


def slow_standard_error(values: list[float]) -> float:
    middle = sum(values) / len(values)
    return math.sqrt(sum((each - middle) ** 2 for each in values) / (len(values) - 1) / len(values))


@given(st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=50))
def test_the_standard_error_is_that_of_the_textbook(values: list[float]) -> None:
    found = mean(values).standard_error
    assert found == pytest.approx(slow_standard_error(values), rel=1e-6, abs=1e-9)


def slow_wilson(successes: int, n: int) -> tuple[float, float]:
    """The shares that a z test at 5% does not refuse, found by bisection."""

    def refused(share: float) -> bool:
        return abs(successes / n - share) > 1.959963984540054 * math.sqrt(share * (1 - share) / n)

    def edge(inside: float, outside: float) -> float:
        if not refused(outside):
            return outside
        for _ in range(60):
            middle = (inside + outside) / 2
            inside, outside = (inside, middle) if refused(middle) else (middle, outside)
        return inside

    return edge(successes / n, 0.0), edge(successes / n, 1.0)


@given(SHARES)
def test_wilson_is_the_set_of_shares_that_a_test_does_not_refuse(share: tuple[int, int]) -> None:
    found = wilson(*share)
    low, high = slow_wilson(*share)
    assert (found.low, found.high) == (pytest.approx(low, abs=1e-9), pytest.approx(high, abs=1e-9))


@given(SHARES)
def test_wilson_holds_the_share_and_stays_between_nothing_and_all(share: tuple[int, int]) -> None:
    found = wilson(*share)
    assert 0 <= found.low <= share[0] / share[1] <= found.high <= 1


def test_a_perfect_score_is_not_certain() -> None:
    found = mean([1.0] * 20)
    assert (found.standard_error, found.high) == (0.0, 1.0)
    assert found.low == pytest.approx(0.8389, abs=1e-4)


def test_one_value_has_no_standard_error() -> None:
    assert mean([1.0]).standard_error is None
    assert mean([0.5]).low == -math.inf


def test_wilson_holds_about_as_often_as_it_says() -> None:
    draw = random.Random(7)
    held = 0
    for _ in range(600):
        found = wilson(sum(draw.random() < 0.9 for _ in range(40)), 40)
        held += found.low <= 0.9 <= found.high
    assert 0.92 <= held / 600 <= 0.985


def test_groups_count_the_same_whatever_their_size() -> None:
    found = mean_of_means([[1.0, 1.0], [0.0] * 8])
    assert (found.value, found.n) == (0.5, 10)
    several = [[1.0, 0.0, 1.0], [0.0, 1.0]]
    error = math.sqrt(sum(slow_standard_error(group) ** 2 for group in several)) / 2
    assert mean_of_means(several).standard_error == pytest.approx(error)
    assert mean_of_means([[1.0], [0.0, 1.0]]).standard_error is None


def test_the_bootstrap_is_seeded_and_near_the_normal_interval() -> None:
    draw = random.Random(1)
    values = [draw.gauss(3, 2) for _ in range(300)]
    first, again = bootstrap(values, seed=4), bootstrap(values, seed=4)
    other, error = bootstrap(values, seed=5), slow_standard_error(values)
    middle = sum(values) / len(values)
    assert first == again != other
    assert first.low == pytest.approx(middle - 1.96 * error, abs=0.05)
    assert first.high == pytest.approx(middle + 1.96 * error, abs=0.05)


def test_the_bootstrap_takes_any_statistic() -> None:
    import numpy as np

    found = bootstrap([1.0, 2.0, 3.0, 100.0, 2.0], lambda drawn: np.median(drawn, axis=1), seed=0, rounds=500)
    assert 1.0 <= found.low <= 2.0 <= found.high <= 100.0


@pytest.mark.parametrize("level", [0.0, 1.0, 1.5, -0.1])
def test_a_level_lies_between_nothing_and_all(level: float) -> None:
    with pytest.raises(ValueError, match="level"):
        normal(0.5, 0.1, level=level)
    with pytest.raises(ValueError, match="level"):
        bootstrap([1.0], seed=0, level=level)


def test_nothing_has_no_mean() -> None:
    for wrong in (lambda: mean([]), lambda: mean_of_means([]), lambda: mean_of_means([[]])):
        with pytest.raises(ValueError, match="no "):
            wrong()
    with pytest.raises(ValueError, match="no values"):
        bootstrap([], seed=0)
    with pytest.raises(ValueError, match="no rounds"):
        bootstrap([1.0], seed=0, rounds=0)


@pytest.mark.parametrize(("successes", "n"), [(0, 0), (3, 2), (-1, 4)])
def test_what_is_no_share_is_refused(successes: int, n: int) -> None:
    with pytest.raises(ValueError, match="no share"):
        wilson(successes, n)
