"""Questions that a person labelled as answerable or not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lianlu.core.errors import DataError
from lianlu.rag.labelled_rows import rows_of, yes_or_no
from lianlu.rag.refusal_fit import Labelled

__all__ = ["read_labels"]

_CODE = "rag.bad-label"


def read_labels(path: Path) -> list[Labelled]:
    """The labelled questions of a file, in its order; empty lines are passed over.

    Raises:
        UsageError: file.missing, file.unreadable
        DataError: rag.bad-label, with the line
    """
    return [_labelled(row, path, line) for line, row in rows_of(path, _CODE)]


def _labelled(row: Any, path: Path, line: int) -> Labelled:
    question = row.get("question") if isinstance(row, dict) else None
    if not isinstance(question, str) or not any(each.isalnum() for each in question):
        raise DataError(_CODE, path=str(path), line=line, why="no question")
    told = yes_or_no(row.get("answerable"))
    if told is None:
        raise DataError(_CODE, path=str(path), line=line, why=f"answerable is {row.get('answerable')!r}")
    return Labelled(question, told)
