from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lianlu.prompt.cases import assertions_of, cases_of
from lianlu.prompt.check_verb import check_cases
from lianlu.prompt.file import read_file, shipped

_CASES = """cases:
  - id: one
    input: x
    assert: [{contains: "3"}, {judge: polite}]
    good: "it is 3"
    bad: ["it is 2", "it is 13"]
  - turns:
      - {user: a, assert: [{max-length: 3}], good: long answer}
      - {user: b, assert: [{max-length: 3}], bad: long answer}
"""


def _put(folder: Path) -> str:
    path = folder / "c.yaml"
    path.write_text(_CASES, encoding="utf-8")
    return str(path)


def test_what_is_judged_wrongly_is_named(tmp_path: Path, lianlu: Callable[..., Any]) -> None:
    done = lianlu("prompt", "check", _put(tmp_path), "--json")
    (found,) = json.loads(done.out)
    assert (done.code, found["cases"], found["answers"]) == (1, 2, 5)
    assert [(each["case"], each["turn"], each["kind"], each["answer"]) for each in found["mistaken"]] == [
        ("one", 1, "bad", "it is 13"),
        ("2", 1, "good", "long answer"),
    ]


def test_people_read_where_it_stands(tmp_path: Path, lianlu: Callable[..., Any]) -> None:
    shown = lianlu("prompt", "check", _put(tmp_path)).out
    assert "c.yaml:2: a bad answer passes: it is 13" in shown
    assert "a good answer fails (max-length: 3): long answer" in shown


def test_a_prompt_without_cases_is_told(tmp_path: Path, lianlu: Callable[..., Any]) -> None:
    (tmp_path / "p.md").write_text("Be brief.")
    done = lianlu("prompt", "check", str(tmp_path / "p.md"))
    assert (done.code, "prompt.no-cases" in done.err) == (2, True)


@pytest.mark.parametrize("name", [name for name, path in shipped().items() if read_file(path).head.cases])
def test_the_gallery_tells_good_answers_from_bad_ones(name: str) -> None:
    file = read_file(shipped()[name])
    cases = cases_of(file)
    assert len(cases) >= 5
    for case in cases:
        assert any(turn.good for turn in case.turns), case.id
        assert any(turn.bad for turn in case.turns), case.id
    _, mistaken = check_cases(cases, assertions_of(file))
    assert mistaken == []


def test_two_of_the_gallery_have_several_turns() -> None:
    several = {
        name.partition(".")[0]
        for name, path in shipped().items()
        for case in cases_of(read_file(path))
        if len(case.turns) > 1
    }
    assert {"mbti", "letter-counter"} <= several
