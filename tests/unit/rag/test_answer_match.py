"""Exact match and F1 by hand-worked cases of CMRC's rules."""

from __future__ import annotations

import pytest

from lianlu.rag.answer_match import exact_match, f1, has_answer, units


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("北京 2008 年", ["北", "京", "2008", "年"]),
        ("Fine-tuning, v0.1", ["fine", "tuning", "v0", "1"]),
        ("ＸＴｕｎｅｒ（工具）", ["xtuner", "工", "具"]),
        ("。，！ _", []),
    ],
)
def test_units_are_characters_and_words(text: str, expected: list[str]) -> None:
    assert units(text) == expected


def test_exact_match_passes_over_case_space_and_punctuation() -> None:
    assert exact_match("《 三国 演义 》。", ["三国演义"]) == 1
    assert exact_match("GPT-4", ["gpt 4"]) == 1
    assert exact_match("三国", ["三国演义"]) == 0
    assert exact_match("", []) == 0


@pytest.mark.parametrize(
    ("said", "answers", "expected"),
    [
        ("北京", ["北京"], 1.0),
        ("他住在北京市", ["北京"], 2 * (2 / 6) * 1 / (2 / 6 + 1)),  # two of six units, the whole answer
        ("the red house", ["a red car", "red house"], 2 * (2 / 3) * 1 / (2 / 3 + 1)),
        ("甲乙丙丁", ["甲丙"], 2 * (1 / 4) * (1 / 2) / (1 / 4 + 1 / 2)),  # the longest run, not all that is shared
        ("别的", ["北京"], 0.0),
        ("", ["北京"], 0.0),
    ],
)
def test_f1_counts_the_longest_run_in_common(said: str, answers: list[str], expected: float) -> None:
    assert f1(said, answers) == pytest.approx(expected)


def test_an_answer_stands_in_a_text_as_whole_words() -> None:
    assert has_answer("It lifts forty tonnes, says the plan.", ["Forty tonnes"])
    assert has_answer("建于1889年。", ["1889 年"])
    assert not has_answer("It lifts 400 tonnes.", ["40"])
    assert not has_answer("anything", [])
    assert not has_answer("anything", ["。"])
