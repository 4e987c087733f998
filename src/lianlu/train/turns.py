"""Messages of every dialect -> our records: OpenAI, ShareGPT, XTuner turns, LLaMA-Factory's typed parts, our own.

Knows no rows: which column holds the messages is said in `shapes`. Calls without ids, which most training sets have, are
numbered, and each result is given the id of the call it answers, so that templates which need ids can render them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, cast

import msgspec

from lianlu.records import (
    AudioPart,
    FilePart,
    ImagePart,
    Message,
    Part,
    ReasoningPart,
    Role,
    TextPart,
    Tool,
    ToolCallPart,
    ToolResultPart,
    assistant,
    system,
    user,
)
from lianlu.train.columns import Misfit, Row, kind_of, mapping_in, prefix_of, words

__all__ = ["is_message", "listed", "message_of", "messages_in", "numbered", "placed", "tools_in", "turn_messages"]

_ROLES: dict[str, Role] = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "human": "user",
    "assistant": "assistant",
    "gpt": "assistant",
    "chatgpt": "assistant",
    "bot": "assistant",
    "model": "assistant",
    "function_call": "assistant",
    "tool": "tool",
    "function": "tool",
    "observation": "tool",
    "environment": "tool",
    "ipython": "tool",
}
_CALLS = "function_call"
_THOUGHTS = ("reasoning_content", "reasoning", "thinking")
_WEIGHTS = ("loss_weight", "weight", "loss")
_MARKS: dict[str, type[ImagePart | AudioPart | FilePart]] = {
    "<image>": ImagePart,
    "<audio>": AudioPart,
    "<video>": FilePart,
}
_MEDIA = {"image": ImagePart, "image_url": ImagePart, "audio": AudioPart, "video": FilePart}
_PLACES = ("image_url", "url", "uri", "path", "image", "audio", "video", "value")


def is_message(value: object) -> bool:
    """Whether this has the keys of one message, whatever stands in them."""
    return isinstance(value, dict) and ("role" in value or "from" in value)


def message_of(value: object) -> Message:
    """A message in the shape of OpenAI or ShareGPT as a record.

    Raises:
        Misfit: no message; it is a ValueError
    """
    message = mapping_in(value, "a message", "消息")
    if "parts" in message:
        return _recorded(message)
    named = _role_name(message)
    role = _ROLES[named]
    content = message.get("content", message.get("value"))
    if role == "tool":
        result = ToolResultPart(call_id=_id(message.get("tool_call_id")), text=_joined(content))
        return Message(role=role, parts=(result,), name=_id(message.get("name")), learn=_learn(message))
    if named == _CALLS:
        parts = _calls_in(content, _CALLS)
    elif isinstance(content, str) and len(message) == 2:  # nothing but role and content: most messages
        return Message(role=role, parts=(TextPart(text=words(content, "content")),))
    else:
        parts = _parts(message, content)
    return Message(role=role, parts=tuple(parts), name=_id(message.get("name")), learn=_learn(message))


def messages_in(value: object, key: str) -> list[Message]:
    """The messages or turns of a list, which may also be written as JSON text, as tables do.

    Raises:
        Misfit
    """
    found = listed(value, key)
    if not found:
        raise Misfit(f"`{key}` must be a list of messages, and is empty", f"`{key}` 应为消息列表，但它是空的")
    messages: list[Message] = []
    for each in found:
        if isinstance(each, dict) and not is_message(each) and prefix_of(cast("Row", each)) is not None:
            messages += turn_messages(cast("Row", each))
        else:
            messages.append(message_of(each))
    return messages


def turn_messages(turn: Row) -> list[Message]:
    """One turn of XTuner: `system` where it has words, `input`, `output`; any prefix before the names.

    Raises:
        Misfit
    """
    prefix = prefix_of(turn) or ""
    for name in ("input", "output"):
        if prefix + name not in turn:
            raise Misfit(f"a turn has no `{prefix}{name}`", f"一轮对话缺少 `{prefix}{name}`")
    said = turn.get(prefix + "system")
    answer = assistant(words(turn[prefix + "output"], prefix + "output"))
    if turn.get("output_with_loss") is False:
        answer = msgspec.structs.replace(answer, learn=False)
    lead = [] if said is None else [system(words(said, prefix + "system"))]
    return [*(each for each in lead if each.text), user(words(turn[prefix + "input"], prefix + "input")), answer]


def listed(value: object, key: str) -> list[Any]:
    """The value as a list, read from JSON where it is text. Raises Misfit."""
    if isinstance(value, str):
        value = _from_json(value, key)
    if not isinstance(value, list):
        kind = kind_of(value)
        raise Misfit(f"`{key}` must be a list, not {kind.en}", f"`{key}` 应为列表，而不是{kind.zh}")
    return cast("list[Any]", value)


def tools_in(value: object) -> tuple[Tool, ...]:
    """The tools of a row: a list, or the same as JSON text. Raises Misfit."""
    if value is None or value == "":
        return ()
    return tuple(_tool(each) for each in listed(value, "tools"))


def numbered(messages: Sequence[Message]) -> tuple[Message, ...]:
    """The same messages, calls without an id numbered, and results without one answering the oldest open call."""
    if not any(isinstance(part, ToolCallPart | ToolResultPart) for each in messages for part in each.parts):
        return tuple(messages)
    count = 0
    is_open: list[str] = []
    found: list[Message] = []
    for message in messages:
        parts: list[Part] = []
        for part in message.parts:
            if isinstance(part, ToolCallPart):
                count += 1
                part = part if part.id else msgspec.structs.replace(part, id=f"call-{count}")
                is_open.append(part.id)
            elif isinstance(part, ToolResultPart):
                if not part.call_id and is_open:
                    part = msgspec.structs.replace(part, call_id=is_open[0])
                is_open = [each for each in is_open if each != part.call_id]
            parts.append(part)
        found.append(msgspec.structs.replace(message, parts=tuple(parts)))
    return tuple(found)


def placed(messages: Iterable[Message], row: Row) -> list[Message]:
    """The same messages, pictures and sounds that the row names standing where `<image>` and its like stand.

    Raises:
        Misfit: there are more marks than files, or files without a mark
    """
    found = list(messages)
    for mark, kind in _MARKS.items():
        name = mark.strip("<>")
        named = row.get(name + "s", row.get(name))
        uris = None if named is None else [_uri(each, name) for each in (named if isinstance(named, list) else [named])]
        has_blanks = any(isinstance(part, kind) and not part.uri for each in found for part in each.parts)
        if uris or has_blanks:
            left = iter(uris or [])
            found = [_filled(each, mark, left, name) for each in found]
            if next(left, None) is not None:
                raise Misfit(f"`{name}s` names more files than {mark} stands", f"`{name}s` 的文件多于 {mark} 的个数")
    return found


def _filled(message: Message, mark: str, left: Iterator[str], name: str) -> Message:
    parts: list[Part] = []
    kind = _MARKS[mark]
    for part in message.parts:
        if isinstance(part, kind) and not part.uri:
            parts.append(kind(uri=_next(left, mark, name)))
        elif isinstance(part, TextPart) and mark in part.text:
            for place, text in enumerate(part.text.split(mark)):
                parts += [kind(uri=_next(left, mark, name))] if place else []
                parts += [TextPart(text=text)] if text else []
        else:
            parts.append(part)
    return msgspec.structs.replace(message, parts=tuple(parts))


def _next(left: Iterator[str], mark: str, name: str) -> str:
    uri = next(left, None)
    if uri is None:
        raise Misfit(f"{mark} stands more often than `{name}s` names files", f"{mark} 的个数多于 `{name}s` 的文件")
    return uri


def _uri(value: object, name: str) -> str:
    """A place as people and tables write it: text, or an object that has it under some name."""
    if isinstance(value, dict):
        named = cast("Row", value)
        inner = next((named[key] for key in _PLACES if named.get(key) is not None), None)
        return _uri(inner, name)
    return words(value, name)


def _role_name(message: Row) -> str:
    given = message.get("role", message.get("from"))
    if given is None:
        keys = ", ".join(message)[:80] or "-"
        raise Misfit(
            f"a message has no `role`, and is no turn of `input` and `output` (its keys: {keys})",
            f"消息没有 `role`，也不是含 `input` 与 `output` 的一轮对话（其键：{keys}）",
        )
    named = given.lower() if isinstance(given, str) else ""
    if named not in _ROLES:
        known = "system, user, assistant, tool"
        raise Misfit(f"the role {given!r} is none of {known}"[:200], f"角色 {given!r} 不是 {known} 之一"[:200])
    return named


def _parts(message: Row, content: object) -> list[Part]:
    """Thoughts, then what is said, then calls. A message that has none of them says nothing: an empty text."""
    parts: list[Part] = []
    thought = next((message[key] for key in _THOUGHTS if message.get(key)), None)
    if thought is not None:
        parts.append(ReasoningPart(text=words(thought, "reasoning_content")))
    calls = [_call(each) for each in listed(message.get("tool_calls") or [], "tool_calls")]
    if message.get("function_call"):
        calls.append(_call(message["function_call"]))
    if isinstance(content, list):
        said = _typed(cast("list[Any]", content))
    elif content is None:
        said = []
    else:
        said = [TextPart(text=words(content, "content"))] if content != "" else []
    is_silent = not calls and not any(not isinstance(each, ReasoningPart) for each in said)
    return [*parts, *said, *([TextPart(text="")] if is_silent else []), *calls]


def _typed(content: list[Any]) -> list[Part]:
    """Typed parts, texts that follow each other joined."""
    parts: list[Part] = []
    for each in content:
        if isinstance(each, str):
            each = {"type": "text", "text": each}
        for part in _typed_part(mapping_in(each, "a part of `content`", "`content` 的一部分")):
            before = parts[-1] if parts else None
            if isinstance(part, TextPart) and isinstance(before, TextPart):
                parts[-1] = TextPart(text=before.text + part.text)
            else:
                parts.append(part)
    return parts


def _typed_part(part: Row) -> list[Part]:
    kind = part.get("type", "text")
    value = next((part[key] for key in ("text", "value", "thinking", "reasoning") if part.get(key) is not None), None)
    if kind == "text":
        return [TextPart(text=words(value, "text"))]
    if kind in ("reasoning", "thinking"):
        return [ReasoningPart(text=words(value, str(kind)))]
    if kind == "tool_call":
        return [*_calls_in(value if value is not None else part, "tool_call")]
    if isinstance(kind, str) and kind in _MEDIA:
        has_place = any(part.get(key) is not None for key in _PLACES)
        blank = "" if kind != "image_url" and not has_place else None
        return [_MEDIA[kind](uri=blank if blank is not None else _uri(part, kind))]
    raise Misfit(f"parts of type {kind!r} are not known"[:120], f"未知的内容类型 {kind!r}"[:120])


def _joined(content: object) -> str:
    """What a tool said, as one text; a result that is an object is its JSON."""
    if content is None:
        return ""
    if isinstance(content, list) and all(isinstance(each, str | dict) for each in cast("list[Any]", content)):
        parts = _typed(cast("list[Any]", content))
        return "".join(part.text for part in parts if isinstance(part, TextPart))
    if isinstance(content, dict):
        return json.dumps(content, ensure_ascii=False, default=str)
    return words(content, "content")


def _calls_in(content: object, key: str) -> list[Part]:
    value = _from_json(content, key) if isinstance(content, str) else content
    calls = cast("list[Any]", value) if isinstance(value, list) else [value]
    return [_call(each) for each in calls]


def _call(value: object) -> ToolCallPart:
    call = mapping_in(value, "a tool call", "工具调用")
    function = mapping_in(call.get("function") or call, "`function`", "`function` ")
    arguments = next((function[key] for key in ("arguments", "parameters") if function.get(key) is not None), {})
    text = arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False, default=str)
    return ToolCallPart(
        id=_id(call.get("id")), name=words(function.get("name"), "name"), arguments=words(text, "arguments")
    )


def _tool(value: object) -> Tool:
    tool = mapping_in(value, "a tool", "工具")
    function = mapping_in(tool.get("function") or tool, "`function`", "`function` ")
    parameters = function.get("parameters") or {}
    if isinstance(parameters, str):
        parameters = _from_json(parameters, "parameters")
    return Tool(
        name=words(function.get("name"), "name"),
        description=words(function.get("description") or "", "description"),
        parameters=dict(mapping_in(parameters, "`parameters`", "`parameters` ")),
    )


def _learn(message: Row) -> bool | None:
    for key in _WEIGHTS:
        weight = message.get(key)
        if weight is None:
            continue
        if weight in (0, 1):  # True and False too
            return bool(weight)
        raise Misfit(f"`{key}` must be 0 or 1, not {weight!r}"[:120], f"`{key}` 应为 0 或 1，而不是 {weight!r}"[:120])
    return None


def _recorded(message: Row) -> Message:
    try:
        return msgspec.convert(message, Message)
    except msgspec.ValidationError as error:
        raise Misfit(str(error), f"消息记录有误：{error}") from None


def _from_json(text: str, key: str) -> Any:
    try:
        return msgspec.json.decode(text.encode("utf-8", "replace"))
    except (msgspec.DecodeError, RecursionError):
        raise Misfit(f"`{key}` is text that is no JSON", f"`{key}` 的文本不是 JSON") from None


def _id(value: object) -> str:
    return "" if value is None else words(value, "id") if isinstance(value, str) else str(value)
