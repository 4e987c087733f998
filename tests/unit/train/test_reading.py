"""Data of users: every shape that is known is read, anything else is named by file and line."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lianlu.core.errors import DataError, UsageError
from lianlu.records import Block, Conversation, Document, ReasoningPart, Source, ToolCallPart, ToolResultPart
from lianlu.text.documents import write_documents
from lianlu.train.reading import Item, message_of, read_paths

from .conftest import write_lines


def shown(items: list[Item]) -> list[Any]:
    return [
        item.content
        if isinstance(item.content, str)
        else [(message.role, message.text) for message in item.content.messages]
        for item in items
    ]


TALK = [("user", "问"), ("assistant", "答")]
LINES: dict[str, dict[str, Any]] = {
    "openai": {"messages": [{"role": "user", "content": "问"}, {"role": "assistant", "content": "答"}]},
    "openai-parts": {
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "问"}]},
            {"role": "assistant", "content": "答"},
        ]
    },
    "records": {
        "messages": [
            {"role": "user", "parts": [{"kind": "text", "text": "问"}]},
            {"role": "assistant", "parts": [{"kind": "text", "text": "答"}]},
        ]
    },
    "xtuner": {"conversation": [{"input": "问", "output": "答"}]},
    "alpaca": {"instruction": "问", "input": "", "output": "答"},
}


@pytest.mark.parametrize("name", LINES)
def test_every_shape_becomes_the_same_conversation(name: str, tmp_path: Path) -> None:
    path = write_lines(tmp_path / "d.jsonl", [LINES[name]])
    assert shown(read_paths([str(path)])) == [TALK]
    array = tmp_path / "d.json"
    array.write_text(json.dumps([LINES[name]]))
    assert [item.id for item in read_paths([str(array)])] == ["d.json#1"]


def test_folders_of_text_and_lines_are_read_in_order(tmp_path: Path) -> None:
    (tmp_path / "b.txt").write_bytes("中文".encode("gb18030") * 40)
    (tmp_path / "a.md").write_text("# A")
    (tmp_path / "empty.txt").write_text("\n")
    (tmp_path / "picture.png").write_bytes(b"\x89PNG")
    write_lines(tmp_path / "c.jsonl", [{"text": "t"}])
    items = read_paths([str(tmp_path)])
    assert [item.id for item in items] == ["a.md", "b.txt", "c.jsonl:1"]
    assert shown(items) == ["# A", "中文" * 40, "t"]


def test_a_folder_that_extract_wrote_is_read_as_its_documents(tmp_path: Path) -> None:
    documents = [
        Document(
            id=name,
            source=Source(uri=name, sha256="0" * 64, size=1),
            blocks=(Block(kind="para", markdown=f"text of {name}"),),
        )
        for name in ("a.md", "b.md")
    ]
    write_documents(tmp_path, documents)
    found = [(item.id, str(item.content).strip()) for item in read_paths([str(tmp_path)])]
    assert found == [("a.md", "text of a.md"), ("b.md", "text of b.md")]


def test_calls_results_and_thoughts_are_kept() -> None:
    call = {"id": "1", "type": "function", "function": {"name": "f", "arguments": {"x": 1}}}
    asked = message_of({"role": "assistant", "content": None, "tool_calls": [call], "reasoning_content": "hm"})
    assert asked.parts == (ReasoningPart(text="hm"), ToolCallPart(id="1", name="f", arguments='{"x": 1}'))
    answered = message_of({"role": "tool", "tool_call_id": "1", "content": "2"})
    assert answered.parts == (ToolResultPart(call_id="1", text="2"),)


@pytest.mark.parametrize(
    "line",
    [
        b"{",
        b"[]",
        b"1",
        b"\xff\xfe{",
        b"{}",
        b'{"messages": []}',
        b'{"messages": "hi"}',
        b'{"messages": [1]}',
        b'{"messages": [{"role": "robot", "content": "x"}]}',
        b'{"messages": [{"role": "user", "content": {"input": "nested"}}]}',
        b'{"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}',
        b'{"conversation": [{"input": {"a": 1}, "output": "x"}]}',
        b'{"conversation": []}',
        b'{"instruction": "x"}',
        b'{"text": 3}',
        b'{"messages": [{"role": "user", "parts": [{"kind": "song"}]}]}',
        b"[" * 100_000,
    ],
    ids=lambda line: line[:40].decode(errors="replace"),
)
def test_a_line_that_is_none_is_named(line: bytes, tmp_path: Path) -> None:
    (tmp_path / "d.jsonl").write_bytes(b'{"text": "fine"}\n\n' + line + b"\n")
    with pytest.raises(DataError) as raised:
        read_paths([str(tmp_path / "d.jsonl")])
    assert raised.value.code == "train.bad-line"
    assert raised.value.facts["at"] == "d.jsonl:3"


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.mktemp("d") / "d.jsonl"
    path.write_bytes(content)
    with suppress(DataError, UsageError):
        assert read_paths([str(path)])


def test_half_a_surrogate_pair_can_be_written_again(tmp_path: Path) -> None:
    (tmp_path / "d.jsonl").write_text('{"text": "a\\ud83d"}')
    (item,) = read_paths([str(tmp_path)])
    assert not isinstance(item.content, Conversation)
    assert item.content.encode()
