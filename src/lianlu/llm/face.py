"""Any Backend behind the OpenAI interface: bodies in, bodies out. Knows no HTTP: an app passes parsed JSON on to it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any

from lianlu.core.errors import UsageError
from lianlu.llm import wire
from lianlu.llm.backend import Backend, Completion, Delta, Reply, TokenLogprob
from lianlu.records import ReasoningPart, ToolCallPart, Usage

__all__ = ["OpenAIFace"]


class OpenAIFace:
    """Answers the calls of the OpenAI interface with a backend.

    Raises (all calls):
        UsageError: llm.bad-body, llm.no-ability, llm.unknown-path
    """

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    async def answer(self, path: str, body: Mapping[str, Any]) -> dict[str, Any] | AsyncGenerator[dict[str, Any], None]:
        """Answer the call at `path` (below /v1): one body, or the chunks of a stream."""
        try:
            if path == "/chat/completions":
                return await self._chat(body)
            if path == "/completions":
                return await self._complete(body)
            if path == "/embeddings":
                return await self._embed(body)
            if path == "/rerank":
                return await self._rerank(body)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise UsageError("llm.bad-body", path=path, why=f"{error}") from error
        if path == "/models":
            return await self._models()
        raise UsageError("llm.unknown-path", path=path)

    async def _models(self) -> dict[str, Any]:
        identity = await self._backend.identity()
        model = {"id": identity.model, "object": "model", "created": 0, "owned_by": "lianlu"}
        return {"object": "list", "data": [model]}

    async def _chat(self, body: Mapping[str, Any]) -> dict[str, Any] | AsyncGenerator[dict[str, Any], None]:
        conversation, sampling = wire.conversation_of(body), wire.sampling_of(body)
        if body.get("stream"):
            wants_usage = bool((body.get("stream_options") or {}).get("include_usage"))
            return self._chunks(self._backend.stream(conversation, sampling), wants_usage=wants_usage)
        reply = await self._backend.chat(conversation, sampling)
        return {
            "id": reply.id,
            "object": "chat.completion",
            "created": 0,
            "model": reply.model,
            "choices": [_choice(index, each) for index, each in enumerate((reply, *reply.others))],
            "usage": _usage(reply.usage),
        }

    async def _chunks(
        self, deltas: AsyncGenerator[Delta, None], *, wants_usage: bool
    ) -> AsyncGenerator[dict[str, Any], None]:
        head: dict[str, Any] = {"id": "", "object": "chat.completion.chunk", "created": 0, "model": ""}
        yield {**head, "choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": None}]}
        async with aclosing(deltas):
            async for delta in deltas:
                head |= {"id": delta.id or head["id"], "model": delta.model or head["model"]}
                choice = {"index": 0, "delta": _delta(delta), "finish_reason": delta.finish_reason}
                yield {**head, "choices": [choice]}
                if wants_usage and delta.usage is not None:
                    yield {**head, "choices": [], "usage": _usage(delta.usage)}

    async def _complete(self, body: Mapping[str, Any]) -> dict[str, Any]:
        sampling, given = wire.sampling_of(body), body.get("prompt")
        batch: list[Any] = given if isinstance(given, list) and given and not isinstance(given[0], int) else [given]
        if any(not isinstance(prompt, (str, list)) for prompt in batch):
            raise ValueError("`prompt` must be a text, token ids, or a list of either")
        made = [await self._backend.complete(each, sampling, echo=bool(body.get("echo"))) for each in batch]
        usage = Usage()
        for each in made:
            usage += each.usage
        listed = [choice for each in made for choice in (each, *each.others)]
        return {
            "id": made[0].id,
            "object": "text_completion",
            "created": 0,
            "model": made[0].model,
            "choices": [_text_choice(index, each) for index, each in enumerate(listed)],
            "usage": _usage(usage),
        }

    async def _embed(self, body: Mapping[str, Any]) -> dict[str, Any]:
        given = body["input"]
        texts = [given] if isinstance(given, str) else given
        if not isinstance(texts, list) or any(not isinstance(text, str) for text in texts):
            raise ValueError("`input` must be a text or a list of texts")
        made = await self._backend.embed(texts)
        listed = [
            {"object": "embedding", "index": index, "embedding": vector} for index, vector in enumerate(made.vectors)
        ]
        return {"object": "list", "data": listed, "model": made.model, "usage": _usage(made.usage)}

    async def _rerank(self, body: Mapping[str, Any]) -> dict[str, Any]:
        documents = list(body["documents"])
        ranked = await self._backend.rerank(body["query"], documents, limit=body.get("top_n"))
        return {
            "id": "",
            "model": body.get("model", ""),
            "results": [{"index": each.index, "relevance_score": each.score} for each in ranked],
        }


def _choice(index: int, reply: Reply) -> dict[str, Any]:
    message = wire.message_body(
        reply.message, [part for part in reply.message.parts if not isinstance(part, ReasoningPart)]
    )
    thoughts = "".join(part.text for part in reply.message.parts if isinstance(part, ReasoningPart))
    if thoughts:
        message["reasoning_content"] = thoughts
    logprobs = {"content": [_token(each) for each in reply.logprobs]} if reply.logprobs else None
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


def _token(each: TokenLogprob) -> dict[str, Any]:
    top = [{"token": token, "logprob": value, "bytes": None} for token, value in each.top.items()]
    return {"token": each.token, "logprob": each.logprob, "bytes": None, "top_logprobs": top}


def _usage(usage: Usage) -> dict[str, Any]:
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.prompt_tokens + usage.completion_tokens,
    }
