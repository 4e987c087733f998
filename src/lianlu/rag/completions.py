"""A base as a model of OpenAI's chat interface: the last user message is the question, its answer the completion.

Citations stand in the text as [n], as `annotations` in OpenAI's own form, and whole, with their quotes, in the field
`lianlu`. What a client says of sampling or of a system prompt is not obeyed, because the rules of citing are not its to
change; the answer lists in `lianlu.ignored` what was passed over, so that nobody takes it for done. What would change
the form of an answer (tools, several choices, log probabilities) is refused by name.
"""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal
from urllib.parse import urlencode

import msgspec

from lianlu.core.errors import UsageError
from lianlu.core.i18n import Text
from lianlu.llm import Delta, Reply, Sampling
from lianlu.llm.neutral import changes_nothing
from lianlu.llm.wrapper import Call, Question, Wrapper
from lianlu.rag.answer import Answer, Answered, AnswerEvent, Citation, Claimed
from lianlu.records import Conversation, Message, TextPart, Usage

__all__ = ["Asked", "Completion", "Counted", "Narrowing", "read_completion", "told_answer"]

_OF_SAMPLING = {
    "frequency_penalty",
    "max_completion_tokens",
    "max_tokens",
    "min_p",
    "presence_penalty",
    "reasoning_effort",
    "repetition_penalty",
    "seed",
    "temperature",
    "top_k",
    "top_p",
    "verbosity",
}
_PLACE = re.compile(r" - at `\$\.?(?P<place>.*)`$")
_MARK = re.compile(r"\[(\d{1,3})\]")
_SHOWN_CHARACTERS = 80

Events = AsyncGenerator[AnswerEvent]


class Narrowing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How many passages are read, and of which documents (`rag.filters`)."""

    top: int = 5
    where: list[str] = []
    since: str = ""
    until: str = ""
    language: str = ""
    path: str = ""


class _Part(msgspec.Struct, frozen=True):
    type: Literal["text"]
    text: str


class _Message(msgspec.Struct, frozen=True):
    role: Literal["system", "developer", "user", "assistant"]
    content: str | list[_Part] | None = None

    @property
    def text(self) -> str:
        return self.content if isinstance(self.content, str) else "".join(each.text for each in self.content or ())


class _StreamOptions(msgspec.Struct, frozen=True):
    include_usage: bool = False


class _Body(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    model: str
    messages: Annotated[list[_Message], msgspec.Meta(min_length=1)]
    stream: bool = False
    stream_options: _StreamOptions = _StreamOptions()
    lianlu: Narrowing = Narrowing()


@dataclass(frozen=True)
class Asked:
    """A question as it came over HTTP.

    Attributes:
        ignored: fields that were passed over.
    """

    question: str
    history: list[Message]
    narrowing: Narrowing
    stream: bool = False
    wants_usage: bool = False
    ignored: tuple[str, ...] = ()


def read_completion(body: Mapping[str, Any], model: str) -> Asked:
    """The question in the body of a chat completion.

    Args:
        model: the name that the base is served under.

    Raises:
        UsageError: rag.bad-field, rag.unsupported-field, rag.unknown-model; the fact `param` names the field
    """
    said = {name: value for name, value in body.items() if not _is_as_ever(name, value)}
    ignored = sorted(name for name in said if name in _OF_SAMPLING)
    said = {name: value for name, value in said.items() if name not in _OF_SAMPLING}
    for name, value in said.items():
        if name not in _Body.__struct_fields__:
            raise UsageError("rag.unsupported-field", param=name[:_SHOWN_CHARACTERS], value=_short(value))
    try:
        read = msgspec.convert(said, _Body)
    except msgspec.ValidationError as error:
        place = _PLACE.search(str(error))
        why = _PLACE.sub("", str(error))
        raise UsageError("rag.bad-field", param=place["place"] if place else "", why=why) from None
    if read.model != model:
        raise UsageError("rag.unknown-model", asked=read.model[:_SHOWN_CHARACTERS], served=model, param="model")
    *before, last = read.messages
    if last.role != "user":
        raise UsageError(
            "rag.bad-field",
            param="messages",
            why=Text("the last message must be the user's question", "最后一条消息必须是用户的问题"),
        )
    if any(each.role in ("system", "developer") for each in before):
        ignored.append("messages: system")
    history = [
        Message(role=each.role, parts=(TextPart(text=each.text),))
        for each in before
        if each.role in ("user", "assistant") and each.text
    ]
    return Asked(last.text, history, read.lianlu, read.stream, read.stream_options.include_usage, tuple(ignored))


def told_answer(answer: Answer) -> dict[str, Any]:
    """An answer for JSON; its notes in the reader's language."""
    return msgspec.to_builtins(answer) | {"notes": [note.show() for note in answer.notes]}


