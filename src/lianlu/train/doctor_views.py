"""What the data doctor looks at in a sample: its words by role, worked out once for all checks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from lianlu.records import (
    Conversation,
    Message,
    Preference,
    ReasoningPart,
    TextPart,
    ToolCallPart,
    ToolResultPart,
    UnpairedPreference,
)
from lianlu.train.shapes import Content, messages_of

__all__ = ["View", "normal", "said"]


@dataclass(frozen=True)
class View:
    """A sample as the checks see it. `messages` are those of a dialogue in order: a pair shows its chosen answer."""

    id: str
    content: Content

    @cached_property
    def messages(self) -> tuple[Message, ...]:
        if isinstance(self.content, Preference):
            return (*self.content.prompt.messages, self.content.chosen)
        return messages_of(self.content)

    @property
    def is_conversation(self) -> bool:
        return isinstance(self.content, Conversation)

    @cached_property
    def key(self) -> str:
        """All words of the sample: equal keys are equal samples."""
        if isinstance(self.content, str):
            return self.content
        label = f"\n{self.content.is_liked}" if isinstance(self.content, UnpairedPreference) else ""
        return "\n".join(f"{each.role}: {said(each)}" for each in messages_of(self.content)) + label

    @cached_property
    def question(self) -> str:
        return _of_role(self.messages, "user")

    @cached_property
    def answer(self) -> str:
        return _of_role(self.messages, "assistant")

    @cached_property
    def system(self) -> str:
        return _of_role(self.messages, "system")


def said(message: Message) -> str:
    """All words of a message, calls and results included; pictures and sounds by their place."""
    if len(message.parts) == 1 and isinstance(message.parts[0], TextPart):
        return message.parts[0].text.strip()
    words: list[str] = []
    for part in message.parts:
        if isinstance(part, TextPart | ReasoningPart | ToolResultPart):
            words.append(part.text)
        elif isinstance(part, ToolCallPart):
            words.append(f"{part.name}({part.arguments})")
        else:
            words.append(f"<{part.uri}>")
    return "".join(words).strip()


def normal(text: str) -> str:
    """Letters and digits only, in lower case: what stays equal when spaces, case and punctuation change."""
    return "".join(letter for letter in text.lower() if letter.isalnum())


def _of_role(messages: Sequence[Message], role: str) -> str:
    return "\n".join(said(each) for each in messages if each.role == role)
