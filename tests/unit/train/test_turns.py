"""Messages of every dialect become the same records; what is no message is refused with a reason."""

from __future__ import annotations

from typing import Any

import pytest

from lianlu.records import (
    AudioPart,
    FilePart,
    ImagePart,
    Message,
    ReasoningPart,
    TextPart,
    Tool,
    ToolCallPart,
    ToolResultPart,
    assistant,
    system,
    user,
)
from lianlu.train.columns import Misfit
from lianlu.train.turns import message_of, messages_in, numbered, placed, tools_in

CALL = {"name": "f", "arguments": {"x": 1}}


@pytest.mark.parametrize(
    ("given", "role"),
    [
        ("human", "user"),
        ("User", "user"),
        ("gpt", "assistant"),
        ("system", "system"),
        ("developer", "system"),
        ("observation", "tool"),
        ("function", "tool"),
    ],
)
def test_roles_go_by_many_names(given: str, role: str) -> None:
    assert message_of({"from": given, "value": "x"}).role == role
    assert message_of({"role": given, "content": "x"}).role == role


@pytest.mark.parametrize(
    ("message", "learn"),
    [
        ({"loss_weight": 0.0}, False),
        ({"loss_weight": 1.0}, True),
        ({"weight": 0}, False),
        ({"loss": False}, False),
        ({"weight": None}, None),
        ({"name": ""}, None),
    ],
)
def test_a_weight_says_whether_a_message_is_learned(message: dict[str, Any], learn: bool | None) -> None:
    assert message_of({"role": "assistant", "content": "x", **message}).learn is learn


def test_parts_of_every_type_are_kept_in_order() -> None:
    parts = [
        {"type": "thinking", "thinking": "hm"},
        {"type": "text", "text": "a"},
        {"type": "text", "value": "b"},
        {"type": "image_url", "image_url": {"url": "u.png"}},
        {"type": "audio", "audio": "a.wav"},
        {"type": "video", "path": "v.mp4"},
        {"type": "tool_call", "value": '{"name": "f", "arguments": {"x": 1}}'},
    ]
    assert message_of({"role": "assistant", "content": parts}).parts == (
        ReasoningPart(text="hm"),
        TextPart(text="ab"),
        ImagePart(uri="u.png"),
        AudioPart(uri="a.wav"),
        FilePart(uri="v.mp4"),
        ToolCallPart(id="", name="f", arguments='{"x": 1}'),
    )


