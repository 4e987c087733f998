"""Excel workbooks: a section for each sheet, its rows as tables; of formulas the values that Excel kept.

openpyxl reads them row by row. What a sheet says of its own size is not believed: a damaged one claims a million columns.
A cell that is merged over several rows stands in each of them, and a head of two rows is read as one, so that every row
says what it means by itself. Every hundred rows of a long table have a heading that says which, for citations to name.
"""

from __future__ import annotations

import datetime
import re
import warnings
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO
from itertools import chain
from typing import Any

import msgspec

from lianlu.core.errors import DataError
from lianlu.extract.archive import Archive, opened, properties
from lianlu.extract.reader import ReadConfig, document_of
from lianlu.extract.rows import TableRow, row_blocks
from lianlu.records import Block, Document, Source, Span
from lianlu.text.language import language_of

__all__ = ["read"]

_MOST_ROWS = 200_000
_MOST_COLUMNS = 512
_RUN_ROWS = 100
# What openpyxl lets out when references lead nowhere, values are of another kind or XML ends early.
_DAMAGE = (LookupError, ArithmeticError, OSError, ValueError, AttributeError, TypeError, SyntaxError, EOFError)
_MAIN = "xl/workbook.xml"
_MERGED = re.compile(rb"<(?:\w+:)?mergeCell\s[^>]*?\bref=[\"']([A-Z]{1,3})(\d{1,7}):([A-Z]{1,3})(\d{1,7})[\"']")
# The format ends at row 1,048,576; openpyxl makes up the rows before one that is numbered further down, one by one.
_FAR_ROW = re.compile(rb"<(?:\w+:)?row\s[^>]*?\br=[\"']\d{8,}")
_LITERAL = re.compile(r'"[^"]*"|\\.')  # of a number format: what is shown as it stands
_NUMBER = re.compile(r"[-+]?[\d.,]*\d[\d.,]*%?")


@dataclass(frozen=True)
class _Merged:
    """Cells shown as one; the first has the words. Columns count from 0, rows from 1."""

    column: int
    last_column: int
    last_row: int


@dataclass(frozen=True)
class _Row:
    number: int
    words: list[str]
    across: Sequence[_Merged] = ()  # those that span columns of this row only


@dataclass
class _Cut:
    """How many cells were not read because they stand too far to the right."""

    cells: int = 0


def read(content: bytes, source: Source, config: ReadConfig) -> Document:  # noqa: ARG001 - the reader Protocol
    """Read a workbook; hidden sheets are read too and named in the meta.

    Raises:
        DataError: extract.broken, extract.bomb, extract.encrypted, extract.long-sheet, extract.no-content
    """
    import openpyxl

    with opened(content, "xlsx") as archive:
        meta = properties(archive)
        merged = _merged(archive)
    blocks: list[Block] = []
    hidden: list[str] = []
    cut = _Cut()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of extensions that it does not know
            book = openpyxl.load_workbook(BytesIO(content), read_only=True, data_only=True, keep_links=False)
            for sheet in book.worksheets:
                found = _sheet(_with_one_head(_rows(sheet, merged.get(sheet.title, {}), cut)))
                if found:
                    blocks += [Block(kind="heading", level=2, markdown=f"## {' '.join(sheet.title.split())}"), *found]
                    hidden += [sheet.title] if sheet.sheet_state != "visible" else []
            book.close()
    except (*_DAMAGE, zipfile.BadZipFile, zlib.error) as error:
        raise DataError("extract.broken", what="xlsx", why=f"{type(error).__name__}: {error}"[:200]) from error
    if hidden:
        meta["hidden_sheets"] = hidden
    if cut.cells:
        meta["cells_left_out"] = cut.cells
    return document_of(source, blocks, title=str(meta.get("title", "")) or source.uri.rpartition("/")[2], meta=meta)


def _sheet(rows: Iterator[TableRow]) -> list[Block]:
    first = next(rows, None)
    if first is None:
        return []
    words = [each for cell in first.cells if (each := " ".join(cell.split()))]
    # A row alone is no table with a head, but somebody wrote it: a note to the reader, or the columns of a form.
    return list(_named(list(row_blocks(chain([first], rows), level=3)))) or [
        Block(kind="para", markdown=" · ".join(words))
    ]


def _merged(archive: Archive) -> dict[str, dict[int, list[_Merged]]]:
    """By sheet and first row. They stand behind the rows; to parse a sheet twice for them would double the time."""
    relations = archive.relations_of(_MAIN)
    found: dict[str, dict[int, list[_Merged]]] = {}
    for sheet in archive.xml_of(_MAIN).iter("{*}sheet"):
        ids = [value for name, value in sheet.attrib.items() if name.endswith("}id")]
        kind, path = relations.get(ids[0] if ids else "", ("", ""))
        if kind != "worksheet" or path not in archive.names:
            continue
        part = archive.bytes_of(path)
        if _FAR_ROW.search(part):
            raise DataError("extract.broken", what="xlsx", why=f"{path} numbers rows that no sheet has")
        by_row = found.setdefault(sheet.get("name", ""), {})
        for match in _MERGED.finditer(part, max(part.rfind(b"sheetData"), 0)):
            cells = _Merged(_column(match[1]), _column(match[3]), int(match[4]))
            if cells.last_column < _MOST_COLUMNS:
                by_row.setdefault(int(match[2]), []).append(cells)
    return found


