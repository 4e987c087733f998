from __future__ import annotations

from lianlu.prompt.cases import Case, Turn
from lianlu.prompt.few_shot import chosen_by_score, most_different, usable


def _case(name: str, said: str, good: str = "x", split: str = "train") -> Case:
    return Case(id=name, turns=(Turn(said=said, good=good),), split=split)  # type: ignore[arg-type]


def test_only_cases_to_learn_from_with_a_good_answer_are_used() -> None:
    two_turns = Case(id="t", turns=(Turn(said="a", good="b"), Turn(said="c", good="d")))
    cases = [
        _case("a", "q"),
        _case("b", "q", good=""),
        _case("c", "q", split="test"),
        _case("d", "q", split=""),
        two_turns,
    ]
    assert [case.id for case in usable(cases)] == ["a", "d"]


def test_the_most_different_ones_are_no_near_copies() -> None:
    cases = [
        _case("a", "how many r in pear"),
        _case("b", "how many r in peas"),
        _case("c", "写一首诗"),
        _case("d", "how many r in bear"),
    ]
    assert "c" in [case.id for case in most_different(cases, 2)]
    assert [case.id for case in most_different(cases, 9)] == ["a", "b", "c", "d"]
    assert most_different([], 3) == []


def test_the_search_takes_the_best_score_and_is_the_same_for_a_seed() -> None:
    cases = [_case(name, name * 3) for name in "abcdefgh"]

    def score(chosen) -> float:  # type: ignore[no-untyped-def]
        return sum(case.id in "gh" for case in chosen) / 2

    first = chosen_by_score(cases, 2, score, seed=1, tries=60)
    assert ([case.id for case in first[0]], first[1]) == (["g", "h"], 1.0)
    assert chosen_by_score(cases, 2, score, seed=5) == chosen_by_score(cases, 2, score, seed=5)
