"""Tables -> rows with their places: .csv, .tsv and .parquet. Knows nothing of what a row means.

A row of a csv file stands at the line on which it begins, as an editor counts: cells in quotes may hold line breaks. A row
with more or fewer cells than there are columns is bad, because one stray comma would move every answer by a column.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lianlu.core.errors import DataError
from lianlu.core.extras import require
from lianlu.core.i18n import Text
from lianlu.text.decode import decode
from lianlu.train.rows import LINE_LIMIT_BYTES, BadRow, Parsed, binary

__all__ = ["rows_of_csv", "rows_of_parquet"]

_DELIMITERS = (",", ";", "\t")
_BATCH_ROWS = 1024


def rows_of_csv(content: bytes, name: str, limit_bytes: int = LINE_LIMIT_BYTES) -> Iterator[Parsed | BadRow]:
    """The rows of a table whose first line names its columns; cells are text.

    The delimiter is a tab in a .tsv, else the one of comma, semicolon and tab that the first line has most of.
    """
    try:
        text = decode(content).text
    except DataError as error:
        yield binary(name, error)
        return
    before = csv.field_size_limit(limit_bytes)
    try:
        yield from list(_rows(text, name, limit_bytes))  # at once: the limit of a cell is the whole process's
    finally:
        csv.field_size_limit(before)


def rows_of_parquet(path: Path, name: str) -> Iterator[Parsed | BadRow]:
    """The rows of a parquet file, numbered from 1; nested columns become lists and dicts.

    Raises:
        UsageError: extra.missing
    """
    parquet: Any = require("pyarrow.parquet", "parquet")
    number = 0
    try:
        with parquet.ParquetFile(path) as table:
            for batch in table.iter_batches(batch_size=_BATCH_ROWS):
                for value in batch.to_pylist():
                    number += 1
                    yield Parsed(f"{name}#{number}", value)
    except (ValueError, OSError, NotImplementedError) as error:  # pyarrow's own errors are of these kinds
        why = str(error)[:200]
        yield BadRow(name, Text(f"not a parquet file that can be read: {why}", f"无法读取的 parquet 文件：{why}"))


def _rows(text: str, name: str, limit_bytes: int) -> Iterator[Parsed | BadRow]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text, name), strict=True)
    columns: list[str] | None = None
    line = 1
    try:
        for cells in reader:
            where = f"{name}:{line}"
            line = reader.line_num + 1
            if not cells:
                continue
            if columns is None:
                columns = [cell.strip() for cell in cells]
                doubled = next((each for each in columns if columns.count(each) > 1), None)
                if doubled is not None:
                    why = Text(f"two columns are named {doubled!r}", f"有两列都叫 {doubled!r}")
                    yield BadRow(where, why)
                    return
            elif len(cells) != len(columns):
                yield BadRow(where, _wrong_count(len(cells), len(columns)))
            else:
                yield Parsed(where, dict(zip(columns, cells, strict=True)))
    except csv.Error as error:
        is_long = "field limit" in str(error)
        why = Text(f"not csv: {error}", f"不是 csv：{error}")
        yield BadRow(f"{name}:{line}", why, limit_bytes=limit_bytes if is_long else 0)


def _wrong_count(found: int, columns: int) -> Text:
    return Text(
        f"the row has {found} cells, and the first line names {columns} columns; a cell with a delimiter needs quotes",
        f"该行有 {found} 个单元格，而首行有 {columns} 列；含分隔符的单元格需加引号",
    )


def _delimiter(text: str, name: str) -> str:
    if name.lower().removesuffix(".gz").endswith(".tsv"):
        return "\t"
    first = text[: text.find("\n") + 1 or len(text)]
    return max(_DELIMITERS, key=first.count)
