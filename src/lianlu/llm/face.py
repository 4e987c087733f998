"""Any Backend behind the OpenAI interface: bodies in, bodies out. Knows no HTTP: an app passes parsed JSON on to it."""

from __future__ import annotations

import base64
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Mapping, Sequence
from contextlib import aclosing, contextmanager
from functools import partial
from typing import Any, get_args

import anyio
import numpy as np

from lianlu.core.errors import UsageError
from lianlu.llm import wire
from lianlu.llm.backend import Backend, Completion, Delta, EmbedKind, Reply, TokenLogprob
from lianlu.records import Conversation, ReasoningPart, ToolCallPart, Usage

__all__ = ["OpenAIFace"]

Body = Mapping[str, Any]
Chunks = AsyncGenerator[dict[str, Any], None]


class OpenAIFace:
    """Answers the calls of the OpenAI interface with a backend.

    Raises (all calls):
        UsageError: llm.bad-body, llm.no-ability, llm.unknown-path
    """

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._calls: dict[str, Callable[[str, Body], Awaitable[dict[str, Any] | Chunks]]] = {
            "/chat/completions": self._chat,
            "/completions": self._complete,
            "/embeddings": self._embed,
            "/rerank": self._rerank,
            "/tokenize": self._tokenize,
            "/detokenize": self._detokenize,
            "/models": self._models,
        }

    async def answer(self, path: str, body: Body) -> dict[str, Any] | Chunks:
        """Answer the call at `path` (below /v1): one body, or the chunks of a stream."""
        if path not in self._calls:
            raise UsageError("llm.unknown-path", path=path)
        return await self._calls[path](path, body)

    async def _models(self, _: str, __: Body) -> dict[str, Any]:
        identity = await self._backend.identity()
        model = {"id": identity.model, "object": "model", "created": 0, "owned_by": "lianlu"}
        return {"object": "list", "data": [model]}

    async def _chat(self, path: str, body: Body) -> dict[str, Any] | Chunks:
        with _reading(path):
            conversation, sampling = wire.conversation_of(body), wire.sampling_of(body)
        if body.get("stream"):
            return self._chunks(self._backend.stream(conversation, sampling), wants_usage=_wants_usage(body))
        reply = await self._backend.chat(conversation, sampling)
        return {
            "id": reply.id,
            "object": "chat.completion",
            "created": 0,
            "model": reply.model,
            "choices": [_choice(index, each) for index, each in enumerate((reply, *reply.others))],
            "usage": _usage(reply.usage),
        }

    async def _chunks(self, deltas: AsyncGenerator[Delta, None], *, wants_usage: bool) -> Chunks:
        """The role comes with the first fragment and not before, so that a refusal is no half answer."""
        head: dict[str, Any] = {"id": "", "object": "chat.completion.chunk", "created": 0, "model": ""}
        opening: dict[str, Any] = {"role": "assistant", "content": ""}
        async with aclosing(deltas):
            async for delta in deltas:
                head |= {"id": delta.id or head["id"], "model": delta.model or head["model"]}
                if opening:
                    yield {**head, "choices": [{"index": 0, "delta": opening, "finish_reason": None}]}
                    opening = {}
                choice = {"index": 0, "delta": _delta(delta), "finish_reason": delta.finish_reason}
                yield {**head, "choices": [choice | {"logprobs": _chat_logprobs(delta.logprobs)}]}
                if wants_usage and delta.usage is not None:
                    yield {**head, "choices": [], "usage": _usage(delta.usage)}

    async def _complete(self, path: str, body: Body) -> dict[str, Any] | Chunks:
        with _reading(path):
            sampling, given = wire.sampling_of(body), body.get("prompt")
            batch: list[Any] = given if isinstance(given, list) and given and not isinstance(given[0], int) else [given]
            if any(not isinstance(prompt, (str, list)) for prompt in batch):
                raise ValueError("`prompt` must be a text, token ids, or a list of either")
        complete = partial(self._backend.complete, sampling=sampling, echo=bool(body.get("echo")))
        if body.get("stream"):
            return self._completed(batch, complete, wants_usage=_wants_usage(body))
        made = await _all([partial(complete, prompt) for prompt in batch])
        usage = sum((each.usage for each in made), Usage())
        listed = [choice for each in made for choice in (each, *each.others)]
        return {
            **_completion_head(made[0]),
            "choices": [_text_choice(index, each) for index, each in enumerate(listed)],
            "usage": _usage(usage),
        }

    async def _completed(
        self, batch: Sequence[Any], complete: Callable[[Any], Awaitable[Completion]], *, wants_usage: bool
    ) -> Chunks:
        """A chunk for each completion as it is made: `Backend.complete` gives whole texts."""
        usage, index, head = Usage(), 0, dict[str, Any]()
        for prompt in batch:
            made = await complete(prompt)
            head, usage = _completion_head(made), usage + made.usage
            for each in (made, *made.others):
                yield {**head, "choices": [_text_choice(index, each)]}
                index += 1
        if wants_usage:
            yield {**head, "choices": [], "usage": _usage(usage)}

    async def _embed(self, path: str, body: Body) -> dict[str, Any]:
        with _reading(path):
            given = body["input"]
            texts = [given] if isinstance(given, str) else given
            if not isinstance(texts, list) or any(not isinstance(text, str) for text in texts):
                raise ValueError("`input` must be a text or a list of texts")
            kind: EmbedKind = body.get("input_type") or "document"
            if kind not in get_args(EmbedKind):
                raise ValueError("`input_type` must be query or document")
        made = await self._backend.embed(texts, kind=kind)
        is_packed = body.get("encoding_format") == "base64"
        listed = [
            {"object": "embedding", "index": index, "embedding": _packed(vector) if is_packed else vector}
            for index, vector in enumerate(made.vectors)
        ]
        return {"object": "list", "data": listed, "model": made.model, "usage": _usage(made.usage)}

    async def _rerank(self, path: str, body: Body) -> dict[str, Any]:
        with _reading(path):
            query, documents = str(body["query"]), [str(each) for each in body["documents"]]
        ranked = await self._backend.rerank(query, documents, limit=body.get("top_n"))
        return {
            "id": "",
            "model": body.get("model", ""),
            "results": [{"index": each.index, "relevance_score": each.score} for each in ranked],
        }

    async def _tokenize(self, path: str, body: Body) -> dict[str, Any]:
        with _reading(path):
            asked: Conversation | str = wire.conversation_of(body) if "messages" in body else str(body["prompt"])
        ids = await (self._backend.tokenize(asked) if isinstance(asked, str) else self._backend.render(asked))
        return {"model": body.get("model", ""), "count": len(ids), "tokens": list(ids)}

    async def _detokenize(self, path: str, body: Body) -> dict[str, Any]:
        with _reading(path):
            ids = [int(each) for each in body["tokens"]]
        return {"model": body.get("model", ""), "prompt": await self._backend.detokenize(ids)}


