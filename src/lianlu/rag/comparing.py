"""The same question to the same model, without a base and with it: what the documents add, and what the check takes away."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from lianlu.core.errors import LianluError
from lianlu.core.i18n import Text
from lianlu.core.settings import Settings
from lianlu.rag.answer import Answer, Answered
from lianlu.rag.asking import answer_events
from lianlu.rag.base import KnowledgeBase
from lianlu.rag.filters import Filters
from lianlu.rag.question import read_question
from lianlu.rag.retrieval import Models, open_models
from lianlu.rag.written import written
from lianlu.records import Conversation, user

if TYPE_CHECKING:
    from lianlu.llm import Backend

__all__ = ["Comparison", "Side", "compare"]

_CUT_OFF = Text("cut off at the model's length limit", "达到模型的长度上限，被截断")
_NOTHING = Text("the model gave no answer", "模型没有给出回答")


@dataclass(frozen=True)
class Side:
    """What a model said, one way or the other.

    Attributes:
        text: empty where it failed at once.
        answer: the checked answer, on the side of the base.
        notes: that it said nothing, or was cut off.
        error: what it failed with; `text` is what it had said until then.
    """

    text: str
    seconds: float
    answer: Answer | None = None
    notes: tuple[Text, ...] = ()
    error: LianluError | None = None


@dataclass(frozen=True)
class Comparison:
    """Both answers of one model to one question."""

    question: str
    base: str
    model: str
    without: Side
    within: Side

    @property
    def error(self) -> LianluError | None:
        """What kept the base from being asked to the end."""
        return self.within.error

    def told(self) -> dict[str, Any]:
        """For JSON."""
        errors = {"without": self.without.error, "with": self.within.error}
        return {
            "question": self.question,
            "base": self.base,
            "model": self.model,
            "without": self.without.text,
            "with": msgspec.to_builtins(self.within.answer),
            "seconds": {"without": round(self.without.seconds, 3), "with": round(self.within.seconds, 3)},
            "notes": [note.show() for note in self.without.notes],
            "errors": {
                side: {"code": error.code, "message": error.message("en"), "hint": error.hint("en")}
                for side, error in errors.items()
                if error is not None
            },
        }


async def compare(
    base: KnowledgeBase,
    text: str,
    model: str,
    *,
    top: int = 5,
    filters: Filters | None = None,
    settings: Settings | None = None,
    clock: Callable[[], float] = time.perf_counter,
) -> Comparison:
    """Ask a model twice. One that fails on one side does not cost the other; loading it counts on neither.

    Args: as `ask_base`.

    Raises:
        UsageError: rag.empty-question, rag.long-question, llm.*: the model cannot be opened
        BackendError: the model failed on both sides before it had said anything
    """
    from lianlu.llm import open_backend

    question = read_question(text).text
    async with open_models(base, settings) as models, open_backend(model, settings=settings) as backend:
        if "health" in backend.abilities:
            await backend.health()  # a local model is read from the disk when it is first asked for anything
        begun = clock()
        said, notes, failed = await _alone(backend, question)
        between = clock()
        answer, error = await _within(base, question, backend, model, models, top, filters)
        ended = clock()
    if failed is not None and error is not None and not said and answer is None:
        raise error
    return Comparison(
        question=question,
        base=base.name,
        model=model,
        without=Side(said, between - begun, notes=notes, error=failed),
        within=Side(answer.text if answer is not None else "", ended - between, answer, error=error),
    )


async def _alone(backend: Backend, question: str) -> tuple[str, tuple[Text, ...], LianluError | None]:
    """What a model says of a question when it is given nothing else."""
    said: list[str] = []
    is_cut_off = False
    try:
        async with aclosing(written(backend, Conversation(messages=(user(question),)))) as pieces:
            async for piece in pieces:
                said.append(piece.text)
                is_cut_off = is_cut_off or piece.is_cut_off
    except LianluError as error:
        return "".join(said).strip(), (), error
    text = "".join(said).strip()
    notes = [note for note, holds in ((_NOTHING, not text), (_CUT_OFF, is_cut_off)) if holds]
    return text, tuple(notes), None


async def _within(
    base: KnowledgeBase,
    question: str,
    backend: Backend,
    model: str,
    models: Models,
    top: int,
    filters: Filters | None,
) -> tuple[Answer | None, LianluError | None]:
    answer: Answer | None = None
    events = answer_events(base, question, backend, models=models, top=top, filters=filters, by=model)
    try:
        async with aclosing(events):
            async for event in events:
                if isinstance(event, Answered):
                    answer = event.answer
    except LianluError as error:
        return answer, error
    return answer, None
