"""What GEPA asks of a system and tells of its search, in terms of cases and cells. Knows no model and no file.

GEPA (Agrawal et al. 2025) keeps a pool of texts; each step it shows a model what one of them got wrong on a few cases,
and keeps the rewriting where it scores better on these, then scores it on all cases to choose by.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from lianlu.core.extras import require
from lianlu.core.i18n import Text
from lianlu.prompt.cases import Case
from lianlu.prompt.results import Cell

__all__ = ["PART", "Adapter", "Candidate", "Rejected", "Silent", "Watch"]

PART = "system"
Scorer = Callable[[Sequence[Case], str], "Sequence[Cell | Text]"]


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """One text of the search; `score` is the mean of its `scores` by case, on the cases to choose by.

    Attributes:
        parent: index of the candidate that it was made from; None for the first.
    """

    text: str
    score: float
    parent: int | None = None
    scores: dict[str, float] = {}


class Rejected(msgspec.Struct, frozen=True, kw_only=True):
    """A proposal that is no candidate.

    Attributes:
        text: what was proposed; what the model said where there was no prompt in it.
        why: in English, where it could not be used at all; it then scores nothing.
        before: score of the text that it was made from, on the cases that it learned from.
        after: its own score on them.
    """

    text: str
    why: str = ""
    before: float | None = None
    after: float = 0.0


@dataclass
class Adapter:
    """Scores for a text, and what went wrong in words.

    Args:
        score: a cell for each case, or what is wrong with the text.
    """

    score: Scorer
    propose_new_texts: None = None

    def evaluate(self, batch: list[Case], candidate: Mapping[str, str], capture_traces: bool = False) -> Any:
        made = require("gepa", "prompt").EvaluationBatch
        cells = self.score(batch, candidate[PART])
        outputs = [cell.en if isinstance(cell, Text) else cell.output for cell in cells]
        scores = [0.0 if isinstance(cell, Text) else cell.score or 0.0 for cell in cells]
        traces = list(zip(batch, cells, strict=True)) if capture_traces else None
        return made(outputs=outputs, scores=scores, trajectories=traces)

    def make_reflective_dataset(
        self,
        candidate: Mapping[str, str],  # noqa: ARG002 - the traces say it all
        eval_batch: Any,
        components_to_update: Sequence[str],
    ) -> dict[str, list[dict[str, Any]]]:
        records = [_record(case, cell) for case, cell in eval_batch.trajectories]
        return dict.fromkeys(components_to_update, records)


def _record(case: Case, cell: Cell | Text) -> dict[str, Any]:
    """What was said and answered, which assertions it failed, and an answer that passes where one is known."""
    if isinstance(cell, Text):
        return {"input": case.turns[0].said or "", "output": "", "failed": [cell]}
    failed = [
        f"{verdict.name}: {verdict.value}" + (f" ({verdict.why})" if verdict.why else "")
        for turn in cell.turns
        for verdict in turn.verdicts
        if verdict.passed is False
    ]
    good = "\n\n".join(turn.good for turn in case.turns)
    said = "\n".join(turn.said for turn in cell.turns) or case.turns[0].said or ""
    return {
        "input": said,
        "output": cell.output,
        "failed": failed or ([cell.error] if cell.error else []),
        "good": good.strip(),
    }


@dataclass
class Watch:
    """Keeps what GEPA tells while it runs, so that a search that is stopped has what it found.

    Args:
        cases: those to choose by, as GEPA numbers them.
        learned_at_once: on how many cases a proposal is tried first.
    """

    cases: Sequence[Case]
    learned_at_once: int
    candidates: list[Candidate] = field(default_factory=list[Candidate])
    rejected: list[Rejected] = field(default_factory=list[Rejected])
    used: int = 0
    _proposed: str = ""

    def on_valset_evaluated(self, event: Mapping[str, Any]) -> None:
        scores = {self.cases[at].id: float(score) for at, score in event["scores_by_val_id"].items()}
        parents = [each for each in event["parent_ids"] if each is not None]
        self.used = max(self.used, len(scores))
        self.candidates.append(
            Candidate(
                text=event["candidate"][PART],
                score=float(event["average_score"]),
                parent=parents[0] if parents else None,
                scores=scores,
            )
        )

    def on_budget_updated(self, event: Mapping[str, Any]) -> None:
        self.used = event["metric_calls_used"]

    def on_proposal_end(self, event: Mapping[str, Any]) -> None:
        self._proposed = event["new_instructions"][PART]

    def on_candidate_rejected(self, event: Mapping[str, Any]) -> None:
        before, after = (float(event[key]) / self.learned_at_once for key in ("old_score", "new_score"))
        self.rejected.append(Rejected(text=self._proposed, before=before, after=after))


class Silent:
    """Where GEPA's own log goes: the job tells what there is to tell."""

    def log(self, message: str) -> None: ...
