"""Questions to one base, one after the other, each with what was said before; what was answered so far is never lost.

The models stay open between the questions, whereas each question has an event loop of its own: that is what lets Ctrl-C
stop an answer and nothing else. Whoever asks without a model, and of a base that is searched by words, needs no loop.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lianlu.core.errors import LianluError
from lianlu.core.i18n import Text
from lianlu.core.settings import Settings
from lianlu.rag.answer import Answer, Answered, AnswerEvent, Citation, Claimed, Dropped, DroppedClaim, Rewritten
from lianlu.rag.asking import answer_events, ask_by_quoting
from lianlu.rag.base import KnowledgeBase
from lianlu.rag.filters import Filters
from lianlu.rag.retrieval import Models, models_of
from lianlu.records import Message, assistant, user

if TYPE_CHECKING:
    from lianlu.llm import Backend

__all__ = ["Heard", "Talk"]

_TURNS_REMEMBERED = 6
_STOPPED = Text("stopped before it was done", "回答中途被停止")


@dataclass(frozen=True)
class Heard:
    """What came of a question.

    Attributes:
        answer: whole, or as far as it came; None when it was stopped before anything was said.
        error: what the model failed with when the answer had begun.
        is_stopped: the person who asked had enough.
    """

    answer: Answer | None
    error: LianluError | None = None
    is_stopped: bool = False


class Talk:
    """A talk with a base. Close it, or use it in a `with` block: the models stay open until then.

    Attributes:
        answers: what was answered so far; follow-ups are understood by the last ones.
        filters: which documents are asked from now on.
    """

    def __init__(
        self,
        base: KnowledgeBase,
        *,
        model: str | None = None,
        top: int = 5,
        filters: Filters | None = None,
        settings: Settings | None = None,
    ) -> None:
        """`model` is the ModelRef that writes the answers; without it sentences are quoted. `top` passages are shown to it."""
        self.base = base
        self.model = model
        self.filters = filters or Filters()
        self.answers: list[Answer] = []
        self._top = top
        self._settings = settings
        self._stack = AsyncExitStack()
        self._opened: tuple[Models, Backend | None] | None = None

    def __enter__(self) -> Talk:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the models."""
        if self._opened is not None:
            from lianlu.core import aio

            self._opened = None
            aio.run(self._stack.aclose)

    @property
    def messages(self) -> tuple[Message, ...]:
        """What was said, as far as a follow-up may refer to it."""
        last = self.answers[-_TURNS_REMEMBERED:]
        return tuple(
            message for each in last for message in (user(each.rewritten or each.question), assistant(each.text))
        )

    def ask(self, question: str, show: Callable[[AnswerEvent], None]) -> Heard:
        """Answer a question. Ctrl-C stops the answer, and what was checked until then is kept.

        Args:
            show: told of every event as it comes.

        Raises:
            UsageError: rag.empty-question, rag.long-question, llm.*: the model cannot be opened
            BackendError: the model failed before it had said anything
        """
        so_far = _SoFar(question)

        def take(event: AnswerEvent) -> None:
            so_far.take(event)
            show(event)

        error: LianluError | None = None
        is_stopped = False
        try:
            self._answer(question, take)
        except KeyboardInterrupt:
            is_stopped = so_far.answer is None
        except LianluError as failure:
            if so_far.answer is None:
                raise
            error = failure
        answer = so_far.answer or so_far.stopped(self.model or "extract")
        if answer is not None:
            self.answers.append(answer)
        return Heard(answer, error, is_stopped)

    def _answer(self, question: str, take: Callable[[AnswerEvent], None]) -> None:
        if self.model is None and not self.base.config.embed and not self.base.config.rerank:
            quoted = ask_by_quoting(self.base, question, filters=self.filters, history=self.messages)
            take(Answered(answer=quoted))
            return

        async def main() -> None:
            models, backend = await self._open()
            events = answer_events(
                self.base,
                question,
                backend,
                models=models,
                history=self.messages,
                top=self._top,
                filters=self.filters,
                by=self.model or "",
            )
            async with aclosing(events):
                async for event in events:
                    take(event)

        from lianlu.core import aio

        aio.run(main)

    async def _open(self) -> tuple[Models, Backend | None]:
        if self._opened is None:
            from lianlu.llm import open_backend

            backend = open_backend(self.model, settings=self._settings) if self.model is not None else None
            if backend is not None:
                await self._stack.enter_async_context(backend)
            self._opened = (await models_of(self.base, self._stack, self._settings), backend)
        return self._opened


@dataclass
class _SoFar:
    """What was heard of an answer until now."""

    question: str
    rewritten: str = ""
    claims: list[Claimed] = field(default_factory=list[Claimed])
    dropped: list[Dropped] = field(default_factory=list[Dropped])
    answer: Answer | None = None

    def take(self, event: AnswerEvent) -> None:
        match event:
            case Rewritten():
                self.rewritten = event.question
            case Claimed():
                self.claims.append(event)
            case DroppedClaim():
                self.dropped.append(event.dropped)
            case Answered():
                self.answer = event.answer
            case _:
                pass

    def stopped(self, by: str) -> Answer | None:
        """The answer as far as it came."""
        if not self.claims:
            return None
        cited: dict[int, Citation] = {each.number: each for claim in self.claims for each in claim.citations}
        return Answer(
            question=self.question,
            text="".join(claim.text for claim in self.claims).strip(),
            found=True,
            by=by,
            citations=tuple(cited[number] for number in sorted(cited)),
            dropped=tuple(self.dropped),
            rewritten=self.rewritten,
            notes=(_STOPPED,),
            is_partial=True,
        )
