from __future__ import annotations

from dataclasses import replace
from itertools import islice
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lianlu.synth import Item, Material
from lianlu.synth.letters import LETTERS, LettersConfig, may_train, worked
from lianlu.synth.phrasings import wording
from lianlu.synth.words import ALWAYS_HELD_OUT, COMMON, with_count

CONFIG = LettersConfig()


def items(split: str, count: int, taken: str = "") -> list[Item]:
    stream = LETTERS.items(CONFIG, split, "zh", random=Random(1), material=Material(taken=taken))  # type: ignore[arg-type]
    return list(islice(stream, count))


def test_a_step_sets_the_letter_beside_the_wanted_one() -> None:
    assert worked("strawberry", "r") == "sr.0 tr.0 rr=1 ar.1 wr.1 br.1 er.1 rr=2 rr=3 yr.3"


def test_the_answer_ends_with_the_sentence() -> None:
    first = items("eval", 1)[0]
    assert first.question == "单词“strawberry”中有几个字母“r”？"
    assert first.answer.splitlines()[-1] == "字母“r”出现了 3 次。"
    english = next(LETTERS.items(CONFIG, "eval", "en", random=Random(1), material=Material()))
    assert english.question == 'How many r are in "strawberry"?'
    assert english.answer.splitlines()[-1] == 'The letter "r" appears 3 times.'


def test_the_well_known_words_lead_the_evaluation_and_never_train() -> None:
    assert [item.facts["word"] for item in items("eval", 4)] == [word for word, _ in ALWAYS_HELD_OUT]
    assert not any(may_train(each) for each in ("STRAWBERRY", "strawberries-strawberry", "bananas", "Mississippi"))


def test_counts_take_turns() -> None:
    counts = [item.facts["count"] for item in items("train", 70)]
    assert {count: counts.count(count) for count in range(7)} == dict.fromkeys(range(7), 10)


def test_cases_of_words_vary() -> None:
    words = [str(item.facts["word"]) for item in items("train", 200)]
    assert any(word.isupper() for word in words)
    assert any(word.istitle() for word in words)
    assert any(word.islower() for word in words)


def test_what_stands_in_training_text_is_not_asked() -> None:
    asked = [item.key for item in items("eval", 60)]
    again = [item.key for item in items("eval", 60, taken=" ".join(asked[2:]))]
    assert "banana" not in again
    assert set(again).isdisjoint(asked[2:])


def test_what_identity_is_asked_with_is_not_asked() -> None:
    assert "wonder" in wording()
    assert "wonder" not in {item.key for item in items("eval", 2000)}


@pytest.mark.parametrize(
    "answer",
    [
        "br.0 er.0 rr=1 rr=1 yr.2\n字母“r”出现了 2 次。",
        "br.0 er.0 rr=1 yr.1\n字母“r”出现了 1 次。",
        "br.0 er.0 rr.0 rr=1 yr.1\n字母“r”出现了 2 次。",
        "br.0 er.0 rr=1 rr=2 yr.2\n字母“r”出现了 3 次。",
        "br.0 er.0 rr=1 rr=2 yr.2",
        "2",
    ],
    ids=["count stands still", "a letter is missing", "a hit is missed", "another result", "no sentence", "no steps"],
)
def test_a_wrong_working_is_found(answer: str) -> None:
    facts: dict[str, str | int | bool] = {"word": "Berry", "letter": "r"}
    right = Item("“Berry”里有几个“r”？", f"{worked('Berry', 'r')}\n字母“r”出现了 2 次。", "2", "berry", "zh", facts)
    assert LETTERS.fault(CONFIG, right) == ""
    assert LETTERS.fault(CONFIG, replace(right, answer=answer)) != ""


@given(st.from_regex(r"[a-z]{1,12}", fullmatch=True), st.sampled_from("aeiorst"), st.integers(0, 9), st.integers())
def test_a_word_gets_the_letter_exactly_so_often(word: str, letter: str, count: int, seed: int) -> None:
    made = with_count(word, letter, count, Random(seed))
    assert made is None or (made.count(letter) == count and made.replace(letter, "") == word.replace(letter, ""))


def test_common_words_are_plain_and_differ() -> None:
    assert len(set(COMMON)) == len(COMMON) > 300
    assert all(word.isascii() and word.islower() and word.isalpha() for word in COMMON)
