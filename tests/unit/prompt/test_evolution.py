from __future__ import annotations

import pytest

from lianlu.core.i18n import Text
from lianlu.prompt.assertions import Verdict
from lianlu.prompt.cases import Case, Turn
from lianlu.prompt.evolution import PART, Adapter, Watch
from lianlu.prompt.results import Cell, CellTurn

pytest.importorskip("gepa")

_CASE = Case(id="a", turns=(Turn(said="strawberry?", good="3"),))


def _cell(score: float | None, *verdicts: Verdict, error: str = "") -> Cell:
    turn = CellTurn(said="strawberry?", output="2", verdicts=verdicts)
    return Cell(variant=0, case="a", repeat=0, output="2", passed=None, score=score, turns=(turn,), error=error)


def test_what_went_wrong_is_told_with_an_answer_that_passes() -> None:
    cell = _cell(0.5, Verdict(name="contains", value="3", passed=False, why="near"), Verdict(name="regex", passed=True))
    adapter = Adapter(lambda *_: [cell])
    made = adapter.evaluate([_CASE], {PART: "x"}, capture_traces=True)
    assert (made.scores, made.outputs) == ([0.5], ["2"])
    records = adapter.make_reflective_dataset({PART: "x"}, made, [PART])[PART]
    assert records == [{"input": "strawberry?", "output": "2", "failed": ["contains: 3 (near)"], "good": "3"}]


def test_a_text_that_cannot_be_used_scores_nothing_and_says_why() -> None:
    why = Text("the variable {{x}} is missing", "缺少变量 {{x}}")
    adapter = Adapter(lambda cases, _: [why] * len(cases))
    made = adapter.evaluate([_CASE, _CASE], {PART: "x"}, capture_traces=True)
    assert made.scores == [0.0, 0.0]
    records = adapter.make_reflective_dataset({PART: "x"}, made, [PART])[PART]
    assert str(records[0]["failed"][0]) == why.en


def test_an_answer_that_was_refused_or_not_judged_scores_nothing() -> None:
    made = Adapter(lambda *_: [_cell(None, error="too long"), _cell(None)]).evaluate([_CASE, _CASE], {PART: "x"})
    assert made.scores == [0.0, 0.0]
    assert made.trajectories is None


def test_what_is_told_while_it_runs_is_kept() -> None:
    watch = Watch([_CASE], 2)
    first = {"candidate": {PART: "old"}, "scores_by_val_id": {0: 0.5}, "average_score": 0.5, "parent_ids": []}
    watch.on_valset_evaluated(first)
    watch.on_proposal_end({"new_instructions": {PART: "worse"}})
    watch.on_candidate_rejected({"old_score": 1.0, "new_score": 0.5, "reason": ""})
    watch.on_valset_evaluated({**first, "candidate": {PART: "new"}, "parent_ids": [0]})
    assert [(each.text, each.parent, each.scores) for each in watch.candidates] == [
        ("old", None, {"a": 0.5}),
        ("new", 0, {"a": 0.5}),
    ]
    assert [(each.text, each.before, each.after) for each in watch.rejected] == [("worse", 0.5, 0.25)]
