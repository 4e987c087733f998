"""The OpenAI wire shapes, both ways: records to request bodies, answers to records. Knows no HTTP.

What is read is read leniently, because servers differ in nulls and extra fields; what is missing altogether is an error
that the client reports with the first characters of the answer. Reasoning is not sent back: services refuse or ignore it.
"""

from __future__ import annotations

import base64
import mimetypes
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from lianlu.core.errors import UsageError
from lianlu.llm.backend import Completion, Delta, Embeddings, Ranked, Reply, Sampling, TokenLogprob, ToolCallDelta
from lianlu.records import (
    AudioPart,
    Conversation,
    FilePart,
    FinishReason,
    ImagePart,
    Message,
    Part,
    ReasoningPart,
    TextPart,
    Tool,
    ToolCallPart,
    ToolResultPart,
    Usage,
)

__all__ = [
    "WireAnswer",
    "call_body",
    "chat_body",
    "completion_body",
    "completion_of",
    "conversation_of",
    "delta_of",
    "embeddings_of",
    "finish_of",
    "message_body",
    "message_of",
    "ranked_of",
    "reply_of",
    "sampling_of",
    "usage_of",
]

_FINISH: dict[str, FinishReason] = {
    "length": "length",
    "max_tokens": "length",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
    "content_filter": "content_filter",
    "abort": "cancelled",
    "error": "error",
}
_SAMPLING_FIELDS = tuple(name for name in Sampling.__struct_fields__ if name != "extra")
_BODY_FIELDS = {
    *_SAMPLING_FIELDS,
    "model",
    "messages",
    "tools",
    "stream",
    "stream_options",
    "max_completion_tokens",
    "prompt",
    "echo",
}


class _WireFunction(msgspec.Struct):
    name: str | None = None
    arguments: str | dict[str, Any] | None = None


class _WireCall(msgspec.Struct):
    index: int | None = None
    id: str | None = None
    function: _WireFunction | None = None


class _WirePiece(msgspec.Struct):
    type: str = ""
    text: str | None = None


class _WireMessage(msgspec.Struct):
    content: str | list[_WirePiece] | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    refusal: str | None = None
    tool_calls: list[_WireCall] | None = None


class _WireTop(msgspec.Struct):
    token: str
    logprob: float


class _WireToken(msgspec.Struct):
    token: str
    logprob: float | None = None
    top_logprobs: list[_WireTop] | None = None


class _WireLogprobs(msgspec.Struct):
    """Of chat (`content`) and of completions (the other three)."""

    content: list[_WireToken] | None = None
    tokens: list[str] | None = None
    token_logprobs: list[float | None] | None = None
    top_logprobs: list[dict[str, float] | None] | None = None


class _WireChoice(msgspec.Struct):
    index: int = 0
    message: _WireMessage | None = None
    delta: _WireMessage | None = None
    text: str | None = None
    finish_reason: str | None = None
    logprobs: _WireLogprobs | None = None


class _WireCached(msgspec.Struct):
    cached_tokens: int | None = None


class _WireUsage(msgspec.Struct):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    total_tokens: int | None = None
    prompt_tokens_details: _WireCached | None = None


class _WireVector(msgspec.Struct):
    embedding: list[float]
    index: int = 0


class _WireRank(msgspec.Struct):
    index: int
    relevance_score: float


class WireAnswer(msgspec.Struct):
    """Any answer of the interface. Which fields are there depends on the call."""

    id: str | None = None
    model: str | None = None
    choices: list[_WireChoice] | None = None
    usage: _WireUsage | None = None
    data: list[_WireVector] | None = None
    results: list[_WireRank] | None = None


def chat_body(
    conversation: Conversation, sampling: Sampling, *, model: str, max_tokens_field: str = "max_tokens"
) -> dict[str, Any]:
    """The body of /chat/completions.

    Raises:
        UsageError: file.missing, file.unreadable for an image, sound or file that is not there
    """
    body: dict[str, Any] = {"model": model, "messages": list(_messages(conversation.messages))}
    if conversation.tools:
        body["tools"] = [_tool(tool) for tool in conversation.tools]
    body |= _sampling_fields(sampling)
    if "max_tokens" in body and max_tokens_field != "max_tokens":
        body[max_tokens_field] = body.pop("max_tokens")
    return body | sampling.extra


