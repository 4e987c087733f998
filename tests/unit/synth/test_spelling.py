from __future__ import annotations

from dataclasses import replace
from itertools import islice
from random import Random

import pytest

from lianlu.synth import Item, Material
from lianlu.synth.letters import LettersConfig, may_train, worked
from lianlu.synth.spelling import SPELLING, marked

CONFIG = LettersConfig()


def items(split: str, count: int) -> list[Item]:
    stream = SPELLING.items(CONFIG, split, "en", random=Random(1), material=Material())  # type: ignore[arg-type]
    return list(islice(stream, count))


def test_a_mark_has_the_length_of_a_step_of_letters_and_leaves_the_count_open() -> None:
    assert marked("Berry", "R") == "br.? er.? rr=? rr=? yr.?"
    assert [len(mark) for mark in marked("berry", "r").split(" ")] == [
        len(step) for step in worked("berry", "r").split(" ")
    ]


def test_no_lesson_asks_how_many() -> None:
    said = " ".join(item.question + item.answer for item in items("train", 300)).casefold()
    assert "how many" not in said
    assert not any(character.isdigit() for character in said)


def test_words_of_lessons_may_train() -> None:
    assert all(may_train(item.key) for item in items("train", 300))


@pytest.mark.parametrize(
    "answer",
    ["br.? er.? rr=? yr.?", "br.? er.? rr.? rr=? yr.?", "br. er. rr= rr= yr.", "br.?  er.? rr=? rr=? yr.?", ""],
    ids=["a letter is missing", "a hit is missed", "no open count", "two blanks", "nothing"],
)
def test_a_wrong_spelling_is_found(answer: str) -> None:
    right = Item("Spell Berry and mark every r.", "br.? er.? rr=? rr=? yr.?", "br.? er.? rr=? rr=? yr.?", "berry", "en",
                 {"word": "Berry", "letter": "r"})  # fmt: skip
    assert SPELLING.fault(CONFIG, right) == ""
    assert SPELLING.fault(CONFIG, replace(right, answer=answer, target=answer)) != ""
