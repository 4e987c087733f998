"""Data of users: every shape that is known is read, anything else is named by file and line."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lianlu.core.errors import DataError, LimitError, UsageError
from lianlu.records import Block, Document, ReasoningPart, Source, ToolCallPart, ToolResultPart
from lianlu.text.documents import write_documents
from lianlu.train.reading import Item, iterate, message_of, read_leniently, read_paths
from lianlu.train.shapes import messages_of

from .conftest import write_lines


def shown(items: list[Item]) -> list[Any]:
    return [
        item.content
        if isinstance(item.content, str)
        else [(message.role, message.text) for message in messages_of(item.content)]
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
    assert item.content == "a\ufffd"


def test_lines_and_text_may_be_packed(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(b'{"text": "one"}\n{"text": "two"}\n'))
    (tmp_path / "b.json.gz").write_bytes(gzip.compress(b'[{"text": "three"}]'))
    (tmp_path / "c.TXT.gz").write_bytes(gzip.compress(b"four"))
    items = read_paths([str(tmp_path)])
    assert [item.id for item in items] == ["a.jsonl.gz:1", "a.jsonl.gz:2", "b.json.gz#1", "c.TXT.gz"]
    assert shown(items) == ["one", "two", "three", "four"]


@pytest.mark.parametrize("cut", [slice(0, 40), slice(10, None)], ids=["cut-short", "no-gzip"])
@pytest.mark.parametrize("name", ["d.jsonl.gz", "d.txt.gz", "d.csv.gz"])
def test_a_damaged_gzip_file_is_named(name: str, cut: slice, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(gzip.compress(json.dumps({"text": "链路" * 90}).encode())[cut])
    _, bad = read_leniently([str(tmp_path)])
    assert (bad[-1].id, "gzip" in bad[-1].why.en) == (name, True)


def test_all_bad_rows_are_listed_beside_the_good_ones(tmp_path: Path) -> None:
    nested = {"conversation": [{"input": {"system": "s", "input": "q"}, "output": "a"}]}
    write_lines(tmp_path / "d.jsonl", [{"text": "fine"}, nested, {"title": "x"}, {"text": "too"}])
    (tmp_path / "e.txt").write_bytes(b"\0\1\2")
    items, bad = read_leniently([str(tmp_path)])
    assert [item.id for item in items] == ["d.jsonl:1", "d.jsonl:4"]
    assert [(each.id, each.is_nested) for each in bad] == [("d.jsonl:2", True), ("d.jsonl:3", False), ("e.txt", False)]
    assert bad[0].why.en == "`input` must be text, not an object"


def test_the_error_of_a_bad_row_is_in_both_languages(tmp_path: Path) -> None:
    write_lines(tmp_path / "d.jsonl", [{"instruction": "x"}])
    with pytest.raises(DataError) as raised:
        read_paths([str(tmp_path)])
    lacks = "the nearest is alpaca, which lacks `output`"
    assert (
        raised.value.message("en")
        == f"d.jsonl:1 is no training sample: its columns (instruction) fit no shape; {lacks}"
    )
    assert "最接近的是 alpaca，但缺少 `output`" in raised.value.message("zh")


def test_a_line_beyond_the_limit_is_an_error_that_names_both(tmp_path: Path) -> None:
    write_lines(tmp_path / "d.jsonl", [{"text": "fine"}, {"text": "x" * 99}])
    with pytest.raises(LimitError) as raised:
        read_paths([str(tmp_path)], line_limit_bytes=50)
    assert raised.value.code == "train.line-too-long"
    assert raised.value.message("en") == "d.jsonl:2 is longer than 50 bytes"
    assert len(read_leniently([str(tmp_path)], line_limit_bytes=50)[0]) == 1


def test_items_come_before_the_file_is_read_to_its_end(tmp_path: Path) -> None:
    (tmp_path / "d.jsonl").write_bytes(b'{"text": "first"}\n{\n')
    found = iterate([str(tmp_path)])
    assert next(found).content == "first"
    with pytest.raises(DataError):
        next(found)


@pytest.mark.parametrize("name", ["d.jsonl", "d.json", "d.csv", "d.txt", "d.md"])
def test_a_file_without_samples_is_no_data(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(b"\xef\xbb\xbf \r\n")
    with pytest.raises(UsageError) as raised:
        read_paths([str(tmp_path)])
    assert raised.value.code == "train.no-data"


def test_an_array_under_the_name_of_lines_is_read(tmp_path: Path) -> None:
    (tmp_path / "d.jsonl").write_bytes(b'\xef\xbb\xbf[\n{"text": "one"},\n{"text": "two"}\n]')
    assert [item.id for item in read_paths([str(tmp_path)])] == ["d.jsonl#1", "d.jsonl#2"]


def test_registries_in_a_folder_are_no_data_unless_named(tmp_path: Path) -> None:
    write_lines(tmp_path / "d.jsonl", [{"text": "t"}])
    registry = tmp_path / "dataset_info.json"
    registry.write_text('{"d": {"file_name": "d.jsonl"}}')
    assert [item.id for item in read_paths([str(tmp_path)])] == ["d.jsonl:1"]
    with pytest.raises(DataError):
        read_paths([str(registry)])


def test_reading_needs_no_torch() -> None:
    loaded = (
        "import sys, lianlu.train.doctor; sys.exit(any(each in sys.modules for each in ('torch', 'pyarrow', 'numpy')))"
    )
    assert subprocess.run([sys.executable, "-c", loaded], check=False).returncode == 0
