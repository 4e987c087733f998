"""What a model writes: piece by piece where it can, without the thoughts that some services send as its answer."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import TYPE_CHECKING

from lianlu.core.errors import LianluError

if TYPE_CHECKING:
    from lianlu.llm import Backend
    from lianlu.records import Conversation

__all__ = ["is_too_long", "without_thoughts", "written"]

_TOO_LONG = ("too long", "too many tokens", "context length", "context size", "context window", "maximum context")
_OPENING, _CLOSING = "<think>", "</think>"


async def written(backend: Backend, conversation: Conversation) -> AsyncGenerator[str]:
    """An answer as it is written, the likeliest one. Close the generator to stop the model.

    Raises:
        BackendError: the model failed
    """
    from lianlu.llm import Sampling

    sampling = Sampling(temperature=0.0)
    if "stream" not in backend.abilities:
        yield without_thoughts((await backend.chat(conversation, sampling)).message.text)
        return
    held: str | None = ""
    async with aclosing(backend.stream(conversation, sampling)) as deltas:
        async for delta in deltas:
            if held is None:
                yield delta.text
                continue
            held += delta.text
            if not _may_be_thoughts(held):
                yield without_thoughts(held)
                held = None
    if held:
        yield without_thoughts(held)


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
