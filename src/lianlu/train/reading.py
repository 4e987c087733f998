"""Files of users and artifacts of chains -> training items: a Conversation, or plain text.

What a line is, is seen from its keys: `messages` (OpenAI's, or our own records), `conversation` (XTuner), `instruction`
(Alpaca) or `text`. A line that fits none is an error with file and line: half a training set is no training set.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import msgspec

from lianlu.core.errors import DataError, UsageError
from lianlu.core.files import Files, named_path, walk
from lianlu.records import (
    Conversation,
    Message,
    Part,
    ReasoningPart,
    TextPart,
    Tool,
    ToolCallPart,
    ToolResultPart,
    assistant,
    system,
    user,
)
from lianlu.text.decode import decode
from lianlu.text.documents import DOCUMENTS_INDEX, load_documents

__all__ = ["CONVERSATIONS", "Item", "message_of", "read_artifact", "read_paths"]

CONVERSATIONS = "conversations.jsonl"
_TEXT = (".txt", ".md")
_LINES = (".jsonl", ".json")
_ROLES = ("system", "user", "assistant", "tool")


@dataclass(frozen=True)
class Item:
    """One training sample before it is cut into tokens; `id` is file and line, or the uri of a document."""

    id: str
    content: Conversation | str


def read_paths(paths: Sequence[str]) -> list[Item]:
    """Everything in these files and folders, in order of names.

    Raises:
        UsageError: file.missing, file.unreadable, train.no-data
        DataError: train.bad-line
    """
    items: list[Item] = []
    for named in paths:
        root = named_path(named)
        if (root / DOCUMENTS_INDEX).is_file():  # what `lianlu extract` wrote; its other files say the same once more
            items += read_artifact(Files.of_folder(root, kind="documents"))
            continue
        for path in walk(root):
            if path.suffix in (*_TEXT, *_LINES):
                name = path.name if path == root else path.relative_to(root).as_posix()
                items += _read_file(path, name)
    if paths and not items:
        raise UsageError("train.no-data", paths=", ".join(paths))
    return items


def read_artifact(files: Files) -> list[Item]:
    """The samples of a `documents` or `conversations` artifact.

    Raises:
        DataError: train.bad-line, train.no-conversations, text.no-documents, text.documents-broken
    """
    if files.kind == "documents":
        return [Item(document.source.uri, document.markdown) for document in load_documents(files)]
    path = files.get(CONVERSATIONS)
    if path is None:
        raise DataError("train.no-conversations", kind=files.kind, file=CONVERSATIONS)
    return list(_read_file(path, CONVERSATIONS, is_lines=True))


def _read_file(path: Path, name: str, *, is_lines: bool | None = None) -> Iterable[Item]:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UsageError("file.unreadable", path=str(path), why=error.strerror or str(error)) from error
    if is_lines is None and path.suffix in _TEXT:
        text = decode(content).text.strip()
        return [Item(name, text)] if text else []
    if content.lstrip()[:1] == b"[" and not is_lines:
        return list(_from_array(content, name))
    return list(_from_lines(content, name))


def _from_lines(content: bytes, name: str) -> Iterator[Item]:
    for number, line in enumerate(content.splitlines(), start=1):
        if line.strip():
            where = f"{name}:{number}"
            try:
                value = json.loads(line)
            except (ValueError, RecursionError):
                raise DataError("train.bad-line", at=where, why="not a JSON object") from None
            yield Item(where, _content(value, where))


def _from_array(content: bytes, name: str) -> Iterator[Item]:
    try:
        values = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise DataError("train.bad-line", at=name, why=f"not JSON: {error}") from None
    for number, value in enumerate(cast("list[Any]", values), start=1):
        where = f"{name}#{number}"
        yield Item(where, _content(value, where))


def _content(value: Any, where: str) -> Conversation | str:
    try:
        return _shaped(value)
    except (TypeError, KeyError, ValueError, msgspec.ValidationError) as error:
        raise DataError("train.bad-line", at=where, why=str(error)) from None


def _shaped(value: Any) -> Conversation | str:
    if not isinstance(value, Mapping):
        raise TypeError("not a JSON object")
    line = cast("Mapping[str, Any]", value)
    if "messages" in line:
        return _from_messages(line)
    if "conversation" in line:
        return _from_turns(line["conversation"])
    if "instruction" in line:
        return _from_instruction(line)
    if "text" in line:
        return _words(line["text"], "text")
    raise ValueError(f"none of the keys messages, conversation, instruction, text is there, but {', '.join(line)[:80]}")


def _from_messages(line: Mapping[str, Any]) -> Conversation:
    messages = line["messages"]
    if not isinstance(messages, list) or not messages:
        raise TypeError("`messages` must be a list of messages")
    if all(isinstance(each, Mapping) and "parts" in each for each in messages):
        return _complete(msgspec.convert(line, Conversation))
    tools = tuple(_tool(each) for each in line.get("tools") or ())
    return _complete(Conversation(messages=tuple(message_of(each) for each in messages), tools=tools))


def message_of(value: Any) -> Message:
    """A message in OpenAI's shape as a record. Raises TypeError, ValueError."""
    if not isinstance(value, Mapping):
        raise TypeError("a message must be an object with role and content")
    message = cast("Mapping[str, Any]", value)
    role = message.get("role")
    if role not in _ROLES:
        raise ValueError(f"role {role!r} is none of {', '.join(_ROLES)}")
    text = _content_text(message.get("content"))
    if role == "tool":
        return Message(role="tool", parts=(ToolResultPart(call_id=str(message.get("tool_call_id", "")), text=text),))
    parts: list[Part] = []
    if message.get("reasoning_content"):
        parts.append(ReasoningPart(text=_words(message["reasoning_content"], "reasoning_content")))
    if text or not message.get("tool_calls"):
        parts.append(TextPart(text=text))
    parts += [_call(each) for each in message.get("tool_calls") or ()]
    return Message(role=role, parts=tuple(parts), name=str(message.get("name") or ""))