@contextmanager
def _reading(path: str) -> Generator[None]:
    """Turns what goes wrong while a body is read, and only then, into the sender's error."""
    try:
        yield
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UsageError("llm.bad-body", path=path, why=f"{error}") from error


async def _all(calls: Sequence[Callable[[], Awaitable[Completion]]]) -> list[Completion]:
    """All at once, so that an engine can batch them; the first failure ends the others."""
    made: dict[int, Completion] = {}

    async def one(place: int) -> None:
        made[place] = await calls[place]()

    try:
        async with anyio.create_task_group() as group:
            for place in range(len(calls)):
                group.start_soon(one, place)
    except ExceptionGroup as failed:
        raise failed.exceptions[0] from None
    return [made[place] for place in range(len(calls))]


def _wants_usage(body: Body) -> bool:
    return bool((body.get("stream_options") or {}).get("include_usage"))


def _completion_head(made: Completion) -> dict[str, Any]:
    return {"id": made.id, "object": "text_completion", "created": 0, "model": made.model}


def _packed(vector: Sequence[float]) -> str:
    """The form that the official client asks for: little-endian 32-bit floats in base64."""
    return base64.b64encode(np.asarray(vector, dtype="<f4").tobytes()).decode()


def _choice(index: int, reply: Reply) -> dict[str, Any]:
    message = wire.message_body(
        reply.message, [part for part in reply.message.parts if not isinstance(part, ReasoningPart)]
    )
    thoughts = "".join(part.text for part in reply.message.parts if isinstance(part, ReasoningPart))
    if thoughts:
        message["reasoning_content"] = thoughts
    logprobs = _chat_logprobs(reply.logprobs)
    return {"index": index, "message": message, "finish_reason": reply.finish_reason, "logprobs": logprobs}


def _delta(delta: Delta) -> dict[str, Any]:
    body: dict[str, Any] = {}
    if delta.text:
        body["content"] = delta.text
    if delta.reasoning:
        body["reasoning_content"] = delta.reasoning
    if delta.tool_calls:
        body["tool_calls"] = [
            wire.call_body(ToolCallPart(id=call.id, name=call.name, arguments=call.arguments)) | {"index": call.index}
            for call in delta.tool_calls
        ]
    return body


def _text_choice(index: int, made: Completion) -> dict[str, Any]:
    logprobs = None
    if made.logprobs:
        starts, at = [], 0
        for each in made.logprobs:
            starts.append(at)
            at += len(each.token)
        logprobs = {
            "tokens": [each.token for each in made.logprobs],
            "token_logprobs": [each.logprob for each in made.logprobs],
            "top_logprobs": [each.top or None for each in made.logprobs],
            "text_offset": starts,
        }
    return {"index": index, "text": made.text, "finish_reason": made.finish_reason, "logprobs": logprobs}


def _chat_logprobs(scored: Sequence[TokenLogprob]) -> dict[str, Any] | None:
    return {"content": [_token(each) for each in scored]} if scored else None


def _token(each: TokenLogprob) -> dict[str, Any]:
    top = [{"token": token, "logprob": value, "bytes": None} for token, value in each.top.items()]
    return {"token": each.token, "logprob": each.logprob, "bytes": None, "top_logprobs": top}


def _usage(usage: Usage) -> dict[str, Any]:
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.prompt_tokens + usage.completion_tokens,
    }