def completion_body(
    prompt: str | Sequence[int], sampling: Sampling, *, model: str, echo: bool = False
) -> dict[str, Any]:
    """The body of /completions, whose `logprobs` is a number of alternatives."""
    body: dict[str, Any] = {"model": model, "prompt": prompt if isinstance(prompt, str) else list(prompt)}
    body |= _sampling_fields(sampling)
    top = body.pop("top_logprobs", None)
    if body.pop("logprobs", None) or top is not None:
        body["logprobs"] = top if top is not None else 1
    if echo:
        body["echo"] = True
    return body | sampling.extra


def reply_of(answer: WireAnswer) -> Reply:
    """The reply in an answer of /chat/completions. Raises ValueError when there is none."""
    choices = sorted(answer.choices or (), key=lambda choice: choice.index)
    if not choices:
        raise ValueError("no choices")
    usage = usage_of(answer)
    replies = [
        Reply(
            message=_message_of(choice),
            finish_reason=finish_of(choice.finish_reason),
            usage=usage if place == 0 else Usage(),
            model=answer.model or "",
            logprobs=_logprobs_of(choice.logprobs),
            id=answer.id or "",
        )
        for place, choice in enumerate(choices)
    ]
    return msgspec.structs.replace(replies[0], others=tuple(replies[1:])) if len(replies) > 1 else replies[0]


def completion_of(answer: WireAnswer) -> Completion:
    """The completion in an answer of /completions. Raises ValueError when there is none."""
    choices = sorted(answer.choices or (), key=lambda choice: choice.index)
    if not choices or any(choice.text is None for choice in choices):
        raise ValueError("no text")
    made = [
        Completion(
            text=choice.text or "",
            finish_reason=finish_of(choice.finish_reason),
            usage=usage_of(answer) if place == 0 else Usage(),
            model=answer.model or "",
            logprobs=_logprobs_of(choice.logprobs),
            id=answer.id or "",
        )
        for place, choice in enumerate(choices)
    ]
    return msgspec.structs.replace(made[0], others=tuple(made[1:])) if len(made) > 1 else made[0]


def delta_of(chunk: WireAnswer) -> Delta | None:
    """The fragment in one streamed chunk; None for a chunk that carries nothing (a role, a further choice)."""
    usage = usage_of(chunk) if chunk.usage is not None else None
    choice = next((each for each in chunk.choices or () if each.index == 0), None)
    if choice is None:
        return Delta(usage=usage, model=chunk.model or "", id=chunk.id or "") if usage is not None else None
    message = choice.delta or choice.message or _WireMessage(content=choice.text)
    delta = Delta(
        text=_content(message.content) or message.refusal or "",
        reasoning=message.reasoning_content or message.reasoning or "",
        tool_calls=tuple(_call_delta(place, call) for place, call in enumerate(message.tool_calls or ())),
        logprobs=_logprobs_of(choice.logprobs),
        finish_reason=finish_of(choice.finish_reason) if choice.finish_reason else None,
        usage=usage,
        model=chunk.model or "",
        id=chunk.id or "",
    )
    is_empty = not (delta.text or delta.reasoning or delta.tool_calls or delta.finish_reason or usage or delta.logprobs)
    return None if is_empty else delta


def embeddings_of(answer: WireAnswer, expected: int) -> Embeddings:
    """The vectors of an answer in the order of the texts. Raises ValueError when some are missing."""
    vectors = sorted(answer.data or (), key=lambda vector: vector.index)
    if len(vectors) != expected:
        raise ValueError(f"{len(vectors)} vectors for {expected} texts")
    return Embeddings(
        vectors=tuple(tuple(vector.embedding) for vector in vectors), usage=usage_of(answer), model=answer.model or ""
    )


def ranked_of(answer: WireAnswer, expected: int) -> tuple[Ranked, ...]:
    """The documents of a rerank answer, best first. Raises ValueError for places that were not asked."""
    if answer.results is None or any(not 0 <= each.index < expected for each in answer.results):
        raise ValueError("no results, or places outside the list")
    ranked = sorted(answer.results, key=lambda each: (-each.relevance_score, each.index))
    return tuple(Ranked(index=each.index, score=each.relevance_score) for each in ranked)


