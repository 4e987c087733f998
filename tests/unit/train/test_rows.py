"""JSON as it arrives: every row has its place, and what cannot be read is named and passed over."""

from __future__ import annotations

import json
import tracemalloc
from io import BytesIO
from typing import Any

import pytest

from lianlu.train.rows import BadRow, Parsed, rows_of_json, rows_of_lines


def lines(content: bytes, **limits: int) -> list[tuple[str, Any]]:
    return shown(list(rows_of_lines(BytesIO(content), "d", **limits)))


def whole(content: bytes) -> list[tuple[str, Any]]:
    return shown(list(rows_of_json(BytesIO(content), "d.json")))


def shown(rows: list[Parsed | BadRow]) -> list[tuple[str, Any]]:
    return [(row.id, row.why.en if isinstance(row, BadRow) else row.value) for row in rows]


def test_a_line_is_numbered_as_an_editor_does() -> None:
    assert lines(b'{"a": 1}\r\n\r\n  \n{"a": 2}') == [("d:1", {"a": 1}), ("d:4", {"a": 2})]


def test_a_file_without_lines_has_no_rows() -> None:
    assert (lines(b""), lines(b"\n\n"), whole(b""), whole(b" \n")) == ([], [], [], [])


def test_a_byte_order_mark_is_no_part_of_the_first_line() -> None:
    assert lines(b'\xef\xbb\xbf{"a": 1}\n') == [("d:1", {"a": 1})]
    assert whole(b'\xef\xbb\xbf[{"a": 1}]') == [("d.json#1", {"a": 1})]
    assert whole(b'\xef\xbb\xbf{"a": 1}\n{"a": 2}') == [("d.json:1", {"a": 1}), ("d.json:2", {"a": 2})]


@pytest.mark.parametrize(
    ("encoding", "words"),
    [
        ("gbk", "链路数据的说明与使用方法"),
        ("big5", "鏈路數據的說明與使用方法"),
        ("utf-16", "链路"),
        ("utf-16-le", "links of a chain"),
    ],
)
def test_lines_in_other_encodings_are_read(encoding: str, words: str) -> None:
    rows = [{"a": f"{words} {number}"} for number in range(9)]
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    assert [value for _, value in lines(text.encode(encoding))] == rows


def test_a_second_byte_that_is_a_backslash_is_no_escape() -> None:
    text = '{"a": "俓"}'  # 0x82 0x5c in GBK
    assert text.encode("gbk").count(b"\\") == 1
    content = ('{"a": "这是说明和使用的方法"}\n' * 5 + text + "\n").encode("gbk")
    assert lines(content)[-1] == ("d:6", {"a": "俓"})


def test_a_broken_byte_makes_one_row_bad_and_is_not_guessed_at() -> None:
    content = '{"a": "中"}\n'.encode() + b'{"a": "caf\xe9"}\n' + b'{"a": "\xed\xa0\xbd"}\n' + b'{"a": 1}\n'
    bad = "not UTF-8 text"
    assert lines(content) == [("d:1", {"a": "中"}), ("d:2", bad), ("d:3", bad), ("d:4", {"a": 1})]
    assert whole(b'[\n{"a": "caf\xe9"}\n]') == [("d.json:2", bad)]