def _column(letters: bytes) -> int:
    """The number of a column, from 0.

    >>> _column(b"AA")
    26
    """
    number = 0
    for letter in letters:
        number = number * 26 + letter - ord("A") + 1
    return number - 1


def _rows(sheet: Any, merged: dict[int, list[_Merged]], cut: _Cut) -> Iterator[_Row]:
    """The rows that have words, with those of cells that are merged downwards put into each of their rows."""
    sheet.reset_dimensions()
    count = 0
    running: dict[int, tuple[int, str]] = {}  # column -> the last row of a merged cell, its words
    for number, cells in enumerate(sheet.iter_rows(), start=1):
        words = [_text(cell) for cell in cells[:_MOST_COLUMNS]]
        cut.cells += sum(cell.value is not None for cell in cells[_MOST_COLUMNS:])
        while words and not words[-1].strip():
            words.pop()
        if not words:
            continue
        count += 1
        if count > _MOST_ROWS:
            raise DataError("extract.long-sheet", sheet=sheet.title, most=_MOST_ROWS)
        running = {column: each for column, each in running.items() if each[0] >= number}
        for column, (_, shared) in running.items():
            words += [""] * (column + 1 - len(words))
            words[column] = words[column] or shared
        begun = merged.get(number, ())
        running |= {
            each.column: (each.last_row, words[each.column])
            for each in begun
            if each.last_row > number and each.column < len(words) and words[each.column]
        }
        yield _Row(number, words, [each for each in begun if each.last_row == number and each.column < len(words)])


def _with_one_head(rows: Iterator[_Row]) -> Iterator[TableRow]:
    """Join a head of two rows: `Sales` merged above `January` and `February` names two columns."""
    for row in rows:
        if sum(map(bool, row.words)) == 1:  # a title above the table
            yield _table_row(row)
            continue
        below = next(rows, None) if row.across else None
        if below is None or not _is_head_of(row, below):
            yield from map(_table_row, [row, *([below] if below else [])])
        else:
            yield _table_row(_joined(row, below))
        break
    yield from map(_table_row, rows)


def _is_head_of(row: _Row, below: _Row) -> bool:
    """Whether each merged cell of a row has a name of its own in every column below it; rows of a form have not."""
    under = [below.words[each.column : each.last_column + 1] for each in row.across]
    widths = [each.last_column + 1 - each.column for each in row.across]
    return all(
        len(names) == width and all(names) and not any(map(_NUMBER.fullmatch, names))
        for names, width in zip(under, widths, strict=True)
    )


def _joined(row: _Row, below: _Row) -> _Row:
    above = row.words + [""] * (len(below.words) - len(row.words))
    for each in row.across:
        above[each.column : each.last_column + 1] = [above[each.column]] * (each.last_column + 1 - each.column)
    names = below.words + [""] * (len(above) - len(below.words))
    pairs = zip(above, names, strict=True)
    return _Row(row.number, [one if one == two else f"{one} {two}".strip() for one, two in pairs])


def _table_row(row: _Row) -> TableRow:
    """A row whose place is its number until the blocks are made; a workbook has no text for a span to lie in."""
    return TableRow(tuple(row.words), Span(start=row.number, end=row.number + 1))


def _named(blocks: Sequence[Block]) -> Iterator[Block]:
    """The blocks of a sheet without their row numbers; of a long table each run under a heading that says its rows."""
    spans = [block.span for block in blocks if block.kind == "table" and block.span]
    runs = _runs(spans)
    is_chinese = language_of("\n".join(block.markdown for block in blocks[:3])).startswith("zh")
    for block in blocks:
        if len(runs) > 1 and block.kind == "table" and block.span and block.span.start in runs:
            rows = f"{block.span.start}–{runs[block.span.start]}"
            yield Block(kind="heading", level=3, markdown=f"### 第 {rows} 行" if is_chinese else f"### Rows {rows}")
        yield msgspec.structs.replace(block, span=None)


def _runs(spans: Sequence[Span]) -> dict[int, int]:
    """The first and the last row of the runs that get a heading each.

    A heading for each piece would be a more exact place, but its numbers are found as if they were values: of 1,200
    questions for a row by its serial number 57% then had it first, with runs of a hundred rows 64%, without any 66%.
    """
    runs: dict[int, int] = {}
    first = 0
    for span in spans:
        if not runs or span.end - first > _RUN_ROWS:
            first = span.start
        runs[first] = span.end - 1
    return runs


def _text(cell: Any) -> str:
    match cell.value:
        case None:
            return ""
        case bool() as value:
            return "TRUE" if value else "FALSE"
        case int() | float() as value:
            form = cell.number_format
            if "%" in form and "%" in _LITERAL.sub("", form):
                return f"{_number(value * 100)}%"
            return _number(value)
        case datetime.datetime() as value:
            is_day = value.time() == datetime.time()
            return value.date().isoformat() if is_day else value.isoformat(sep=" ", timespec="seconds")
        case value:
            return str(value)


def _number(value: float) -> str:
    if isinstance(value, int):
        return str(value)
    return str(int(value)) if value.is_integer() and abs(value) < 1e15 else f"{value:.12g}"
