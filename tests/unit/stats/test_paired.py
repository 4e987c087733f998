"""Paired differences against plain slow versions."""

from __future__ import annotations

import math
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lianlu.stats import mcnemar, paired

PAIRS = st.lists(st.tuples(st.sampled_from([0.0, 1.0]), st.sampled_from([0.0, 1.0])), min_size=2, max_size=60)


def slow_p_value(only_first: int, only_second: int) -> float:
    """Every way the disagreements could have fallen, counted."""
    n = only_first + only_second
    seen = abs(only_first - only_second)
    ways = [abs(n - 2 * sum(falls)) >= seen for falls in product((0, 1), repeat=n)]
    return sum(ways) / len(ways)


@pytest.mark.parametrize(("only_first", "only_second"), [(0, 0), (1, 0), (3, 3), (1, 7), (0, 10), (4, 9)])
def test_mcnemar_counts_the_ways(only_first: int, only_second: int) -> None:
    assert mcnemar(only_first, only_second) == pytest.approx(slow_p_value(only_first, only_second))


@given(PAIRS)
def test_the_difference_is_that_of_the_items(pairs: list[tuple[float, float]]) -> None:
    first, second = [a for a, _ in pairs], [b for _, b in pairs]
    found = paired(first, second)
    steps = [b - a for a, b in pairs]
    middle = sum(steps) / len(steps)
    error = math.sqrt(sum((step - middle) ** 2 for step in steps) / (len(steps) - 1) / len(steps))
    assert found.difference == pytest.approx(middle)
    assert found.standard_error == pytest.approx(error)
    assert (found.only_first, found.only_second) == (steps.count(-1), steps.count(1))
    assert -1 <= found.low <= found.high <= 1


def test_equal_runs_do_not_differ() -> None:
    found = paired([1, 0, 1], [1, 0, 1])
    assert (found.difference, found.p_value, found.only_first) == (0.0, 1.0, 0)


def test_equal_means_may_still_disagree() -> None:
    found = paired([1, 0, 1, 0], [0, 1, 0, 1])
    assert (found.difference, found.only_first, found.only_second) == (0.0, 2, 2)


def test_what_cannot_be_paired_is_refused() -> None:
    with pytest.raises(ValueError, match="paired"):
        paired([1, 0], [1])
    with pytest.raises(ValueError, match="no values"):
        paired([], [])
    with pytest.raises(ValueError, match="negative"):
        mcnemar(-1, 2)
