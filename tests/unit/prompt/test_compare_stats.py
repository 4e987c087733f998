"""Figures of a comparison against ones worked out by hand."""

from __future__ import annotations

import pytest

from lianlu.prompt.assertions import Verdict
from lianlu.prompt.compare_stats import compared, summary
from lianlu.prompt.results import passed_of, score_of
from lianlu.stats import wilson

from .comparing import cell, results


def test_a_score_is_the_weighted_share_of_what_could_be_judged() -> None:
    verdicts = [
        Verdict(name="a", passed=True, weight=3),
        Verdict(name="b", passed=False, weight=1),
        Verdict(name="c", passed=None, weight=9),
    ]
    assert score_of(verdicts) == 0.75
    assert passed_of(verdicts) is False
    assert passed_of(verdicts[2:]) is None
    assert score_of(verdicts[2:]) is None


def test_passing_is_a_share_with_the_wilson_interval() -> None:
    made = results(*(cell(0, str(at), at < 7) for at in range(10)))
    passed = summary(made, 0).passed
    assert passed is not None
    expected = wilson(7, 10)
    assert passed.value == pytest.approx(0.7)
    assert (passed.low, passed.high) == (pytest.approx(expected.low, abs=0.02), pytest.approx(expected.high, abs=0.02))


def test_repeats_are_no_new_evidence() -> None:
    once = summary(results(*(cell(0, str(at), at < 4) for at in range(8))), 0).passed
    many = summary(results(*(cell(0, str(at), at < 4, repeat=r) for at in range(8) for r in range(25))), 0).passed
    assert once is not None
    assert many is not None
    assert (many.value, many.n) == (once.value, 200)
    assert many.high - many.low == pytest.approx(once.high - once.low, abs=0.02)


def test_what_failed_and_what_could_not_be_judged_is_no_part_of_the_share() -> None:
    made = summary(results(cell(0, "a", True), cell(0, "b", None), cell(0, "c", error="gone")), 0)
    assert made.passed is not None
    assert (made.passed.n, made.passed.value, made.failed) == (1, 1.0, 1)
    assert summary(results(cell(0, "a", None)), 0).passed is None


def test_a_win_is_a_higher_score_and_equal_scores_are_half() -> None:
    first = [cell(0, "a", True, False), cell(0, "b", True), cell(0, "c", True), cell(0, "d", False)]
    second = [cell(1, "a", True, True), cell(1, "b", True), cell(1, "c", False), cell(1, "d", True)]
    (pair,) = compared(results(*first, *second))
    assert (pair.wins, pair.ties, pair.losses) == (2, 1, 1)
    assert pair.win_rate.value == pytest.approx((2 + 0.5) / 4)
    assert pair.difference == pytest.approx((3 - 2) / 4)
    assert pair.p_value == pytest.approx(1.0)  # two cases against one: 1 of 4 splits of 3 is more even


def test_ten_wins_of_ten_are_told_apart() -> None:
    (pair,) = compared(results(*(cell(v, str(at), bool(v)) for at in range(10) for v in (0, 1))))
    assert pair.win_rate.low > 0.5
    assert pair.p_value == pytest.approx(2 / 2**10)


def test_only_cases_that_both_have_are_compared() -> None:
    assert compared(results(cell(0, "a", True), cell(1, "b", True))) == []
    (pair,) = compared(results(cell(0, "a", True), cell(1, "a", True), cell(1, "b", False), cell(0, "b", error="x")))
    assert (pair.wins, pair.ties, pair.losses, pair.win_rate.n) == (0, 1, 0, 1)


def test_of_many_variants_each_is_compared_with_the_first() -> None:
    made = compared(results(*(cell(v, str(at), True) for v in range(8) for at in range(2))))
    assert {each.first for each in made} == {0}
    assert len(made) == 7
