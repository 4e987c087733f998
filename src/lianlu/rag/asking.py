"""Ask a knowledge base: find passages, then answer by quoting them or by a model whose every claim is checked.

The check is code on our side of the model (`rag.claims`), so nothing that a document says can switch it off. What the
model wrote beyond its sources is dropped and said, never repaired: a claim that cites the wrong source is not moved to
the right one. A model is read as it writes, and a claim is handed out as soon as it is whole and checked; closing the
events stops the model. Who asks without a model and of a base without an embedder needs no event loop.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lianlu.core.errors import LianluError
from lianlu.core.i18n import Text
from lianlu.core.job import Job
from lianlu.core.settings import Settings
from lianlu.rag.answer import (
    Answer,
    Answered,
    AnswerEvent,
    Citation,
    Claimed,
    DroppedClaim,
    Looked,
    Passage,
    Rewritten,
)
from lianlu.rag.base import KnowledgeBase
from lianlu.rag.claims import Claim, ClaimStream
from lianlu.rag.elsewhere import uris_with
from lianlu.rag.expand import ROOM, sources_of
from lianlu.rag.extractive import Found, Quoted, choose
from lianlu.rag.filters import Filters
from lianlu.rag.place import cite
from lianlu.rag.prompt import prompt_for
from lianlu.rag.proof import Proof
from lianlu.rag.question import Question
from lianlu.rag.refusal import Judgement, judge
from lianlu.rag.retrieval import Models, Retrieved, open_models, retrieve, retrieve_now
from lianlu.rag.texts import NOT_FOUND
from lianlu.rag.understanding import Asked, understood, understood_by_rules
from lianlu.rag.written import is_too_long, written
from lianlu.records import Message

if TYPE_CHECKING:
    from lianlu.llm import Backend

__all__ = [
    "AnswerEvent",
    "Answered",
    "Claimed",
    "DroppedClaim",
    "Looked",
    "Rewritten",
    "answer_events",
    "ask_base",
    "ask_by_quoting",
    "ask_model",
    "depth_for",
]

_CHUNKS_TO_QUOTE_FROM = 8
_CHUNKS_FOR_A_DEFINITION = 150
_NEAREST_SHOWN = 3
_LEAST_ROOM = 1000
_SHRUNK = 3
_CUT_OFF = Text(
    "the model's answer was cut off at its length limit; an unfinished sentence is left out",
    "模型的回答达到长度上限被截断，未写完的一句已略去",
)


def ask_base(
    base: KnowledgeBase,
    question: str,
    *,
    model: str | None = None,
    top: int = 5,
    filters: Filters | None = None,
    history: Sequence[Message] = (),
    instructions: str = "",
    job: Job | None = None,
    settings: Settings | None = None,
    requests: Path | None = None,
) -> Answer:
    """Answer a question from a base: by quoting, or by the model that `model` (a ModelRef) names.

    Args:
        top: how many passages a model is given; three sentences at most are quoted without one.
        filters: which documents are asked.
        history: what was said before, if the question follows on it.
        requests: file of a request store: what the model has answered before is not asked again.

    Raises:
        UsageError: rag.empty-question, rag.long-question, llm.*: the model cannot be opened
        BackendError: the model failed
    """
    if model is None:
        return ask_by_quoting(base, question, filters=filters, history=history)

    async def main() -> Answer:
        from lianlu.llm import open_backend, stored

        async with open_models(base, settings) as models, open_backend(model, settings=settings) as opened:
            backend = opened if requests is None else stored(opened, requests)
            return await ask_model(
                base,
                question,
                backend,
                top=top,
                instructions=instructions,
                by=model,
                models=models,
                filters=filters,
                history=history,
            )

    from lianlu.core import aio

    return aio.run(main, job)


def ask_by_quoting(
    base: KnowledgeBase, text: str, *, filters: Filters | None = None, history: Sequence[Message] = ()
) -> Answer:
    """Sentences of the documents, word for word.

    Raises:
        UsageError: rag.empty-question, rag.long-question
    """
    asked = understood_by_rules(base, text, history, filters)
    with base.truth.reading():
        retrieved = retrieve_now(base, asked.question, depth_for(asked.question), filters)
        return _quoted(base, asked, retrieved)


async def ask_model(
    base: KnowledgeBase,
    text: str,
    backend: Backend | None,
    *,
    top: int = 5,
    instructions: str = "",
    by: str = "",
    models: Models | None = None,
    filters: Filters | None = None,
    history: Sequence[Message] = (),
) -> Answer:
    """An answer written by a model from the best passages, less every claim that they do not support.

    Args:
        backend: the model; without one sentences are quoted.
        instructions: what to tell the model instead of the built-in rules; the check stays the same.
        by: how the model is named in the answer; its own ref by default.
        models: the embedder and reranker of the base, where they are open already.

    Raises:
        UsageError: rag.empty-question, rag.long-question
        BackendError: the model failed
    """
    answer: Answer | None = None
    events = answer_events(
        base,
        text,
        backend,
        models=models,
        history=history,
        top=top,
        filters=filters,
        instructions=instructions,
        by=by,
    )
    async with aclosing(events):
        async for event in events:
            if isinstance(event, Answered):
                answer = event.answer
    assert answer is not None, "the events end with the answer"
    return answer


async def answer_events(
    base: KnowledgeBase,
    question: str,
    backend: Backend | None,
    *,
    models: Models | None = None,
    history: Sequence[Message] = (),
    top: int = 5,
    filters: Filters | None = None,
    instructions: str = "",
    by: str = "",
) -> AsyncGenerator[AnswerEvent]:
    """An answer as it comes about; `Answered` is the last event. Close the generator to stop the model.

    A model that fails on its way raises when what it had said is handed out, the answer so far (`is_partial`) included.

    Args: as `ask_model`; without a backend sentences are quoted.

    Raises:
        UsageError: rag.empty-question, rag.long-question
        BackendError: the model failed
    """
    asked = await understood(base, question, history, filters, backend)
    if asked.rewritten:
        yield Rewritten(question=asked.rewritten)
    if backend is None:
        retrieved = await retrieve(base, asked.question, depth_for(asked.question), models, filters)
        for event in _quoting(base, asked, retrieved, top):
            yield event
        return
    retrieved = await retrieve(base, asked.question, max(top, depth_for(asked.question)), models, filters)
    judgement = judge(base, asked.question, retrieved.found)
    best = _best(base, asked.question, retrieved, top)
    yield Looked(passages=_passages(base, best.found[:top]))
    ref = by or (await backend.identity()).ref
    if not judgement.is_answerable:
        yield Answered(answer=_not_found(base, asked, best, ref, judgement))
        return
    writing = _Writing(base, asked, best, backend, top, instructions, ref, judgement)
    async with aclosing(writing.events()) as events:
        async for event in events:
            yield event


def depth_for(question: Question) -> int:
    """How far to look: a definition may stand far down among passages that name its subject more often."""
    return _CHUNKS_FOR_A_DEFINITION if question.subject else _CHUNKS_TO_QUOTE_FROM


# ------------------------------------------------------------------ by quoting


def _quoting(base: KnowledgeBase, asked: Asked, retrieved: Retrieved, top: int) -> Iterator[AnswerEvent]:
    with base.truth.reading():
        passages = _passages(base, retrieved.found[:top])
        answer = _quoted(base, asked, retrieved)
    yield Looked(passages=passages)
    for citation, text in zip(answer.citations, _texts_of(answer.citations), strict=True):
        yield Claimed(text=text, citations=(citation,))
    yield Answered(answer=answer)


def _quoted(base: KnowledgeBase, asked: Asked, retrieved: Retrieved) -> Answer:
    judgement = judge(base, asked.question, retrieved.found)
    chosen = choose(asked.question, retrieved.found, base.index) if judgement.is_answerable else []
    quoted = _in_reading_order(chosen)
    if not quoted:
        return _not_found(base, asked, retrieved, "extract", judgement)
    citations = tuple(_cited(base, each, number, retrieved.found) for number, each in enumerate(quoted, start=1))
    return Answer(
        question=asked.original,
        text="".join(_texts_of(citations)),
        found=True,
        by="extract",
        citations=citations,
        rewritten=asked.rewritten,
        notes=_notes(base, retrieved),
        probability=round(judgement.probability, 4),
        threshold=round(judgement.threshold, 4),
    )


def _in_reading_order(quoted: Sequence[Quoted]) -> list[Quoted]:
    """By document in order of merit, inside a document as it reads."""
    merit: dict[int, int] = {}
    for each in quoted:
        merit.setdefault(each.row.document_row, len(merit))
    return sorted(quoted, key=lambda each: (merit[each.row.document_row], each.span.start))


def _cited(base: KnowledgeBase, quoted: Quoted, number: int, found: Sequence[Found]) -> Citation:
    row = quoted.row
    also = uris_with(quoted.text, (each.row for each in found), apart_from=row.uri)
    return cite(base.document(row.document_row), quoted.span, number=number, chunk=row.chunk, also=also)


def _texts_of(citations: Sequence[Citation]) -> list[str]:
    """Quotes with their numbers, each on a line of its own."""
    last = len(citations)
    return [
        f"{each.quote}{_after(each.quote)}[{each.number}]" + ("\n" if number < last else "")
        for number, each in enumerate(citations, start=1)
    ]


def _after(quote: str) -> str:
    """What stands between a quote and its number: a fence of code is closed by a line of its own."""
    return "\n" if quote.endswith(("```", "~~~")) else " "


# ------------------------------------------------------------------ by a model


def _best(base: KnowledgeBase, question: Question, retrieved: Retrieved, top: int) -> Retrieved:
    """What was found, those passages first that sentences would be quoted from; more than `top` where some are equal."""
    with base.truth.reading():
        quoted = {each.row.row for each in choose(question, retrieved.found, base.index)}
    found = sorted(retrieved.found, key=lambda each: each.row.row not in quoted)
    return Retrieved(found[: 2 * top], retrieved.notes)


@dataclass
class _Writing:
    """A model that writes an answer."""

    base: KnowledgeBase
    asked: Asked
    best: Retrieved
    backend: Backend
    top: int
    instructions: str
    ref: str
    judgement: Judgement

    async def events(self, room: int = ROOM) -> AsyncGenerator[AnswerEvent]:
        """Its claims, checked. Sources that are too long for the model are given again in less room."""
        sources = sources_of(self.base, self.best.found, self.top, room=room)
        proof = Proof(sources, self.base.index, [each.row for each in self.best.found])
        conversation = prompt_for(self.asked.question.text, [each.text for each in sources], self.instructions)
        stream = ClaimStream()
        is_cut_off = False
        try:
            async with aclosing(written(self.backend, conversation)) as pieces:
                async for piece in pieces:
                    is_cut_off = is_cut_off or piece.is_cut_off
                    for claim in stream.add(piece.text):
                        event = proof.take(claim)
                        if event is not None:
                            yield event
        except LianluError as error:
            is_mute = not (proof.kept or proof.dropped)
            if not (is_mute and room > _LEAST_ROOM and is_too_long(error)):
                if proof.kept:
                    yield Answered(answer=self._answer(proof, _failed(error)))
                raise
        else:
            for claim in _whole(stream.rest()) if is_cut_off else stream.rest():
                event = proof.take(claim)
                if event is not None:
                    yield event
            yield Answered(answer=self._answer(proof, _CUT_OFF if is_cut_off else None))
            return
        async with aclosing(self.events(room // _SHRUNK)) as again:
            async for event in again:
                yield event

    def _answer(self, proof: Proof, ended: Text | None = None) -> Answer:
        """What is left of the model's text, each claim with the place that supports it.

        Args:
            ended: why the model stopped before it was done, if it did.
        """
        if not proof.kept:
            reason = "nothing-supported" if proof.dropped else "weak-evidence" if proof.is_refused else "no-answer"
            return _not_found(self.base, self.asked, self.best, self.ref, self.judgement, proof, reason, ended)
        return Answer(
            question=self.asked.original,
            text=proof.text,
            found=True,
            by=self.ref,
            citations=tuple(proof.citations),
            dropped=tuple(proof.dropped),
            rewritten=self.asked.rewritten,
            notes=_notes(self.base, self.best, ended),
            is_partial=ended is not None,
            probability=round(self.judgement.probability, 4),
            threshold=round(self.judgement.threshold, 4),
        )


def _whole(claims: Sequence[Claim]) -> Sequence[Claim]:
    """The claims of a text that was cut off: a last one without a source is no claim, but the beginning of one."""
    return claims if not claims or claims[-1].numbers else claims[:-1]


def _failed(error: LianluError) -> Text:
    return Text(
        f"the model failed before it was done: {error.message('en')}",
        f"模型中途出错，回答不完整：{error.message('zh')}",
    )


# ------------------------------------------------------------------ no answer


def _passages(base: KnowledgeBase, found: Sequence[Found]) -> tuple[Passage, ...]:
    """Passages that are still there: a document may have been replaced since it was found."""
    with base.truth.reading():
        still = base.truth.chunks([each.row.row for each in found])
        return tuple(base.passage(each) for each in found if each.row.row in still)


def _not_found(
    base: KnowledgeBase,
    asked: Asked,
    retrieved: Retrieved,
    by: str,
    judgement: Judgement,
    proof: Proof | None = None,
    reason: str = "weak-evidence",
    ended: Text | None = None,
) -> Answer:
    reason = reason if len(base.index.chunk_ids) else "no-documents"
    return Answer(
        question=asked.original,
        text=NOT_FOUND[reason].show(asked.language),
        found=False,
        by=by,
        dropped=tuple(proof.dropped) if proof is not None else (),
        reason=reason,
        nearest=_passages(base, retrieved.found[:_NEAREST_SHOWN]),
        rewritten=asked.rewritten,
        notes=_notes(base, retrieved, ended),
        is_partial=ended is not None,
        probability=round(judgement.probability, 4),
        threshold=round(judgement.threshold, 4),
    )


def _notes(base: KnowledgeBase, retrieved: Retrieved, ended: Text | None = None) -> tuple[Text, ...]:
    return (*retrieved.notes, *base.refusal_notes, *(() if ended is None else (ended,)))