@pytest.mark.parametrize("content", [b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", b"PK\x03\x04\x14\0\0\0", b"\0" * 5000])
def test_a_file_that_is_no_text_is_one_bad_row(content: bytes) -> None:
    for (place, why), *more in (lines(content), whole(content)):
        assert (place.removesuffix(".json"), "not text" in why, more) == ("d", True, [])


def test_nul_bytes_in_a_line_make_that_line_bad() -> None:
    content = json.dumps({"a": "x" * 80}).encode() + b"\n" + b"\0" * 40 + b'\n{"a": 2}\n'
    _, (place, why), after = lines(content)
    assert (place, "not JSON" in why, after) == ("d:2", True, ("d:3", {"a": 2}))


def test_a_line_beyond_the_limit_is_passed_over_without_being_held() -> None:
    content = BytesIO(b'{"a": 1}\n{"a": "' + b"x" * (32 << 20) + b'"}\n{"a": 2}\n')
    tracemalloc.start()
    try:
        found = list(rows_of_lines(content, "d", 1 << 20))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert [row.id for row in found] == ["d:1", "d:2", "d:3"]
    assert isinstance(found[1], BadRow)
    assert found[1].error().code == "train.line-too-long"
    assert found[1].error().facts == {"at": "d:2", "limit": 1 << 20}
    assert peak < 6 << 20


def test_a_line_of_just_the_limit_is_read() -> None:
    assert lines(b'{"a":1}\n{"a":22}\n', limit_bytes=7) == [("d:1", {"a": 1}), ("d:2", "the line is too long")]
    assert lines(b'{"a":1}', limit_bytes=7) == [("d:1", {"a": 1})]


@pytest.mark.parametrize("deep", [b"[" * 100_000, b'{"a":' * 100_000, b'{"a": [' * 900 + b"]}" * 900])
def test_deep_nesting_is_a_bad_row(deep: bytes) -> None:
    (place, why), after = lines(deep + b'\n{"a": 1}\n')
    assert (place, after) == ("d:1", ("d:2", {"a": 1}))
    assert "deep" in why or "not JSON" in why
    assert len(whole(b"[" + deep)) == 1


@pytest.mark.parametrize(
    "line",
    [b'{"a": 1, "a": 2}', b'{"a" : 1, "a": 2}', b'{"b": {"a" : 1, "x": 2, "a" : 1}}', b'{"b": [{"a": ":", "a": 1}]}'],
)
def test_a_key_that_stands_twice_is_an_error(line: bytes) -> None:
    assert lines(line) == [("d:1", "the key 'a' stands twice")]
    assert whole(b'[{"a": 1},' + line + b"]")[1] == ("d.json#2", "the key 'a' stands twice")
    assert whole(b'[{"a": NaN},' + line + b"]")[1] == ("d.json#2", "the key 'a' stands twice")


@pytest.mark.parametrize("text", ['":', 'a" :', '\\":', '{"a": 1, "a": 2}', ""])
def test_quotes_and_colons_in_texts_are_no_keys(text: str) -> None:
    row = {"a": text, "b": [{"c": text}]}
    assert lines(json.dumps(row).encode()) == [("d:1", row)]


def test_nan_counts_as_null() -> None:
    assert lines(b'{"a": NaN, "b": [-Infinity, 1]}') == [("d:1", {"a": None, "b": [None, 1]})]
    assert whole(b'[{"a": NaN}]') == [("d.json#1", {"a": None})]


def test_half_a_surrogate_pair_is_still_a_row() -> None:
    assert lines(b'{"a": "x\\ud83d"}') == [("d:1", {"a": "x\ud83d"})]


@pytest.mark.parametrize(
    ("content", "rows"),
    [
        ('[{"a": 1}, {"a": 2}]', ["#1", "#2"]),
        ('{"data": [{"a": 1}]}', ["#1"]),
        ('{\n "version": 1,\n "train": [\n{"a": 1},\n{"a": 2}]}', ["#1", "#2"]),
        ('{\n "a": 1\n}\n', [":1"]),
        ('{"a": 1}\n{"a": 2}\n', [":1", ":2"]),
        ('{"a": 1}', [":1"]),
    ],
    ids=["array", "data", "train", "one-object", "lines", "one-line"],
)
def test_the_forms_of_a_json_file(content: str, rows: list[str]) -> None:
    assert whole(content.encode()) == [(f"d.json{place}", {"a": at}) for at, place in enumerate(rows, 1)]
    gbk = whole(content.replace('"a":', '"中文":').encode("gbk"))
    assert gbk == [(f"d.json{place}", {"中文": at}) for at, place in enumerate(rows, 1)]


@pytest.mark.parametrize(
    ("content", "place"),
    [('[\n{"a": 1},\n{"a": }\n]', "d.json:3"), ('{\n"a": 1,\n', "d.json:3"), ('[{"a": 1},', "d.json:1")],
    ids=["typo", "object-cut-short", "array-cut-short"],
)
def test_an_error_in_an_array_is_at_its_line(content: str, place: str) -> None:
    ((found, why),) = whole(content.encode())
    assert (found, why.startswith("not JSON")) == (place, True)
