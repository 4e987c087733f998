"""Messages and what they are made of: training sample, request, annotation subject and agent memory are all this."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

__all__ = [
    "AudioPart",
    "Conversation",
    "FilePart",
    "ImagePart",
    "Message",
    "Part",
    "Preference",
    "ReasoningPart",
    "Role",
    "TextPart",
    "Tool",
    "ToolCallPart",
    "ToolResultPart",
    "UnpairedPreference",
    "assistant",
    "system",
    "user",
]

Role = Literal["system", "user", "assistant", "tool"]


class TextPart(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="text"):
    text: str


class ImagePart(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="image"):
    """`uri` is a file path, an http(s) address or a data: address."""

    uri: str


class AudioPart(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="audio"):
    uri: str


class FilePart(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="file"):
    uri: str
    name: str = ""


class ToolCallPart(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="tool_call"):
    """`arguments` is the JSON text as the model wrote it, so that a malformed call can still be shown and scored."""

    id: str
    name: str
    arguments: str


class ToolResultPart(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="tool_result"):
    call_id: str
    text: str
    is_error: bool = False


class ReasoningPart(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="reasoning"):
    text: str


Part = TextPart | ImagePart | AudioPart | FilePart | ToolCallPart | ToolResultPart | ReasoningPart


class Message(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`learn` tells whether training supervises it: None leaves that to the recipe, which learns what assistants say."""

    role: Role
    parts: tuple[Part, ...]
    name: str = ""
    learn: bool | None = None

    @property
    def text(self) -> str:
        """The text parts joined; images, calls and reasoning are left out.

        >>> user("hi").text
        'hi'
        """
        return "".join(part.text for part in self.parts if isinstance(part, TextPart))


class Tool(msgspec.Struct, frozen=True, kw_only=True):
    """A function a model may call; `parameters` is a JSON schema."""

    name: str
    description: str = ""
    parameters: dict[str, Any] = {}


class Conversation(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    messages: tuple[Message, ...]
    tools: tuple[Tool, ...] = ()
    source: str = ""
    meta: dict[str, Any] = {}


class Preference(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Two answers to one prompt of which people (or a judge) liked the first better."""

    prompt: Conversation
    chosen: Message
    rejected: Message
    meta: dict[str, Any] = {}


class UnpairedPreference(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One answer to a prompt that people (or a judge) liked or did not like: what KTO learns from."""

    prompt: Conversation
    answer: Message
    is_liked: bool
    meta: dict[str, Any] = {}


def system(text: str) -> Message:
    return Message(role="system", parts=(TextPart(text=text),))


def user(text: str) -> Message:
    return Message(role="user", parts=(TextPart(text=text),))


def assistant(text: str) -> Message:
    return Message(role="assistant", parts=(TextPart(text=text),))
