"""How sure a comparison is: pass rates and win rates with intervals. Repeats of a case are no new evidence, so all is clustered by case."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from itertools import combinations

import msgspec

from lianlu.prompt.results import Cell, Results
from lianlu.records import Usage
from lianlu.stats import clustered_mean, mcnemar, paired, win_rate

__all__ = ["Comparison", "Rate", "Summary", "compared", "metrics", "summary"]

_MOST_FOR_ALL_PAIRS = 6


class Rate(msgspec.Struct, frozen=True, kw_only=True):
    """A share with its 95 % interval, over `n` cells."""

    value: float
    low: float
    high: float
    n: int


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """One variant: `passed` is the share of judged cells in which all assertions hold, `score` the mean weighted share."""

    variant: int
    passed: Rate | None
    score: float | None
    failed: int
    usage: Usage
    seconds: float | None
    metrics: dict[str, float]


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """Two variants over the cases that both have.

    Attributes:
        win_rate: how often the second scores higher, equal scores counting half; 0.5 is no difference.
        difference: of the mean pass rates, second minus first.
        p_value: of McNemar's exact test on the cases that only one passes more often.
    """

    first: int
    second: int
    wins: int
    ties: int
    losses: int
    win_rate: Rate
    difference: float
    low: float
    high: float
    p_value: float


def summary(results: Results, variant: int) -> Summary:
    """The figures of one variant."""
    cells = results.of_variant(variant)
    judged = [cell for cell in cells if cell.passed is not None]
    scored = [cell.score for cell in cells if cell.score is not None]
    seconds = [turn.seconds for cell in cells for turn in cell.turns if turn.seconds is not None]
    usage = Usage()
    for cell in cells:
        for turn in cell.turns:
            usage += turn.usage
    return Summary(
        variant=variant,
        passed=_rate([float(bool(cell.passed)) for cell in judged], [cell.case for cell in judged]),
        score=statistics.fmean(scored) if scored else None,
        failed=sum(bool(cell.error) for cell in cells),
        usage=usage,
        seconds=statistics.median(seconds) if seconds else None,
        metrics=metrics(cells),
    )


def metrics(cells: Sequence[Cell]) -> dict[str, float]:
    """The share that passed of the assertions of each named metric."""
    found: dict[str, list[bool]] = {}
    for cell in cells:
        for turn in cell.turns:
            for verdict in turn.verdicts:
                if verdict.metric and verdict.passed is not None:
                    found.setdefault(verdict.metric, []).append(verdict.passed)
    return {name: sum(values) / len(values) for name, values in sorted(found.items())}


def compared(results: Results) -> list[Comparison]:
    """All pairs of a few variants; of many, each with the first."""
    numbers = range(len(results.variants))
    pairs = combinations(numbers, 2) if len(numbers) <= _MOST_FOR_ALL_PAIRS else ((0, each) for each in numbers[1:])
    made = (_pair(results, first, second) for first, second in pairs)
    return [each for each in made if each is not None]


def _pair(results: Results, first: int, second: int) -> Comparison | None:
    of_first = {(cell.case, cell.repeat): cell for cell in results.of_variant(first) if cell.score is not None}
    of_second = {(cell.case, cell.repeat): cell for cell in results.of_variant(second) if cell.score is not None}
    both = [key for key in of_first if key in of_second]
    if not both:
        return None
    scores = [(of_first[key].score or 0.0, of_second[key].score or 0.0) for key in both]
    points = [0.5 if before == after else float(after > before) for before, after in scores]
    before, after = _rates(of_first, both), _rates(of_second, both)
    difference = paired(before, after)
    rate = win_rate(points, [case for case, _ in both])
    return Comparison(
        first=first,
        second=second,
        wins=sum(each == 1 for each in points),
        ties=sum(each == 0.5 for each in points),
        losses=sum(each == 0 for each in points),
        win_rate=Rate(value=rate.value, low=rate.low, high=rate.high, n=rate.n),
        difference=difference.difference,
        low=max(difference.low, -1.0),
        high=min(difference.high, 1.0),
        p_value=mcnemar(difference.only_first, difference.only_second),
    )


def _rates(cells: Mapping[tuple[str, int], Cell], keys: Sequence[tuple[str, int]]) -> list[float]:
    """How often each case passed, in the order of the cases."""
    of_case: dict[str, list[float]] = {}
    for key in keys:
        of_case.setdefault(key[0], []).append(float(bool(cells[key].passed)))
    return [statistics.fmean(each) for each in of_case.values()]


def _rate(values: Sequence[float], cases: Sequence[str]) -> Rate | None:
    if not values:
        return None
    estimate = clustered_mean(values, cases)
    return Rate(value=estimate.value, low=estimate.low, high=estimate.high, n=estimate.n)
