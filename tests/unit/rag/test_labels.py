"""Files of labelled questions: what is read, and what is said of what cannot be."""

from pathlib import Path

import pytest

from lianlu.core.errors import DataError, UsageError
from lianlu.rag.labels import read_labels
from lianlu.rag.refusal_fit import Labelled

ROWS = [Labelled("默认端口是多少？", True), Labelled("今天吃什么", False)]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        (
            "q.jsonl",
            '{"question": "默认端口是多少？", "answerable": true}\n\n{"question": "今天吃什么", "answerable": 0}\n',
        ),
        ("q.csv", "answerable,question\nyes,默认端口是多少？\n否,今天吃什么\n"),
        ("q.tsv", "question\tanswerable\n默认端口是多少？\t1\n今天吃什么\tFALSE\n"),
        ("bom.csv", "\ufeffquestion,answerable\n默认端口是多少？,是\n今天吃什么,no\n"),
    ],
)
def test_lines_and_tables_are_read(tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / name).write_text(content, encoding="utf-8")
    assert read_labels(tmp_path / name) == ROWS


@pytest.mark.parametrize(
    ("name", "content", "line"),
    [
        ("q.jsonl", b'{"question": "a", "answerable": true}\nnot json\n', 2),
        ("q.jsonl", b'{"question": "a", "answerable": true}\n["a", true]\n', 2),
        ("q.jsonl", b'{"question": "a"}\n', 1),
        ("q.jsonl", b'{"question": "a", "answerable": "maybe"}\n', 1),
        ("q.jsonl", b'{"question": "?!", "answerable": true}\n', 1),
        ("q.jsonl", b'{"question": 7, "answerable": true}\n', 1),
        ("q.jsonl", b"[" * 100_000, 1),
        ("q.jsonl", '{"question": "a", "answerable": true}\n{"question": "问'.encode("gbk"), 2),
        ("q.csv", b"question,answerable\na,yes\nb\n", 3),
        ("q.csv", b"frage,antwort\na,yes\n", 2),
        ("q.csv", b'question,answerable\n"a,yes\n', 2),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, name: str, content: bytes, line: int) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError) as caught:
        read_labels(tmp_path / name)
    assert caught.value.code == "rag.bad-label"
    assert f"{name}:{line}" in caught.value.message("en").replace(str(tmp_path) + "/", "")


def test_a_missing_file_and_a_folder_are_said(tmp_path: Path) -> None:
    for path in (tmp_path / "none.jsonl", tmp_path):
        with pytest.raises(UsageError):
            read_labels(path)
