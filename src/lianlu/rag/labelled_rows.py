"""Files that people write by hand for a base: JSON lines, or a table with a header line; every row with its line."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lianlu.core.errors import DataError, UsageError
from lianlu.core.files import refused

__all__ = ["rows_of", "text_of", "yes_or_no"]

_YES = frozenset({"true", "yes", "y", "1", "是", "可", "能"})
_NO = frozenset({"false", "no", "n", "0", "否", "不可", "不能"})
_TABLES = {".csv": ",", ".tsv": "\t"}


def text_of(path: Path, code: str) -> str:
    """The content of a file.

    Args:
        code: of the error where it is not UTF-8; it is given `path`, `line` and `why`.

    Raises:
        UsageError: file.missing, file.unreadable
        DataError: `code`
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise UsageError("file.missing", path=str(path)) from error
    except OSError as error:
        raise refused(error) or error from error
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise DataError(code, path=str(path), line=line, why="not UTF-8") from error


def rows_of(path: Path, code: str) -> Iterator[tuple[int, Any]]:
    """The rows of a file with their lines; empty lines are passed over. Raises as `text_of`."""
    text = text_of(path, code)
    delimiter = _TABLES.get(path.suffix.lower())
    return _lines(text, path, code) if delimiter is None else _table(text, path, code, delimiter)


def yes_or_no(value: Any) -> bool | None:
    """What was meant; None where it cannot be told.

    >>> yes_or_no("是"), yes_or_no(False), yes_or_no("perhaps")
    (True, False, None)
    """
    said = str(value).strip().lower()
    return said in _YES if said in _YES | _NO else None


def _lines(text: str, path: Path, code: str) -> Iterator[tuple[int, Any]]:
    for line, content in enumerate(text.splitlines(), start=1):
        if content.strip():
            try:
                yield line, json.loads(content)
            except (ValueError, RecursionError) as error:
                raise DataError(code, path=str(path), line=line, why=str(error)[:200]) from error


def _table(text: str, path: Path, code: str, delimiter: str) -> Iterator[tuple[int, Any]]:
    rows = csv.DictReader(io.StringIO(text), delimiter=delimiter, strict=True)
    try:
        for row in rows:
            yield rows.line_num, row
    except csv.Error as error:
        raise DataError(code, path=str(path), line=rows.line_num + 1, why=str(error)) from error