def _content_text(content: Any) -> str:
    if content is None:
        return ""
    if isinstance(content, list):
        texts = [each.get("text") if isinstance(each, Mapping) else None for each in content]
        return "".join(_words(text, "content") for text in texts)
    return _words(content, "content")


def _call(value: Any) -> ToolCallPart:
    function = value["function"]
    arguments = function.get("arguments", "{}")
    text = arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)
    return ToolCallPart(id=str(value.get("id", "")), name=_words(function["name"], "name"), arguments=text)


def _tool(value: Any) -> Tool:
    function = value.get("function", value)
    return Tool(
        name=_words(function["name"], "name"),
        description=str(function.get("description", "")),
        parameters=dict(function.get("parameters") or {}),
    )


def _from_turns(turns: Any) -> Conversation:
    if not isinstance(turns, list) or not turns:
        raise TypeError("`conversation` must be a list of turns")
    messages: list[Message] = []
    for turn in cast("list[Any]", turns):
        if turn.get("system"):
            messages.append(system(_words(turn["system"], "system")))
        messages += [user(_words(turn["input"], "input")), assistant(_words(turn["output"], "output"))]
    return _complete(Conversation(messages=tuple(messages)))


def _from_instruction(line: Mapping[str, Any]) -> Conversation:
    question = [_words(line["instruction"], "instruction"), _words(line.get("input") or "", "input")]
    messages = [user("\n".join(part for part in question if part)), assistant(_words(line["output"], "output"))]
    if line.get("system"):
        messages.insert(0, system(_words(line["system"], "system")))
    return _complete(Conversation(messages=tuple(messages)))


def _complete(conversation: Conversation) -> Conversation:
    if not conversation.messages:
        raise ValueError("a conversation without messages")
    return conversation


def _words(value: Any, key: str) -> str:
    if not isinstance(value, str):
        raise TypeError(f"`{key}` must be text, not {type(value).__name__}")
    return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
