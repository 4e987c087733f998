"""Text to token ids and back: prompts, chat templates, and answers spelled out token by token.

The start token is set by hand, once, so that a likelihood, a completion and a served request read a text the same way
whatever a tokenizer appends by itself. An answer is spelled in whole characters only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lianlu.core.errors import UsageError
from lianlu.records import Conversation, ReasoningPart, TextPart, ToolResultPart

__all__ = ["EncodedText", "Spelling", "StopWatch", "Tokenizer"]

_HALF = "\ufffd"  # what decoders write for bytes that are no character (yet)
_CONTEXT_TOKENS = 4


@dataclass(frozen=True)
class EncodedText:
    """Token ids of a text, and for each where its characters end in the text (never falling)."""

    ids: tuple[int, ...]
    ends: tuple[int, ...]

    def pieces(self, text: str) -> list[str]:
        """The text cut by token. A character of several tokens stands with its last one; joined, they are `text`."""
        cut: list[str] = []
        start = 0
        for index, end in enumerate(self.ends):
            is_last = index + 1 == len(self.ends)
            end = len(text) if is_last else start if self.ends[index + 1] == end else end
            cut.append(text[start:end])
            start = end
        return cut


class Tokenizer:
    """A fast tokenizer of transformers, as the engine uses it."""

    def __init__(self, tokenizer: Any) -> None:
        self._whole = tokenizer
        self._fast: Any = tokenizer.backend_tokenizer
        self._fast.no_truncation()
        self._fast.no_padding()
        bos, eos = tokenizer.bos_token_id, tokenizer.eos_token_id
        added: list[int] = self._fast.encode("", add_special_tokens=True).ids
        self.start: tuple[int, ...] = (bos,) if bos is not None and added[:1] == [bos] else ()
        self.prefix: tuple[int, ...] = next(((each,) for each in (bos, eos) if each is not None), ())
        self.eos: int | None = eos
        self.size: int = len(tokenizer)

    @property
    def template(self) -> str:
        """The chat template, empty where there is none."""
        template = self._whole.chat_template
        return template.get("default", "") if isinstance(template, Mapping) else template or ""

    def encode(self, text: str) -> EncodedText:
        """Ids of `text` as it stands, the start token in front where the tokenizer sets one.

        Raises:
            UsageError: engine.bad-text: it holds half a surrogate pair
        """
        try:
            encoding = self._fast.encode(text, add_special_tokens=False)
        except (TypeError, UnicodeError):
            raise UsageError("engine.bad-text") from None
        ends: list[int] = [0] * len(self.start)
        for _, end in encoding.offsets:
            ends.append(max(end, ends[-1] if ends else 0))
        return EncodedText((*self.start, *encoding.ids), tuple(ends))

    def decode(self, ids: Sequence[int]) -> str:
        return self._fast.decode(list(ids), skip_special_tokens=True)

    def name(self, token: int) -> str:
        """A token as it is shown in a list of alternatives: its text, or its own name where it is part of a character."""
        text: str = self._fast.decode([token], skip_special_tokens=False)
        return text if text and _HALF not in text else str(self._fast.id_to_token(token) or f"<{token}>")

    def render(self, conversation: Conversation) -> tuple[int, ...]:
        """What the model sees of a conversation, the start of its answer included.

        Raises:
            UsageError: engine.template-refused, engine.unknown-part, engine.no-tools, engine.bad-text
        """
        from jinja2 import TemplateError

        if conversation.tools:
            raise UsageError("engine.no-tools")
        messages = [_message(message.role, message.parts) for message in conversation.messages]
        try:
            text: str = self._whole.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
        except (TemplateError, TypeError, KeyError, AttributeError, ValueError) as error:
            raise UsageError("engine.template-refused", why=f"{error}"[:300]) from error
        try:
            return tuple(self._fast.encode(text, add_special_tokens=False).ids)
        except (TypeError, UnicodeError):
            raise UsageError("engine.bad-text") from None


def _message(role: str, parts: Sequence[Any]) -> dict[str, str]:
    text: list[str] = []
    for part in parts:
        if isinstance(part, TextPart | ToolResultPart):
            text.append(part.text)
        elif not isinstance(part, ReasoningPart):  # earlier thoughts are not shown to a model again
            raise UsageError("engine.unknown-part", part=str(part.__struct_config__.tag))
    return {"role": role, "content": "".join(text)}


class Spelling:
    """The text of an answer while its tokens come: `add` gives what became certain, in whole characters.

    The last tokens of the prompt stand before it, because decoders treat the first token of a text in their own way.
    """

    def __init__(self, tokenizer: Tokenizer, before: Sequence[int] = ()) -> None:
        self._tokenizer = tokenizer
        self._ids = list(before[-_CONTEXT_TOKENS:])
        self._from = 0
        self._read = len(self._ids)

    def add(self, token: int) -> str:
        self._ids.append(token)
        before = self._tokenizer.decode(self._ids[self._from : self._read])
        now = self._tokenizer.decode(self._ids[self._from :])
        if len(now) <= len(before) or now.endswith(_HALF) or not now.startswith(before):
            return ""
        self._from, self._read = self._read, len(self._ids)
        return now[len(before) :]

    def rest(self) -> str:
        """What was held back, at the end: bytes that never became a character are shown as such."""
        held = self._ids[self._read :]
        self._from, self._read = self._read, len(self._ids)
        return self._tokenizer.decode(held) if held else ""


class StopWatch:
    """Looks for stop texts in a text that comes in pieces, and holds back what may be the start of one."""

    def __init__(self, stops: Sequence[str]) -> None:
        self._stops = stops
        self._held = ""
        self.has_stopped = False

    def add(self, text: str) -> str:
        """What may be shown now. After a stop text nothing more comes."""
        if self.has_stopped or not self._stops:
            return "" if self.has_stopped else text
        self._held += text
        found = [at for at in (self._held.find(stop) for stop in self._stops) if at >= 0]
        if found:
            self.has_stopped = True
            return self._shown(min(found))
        return self._shown(len(self._held) - self._doubtful())

    def rest(self) -> str:
        return "" if self.has_stopped else self._shown(len(self._held))

    def _shown(self, length: int) -> str:
        shown, self._held = self._held[:length], self._held[length:]
        return shown

    def _doubtful(self) -> int:
        """How many characters at the end begin a stop text."""
        longest = min(len(self._held), max(map(len, self._stops)) - 1)
        sizes = range(longest, 0, -1)
        return next((size for size in sizes if any(stop.startswith(self._held[-size:]) for stop in self._stops)), 0)
