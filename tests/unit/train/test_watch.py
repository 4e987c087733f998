"""What is shown of a model's answers while it learns: a line each, whatever it says."""

from __future__ import annotations

import pytest

pytest.importorskip("torch")

from lianlu.train.watch import answer_line


@pytest.mark.parametrize(
    ("prompt", "answer", "wanted"),
    [
        ("Who?", "Lian.", "Who? → Lian."),
        ("Who?", "one\n\n  two\tthree", "Who? → one two three"),
        ("Who?", "", "Who? → "),
        ("Who?", "x" * 24, "Who? → " + "x" * 22 + "…"),
        ("a" * 99, "x" * 99, "a" * 9 + "… → " + "x" * 16 + "…"),
        ("你" * 99, "我" * 99, "你" * 4 + "… → " + "我" * 8 + "…"),
        ("Who?", "a\x1b[2Jb", "Who? → a\ufffd[2Jb"),
    ],
    ids=["short", "many lines", "nothing", "long answer", "both long", "wide", "steering"],
)
def test_an_answer_is_one_line_that_fits(prompt: str, answer: str, wanted: str) -> None:
    assert answer_line(prompt, answer, 30) == wanted
