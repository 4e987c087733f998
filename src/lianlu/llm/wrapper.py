"""A backend around another one: every question passes one point, where it can be kept, counted, delayed or refused.

A question is a kind (an ability) and a plain map, the same map whoever asks: what the request store hashes and what a
replay file holds. Messages enter it without their conversation's source and meta, which no model sees.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from typing import Any

import msgspec

from lianlu.llm.backend import (
    DEFAULT_SAMPLING,
    Ability,
    Backend,
    Completion,
    Delta,
    Embeddings,
    EmbedKind,
    Health,
    Identity,
    LogLikelihood,
    Ranked,
    Reply,
    Sampling,
)
from lianlu.records import Conversation, ToolCallPart

__all__ = ["ANSWER_TYPES", "Call", "Question", "Wrapper", "is_empty"]

ANSWER_TYPES: dict[str, Any] = {
    "chat": Reply,
    "complete": Completion,
    "loglikelihood": tuple[LogLikelihood, ...],
    "rolling_loglikelihood": tuple[LogLikelihood, ...],
    "render": tuple[int, ...],
    "embed": Embeddings,
    "rerank": tuple[Ranked, ...],
}
Call = Callable[[], Awaitable[Any]]


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked. A streamed chat is the question `chat`: the answer is the same."""

    kind: Ability
    request: dict[str, Any]

    @classmethod
    def of_chat(cls, conversation: Conversation, sampling: Sampling) -> Question:
        asked = {"messages": conversation.messages, "tools": conversation.tools, "sampling": sampling}
        return cls(kind="chat", request=msgspec.to_builtins(asked))


class Wrapper(Backend):
    """Passes everything on to `inner`. Sub-classes override `around` and `around_stream`."""

    def __init__(self, inner: Backend) -> None:
        self.inner = inner
        self.abilities: frozenset[Ability] = inner.abilities
        self.extra_fields: frozenset[str] | None = inner.extra_fields

    async def around(self, question: Question, call: Call) -> Any:  # noqa: ARG002 - for sub-classes
        """Answer `question`, by `call` or otherwise."""
        return await call()

    async def around_stream(
        self,
        question: Question,  # noqa: ARG002 - for sub-classes
        conversation: Conversation,
        sampling: Sampling,
    ) -> AsyncGenerator[Delta, None]:
        """Stream the answer to `question`."""
        async with aclosing(self.inner.stream(conversation, sampling)) as deltas:
            async for delta in deltas:
                yield delta

    async def chat(self, conversation: Conversation, sampling: Sampling = DEFAULT_SAMPLING) -> Reply:
        question = Question.of_chat(conversation, sampling)
        return await self.around(question, lambda: self.inner.chat(conversation, sampling))

    def stream(self, conversation: Conversation, sampling: Sampling = DEFAULT_SAMPLING) -> AsyncGenerator[Delta, None]:
        if "stream" not in self.abilities:
            return self.inner.stream(conversation, sampling)
        return self.around_stream(Question.of_chat(conversation, sampling), conversation, sampling)

    async def complete(
        self, prompt: str | Sequence[int], sampling: Sampling = DEFAULT_SAMPLING, *, echo: bool = False
    ) -> Completion:
        given = prompt if isinstance(prompt, str) else list(prompt)
        request = {"prompt": given, "echo": echo, "sampling": msgspec.to_builtins(sampling)}
        question = Question(kind="complete", request=request)
        return await self.around(question, lambda: self.inner.complete(prompt, sampling, echo=echo))

    async def loglikelihood(self, pairs: Sequence[tuple[str, str]]) -> tuple[LogLikelihood, ...]:
        question = Question(kind="loglikelihood", request={"pairs": [list(pair) for pair in pairs]})
        return await self.around(question, lambda: self.inner.loglikelihood(pairs))

    async def rolling_loglikelihood(self, texts: Sequence[str]) -> tuple[LogLikelihood, ...]:
        question = Question(kind="rolling_loglikelihood", request={"texts": list(texts)})
        return await self.around(question, lambda: self.inner.rolling_loglikelihood(texts))

    async def render(self, conversation: Conversation) -> tuple[int, ...]:
        return await self.inner.render(conversation)

    async def tokenize(self, text: str) -> tuple[int, ...]:
        return await self.inner.tokenize(text)

    async def detokenize(self, ids: Sequence[int]) -> str:
        return await self.inner.detokenize(ids)

    async def embed(self, texts: Sequence[str], *, kind: EmbedKind = "document") -> Embeddings:
        request: dict[str, Any] = {"texts": list(texts)}
        if kind != "document":  # the usual kind is left out, as it was before there were kinds
            request["kind"] = kind
        question = Question(kind="embed", request=request)
        return await self.around(question, lambda: self.inner.embed(texts, kind=kind))

    async def rerank(self, query: str, documents: Sequence[str], *, limit: int | None = None) -> tuple[Ranked, ...]:
        request = {"query": query, "documents": list(documents), "limit": limit}
        question = Question(kind="rerank", request=request)
        return await self.around(question, lambda: self.inner.rerank(query, documents, limit=limit))

    async def token_starts(self, texts: Sequence[str]) -> tuple[tuple[int, ...], ...]:
        return await self.inner.token_starts(texts)

    async def identity(self) -> Identity:
        return await self.inner.identity()

    async def health(self) -> Health:
        return await self.inner.health()

    async def close(self) -> None:
        await self.inner.close()


def is_empty(answer: Any) -> bool:
    """Whether an answer says nothing, or was cut off by something else than its own end."""
    if isinstance(answer, Reply):
        has_calls = any(isinstance(part, ToolCallPart) for part in answer.message.parts)
        return answer.finish_reason in ("error", "cancelled") or not (answer.message.text.strip() or has_calls)
    if isinstance(answer, Completion):
        return answer.finish_reason in ("error", "cancelled") or not answer.text.strip()
    if isinstance(answer, Embeddings):
        return not answer.vectors
    return not answer
