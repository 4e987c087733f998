"""Read questions that a person labelled as answerable or not: JSON lines, or a table with a header line."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lianlu.core.errors import DataError, UsageError
from lianlu.core.files import refused
from lianlu.rag.refusal_fit import Labelled

__all__ = ["read_labels"]

_YES = frozenset({"true", "yes", "y", "1", "是", "可", "能"})
_NO = frozenset({"false", "no", "n", "0", "否", "不可", "不能"})


def read_labels(path: Path) -> list[Labelled]:
    """The labelled questions of a file, in its order; empty lines are passed over.

    Raises:
        UsageError: file.missing, file.unreadable
        DataError: rag.bad-label, with the line
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise UsageError("file.missing", path=str(path)) from error
    except OSError as error:
        raise refused(error) or error from error
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise DataError("rag.bad-label", path=str(path), line=line, why="not UTF-8") from error
    rows = _table(text, path) if path.suffix.lower() in (".csv", ".tsv") else _lines(text, path)
    return [_labelled(row, path, line) for line, row in rows]


def _lines(text: str, path: Path) -> Iterator[tuple[int, Any]]:
    for line, content in enumerate(text.splitlines(), start=1):
        if content.strip():
            try:
                yield line, json.loads(content)
            except (ValueError, RecursionError) as error:
                raise DataError("rag.bad-label", path=str(path), line=line, why=str(error)) from error


def _table(text: str, path: Path) -> Iterator[tuple[int, Any]]:
    rows = csv.DictReader(io.StringIO(text), delimiter="\t" if path.suffix.lower() == ".tsv" else ",", strict=True)
    try:
        for row in rows:
            yield rows.line_num, row
    except csv.Error as error:
        raise DataError("rag.bad-label", path=str(path), line=rows.line_num + 1, why=str(error)) from error


def _labelled(row: Any, path: Path, line: int) -> Labelled:
    question = row.get("question") if isinstance(row, dict) else None
    if not isinstance(question, str) or not any(each.isalnum() for each in question):
        raise DataError("rag.bad-label", path=str(path), line=line, why="no question")
    told = str(row.get("answerable")).strip().lower()
    if told not in _YES | _NO:
        raise DataError("rag.bad-label", path=str(path), line=line, why=f"answerable is {row.get('answerable')!r}")
    return Labelled(question, told in _YES)
