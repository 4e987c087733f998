"""Excel workbooks: a section for each sheet, its rows as tables; of formulas the values that Excel kept.

openpyxl reads them row by row. What a sheet says of its own size is not believed: a damaged one claims a million columns.
"""

from __future__ import annotations

import datetime
import warnings
import zipfile
from collections.abc import Iterator
from io import BytesIO
from typing import Any

from lianlu.core.errors import DataError
from lianlu.extract.archive import opened, properties
from lianlu.extract.reader import ReadConfig, document_of
from lianlu.extract.rows import TableRow, row_blocks
from lianlu.records import Block, Document, Source

__all__ = ["read"]

_MOST_ROWS = 200_000
_MOST_COLUMNS = 512


def read(content: bytes, source: Source, config: ReadConfig) -> Document:  # noqa: ARG001 - the reader Protocol
    """Read a workbook; hidden sheets are read too and named in the meta.

    Raises:
        DataError: extract.broken, extract.bomb, extract.encrypted, extract.too-large, extract.no-content
    """
    import openpyxl

    with opened(content, "xlsx") as archive:
        meta = properties(archive)
    blocks: list[Block] = []
    hidden: list[str] = []
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of extensions that it does not know
            book = openpyxl.load_workbook(BytesIO(content), read_only=True, data_only=True, keep_links=False)
            for sheet in book.worksheets:
                found = list(row_blocks(_rows(sheet), level=3))
                if found:
                    blocks += [Block(kind="heading", level=2, markdown=f"## {' '.join(sheet.title.split())}"), *found]
                    hidden += [sheet.title] if sheet.sheet_state != "visible" else []
            book.close()
    except (KeyError, OSError, ValueError, AttributeError, TypeError, SyntaxError, zipfile.BadZipFile) as error:
        raise DataError("extract.broken", what="xlsx", why=f"{type(error).__name__}: {error}"[:200]) from error
    if hidden:
        meta["hidden_sheets"] = hidden
    return document_of(source, blocks, title=str(meta.get("title", "")) or source.uri.rpartition("/")[2], meta=meta)


def _rows(sheet: Any) -> Iterator[TableRow]:
    sheet.reset_dimensions()
    count = 0
    for values in sheet.iter_rows(values_only=True):
        cells = [_text(value) for value in values[:_MOST_COLUMNS]]
        while cells and not cells[-1]:
            cells.pop()
        if not cells:
            continue
        count += 1
        if count > _MOST_ROWS:
            raise DataError("extract.too-large", size=count, unit="rows", limit=_MOST_ROWS, field="-")
        yield TableRow(tuple(cells))


def _text(value: Any) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "TRUE" if value else "FALSE"
        case float() if value.is_integer() and abs(value) < 1e15:
            return str(int(value))
        case float():
            return f"{value:.12g}"
        case datetime.datetime():
            is_day = value.time() == datetime.time()
            return value.date().isoformat() if is_day else value.isoformat(sep=" ", timespec="seconds")
        case _:
            return str(value)