class Counted(Wrapper):
    """A model whose tokens are counted; `usage` stays None where the service tells none."""

    usage: Usage | None = None

    async def around(self, question: Question, call: Call) -> Any:
        made = await super().around(question, call)
        if isinstance(made, Reply):
            self._add(made.usage)
        return made

    async def around_stream(
        self, question: Question, conversation: Conversation, sampling: Sampling
    ) -> AsyncGenerator[Delta, None]:
        async with aclosing(super().around_stream(question, conversation, sampling)) as deltas:
            async for delta in deltas:
                if delta.usage is not None:
                    self._add(delta.usage)
                yield delta

    def _add(self, usage: Usage) -> None:
        self.usage = usage if self.usage is None else self.usage + usage


@dataclass
class Completion:
    """One answer in OpenAI's form.

    Attributes:
        model: the name that the base is served under.
        place: address of the page, where a citation of a file leads to.
        counted: the model that writes, if one does.
    """

    model: str
    asked: Asked
    place: str
    counted: Counted | None = None
    id: str = field(default_factory=lambda: f"chatcmpl-{uuid.uuid4().hex}")
    created: int = field(default_factory=lambda: int(time.time()))

    async def whole(self, events: Events) -> dict[str, Any]:
        """The completion when it is done."""
        answer = None
        async with aclosing(events):
            async for event in events:
                if isinstance(event, Answered):
                    answer = event.answer
        assert answer is not None, "the events end with the answer"
        message = {
            "role": "assistant",
            "content": answer.text,
            "refusal": None,
            "annotations": self._annotations(answer.text, answer.citations, 0),
        }
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
        more = {"usage": self._usage(), "lianlu": self._extension(answer)}
        return {**self._head("chat.completion"), "choices": [choice], **more}

    async def chunks(self, events: Events) -> AsyncGenerator[dict[str, Any], None]:
        """The completion as it comes about. The role comes with the first claim: a refusal is no half answer."""
        said = ""
        delta: dict[str, Any] = {"role": "assistant", "content": ""}
        async with aclosing(events):
            async for event in events:
                if isinstance(event, Claimed):
                    noted = self._annotations(event.text, event.citations, len(said))
                    yield self._chunk(delta | {"content": event.text} | ({"annotations": noted} if noted else {}))
                    said, delta = said + event.text, {}
                elif isinstance(event, Answered):
                    if not said:
                        yield self._chunk(delta | {"content": event.answer.text})
                    yield self._chunk({}, "stop") | {"lianlu": self._extension(event.answer)}
        if self.asked.wants_usage:
            yield self._head("chat.completion.chunk") | {"choices": [], "usage": self._usage()}

    def _head(self, kind: str) -> dict[str, Any]:
        return {"id": self.id, "object": kind, "created": self.created, "model": self.model}

    def _chunk(self, delta: dict[str, Any], finish_reason: str | None = None) -> dict[str, Any]:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
        return self._head("chat.completion.chunk") | {"choices": [choice]}

    def _annotations(self, text: str, citations: tuple[Citation, ...], start: int) -> list[dict[str, Any]]:
        """Where each [n] stands in the text, and what it leads to."""
        by_number = {each.number: each for each in citations}
        return [
            {
                "type": "url_citation",
                "url_citation": {
                    "start_index": start + found.start(),
                    "end_index": start + found.end(),
                    "title": " › ".join((cited.uri, *cited.headings)),
                    "url": self._address(cited),
                },
            }
            for found in _MARK.finditer(text)
            if (cited := by_number.get(int(found[1]))) is not None
        ]

    def _address(self, cited: Citation) -> str:
        if cited.uri.startswith(("http://", "https://")):
            return cited.uri
        place = {"document": cited.document_id, "start": cited.span.start, "end": cited.span.end}
        return f"{self.place}#{urlencode(place)}"

    def _extension(self, answer: Answer) -> dict[str, Any]:
        told = {name: value for name, value in told_answer(answer).items() if name not in ("question", "text")}
        return told | {"ignored": list(self.asked.ignored)}

    def _usage(self) -> dict[str, int] | None:
        used = self.counted.usage if self.counted is not None else Usage()
        if used is None:
            return None
        return {
            "prompt_tokens": used.prompt_tokens,
            "completion_tokens": used.completion_tokens,
            "total_tokens": used.prompt_tokens + used.completion_tokens,
        }


def _is_as_ever(name: str, value: Any) -> bool:
    """Whether a field asks for nothing but what happens anyway."""
    return value is None or changes_nothing(name, value) or (name, value) in (("n", 1), ("logprobs", False))


def _short(value: Any) -> str:
    shown = repr(value)
    return shown if len(shown) <= _SHOWN_CHARACTERS else shown[: _SHOWN_CHARACTERS - 1] + "…"
