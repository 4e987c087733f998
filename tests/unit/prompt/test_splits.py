from __future__ import annotations

import pytest

from lianlu.core.errors import UsageError
from lianlu.prompt.assertions import Assertion
from lianlu.prompt.cases import Case, Turn
from lianlu.prompt.splits import split_cases


def _cases(count: int, split: str = "", name: str = "c") -> list[Case]:
    asserts = (Assertion(type="contains", value="x"),)
    return [
        Case(id=f"{name}{split}{at}", turns=(Turn(said="q", asserts=asserts),), split=split, place=f"c.yaml:{at}")  # type: ignore[arg-type]
        for at in range(count)
    ]


@pytest.mark.parametrize(
    ("cases", "sizes"),
    [
        ([*_cases(3, "train"), *_cases(2, "val"), *_cases(2, "test")], (3, 2, 2)),
        (_cases(12), (4, 4, 4)),
        (_cases(11), (6, 5, 0)),
        (_cases(2), (1, 1, 0)),
        ([*_cases(5, "train"), *_cases(5)], (5, 5, 0)),
        ([*_cases(4, "val"), *_cases(3)], (3, 4, 0)),
        ([*_cases(12), *_cases(1, "test")], (6, 6, 1)),
    ],
)
def test_cases_are_parted(cases: list[Case], sizes: tuple[int, int, int]) -> None:
    made = split_cases(cases, 0)
    assert (len(made.train), len(made.val), len(made.test)) == sizes
    assert sorted(case.id for part in (made.train, made.val, made.test) for case in part) == sorted(
        case.id for case in cases
    )


def test_the_seed_decides_who_goes_where() -> None:
    assert split_cases(_cases(30), 1) == split_cases(_cases(30), 1) != split_cases(_cases(30), 2)


@pytest.mark.parametrize("cases", [_cases(1), _cases(9, "train"), _cases(9, "val"), _cases(9, "test")])
def test_too_few_cases_are_told(cases: list[Case]) -> None:
    with pytest.raises(UsageError) as raised:
        split_cases(cases, 0)
    assert raised.value.code == "prompt.too-few-cases"


def test_a_case_that_asserts_nothing_is_told_unless_the_prompt_does() -> None:
    made = split_cases([*_cases(3, "train"), Case(id="v", turns=(Turn(said="q"),), split="val", place="c.yaml:9")], 0)
    with pytest.raises(UsageError) as raised:
        made.check_asserted(())
    assert raised.value.facts == {"at": "c.yaml:9", "case": "v"}
    made.check_asserted((Assertion(type="max-length", value=9),))


def test_the_least_budget_is_the_prompt_and_one_proposal() -> None:
    made = split_cases(_cases(12), 0)
    assert (made.learned_at_once, made.step, made.least_budget) == (3, 10, 14)
