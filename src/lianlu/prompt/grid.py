"""Prompts x models x cases x repeats: every cell asked once, kept in the request store, judged.

What was answered before is not asked again, so a run that was stopped goes on where it stopped. A cell that fails is told
and the others go on; when several fail one after the other the service is gone, and the run ends with what it has.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio
import msgspec

from lianlu.core.errors import BackendError, LianluError, UsageError
from lianlu.core.i18n import suggest
from lianlu.core.job import Job
from lianlu.core.recipe import parse_tree
from lianlu.llm import Backend, Reply, Sampling
from lianlu.llm.request_store import RequestStore, StoredBackend
from lianlu.llm.wrapper import Call, Question, Wrapper
from lianlu.prompt.assertions import Assertion, Verdict
from lianlu.prompt.cases import Case, assertions_of
from lianlu.prompt.checking import MODEL_TYPES, Answered, ToolCall, check
from lianlu.prompt.conversation import INPUT, talk_begins
from lianlu.prompt.file import PromptFile
from lianlu.prompt.judging import Judges
from lianlu.prompt.results import Cell, CellTurn, passed_of, score_of
from lianlu.records import Conversation, Message, ToolCallPart, user

__all__ = ["Grid", "Variant", "judge_turn"]

_MOST_IN_A_ROW = 5
"""Failures one after the other, beyond which every further cell would meet the same."""
_OF_ONE_CELL = frozenset({"llm.bad-request", "llm.too-long", "llm.content-filter"})

Behave = Callable[[Backend, PromptFile], Backend]


@dataclass(frozen=True)
class Variant:
    """A prompt with a model; without its system message it shows what the prompt is good for."""

    name: str
    file: PromptFile
    model: str
    with_system: bool = True


@dataclass
class Grid:
    """The work.

    Args:
        open_backend: opens a model by its ref.
        store: where answers are kept; None keeps nothing.
        behave: what a prompt's modules do around a model (vote, memory, ...).
        sampling: of every request.
        most_failures: so many one after the other end the run.
    """

    variants: Sequence[Variant]
    cases: Sequence[Case]
    open_backend: Callable[[str], Backend]
    judges: Judges
    store: RequestStore | None
    repeats: int = 1
    concurrency: int = 4
    sampling: Sampling = field(default_factory=Sampling)
    behave: Behave = lambda backend, _: backend
    most_failures: int = _MOST_IN_A_ROW
    _begins: dict[tuple[int, str], tuple[Message, ...]] = field(
        init=False, default_factory=dict[tuple[int, str], tuple[Message, ...]]
    )

    def plan(self) -> list[tuple[int, Case, int]]:
        """Variant, case and repeat of every cell, all of a case together. Everything that can be wrong is found here.

        Raises:
            UsageError: prompt.case-lacks-variable, prompt.no-judge, prompt.no-embedder, those of `talk_begins`
        """
        for number, variant in enumerate(self.variants):
            own = assertions_of(variant.file)
            for case in self.cases:
                values = _values(variant.file, case)
                begins = talk_begins(variant.file, values, case.turns[0].said, with_system=variant.with_system)
                self._begins[number, case.id] = begins
                for assertion in (*own, *(each for turn in case.turns for each in turn.asserts)):
                    if assertion.type == "judge" and self.judges.judge is None:
                        raise UsageError("prompt.no-judge", at=assertion.place)
                    if assertion.type == "similar" and self.judges.embedder is None:
                        raise UsageError("prompt.no-embedder", at=assertion.place)
        return [
            (number, case, repeat)
            for case in self.cases
            for repeat in range(self.repeats)
            for number in range(len(self.variants))
        ]

    def begins(self, variant: int, case: Case) -> tuple[Message, ...]:
        """The messages that a cell begins with, as they were planned."""
        return self._begins[variant, case.id]

    async def run(self, job: Job) -> tuple[list[Cell], LianluError | None]:
        """All cells in the order of the plan, and what ended the run before its end. Raises as `plan`."""
        plan = self.plan()
        backends = {
            ref: _Clocked(self.open_backend(ref)) for ref in dict.fromkeys(each.model for each in self.variants)
        }
        work = _Work(self, backends, job, len(plan))
        cells: list[Cell | None] = [None] * len(plan)
        waiting = iter(enumerate(plan))
        ends: list[LianluError] = []

        async def worker(scope: anyio.CancelScope) -> None:
            for at, (variant, case, repeat) in waiting:
                try:
                    cells[at] = await work.cell(variant, case, repeat)
                except LianluError as error:  # carried out by hand: a task group would wrap it
                    ends.append(error)
                    scope.cancel()
                    return

        try:
            for ref in dict.fromkeys(each.model for each in self.variants):
                backends[ref] = _Clocked(self.open_backend(ref))
            async with anyio.create_task_group() as tasks:
                for _ in range(min(self.concurrency, len(plan))):
                    tasks.start_soon(worker, tasks.cancel_scope)
        finally:
            with anyio.CancelScope(shield=True):
                for backend in backends.values():
                    await backend.close()
        return [cell for cell in cells if cell is not None], ends[0] if ends else None


@dataclass
class _Work:
    grid: Grid
    backends: Mapping[str, Backend]
    job: Job
    total: int
    done: int = 0
    in_a_row: int = 0
    _own: list[tuple[Assertion, ...]] = field(init=False)
    _models: dict[tuple[int, int], Backend] = field(default_factory=dict[tuple[int, int], Backend])
    _stored: dict[tuple[str, int], Backend] = field(default_factory=dict[tuple[str, int], Backend])

    def __post_init__(self) -> None:
        self._own = [assertions_of(variant.file) for variant in self.grid.variants]

    async def cell(self, number: int, case: Case, repeat: int) -> Cell:
        """Ask one cell. Raises what every further cell would meet too."""
        turns: list[CellTurn] = []
        why = ""
        try:
            await self._talk(number, self._model(number, repeat), case, turns)
        except BackendError as error:
            self.in_a_row += error.code not in _OF_ONE_CELL
            if self.in_a_row >= self.grid.most_failures:
                raise
            why = f"{error.message('en')} [{error.code}]"
        else:
            self.in_a_row = 0
        self.done += 1
        self.job.progress("asking", self.done, self.total, "cells")
        verdicts = [each for turn in turns for each in turn.verdicts]
        return Cell(
            variant=number,
            case=case.id,
            repeat=repeat,
            output="\n\n".join(turn.output for turn in turns),
            passed=None if why else passed_of(verdicts),
            score=None if why else score_of(verdicts),
            turns=tuple(turns),
            error=why,
        )

    async def _talk(self, number: int, backend: Backend, case: Case, turns: list[CellTurn]) -> None:
        own = self._own[number]
        messages: tuple[Message, ...] = ()
        for turn in case.turns:
            messages = (*messages, user(turn.said or "")) if messages else self.grid.begins(number, case)
            seconds: list[float] = []
            token = _SECONDS.set(seconds)
            try:
                reply = await backend.chat(Conversation(messages=messages), self.grid.sampling)
            finally:
                _SECONDS.reset(token)
            said = messages[-1].text if turn.said is None else turn.said
            made = _turn_of(said, reply, sum(seconds) if seconds else None)
            verdicts = await judge_turn((*turn.asserts, *own), made, case.vars, self.grid.judges)
            turns.append(msgspec.structs.replace(made, verdicts=verdicts))
            messages = (*messages, reply.message)

    def _model(self, number: int, repeat: int) -> Backend:
        key = (number, repeat)
        if key not in self._models:
            variant = self.grid.variants[number]
            kept = self._kept(variant.model, repeat)
            self._models[key] = self.grid.behave(kept, variant.file) if variant.with_system else kept
        return self._models[key]

    def _kept(self, ref: str, repeat: int) -> Backend:
        """One for each model and repeat, so that two equal requests under way are asked once."""
        key = (ref, repeat)
        if key not in self._stored:
            inner, store = self.backends[ref], self.grid.store
            self._stored[key] = inner if store is None else StoredBackend(inner, store, sample=repeat)
        return self._stored[key]


async def judge_turn(
    asserts: Sequence[Assertion], turn: CellTurn, values: Mapping[str, Any], judges: Judges
) -> tuple[Verdict, ...]:
    """What the assertions say of a turn; nothing of it is asked where no assertion needs a model."""
    answered = Answered(
        output=turn.output,
        said=turn.said,
        vars=dict(values),
        tool_calls=turn.tool_calls,
        seconds=turn.seconds,
        cost=turn.usage.cost,
    )
    return tuple(
        [await judges.decide(each, answered) if each.type in MODEL_TYPES else check(each, answered) for each in asserts]
    )


def _turn_of(said: str, reply: Reply, seconds: float | None) -> CellTurn:
    calls = [part for part in reply.message.parts if isinstance(part, ToolCallPart)]
    return CellTurn(
        said=said,
        output=reply.message.text,
        finish_reason=reply.finish_reason,
        tool_calls=tuple(ToolCall(name=call.name, arguments=call.arguments) for call in calls),
        usage=reply.usage,
        seconds=seconds,
    )


def _values(file: PromptFile, case: Case) -> dict[str, Any]:
    """The case's values that the prompt takes; text of a table becomes what the variable's type wants.

    Raises:
        UsageError: prompt.case-lacks-variable
    """
    known = file.variables
    for name, variable in known.items():
        if name not in case.vars and variable.default is None and name != INPUT:
            hint = suggest(name, case.vars)
            raise UsageError(
                "prompt.case-lacks-variable",
                at=case.place,
                case=case.id,
                name=name,
                prompt=Path(file.origin).name,
                suggestion=hint,
            )
    values = {name: value for name, value in case.vars.items() if name in known and name != INPUT}
    for name, value in values.items():
        if isinstance(value, str) and known[name].type not in ("string", "list"):
            values[name] = parse_tree(f"value: {value}", case.place, environment={}).values["value"]
    return values


_SECONDS: ContextVar[list[float] | None] = ContextVar("lianlu_prompt_seconds", default=None)


class _Clocked(Wrapper):
    """Tells how long a request took to the cell that asked it; below the store, so that a kept answer takes no time."""

    async def around(self, question: Question, call: Call) -> Any:  # noqa: ARG002
        began = time.perf_counter()
        answer = await call()
        seconds = _SECONDS.get()
        if seconds is not None:
            seconds.append(time.perf_counter() - began)
        return answer
