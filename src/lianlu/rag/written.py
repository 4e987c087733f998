"""What a model writes: piece by piece where it can, without the thoughts that some services send as its answer."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lianlu.core.errors import LianluError

if TYPE_CHECKING:
    from lianlu.llm import Backend, Sampling
    from lianlu.records import Conversation

__all__ = ["Piece", "is_too_long", "likeliest", "without_thoughts", "written"]

_TOO_LONG = ("too long", "too many tokens", "context length", "context size", "context window", "maximum context")
_OPENING, _CLOSING = "<think>", "</think>"


@dataclass(frozen=True)
class Piece:
    """A piece of an answer; `is_cut_off` when the model stopped here at its length limit, not because it was done."""

    text: str
    is_cut_off: bool = False


async def written(backend: Backend, conversation: Conversation) -> AsyncGenerator[Piece]:
    """An answer as it is written, the likeliest one. Close the generator to stop the model.

    Raises:
        BackendError: the model failed
    """
    sampling = likeliest()
    if "stream" not in backend.abilities:
        reply = await backend.chat(conversation, sampling)
        yield Piece(without_thoughts(reply.message.text), reply.finish_reason == "length")
        return
    held: str | None = ""
    async with aclosing(backend.stream(conversation, sampling)) as deltas:
        async for delta in deltas:
            is_cut_off = delta.finish_reason == "length"
            if held is None:
                yield Piece(delta.text, is_cut_off)
                continue
            held += delta.text
            if is_cut_off or not _may_be_thoughts(held):
                yield Piece(without_thoughts(held), is_cut_off)
                held = None
    if held:
        yield Piece(without_thoughts(held))


def likeliest() -> Sampling:
    """How `written` asks: for the likeliest answer, as long as the model wants it."""
    from lianlu.llm import Sampling

    return Sampling(temperature=0.0)


def without_thoughts(text: str) -> str:
    """A text without `<think>…</think>` at its start; thoughts that never end are all of it.

    >>> without_thoughts("<think>hm</think> yes")
    ' yes'
    """
    if not text.lstrip().startswith(_OPENING):
        return text
    return text.partition(_CLOSING)[2]


def is_too_long(error: LianluError) -> bool:
    """Whether a model refused a prompt because it is longer than it can read."""
    message = str(error.facts.get("message", "")).casefold()
    is_said = any(words in message for words in _TOO_LONG)
    return error.code == "engine.too-long" or (error.code == "llm.bad-request" and is_said)


def _may_be_thoughts(begun: str) -> bool:
    start = begun.lstrip()
    return _OPENING.startswith(start) or (start.startswith(_OPENING) and _CLOSING not in start)