def usage_of(answer: WireAnswer) -> Usage:
    counted = answer.usage or _WireUsage()
    cached = counted.prompt_tokens_details.cached_tokens if counted.prompt_tokens_details else 0
    prompt = counted.prompt_tokens if counted.prompt_tokens is not None else counted.total_tokens
    return Usage(prompt_tokens=prompt or 0, completion_tokens=counted.completion_tokens or 0, cached_tokens=cached or 0)


def finish_of(reason: str | None) -> FinishReason:
    """Our word for a server's; what is unknown ended by itself."""
    return _FINISH.get(reason or "", "stop")


def _sampling_fields(sampling: Sampling) -> dict[str, Any]:
    values = {name: getattr(sampling, name) for name in _SAMPLING_FIELDS}
    return {
        name: list(value) if name == "stop" else value
        for name, value in values.items()
        if value is not None and value != ()
    }


def _tool(tool: Tool) -> dict[str, Any]:
    function = {"name": tool.name, "description": tool.description, "parameters": tool.parameters or _NO_PARAMETERS}
    return {"type": "function", "function": function}


_NO_PARAMETERS: dict[str, Any] = {"type": "object", "properties": {}}


def _messages(messages: Iterable[Message]) -> Iterable[dict[str, Any]]:
    for message in messages:
        results = [part for part in message.parts if isinstance(part, ToolResultPart)]
        yield from ({"role": "tool", "tool_call_id": each.call_id, "content": each.text} for each in results)
        parts = [part for part in message.parts if not isinstance(part, (ToolResultPart, ReasoningPart))]
        if parts or not results:
            yield message_body(message, parts)


def message_body(message: Message, parts: Sequence[Part]) -> dict[str, Any]:
    """One message of a request: plain text where it can be, since more servers take that."""
    calls = [part for part in parts if isinstance(part, ToolCallPart)]
    said = [part for part in parts if not isinstance(part, ToolCallPart)]
    body: dict[str, Any] = {"role": message.role}
    if all(isinstance(part, TextPart) for part in said):
        body["content"] = "".join(part.text for part in said if isinstance(part, TextPart))
    else:
        body["content"] = [_piece(part) for part in said]
    if calls:
        body["content"] = body["content"] or None
        body["tool_calls"] = [call_body(call) for call in calls]
    if message.name:
        body["name"] = message.name
    return body


def call_body(call: ToolCallPart) -> dict[str, Any]:
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}


def _piece(part: Part) -> dict[str, Any]:
    if isinstance(part, TextPart):
        return {"type": "text", "text": part.text}
    if isinstance(part, ImagePart):
        return {"type": "image_url", "image_url": {"url": _address(part.uri)}}
    if isinstance(part, AudioPart):
        head, _, encoded = _address(part.uri).partition(";base64,")
        return {"type": "input_audio", "input_audio": {"data": encoded, "format": head.rsplit("/", 1)[-1]}}
    assert isinstance(part, FilePart)
    return {"type": "file", "file": {"filename": part.name or Path(part.uri).name, "file_data": _address(part.uri)}}


def _address(uri: str) -> str:
    """An address that a server can read: a local file becomes a data: address."""
    if uri.startswith(("http://", "https://", "data:")):
        return uri
    path = Path(uri.removeprefix("file://"))
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise UsageError("file.missing", path=str(path)) from None
    except OSError as error:
        raise UsageError("file.unreadable", path=str(path), why=error.strerror or str(error)) from None
    media_type = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    return f"data:{media_type};base64,{base64.b64encode(content).decode()}"


def _message_of(choice: _WireChoice) -> Message:
    wire = choice.message
    if wire is None:
        raise ValueError("a choice without a message")
    thoughts = wire.reasoning_content or wire.reasoning or ""
    text = _content(wire.content) or wire.refusal or ""
    calls = [_call(place, call) for place, call in enumerate(wire.tool_calls or ())]
    parts: list[Part] = [ReasoningPart(text=thoughts)] if thoughts else []
    parts += [TextPart(text=text)] if text or not calls else []
    return Message(role="assistant", parts=(*parts, *calls))


def _content(content: str | list[_WirePiece] | None) -> str:
    if isinstance(content, list):
        return "".join(piece.text or "" for piece in content)
    return content or ""