@pytest.mark.parametrize(
    "message",
    [
        {"role": "assistant", "content": None, "tool_calls": [{"type": "function", "function": CALL}]},
        {"role": "assistant", "content": "", "tool_calls": [CALL]},
        {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": '{"x": 1}'}},
        {"from": "function_call", "value": '{"name": "f", "arguments": {"x": 1}}'},
        {"from": "function_call", "value": '[{"name": "f", "parameters": {"x": 1}}]'},
    ],
    ids=["openai", "flat", "legacy", "sharegpt", "sharegpt-list"],
)
def test_calls_of_every_dialect_are_the_same(message: dict[str, Any]) -> None:
    assert message_of(message) == Message(
        role="assistant", parts=(ToolCallPart(id="", name="f", arguments='{"x": 1}'),)
    )


def test_results_get_the_ids_of_the_calls_they_answer() -> None:
    call = ToolCallPart(id="", name="f", arguments="{}")
    result = ToolResultPart(call_id="", text="r")
    asked = Message(role="assistant", parts=(call, call))
    answered = Message(role="tool", parts=(result,))
    found = numbered([user("q"), asked, answered, answered, asked, answered])
    ids = [getattr(part, "id", getattr(part, "call_id", "")) for each in found for part in each.parts]
    assert ids == ["", "call-1", "call-2", "call-1", "call-2", "call-3", "call-4", "call-3"]


def test_ids_that_are_there_stay() -> None:
    asked = Message(role="assistant", parts=(ToolCallPart(id="a", name="f", arguments="{}"),))
    answered = Message(role="tool", parts=(ToolResultPart(call_id="z", text="r"),))
    assert numbered([asked, answered]) == (asked, answered)


@pytest.mark.parametrize("prefix", ["", "toy_", "my_own_"])
def test_turns_are_read_whatever_their_prefix(prefix: str) -> None:
    turns = [
        {f"{prefix}system": "s", f"{prefix}input": "q", f"{prefix}output": "a"},
        {f"{prefix}input": "r", f"{prefix}output": "b"},
    ]
    assert messages_in(turns, "messages") == [system("s"), user("q"), assistant("a"), user("r"), assistant("b")]


def test_a_turn_without_loss_is_not_learned() -> None:
    _, answer = messages_in([{"input": "q", "output": "a", "output_with_loss": False}], "conversation")
    assert answer.learn is False


def test_pictures_stand_where_their_marks_stand() -> None:
    row = {"images": ["1.jpg", {"path": "2.jpg", "bytes": None}], "audios": ["a.wav"]}
    found = placed([user("<image>who?"), assistant("he"), user("a<audio>b<image>")], row)
    assert [each.parts for each in found] == [
        (ImagePart(uri="1.jpg"), TextPart(text="who?")),
        (TextPart(text="he"),),
        (TextPart(text="a"), AudioPart(uri="a.wav"), TextPart(text="b"), ImagePart(uri="2.jpg")),
    ]


def test_a_mark_is_text_where_no_files_are_named() -> None:
    assert placed([user("the <image> tag")], {}) == [user("the <image> tag")]


@pytest.mark.parametrize("images", [[], ["1", "2"], [3]], ids=["fewer", "more", "number"])
def test_marks_and_files_must_agree(images: list[Any]) -> None:
    blank = Message(role="user", parts=(ImagePart(uri=""),))
    with pytest.raises(Misfit):
        placed([blank], {"images": images})


def test_tools_are_read_from_lists_and_from_text() -> None:
    tool = Tool(name="f", description="d", parameters={"type": "object"})
    bare = {"name": "f", "description": "d", "parameters": {"type": "object"}}
    assert tools_in([{"type": "function", "function": bare}]) == (tool,)
    assert tools_in('[{"name": "f", "description": "d", "parameters": {"type": "object"}}]') == (tool,)
    assert (tools_in(None), tools_in(""), tools_in("[]")) == ((), (), ())


@pytest.mark.parametrize(
    ("message", "why"),
    [
        (3, "a message must be an object, not a number"),
        ({}, "a message has no `role`, and is no turn"),
        ({"role": ["user"], "content": "x"}, "the role ['user'] is none of"),
        ({"role": "user", "content": 3}, "`content` must be text, not a number"),
        ({"role": "user", "content": {"a": 1}}, "`content` must be text, not an object"),
        ({"role": "user", "content": [3]}, "a part of `content` must be an object, not a number"),
        ({"role": "user", "content": [{"type": "text"}]}, "`text` must be text, not null"),
        ({"role": "user", "content": [{"type": "image_url"}]}, "`image_url` must be text, not null"),
        ({"role": "user", "content": [{"type": ["x"]}]}, "parts of type ['x'] are not known"),
        ({"role": "assistant", "content": "x", "weight": 0.5}, "`weight` must be 0 or 1, not 0.5"),
        ({"role": "assistant", "content": "x", "weight": []}, "`weight` must be 0 or 1, not []"),
        ({"role": "assistant", "tool_calls": [3]}, "a tool call must be an object, not a number"),
        ({"role": "assistant", "tool_calls": 3}, "`tool_calls` must be a list, not a number"),
        ({"role": "assistant", "tool_calls": [{"function": "f"}]}, "`function` must be an object, not text"),
        ({"role": "assistant", "tool_calls": [{}]}, "`name` must be text, not null"),
        ({"from": "function_call", "value": "f(1)"}, "`function_call` is text that is no JSON"),
        ({"role": "tool", "content": 3}, "`content` must be text, not a number"),
        ({"role": "robot", "parts": []}, "Invalid enum value 'robot'"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_is_no_message_is_refused(message: Any, why: str) -> None:
    with pytest.raises(Misfit) as raised:
        message_of(message)
    assert raised.value.why.en.startswith(why)


def test_fields_that_hold_objects_are_called_nested() -> None:
    for content, is_nested in (({"a": 1}, True), (3, False)):
        with pytest.raises(Misfit) as raised:
            message_of({"role": "user", "content": content})
        assert raised.value.is_nested is is_nested


@pytest.mark.parametrize("tools", ["{", "{}", [3], [{"function": {"name": 3}}], [{"name": "f", "parameters": "x"}], 3])
def test_what_is_no_tool_is_refused(tools: Any) -> None:
    with pytest.raises(Misfit):
        tools_in(tools)
