"""From the fragments of a stream to the whole reply."""

from __future__ import annotations

from collections.abc import Iterable

from lianlu.llm.backend import Delta, Reply, TokenLogprob, ToolCallDelta
from lianlu.records import FinishReason, Message, Part, ReasoningPart, TextPart, ToolCallPart, Usage

__all__ = ["Collector", "deltas_of"]


class Collector:
    """Add the fragments in order; `reply` is what they make so far.

    >>> collector = Collector()
    >>> for delta in (Delta(text="he"), Delta(text="llo"), Delta(finish_reason="stop")):
    ...     collector.add(delta)
    >>> collector.reply().message.text, collector.is_finished
    ('hello', True)
    """

    def __init__(self) -> None:
        self._text: list[str] = []
        self._reasoning: list[str] = []
        self._calls: dict[int, ToolCallDelta] = {}
        self._logprobs: list[TokenLogprob] = []
        self._finish: FinishReason | None = None
        self._usage = Usage()
        self._model = ""
        self._id = ""

    @property
    def is_finished(self) -> bool:
        """Whether a fragment said why the answer ended."""
        return self._finish is not None

    @property
    def characters(self) -> int:
        """How much text has arrived, thoughts included."""
        return sum(map(len, self._text)) + sum(map(len, self._reasoning))

    def add(self, delta: Delta) -> None:
        if delta.text:
            self._text.append(delta.text)
        if delta.reasoning:
            self._reasoning.append(delta.reasoning)
        for call in delta.tool_calls:
            known = self._calls.get(call.index, ToolCallDelta(index=call.index))
            self._calls[call.index] = ToolCallDelta(
                index=call.index,
                id=known.id or call.id,
                name=known.name or call.name,
                arguments=known.arguments + call.arguments,
            )
        self._logprobs.extend(delta.logprobs)
        self._finish = delta.finish_reason or self._finish
        self._usage = delta.usage or self._usage
        self._model = delta.model or self._model
        self._id = delta.id or self._id

    def reply(self, *, unfinished: FinishReason = "cancelled") -> Reply:
        """The reply so far; `unfinished` is its finish reason when no fragment gave one."""
        calls = [
            ToolCallPart(id=call.id or f"call_{index}", name=call.name, arguments=call.arguments or "{}")
            for index, call in sorted(self._calls.items())
        ]
        text = "".join(self._text)
        thoughts = "".join(self._reasoning)
        parts: list[Part] = [ReasoningPart(text=thoughts)] if thoughts else []
        parts += [TextPart(text=text)] if text or not calls else []
        return Reply(
            message=Message(role="assistant", parts=(*parts, *calls)),
            finish_reason=self._finish or unfinished,
            usage=self._usage,
            model=self._model,
            logprobs=tuple(self._logprobs),
            id=self._id,
        )


def deltas_of(reply: Reply) -> Iterable[Delta]:
    """A whole reply as a stream that says the same: one fragment for each part, then how it ended."""
    calls = 0
    for part in reply.message.parts:
        if isinstance(part, ReasoningPart):
            yield Delta(reasoning=part.text)
        elif isinstance(part, TextPart) and part.text:
            yield Delta(text=part.text)
        elif isinstance(part, ToolCallPart):
            call = ToolCallDelta(index=calls, id=part.id, name=part.name, arguments=part.arguments)
            yield Delta(tool_calls=(call,))
            calls += 1
    yield Delta(
        finish_reason=reply.finish_reason, usage=reply.usage, logprobs=reply.logprobs, model=reply.model, id=reply.id
    )