def _call(place: int, call: _WireCall) -> ToolCallPart:
    function = call.function or _WireFunction()
    return ToolCallPart(id=call.id or f"call_{place}", name=function.name or "", arguments=_arguments(function) or "{}")


def _call_delta(place: int, call: _WireCall) -> ToolCallDelta:
    function = call.function or _WireFunction()
    index = call.index if call.index is not None else place
    return ToolCallDelta(index=index, id=call.id or "", name=function.name or "", arguments=_arguments(function))


def _arguments(function: _WireFunction) -> str:
    given = function.arguments
    return msgspec.json.encode(given).decode() if isinstance(given, dict) else given or ""


def _logprobs_of(wire: _WireLogprobs | None) -> tuple[TokenLogprob, ...]:
    if wire is None:
        return ()
    if wire.content is not None:
        return tuple(
            TokenLogprob(
                token=each.token,
                logprob=each.logprob,
                top={top.token: top.logprob for top in each.top_logprobs or ()},
            )
            for each in wire.content
        )
    tokens, values = wire.tokens or [], wire.token_logprobs or []
    tops = wire.top_logprobs or [None] * len(tokens)
    if not len(tokens) == len(values) == len(tops):
        raise ValueError("tokens and their log probabilities differ in number")
    return tuple(
        TokenLogprob(token=token, logprob=value, top=top or {})
        for token, value, top in zip(tokens, values, tops, strict=True)
    )


# The way in: what a server reads. Used by the fake server and by the serving link.


def conversation_of(body: Mapping[str, Any]) -> Conversation:
    """The conversation in a request body. Raises ValueError for what is no message."""
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        raise ValueError("`messages` must be a list of at least one message")
    tools = [tool.get("function", {}) for tool in body.get("tools") or ()]
    return Conversation(
        messages=tuple(message_of(message) for message in messages),
        tools=tuple(
            Tool(
                name=str(tool.get("name", "")),
                description=tool.get("description") or "",
                parameters=tool.get("parameters") or {},
            )
            for tool in tools
        ),
    )


def message_of(body: Any) -> Message:
    """One message of a request body. Raises ValueError."""
    if not isinstance(body, dict) or body.get("role") not in ("system", "developer", "user", "assistant", "tool"):
        raise ValueError("a message needs a `role`: system, user, assistant or tool")
    role = "system" if body["role"] == "developer" else body["role"]
    content = body.get("content")
    if role == "tool":
        call_id = str(body.get("tool_call_id", ""))
        return Message(role="tool", parts=(ToolResultPart(call_id=call_id, text=_joined(content)),))
    thoughts = body.get("reasoning_content")
    parts: list[Part] = [ReasoningPart(text=thoughts)] if thoughts else []
    parts += [TextPart(text=content)] if isinstance(content, str) else [_part(each) for each in content or ()]
    for call in body.get("tool_calls") or ():
        function = call.get("function", {})
        parts.append(ToolCallPart(id=call.get("id", ""), name=function["name"], arguments=function["arguments"]))
    return Message(role=role, parts=tuple(parts), name=body.get("name") or "")


def sampling_of(body: Mapping[str, Any]) -> Sampling:
    """The sampling in a request body; fields that are not of the interface go to `extra`. Raises ValueError."""
    given = {name: body[name] for name in _SAMPLING_FIELDS if body.get(name) is not None}
    if isinstance(given.get("stop"), str):
        given["stop"] = [given["stop"]]
    if body.get("max_completion_tokens") is not None:
        given["max_tokens"] = body["max_completion_tokens"]
    if type(given.get("logprobs")) is int:
        given["top_logprobs"] = given.pop("logprobs")
    given["extra"] = {name: value for name, value in body.items() if name not in _BODY_FIELDS}
    return msgspec.convert(given, Sampling)


def _joined(content: Any) -> str:
    return content if isinstance(content, str) else "".join(str(each.get("text", "")) for each in content or ())


def _part(body: Any) -> Part:
    kind = body.get("type") if isinstance(body, dict) else None
    if kind == "text":
        return TextPart(text=str(body.get("text", "")))
    if kind == "image_url":
        return ImagePart(uri=str(body["image_url"]["url"]))
    raise ValueError(f"a message part of type {kind!r} is not supported")
