"""The text of a conversation as the chat template writes it, and which characters of it are learned.

The text is always the template's own, so that training and serving see the same. Where an answer stands is found by
rendering up to it: the rendering before it (with the header of an answer) and the one behind it must both begin the whole
text. Two habits are allowed for: a header that asks for more than the template writes there (DeepSeek-R1's thoughts), and
an end of the text behind the last answer (Phi-3's). A template that writes earlier answers differently once others follow
(Qwen3, which drops their thoughts) leaves those out; only if no answer can be found the conversation is refused.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from os.path import commonprefix
from typing import Any, Literal

import msgspec

from lianlu.core.errors import DataError, UsageError
from lianlu.records import Conversation, Message, ReasoningPart, TextPart, ToolCallPart, ToolResultPart
from lianlu.train.bounded_jinja import REFUSALS, BoundedTemplate, bounded_template
from lianlu.train.chat_outline import Outline, Span, learn_outline

__all__ = ["ChatText", "ChatTexts", "OpenaiMessage", "as_openai"]

OpenaiMessage = dict[str, Any]
_PLAIN = {"role", "content"}
_MARK = "Aq\u2042mark\u2042qZ"


@dataclass(frozen=True)
class ChatText:
    """A rendered conversation.

    Args:
        spans: characters that are learned, as the template writes them.
        kept_back: how many answers are not learned because the template writes them differently in the end.
        outline: what the text was found to be, and `answers` those of it that are learned; None if it was found by hand.
    """

    id: str
    text: str
    spans: tuple[Span, ...]
    kept_back: int = 0
    outline: Outline | None = None
    answers: tuple[int, ...] = ()


class ChatTexts:
    """Renders conversations with the template of one tokenizer.

    Raises:
        UsageError: train.no-template
        DataError: train.bad-template
    """

    def __init__(self, tokenizer: Any) -> None:
        if not tokenizer.chat_template:
            raise UsageError("train.no-template", model=str(tokenizer.name_or_path))
        self._tokenizer = tokenizer
        self._special: dict[str, Any] = dict(tokenizer.special_tokens_map)
        self._markers = tuple(each.content for each in tokenizer.added_tokens_decoder.values() if each.special)
        self._outlines: dict[tuple[str, ...], Outline | None] = {}
        self._plain = self._template(None)

    def of(self, conversation: Conversation, id: str = "", *, supervise: Literal["all", "last"] = "all") -> ChatText:
        """The text of a conversation and what of it is learned.

        Raises:
            DataError: train.bad-sample: it has parts other than text, or the template refuses it or cannot be followed
        """
        one, messages = self._one(conversation, id)
        text = one.rendered(messages)
        wanted = _wanted(conversation.messages, supervise)
        answers = [place for place in wanted if messages[place]["role"] == "assistant"]
        outline = self._outline(one, messages)
        found = outline.spans(text, [each["content"] for each in messages]) if outline is not None else None
        if found is None:
            outline, found = None, {place: one.answer_in(messages, place, text) for place in answers}
        spans = {place: span for place in answers if (span := found.get(place)) is not None}
        if answers and not spans:
            why = "the chat template writes earlier messages differently when later ones follow"
            raise DataError("train.bad-sample", id=id, why=why if any(answers) else "it begins with an answer")
        others = {place: one.words_in(messages, place, text) for place in wanted if place not in answers}
        return ChatText(
            id,
            text,
            tuple(span for _, span in sorted({**spans, **others}.items())),
            kept_back=len(answers) - len(spans),
            outline=None if others else outline,
            answers=tuple(spans),
        )

    def forbidden(self, conversation: Conversation, id: str = "") -> ChatText:
        """The text of a conversation of which all is learned, with the spans of the messages that forbid it.

        Raises:
            DataError: train.bad-sample, as `of`
        """
        one, messages = self._one(conversation, id)
        text = one.rendered(messages)
        places = [place for place, message in enumerate(conversation.messages) if message.learn is False]
        spans: list[Span] = []
        for place in places:
            is_answer = messages[place]["role"] == "assistant"
            answer = one.answer_in(messages, place, text) if is_answer else None
            spans.append(answer or one.words_in(messages, place, text))
        return ChatText(id, text, tuple(spans))

    def _one(self, conversation: Conversation, id: str) -> tuple[_One, list[OpenaiMessage]]:
        messages = [as_openai(message, id) for message in conversation.messages]
        tools = [{"type": "function", "function": msgspec.to_builtins(tool)} for tool in conversation.tools]
        template = self._template(tools) if tools else self._plain
        return _One(template, self._special, tools or None, self._markers, id), messages

    def _template(self, tools: Any) -> BoundedTemplate:
        """The template for conversations with or without tools: a tokenizer may have one for each."""
        try:
            return bounded_template(self._tokenizer.get_chat_template(None, tools))
        except REFUSALS as error:
            raise DataError("train.bad-template", why=f"{error}"[:300]) from error

    def _outline(self, one: _One, messages: Sequence[OpenaiMessage]) -> Outline | None:
        if one.tools or any(message.keys() != _PLAIN for message in messages):
            return None
        roles = tuple(message["role"] for message in messages)
        if roles not in self._outlines:
            try:
                self._outlines[roles] = learn_outline(roles, one.rendered, one.plain_answer_in)
            except (
                DataError
            ):  # it refuses made-up words, or needs a look at the real ones: they are judged for themselves
                self._outlines[roles] = None
        return self._outlines[roles]


@dataclass(frozen=True)
class _One:
    """Renders parts of one conversation."""

    template: BoundedTemplate
    special: dict[str, Any]
    tools: list[dict[str, Any]] | None
    markers: Sequence[str]
    id: str

    def rendered(self, messages: Sequence[OpenaiMessage], *, header: bool = False) -> str:
        try:
            return self.template.render(messages, self.tools, self.special, header=header)
        except REFUSALS as error:
            why = f"the chat template refuses it: {error}"[:300]
            raise DataError("train.bad-sample", id=self.id, why=why) from error

    def answer_in(self, messages: Sequence[OpenaiMessage], place: int, text: str) -> Span | None:
        """Where in `text` the answer at `place` stands, header left out; None if it is written differently there."""
        if not place:
            return None
        before = self.rendered(messages[:place], header=True)
        whole = text if place == len(messages) - 1 else self.rendered(messages[: place + 1])
        start = len(before) if text.startswith(before) else self._behind_header(messages, place, before, text)
        end = len(whole) if text.startswith(whole) else self._behind_marker(messages, place, whole, text)
        return None if start is None or end is None or not whole.startswith(text[:start]) else (start, end)

    def plain_answer_in(self, messages: Sequence[OpenaiMessage], place: int, text: str) -> Span | None:
        """As `answer_in`; refuses a header that asks for more than is written, because an answer may begin with that."""
        if place and not text.startswith(self.rendered(messages[:place], header=True)):
            raise DataError("train.bad-sample", id=self.id, why="the header of an answer depends on its words")
        return self.answer_in(messages, place, text)

    def _behind_header(self, messages: Sequence[OpenaiMessage], place: int, before: str, text: str) -> int | None:
        """Where the answer begins if the header asks for more than is written before it (for thoughts, say)."""
        asked = _common(before, self.rendered(messages[:place]))
        written = _common(before, self._marked(messages[: place + 1], place))
        return len(written) if len(written) > len(asked) and text.startswith(written) else None

    def _behind_marker(self, messages: Sequence[OpenaiMessage], place: int, whole: str, text: str) -> int | None:
        """Where the answer ends if more is written behind the last one than behind others (an end of the text, say)."""
        _, _, tail = self._marked(messages[: place + 1], place).rpartition(_MARK)
        words_end, common = len(whole) - len(tail), len(_common(whole, text))
        ends = [text.rfind(marker, words_end, common) + len(marker) for marker in self.markers]
        end = max((each for each in ends if each > words_end), default=None)
        rest = whole[end:]
        for marker in self.markers:
            rest = rest.replace(marker, "")
        return end if whole.endswith(tail) and not rest.strip() else None

    def _marked(self, messages: Sequence[OpenaiMessage], place: int) -> str:
        return self.rendered([*messages[:place], {**messages[place], "content": _MARK}, *messages[place + 1 :]])

    def words_in(self, messages: Sequence[OpenaiMessage], place: int, text: str) -> Span:
        """Where the words of any message stand: where other words in their place would."""
        marked = self._marked(messages, place)
        start, behind = marked.find(_MARK), len(marked) - marked.rfind(_MARK) - len(_MARK)
        end = len(text) - behind
        words = messages[place]["content"]
        is_found = start >= 0 and marked.count(_MARK) == 1 and text[start:end] in (words, words.strip())
        if not (is_found and text.startswith(marked[:start]) and text.endswith(marked[len(marked) - behind :])):
            why = f"the chat template does not write message {place + 1}, which is to be learned, as it is"
            raise DataError("train.bad-sample", id=self.id, why=why)
        return start, end


def _common(one: str, other: str) -> str:
    """What both begin with."""
    return commonprefix([one, other])  # noqa: RUF071 - characters are meant, not names of folders


def _wanted(messages: Sequence[Message], supervise: Literal["all", "last"]) -> list[int]:
    """Places of the messages that are learned: what a message says itself, and the answers (or the last one) otherwise."""
    answers = [place for place, message in enumerate(messages) if message.role == "assistant"]
    usual = set(answers[-1:] if supervise == "last" else answers)
    return [
        place for place, message in enumerate(messages) if message.learn or (message.learn is None and place in usual)
    ]


def as_openai(message: Message, id: str = "") -> OpenaiMessage:
    """A message in the shape that chat templates read. Raises DataError train.bad-sample."""
    shown: OpenaiMessage = {"role": message.role, "content": message.text}
    if message.name:
        shown["name"] = message.name
    for part in message.parts:
        if isinstance(part, ToolCallPart):
            call = {"name": part.name, "arguments": _arguments(part.arguments)}
            shown.setdefault("tool_calls", []).append({"id": part.id, "type": "function", "function": call})
        elif isinstance(part, ToolResultPart):
            shown |= {"content": part.text, "tool_call_id": part.call_id}
        elif isinstance(part, ReasoningPart):
            shown["reasoning_content"] = part.text
        elif not isinstance(part, TextPart):
            raise DataError("train.bad-sample", id=id, why="it has images, audio or files; only text can be learned")
    return shown


def _arguments(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
