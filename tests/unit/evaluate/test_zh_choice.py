"""The Chinese multiple-choice set is fair: many subjects, even letters, no give-away by length, no twins."""

from __future__ import annotations

from collections import Counter
from itertools import combinations
from statistics import mean

import pytest

from lianlu.evaluate.benchmark import Benchmark, open_benchmark
from lianlu.evaluate.extract import LETTERS
from lianlu.records import Sample


@pytest.fixture(scope="module")
def zh_choice() -> Benchmark:
    return open_benchmark("zh-choice")


def pairs_of(text: str) -> set[str]:
    return {text[at : at + 2] for at in range(len(text) - 1)}


def alike(one: Sample, two: Sample) -> float:
    first, second = pairs_of(str(one.input)), pairs_of(str(two.input))
    return len(first & second) / len(first | second)


def test_it_is_large_and_wide_enough(zh_choice: Benchmark) -> None:
    subjects = Counter(sample.group for sample in zh_choice.samples)
    assert len(zh_choice.samples) >= 160
    assert len(subjects) >= 8
    assert min(subjects.values()) >= 12
    assert set(subjects) == set(zh_choice.file.groups)
    assert (zh_choice.file.licence, bool(zh_choice.file.source)) == ("CC0-1.0", True)


def test_each_question_has_four_different_options_and_one_answer(zh_choice: Benchmark) -> None:
    for sample in (*zh_choice.samples, *zh_choice.shots):
        assert (len(set(sample.choices)), len(sample.targets)) == (4, 1), sample.id
        assert sample.targets[0] in "ABCD", sample.id
        assert all(choice == choice.strip() != "" for choice in sample.choices), sample.id


def test_the_letters_are_even(zh_choice: Benchmark) -> None:
    letters = Counter(sample.targets[0] for sample in zh_choice.samples)
    shares = {letter: letters[letter] / len(zh_choice.samples) for letter in "ABCD"}
    assert all(0.2 <= share <= 0.3 for share in shares.values()), shares


def test_always_taking_the_longest_option_does_not_pay(zh_choice: Benchmark) -> None:
    def longest(sample: Sample, *, last: bool) -> str:
        lengths = [len(choice) for choice in sample.choices]
        places = [place for place, length in enumerate(lengths) if length == max(lengths)]
        return LETTERS[places[-1 if last else 0]]

    for last in (False, True):
        right = mean(longest(sample, last=last) in sample.targets for sample in zh_choice.samples)
        assert right <= 0.35
    alone = mean(
        all(len(choice) < len(sample.choices[LETTERS.index(sample.targets[0])]) for choice in others)
        for sample in zh_choice.samples
        for others in [[c for n, c in enumerate(sample.choices) if LETTERS[n] not in sample.targets]]
    )
    assert alone <= 0.35


def test_no_two_questions_are_nearly_the_same(zh_choice: Benchmark) -> None:
    everything = (*zh_choice.samples, *zh_choice.shots)
    near = [(one.input, two.input) for one, two in combinations(everything, 2) if alike(one, two) > 0.5]
    assert near == []


def test_the_right_option_does_not_stand_in_the_question_alone(zh_choice: Benchmark) -> None:
    """A question that repeats its answer, and no other option, gives it away."""
    for sample in zh_choice.samples:
        named = [LETTERS[n] for n, choice in enumerate(sample.choices) if choice in str(sample.input)]
        assert named != list(sample.targets), sample.id


def test_shots_are_not_asked(zh_choice: Benchmark) -> None:
    assert {sample.input for sample in zh_choice.shots} & {sample.input for sample in zh_choice.samples} == set()
