"""The work of a comparison: what is asked, what is kept, what happens when a service dies half way."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from lianlu.core import aio
from lianlu.core.errors import BackendError, LianluError, UsageError
from lianlu.core.job import Job
from lianlu.llm import Backend, FakeBackend, Rule, Sampling
from lianlu.llm.fake import FakeCall, Fault
from lianlu.llm.refusal import refusal
from lianlu.llm.request_store import RequestStore
from lianlu.prompt.assertions import Assertion
from lianlu.prompt.cases import Case, Turn
from lianlu.prompt.file import parse_file
from lianlu.prompt.grid import Grid, Variant
from lianlu.prompt.judging import Judges
from lianlu.prompt.results import Cell
from lianlu.records import Conversation


def _case(name: str, *said: str, contains: str = "", **values: Any) -> Case:
    asserts = (Assertion(type="contains", value=contains, place="c.yaml:1"),) if contains else ()
    turns = tuple(Turn(said=each, asserts=asserts) for each in said)
    return Case(id=name, turns=turns, vars=values, place="c.yaml:1")


def _grid(backend: Backend, cases: Sequence[Case], *texts: str, **more: Any) -> Grid:
    variants = [
        Variant(f"v{at}", parse_file(text, f"p{at}.md"), "m") for at, text in enumerate(texts or ("Be brief.",))
    ]
    values: dict[str, Any] = {"judges": Judges(), "store": None, **more}
    return Grid(variants=variants, cases=cases, open_backend=lambda _: backend, **values)


def _run(grid: Grid) -> tuple[list[Cell], LianluError | None]:
    return aio.run(lambda: grid.run(Job()))


def test_every_cell_is_asked_with_the_exact_words() -> None:
    backend = FakeBackend()
    cells, ended = _run(
        _grid(backend, [_case("a", "one"), _case("b", "two")], "Be {{how}}.".replace("{{how}}", "kind"), "No.")
    )
    assert ended is None
    assert [(cell.variant, cell.case, cell.output) for cell in cells] == [
        (0, "a", "one"),
        (1, "a", "one"),
        (0, "b", "two"),
        (1, "b", "two"),
    ]
    sent = {tuple(message.text for message in asked.messages) for asked in backend.asked}
    assert sent == {("Be kind.", "one"), ("No.", "one"), ("Be kind.", "two"), ("No.", "two")}


def test_turns_are_asked_one_after_the_other_with_all_that_was_said() -> None:
    backend = FakeBackend()
    cells, _ = _run(_grid(backend, [_case("a", "one", "two", contains="t")]))
    assert [message.text for message in backend.asked[1].messages] == ["Be brief.", "one", "one", "two"]
    assert [turn.output for turn in cells[0].turns] == ["one", "two"]
    assert [turn.verdicts[0].passed for turn in cells[0].turns] == [False, True]
    assert (cells[0].passed, cells[0].score) == (False, 0.5)


def test_repeats_are_answers_of_their_own_in_the_store(tmp_path: Path) -> None:
    said = iter(range(100))
    backend = FakeBackend(lambda *_: f"answer {next(said)}", fingerprint="f")
    store = RequestStore(tmp_path / "r.sqlite")
    first, _ = _run(_grid(backend, [_case("a", "one")], store=store, repeats=3))
    assert len({cell.output for cell in first}) == 3
    again, _ = _run(_grid(backend, [_case("a", "one")], store=store, repeats=4))
    assert [cell.output for cell in again[:3]] == [cell.output for cell in first]
    assert len(backend.asked) == 4
    assert [cell.turns[0].seconds is None for cell in again] == [True, True, True, False]


def test_two_equal_requests_under_way_are_asked_once(tmp_path: Path) -> None:
    backend = FakeBackend([Rule(reply="x", delay_seconds=0.05)])
    store = RequestStore(tmp_path / "r.sqlite")
    _run(_grid(backend, [_case("a", "same"), _case("b", "same")], store=store))
    assert len(backend.asked) == 1


def test_a_cell_that_is_refused_is_told_and_the_others_go_on() -> None:
    backend = FakeBackend([Rule(match="bad", error=Fault(status=400)), Rule(reply="x")])
    cells, ended = _run(_grid(backend, [_case(str(at), "bad" if at % 2 else "good", contains="x") for at in range(20)]))
    assert ended is None
    assert sum(bool(cell.error) for cell in cells) == 10
    assert {cell.passed for cell in cells if cell.error} == {None}
    assert {cell.passed for cell in cells if not cell.error} == {True}


def test_a_service_that_dies_half_way_ends_the_run_and_the_next_one_goes_on(tmp_path: Path) -> None:
    alive = True
    answered = 0

    async def answer(conversation: Conversation, sampling: Sampling) -> str:
        nonlocal answered
        if not alive and answered >= 7:
            raise refusal(503, "gone", url="fake:", model="m")
        answered += 1
        return "x"

    cases = [_case(str(at), f"question {at}") for at in range(30)]
    store = RequestStore(tmp_path / "r.sqlite")
    backend = FakeBackend(answer, fingerprint="f")
    alive = False
    cells, ended = _run(_grid(backend, cases, store=store))
    assert isinstance(ended, BackendError)
    assert sum(not cell.error for cell in cells) == 7
    alive = True
    cells, ended = _run(_grid(backend, cases, store=store))
    assert ended is None
    assert len(cells) == 30
    assert answered == 30


def test_assertions_of_the_prompt_hold_for_every_answer() -> None:
    text = "---\nassert:\n  - max-length: 2\n---\nBe brief."
    cells, _ = _run(_grid(FakeBackend(), [_case("a", "x"), _case("b", "xxx")], text))
    assert [cell.passed for cell in cells] == [True, False]


def test_tool_calls_are_seen() -> None:
    backend = FakeBackend([Rule(tool_calls=(FakeCall(name="search", arguments='{"q": "x"}'),))])
    case = Case(id="a", turns=(Turn(said="x", asserts=(Assertion(type="tool-call", value="search"),)),))
    cells, _ = _run(_grid(backend, [case]))
    assert cells[0].passed is True


@pytest.mark.parametrize(
    ("text", "case", "code"),
    [
        ("Say {{word}}.", _case("a", "x"), "prompt.case-lacks-variable"),
        ("user:\nno place\n", _case("a", "x"), "prompt.input-without-place"),
        ("---\nassert: [{judge: kind}]\n---\nBe brief.", _case("a", "x"), "prompt.no-judge"),
        ("---\nassert: [{similar: kind}]\n---\nBe brief.", _case("a", "x"), "prompt.no-embedder"),
    ],
)
def test_what_is_wrong_is_found_before_anything_is_asked(text: str, case: Case, code: str) -> None:
    backend = FakeBackend()
    with pytest.raises(UsageError) as raised:
        _run(_grid(backend, [_case("ok", "x", word="y"), case], text))
    assert raised.value.code == code
    assert backend.asked == []


def test_a_missing_column_is_told_with_the_nearest_name() -> None:
    with pytest.raises(UsageError) as raised:
        _run(_grid(FakeBackend(), [_case("a", "x", wrod="y")], "Say {{word}}."))
    assert "wrod" in raised.value.hint("en")
    assert raised.value.facts["at"] == "c.yaml:1"


def test_text_of_a_table_becomes_what_the_variable_wants() -> None:
    text = "---\nvariables: {n: {type: integer}, yes: {type: boolean}}\n---\nSay {{n}} {{yes}}."
    backend = FakeBackend()
    _run(_grid(backend, [_case("a", "x", n="3", yes="true", other="left out")], text))
    assert backend.asked[0].messages[0].text == "Say 3 true."
