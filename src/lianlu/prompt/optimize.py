"""Search better words for a prompt with GEPA: a model reads what went wrong and proposes, a candidate stays where it scores better.

What is searched is the system text of a file, and every candidate is scored as a file through the same grid as a
comparison: the bytes that are scored are the bytes that are written. Cases kept for the end have no part in the search.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from lianlu.core import aio
from lianlu.core.errors import LianluError, UsageError
from lianlu.core.extras import require
from lianlu.core.job import Job
from lianlu.llm import Backend, Sampling
from lianlu.llm.request_store import RequestStore, StoredBackend
from lianlu.llm.wrapper import Wrapper
from lianlu.prompt.cases import Case
from lianlu.prompt.compare_stats import Comparison, compared
from lianlu.prompt.file import PromptFile, parse_file
from lianlu.prompt.grid import Behave, Grid, Variant
from lianlu.prompt.judging import Judges
from lianlu.prompt.reflection import problem_of, proposed, reflection_conversation
from lianlu.prompt.render import source
from lianlu.prompt.results import Cell, Results, VariantFacts
from lianlu.records import Conversation, Usage

__all__ = ["Candidate", "Optimized", "Search", "Splits", "split_cases", "with_system"]

_PART = "system"
_LEAST_FOR_A_TEST = 12
_MINIBATCH = 3


class Splits(msgspec.Struct, frozen=True, kw_only=True):
    """Cases to learn from, to choose by, and for the end alone."""

    train: tuple[Case, ...]
    val: tuple[Case, ...]
    test: tuple[Case, ...] = ()


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """One text of the search with its mean score on the cases to choose by; `parent` is None for the first."""

    text: str
    score: float
    parent: int | None = None


class Optimized(msgspec.Struct, frozen=True, kw_only=True):
    """What a search found.

    Attributes:
        best: index of the best candidate; 0 where nothing was better than what was there.
        calls: answers that were scored, kept ones included.
        nonsense: proposals that were no prompt, of `reflections`.
        held_out: old against new on the cases that had no part in the search; None where there are none.
    """

    candidates: tuple[Candidate, ...]
    best: int
    calls: int
    reflections: int
    nonsense: int
    train: int
    val: int
    test: int
    held_out: Comparison | None = None
    passed: tuple[float, float] | None = None
    spent: Usage = Usage()
    is_whole: bool = True


def split_cases(cases: Sequence[Case], seed: int) -> Splits:
    """The cases by their own `split`; those without one are parted by the seed.

    Raises:
        UsageError: prompt.too-few-cases
    """
    test = [case for case in cases if case.split == "test"]
    train = [case for case in cases if case.split == "train"]
    val = [case for case in cases if case.split == "val"]
    free = [case for case in cases if not case.split]
    random.Random(seed).shuffle(free)  # noqa: S311 - no secret
    if not test and len(free) >= _LEAST_FOR_A_TEST:
        third = len(free) // 3
        test, free = free[:third], free[third:]
    if free:
        half = (len(free) + 1) // 2
        train += free[:half]
        val += free[half:]
    if not train or not val:
        raise UsageError("prompt.too-few-cases", train=len(train), val=len(val))
    return Splits(train=tuple(train), val=tuple(val), test=tuple(test))


def with_system(file: PromptFile, text: str) -> PromptFile:
    """The same file with another system text.

    Raises:
        UsageError: as `parse_file`
    """
    words = text if not file.messages or text.endswith("\n") else text + "\n"
    whole = file.head_text + file.lead + words + "".join(each.source for each in file.messages)
    return parse_file(whole, file.origin, framework=file.prompt.framework, syntax=file.prompt.syntax)


@dataclass
class Search:
    """The search over one prompt.

    Args:
        opened: opens a model by its ref.
        model: the model that answers.
        reflect: the model that proposes.
        budget: most answers that are scored.
    """

    file: PromptFile
    cases: Splits
    opened: Callable[[str], Backend]
    model: str
    reflect: str
    judges: Judges
    store: RequestStore | None
    behave: Behave
    job: Job
    budget: int = 100
    concurrency: int = 4
    seed: int = 0
    sampling: Sampling = field(default_factory=Sampling)
    _open: dict[str, Backend] = field(init=False, default_factory=dict[str, Backend])
    _calls: int = field(init=False, default=0)
    _reflections: int = field(init=False, default=0)
    _nonsense: int = field(init=False, default=0)
    _asked: Counter[str] = field(init=False, default_factory=Counter[str])
    _spent: Usage = field(init=False, default_factory=Usage)
    _scored: dict[str, float] = field(init=False, default_factory=dict[str, float])

    def run(self) -> tuple[Optimized, LianluError | None]:
        """Search until the budget is spent; what ended it before is the second value, and the first what stands then.

        Raises:
            UsageError: prompt.nothing-to-optimize, extra.missing, those of `Grid.plan`
        """
        gepa = require("gepa", "prompt")
        text = source(self.file.prompt)
        if not text.strip():
            raise UsageError("prompt.nothing-to-optimize", at=self.file.origin)
        self._grid(
            [Variant("old", self.file, self.model)], [*self.cases.train, *self.cases.val, *self.cases.test]
        ).plan()
        ended: LianluError | None = None
        candidates: list[Candidate] = []
        try:
            try:
                found = gepa.optimize(
                    seed_candidate={_PART: text},
                    trainset=list(self.cases.train),
                    valset=list(self.cases.val),
                    adapter=_Adapter(self),
                    custom_candidate_proposer=self._propose,
                    reflection_minibatch_size=min(_MINIBATCH, len(self.cases.train)),
                    max_metric_calls=self.budget,
                    logger=_Silent(),
                    seed=self.seed,
                    raise_on_exception=True,
                )
                candidates = [
                    Candidate(
                        text=each[_PART], score=score, parent=next((at for at in parents if at is not None), None)
                    )
                    for each, score, parents in zip(
                        found.candidates, found.val_aggregate_scores, found.parents, strict=True
                    )
                ]
            except LianluError as error:
                ended = error
                candidates = [Candidate(text=each, score=score) for each, score in self._scored.items()]
                if not candidates:
                    raise
            scores = [each.score for each in candidates]
            best = scores.index(max(scores))
            held_out, passed = None, None
            if ended is None and best:
                try:
                    held_out, passed = self._held_out(candidates[best].text)
                except LianluError as error:
                    ended = error
        finally:
            self._close()
        return (
            Optimized(
                candidates=tuple(candidates),
                best=best,
                calls=self._calls,
                reflections=self._reflections,
                nonsense=self._nonsense,
                train=len(self.cases.train),
                val=len(self.cases.val),
                test=len(self.cases.test),
                held_out=held_out,
                passed=passed,
                spent=self._spent,
                is_whole=ended is None,
            ),
            ended,
        )

    # Scoring

    def scored(self, cases: Sequence[Case], text: str) -> list[Cell | str]:
        """A cell for each case, or what is wrong with the text; raises what ends the search."""
        problem = problem_of(text, source(self.file.prompt), self.file.name)
        file = self.file
        if not problem:
            try:
                file = with_system(self.file, text)
            except UsageError as error:
                problem = error.message()
        if problem:
            return [problem] * len(cases)
        cells = self._cells([Variant("candidate", file, self.model)], cases)
        self._calls += len(cases)
        self.job.progress("scoring", min(self._calls, self.budget), self.budget, "answers")
        self.job.check()
        if {case.id for case in cases} == {case.id for case in self.cases.val}:
            self._scored[text] = sum(cell.score or 0.0 for cell in cells) / len(cells)
        return list(cells)

    def _grid(self, variants: Sequence[Variant], cases: Sequence[Case]) -> Grid:
        return Grid(
            variants=variants,
            cases=cases,
            open_backend=self._opened,
            judges=self.judges,
            store=self.store,
            concurrency=self.concurrency,
            sampling=self.sampling,
            behave=self.behave,
            most_failures=1,  # an answer that did not come is no score of the prompt
        )

    def _cells(self, variants: Sequence[Variant], cases: Sequence[Case]) -> list[Cell]:
        grid = self._grid(variants, cases)
        cells, ended = aio.run(lambda: grid.run(Job()), self.job)
        if ended is not None:
            raise ended
        for cell in cells:
            for turn in cell.turns:
                self._spent += turn.usage
        return cells

    def _held_out(self, text: str) -> tuple[Comparison | None, tuple[float, float] | None]:
        """Old against new on the cases of the end, and the share of them that each passes."""
        if not self.cases.test:
            return None, None
        variants = [Variant("old", self.file, self.model), Variant("new", with_system(self.file, text), self.model)]
        cells = self._cells(variants, self.cases.test)
        facts = tuple(VariantFacts(name=each.name, prompt=each.file.origin, model=each.model) for each in variants)
        pairs = compared(Results(variants=facts, cells=tuple(cells)))
        shares = [
            sum(cell.passed is True for cell in cells if cell.variant == number) / len(self.cases.test)
            for number in (0, 1)
        ]
        return (pairs[0] if pairs else None), (shares[0], shares[1])

    # Proposing

    def _propose(
        self,
        candidate: Mapping[str, str],
        reflective_dataset: Mapping[str, Sequence[Mapping[str, Any]]],
        components_to_update: Sequence[str],  # noqa: ARG002 - there is one
    ) -> dict[str, str]:
        """Another text for the part; the same where none that can be used was proposed, even after it was told why."""
        now, original = candidate[_PART], source(self.file.prompt)
        records = reflective_dataset[_PART]
        conversation = reflection_conversation(now, records)
        for _ in range(2):
            said = self._reflect(conversation)
            self._reflections += 1
            text = proposed(said)
            problem = problem_of(text, original, self.file.name) if text else ""
            if text and not problem:
                return {_PART: text if not now.endswith("\n") else text.rstrip("\n") + "\n"}
            self._nonsense += 1
            conversation = reflection_conversation(now, records, refused=problem or said)
        return {_PART: now}

    def _reflect(self, conversation: Conversation) -> str:
        asked = msgspec.json.encode(conversation.messages).decode()
        number = self._asked[asked]
        self._asked[asked] += 1  # the same question again is for another answer
        model = self._opened(self.reflect)
        backend = model if self.store is None else StoredBackend(model, self.store, sample=number)
        reply = aio.run(lambda: backend.chat(conversation, Sampling()), self.job)
        self._spent += reply.usage
        return reply.message.text

    # Models are opened once: a search asks the same one hundreds of times.

    def _opened(self, ref: str) -> Backend:
        if ref not in self._open:
            self._open[ref] = self.opened(ref)
        return _KeptOpen(self._open[ref])

    def _close(self) -> None:
        async def close() -> None:
            for backend in self._open.values():
                await backend.close()
            await self.judges.close()

        aio.run(close)


class _KeptOpen(Wrapper):
    async def close(self) -> None:
        """Stays open; `Search` closes it."""


@dataclass
class _Adapter:
    """What GEPA asks of a system: scores for a candidate, and what went wrong in words."""

    search: Search
    propose_new_texts: None = None

    def evaluate(self, batch: list[Case], candidate: Mapping[str, str], capture_traces: bool = False) -> Any:
        batches = require("gepa", "prompt").EvaluationBatch
        cells = self.search.scored(batch, candidate[_PART])
        outputs = [cell if isinstance(cell, str) else cell.output for cell in cells]
        scores = [0.0 if isinstance(cell, str) else cell.score or 0.0 for cell in cells]
        traces = list(zip(batch, cells, strict=True)) if capture_traces else None
        return batches(outputs=outputs, scores=scores, trajectories=traces)

    def make_reflective_dataset(
        self,
        candidate: Mapping[str, str],  # noqa: ARG002
        eval_batch: Any,
        components_to_update: Sequence[str],
    ) -> dict[str, list[dict[str, Any]]]:
        records = [_record(case, cell) for case, cell in eval_batch.trajectories]
        return dict.fromkeys(components_to_update, records)


def _record(case: Case, cell: Cell | str) -> dict[str, Any]:
    """What was said and answered, and which assertions it failed, for the model that proposes."""
    if isinstance(cell, str):
        return {"input": case.turns[0].said or "", "output": "", "failed": [cell]}
    failed = [
        f"{verdict.name}: {verdict.value}" + (f" ({verdict.why})" if verdict.why else "")
        for turn in cell.turns
        for verdict in turn.verdicts
        if verdict.passed is False
    ]
    said = "\n".join(turn.said for turn in cell.turns)
    return {"input": said, "output": cell.output, "failed": failed or ([cell.error] if cell.error else [])}


class _Silent:
    """Where GEPA's own log goes: the job tells what there is to tell."""

    def log(self, message: str) -> None: ...
