from __future__ import annotations

import math
import random

import pytest

from lianlu.stats import clustered_mean, mean, wilson


def test_groups_of_one_are_as_good_as_independent() -> None:
    values = [1.0] * 30 + [0.0] * 10
    found = clustered_mean(values, range(40))
    alone = wilson(30, 40)
    assert found.value == 0.75
    assert (found.low, found.high) == pytest.approx((alone.low, alone.high), abs=0.01)


def test_questions_that_go_together_say_less() -> None:
    values = [1.0] * 20 + [0.0] * 20
    together = clustered_mean(values, [at // 10 for at in range(40)])
    apart = clustered_mean(values, range(40))
    assert together.value == apart.value == 0.5
    assert together.high - together.low > 1.5 * (apart.high - apart.low)


def test_the_error_is_the_sum_over_groups() -> None:
    """Worked by hand: residuals .25 .25 | .25 -.75 sum to .5 and -.5; sqrt(2/1 * (.25 + .25)) / 4."""
    found = clustered_mean([1, 1, 1, 0], ["a", "a", "b", "b"])
    assert found.standard_error == pytest.approx(math.sqrt(2 * 0.5) / 4)


def test_all_alike_is_worth_as_many_as_there_are_groups() -> None:
    found, few = clustered_mean([1.0] * 100, [at % 5 for at in range(100)]), wilson(5, 5)
    assert (found.value, found.low, found.high) == pytest.approx((1.0, few.low, few.high))


def test_values_between_are_sampled_by_groups() -> None:
    chance = random.Random(3)
    values = [chance.random() for _ in range(200)]
    found, plain = clustered_mean(values, range(200), seed=1), mean(values)
    assert found.value == pytest.approx(plain.value)
    assert (found.low, found.high) == pytest.approx((plain.low, plain.high), abs=0.015)
    assert clustered_mean(values, range(200), seed=1) == found


def test_one_group_says_nothing() -> None:
    found = clustered_mean([1, 0, 1], ["a"] * 3)
    assert (found.standard_error, found.low, found.high, found.n) == (None, 0.0, 1.0, 3)


@pytest.mark.parametrize(("values", "groups"), [([], []), ([1.0], []), ([1.5], ["a"]), ([-0.1, 0.2], ["a", "b"])])
def test_what_has_no_mean_is_an_error(values: list[float], groups: list[str]) -> None:
    with pytest.raises(ValueError, match=r"no mean|between 0 and 1"):
        clustered_mean(values, groups)
