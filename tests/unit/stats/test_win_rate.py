from __future__ import annotations

import random

import pytest

from lianlu.stats import win_rate
from lianlu.stats.win_rate import student_quantile


def test_quantiles_are_students() -> None:
    # scipy.stats.t.ppf(0.975, v), to three decimals
    for freedom, known in ((3, 3.182), (5, 2.571), (10, 2.228), (30, 2.042), (1000, 1.962)):
        assert student_quantile(freedom, 0.95) == pytest.approx(known, rel=0.02)


def test_worked_out_by_hand() -> None:
    found = win_rate([1, 1, 0.5, 0], "abcd")
    assert found.value == pytest.approx(0.625)
    # with a win and a loss: 1 1 .5 0 0 1, mean 3.5/6; squares: 3·.1736 + .0069 + 2·.3403 = 1.2083; /5 = .24167
    assert found.standard_error == pytest.approx((0.2416667 / 6) ** 0.5, abs=1e-4)
    reach = 2.571 * (0.2416667 / 6) ** 0.5
    assert (found.low, found.high) == (pytest.approx(3.5 / 6 - reach, abs=0.01), pytest.approx(1.0, abs=0.01))


def test_equal_items_are_not_certain() -> None:
    found = win_rate([0.5] * 16, range(16))
    assert found.value == 0.5
    assert 0.35 < found.low < 0.45 < 0.55 < found.high < 0.65


def test_few_wins_tell_nothing_and_many_do() -> None:
    assert win_rate([1] * 4, range(4)).low < 0.5
    assert win_rate([1] * 10, range(10)).low > 0.5
    assert win_rate([0.5] * 90 + [1] * 10, range(100)).low > 0.5


def test_repeats_are_no_new_evidence() -> None:
    once = win_rate([1, 1, 0, 0.5], "abcd")
    many = win_rate([1, 1, 0, 0.5] * 50, list("abcd") * 50)
    assert (many.low, many.high, many.n) == (once.low, once.high, 200)


@pytest.mark.parametrize("shares", [(0.3, 0.4, 0.3), (0.1, 0.85, 0.05), (0.6, 0.3, 0.1)])
@pytest.mark.parametrize("count", [8, 30, 100])
def test_the_true_rate_lies_within_in_nineteen_of_twenty_samples(shares: tuple[float, ...], count: int) -> None:
    drawn = random.Random(3)
    truth = shares[0] + shares[1] / 2
    held = 0
    for _ in range(800):
        found = win_rate(drawn.choices((1, 0.5, 0), shares, k=count), range(count))
        held += found.low <= truth <= found.high
    assert held / 800 >= 0.93


@pytest.mark.parametrize(("points", "items"), [([], []), ([1], []), ([2.0], ["a"]), ([-0.1], ["a"])])
def test_what_is_no_points_is_refused(points: list[float], items: list[str]) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the module raises no other
        win_rate(points, items)
