"""The step `extract.sql`: rows of a SQLite database in, a document for each out. The user names the query.

A foreign database is opened for reading only and may do nothing but read: SQLite asks us before each kind of act, and all
but SELECT, reading a column and calling a function is denied, so a query cannot attach files, write, or load code. Time
and number of rows are bounded.
"""

from __future__ import annotations

import re
import sqlite3
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
from pydantic import Field

from lianlu.core.errors import DataError, UsageError
from lianlu.core.files import Files, named_path
from lianlu.core.hashing import canonical_json, sha256_bytes
from lianlu.core.job import Job
from lianlu.core.recipe import Recipe
from lianlu.core.step import Outside, PathInput, Step, Summary
from lianlu.extract.reader import document_of
from lianlu.records import Block, Document, Failure, Source
from lianlu.text.documents import write_documents

__all__ = ["SQL", "ExtractSql", "ExtractSqlRecipe", "rows_to_documents"]

_MEDIA_TYPE = "application/vnd.sqlite3"
_READS = (sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE)
_STEPS_BETWEEN_LOOKS = 10_000
_MOST_SECONDS = 120.0
_LONGEST_FACT = 200


class ExtractSqlRecipe(Recipe):
    """Which rows to read, and which columns are what."""

    database: str = Field(description="file of a SQLite database")
    query: str = Field(description="the SELECT whose rows become documents")
    id: str = Field(default="", description="column that names a row; the first one by default")
    title: str = Field(default="", description="column with the title; one called title by default")
    text: list[str] = Field(default=[], description="columns to read; all but id, title and date by default")
    date: str = Field(default="", description="column with the date; one called date by default")
    most_rows: int = Field(default=100_000, ge=1, description="a query that gives more rows is refused")


class ExtractSql(Step):
    """Read the rows of a query into Documents; rows without text are listed in failures.jsonl."""

    name = "extract.sql"
    version = 1
    recipe = ExtractSqlRecipe
    inputs: Mapping[str, str] = {}
    outputs: Mapping[str, str] = {"documents": "documents"}

    def outside(self, recipe: ExtractSqlRecipe) -> Iterable[Outside]:
        """The database file. Raises UsageError file.missing, extract.not-sqlite."""
        path = _database(recipe.database)
        yield PathInput(path, (path,))

    def run(self, recipe: ExtractSqlRecipe, inputs: Mapping[str, Files], job: Job) -> Summary:  # noqa: ARG002
        """Fill `documents`.

        Raises:
            UsageError: file.missing, extract.not-sqlite, extract.bad-query, extract.no-column
            DataError: extract.too-many-rows, extract.slow-query, extract.broken
            LimitError: file.disk-full
        """
        documents, failures = rows_to_documents(recipe, job)
        entries = write_documents(job.folder("documents"), documents, failures)
        return {"documents": len(entries), "failed": len(failures)}


SQL = ExtractSql()


def rows_to_documents(recipe: ExtractSqlRecipe, job: Job) -> tuple[list[Document], list[Failure]]:
    """The documents of the rows of a query. Raises as `ExtractSql.run`."""
    path = _database(recipe.database)
    columns, rows = _rows(path, recipe)
    shape = _shape(columns, recipe)
    failures: list[Failure] = []
    documents: list[Document] = []
    seen: set[str] = set()
    for tried in job.each(
        rows,
        lambda row: _document(path.name, shape, row, seen),
        label="rows",
        uri=lambda row: f"{path.name}/{row[shape.id]}",
    ):
        if tried.failure is not None:
            failures.append(tried.failure)
        elif tried.value is not None:
            documents.append(tried.value)
    return documents, failures


class _Shape(msgspec.Struct, frozen=True):
    """Places of the columns."""

    columns: tuple[str, ...]
    id: int
    title: int | None
    date: int | None
    text: tuple[int, ...]


def _database(named: str) -> Path:
    if re.match(r"\w+(\+\w+)?://", named):
        raise UsageError("extract.not-sqlite", database=re.sub(r"//.*@", "//…@", named))
    path = named_path(named)
    if not path.is_file():
        raise UsageError("file.missing", path=str(path))
    return path


def _rows(path: Path, recipe: ExtractSqlRecipe) -> tuple[tuple[str, ...], list[tuple[Any, ...]]]:
    began = time.monotonic()
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
    try:
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()  # says whether it is a database at all
        connection.execute("PRAGMA query_only = ON")
        connection.execute("PRAGMA trusted_schema = OFF")
        connection.set_authorizer(lambda act, *_: sqlite3.SQLITE_OK if act in _READS else sqlite3.SQLITE_DENY)
        connection.set_progress_handler(lambda: time.monotonic() - began > _MOST_SECONDS, _STEPS_BETWEEN_LOOKS)
        cursor = connection.execute(recipe.query)
        if cursor.description is None:
            raise UsageError("extract.bad-query", why="it gives no rows")
        rows = cursor.fetchmany(recipe.most_rows + 1)
        if len(rows) > recipe.most_rows:
            raise DataError("extract.too-many-rows", most=recipe.most_rows)
        return tuple(each[0] for each in cursor.description), rows
    except sqlite3.OperationalError as error:
        if "interrupted" in str(error):
            raise DataError("extract.slow-query", seconds=int(_MOST_SECONDS)) from error
        raise UsageError("extract.bad-query", why=str(error)) from error
    except (sqlite3.DatabaseError, sqlite3.Warning) as error:  # a file that is no database, an act that was denied
        code = "extract.bad-query" if "not authorized" in str(error) or "one statement" in str(error) else ""
        if code:
            raise UsageError(code, why=str(error)) from error
        raise DataError("extract.broken", what="SQLite database", why=str(error)) from error
    finally:
        connection.close()


def _shape(columns: tuple[str, ...], recipe: ExtractSqlRecipe) -> _Shape:
    def place(name: str, usual: str) -> int | None:
        if name:
            if name not in columns:
                raise UsageError("extract.no-column", column=name, columns=", ".join(columns))
            return columns.index(name)
        return columns.index(usual) if usual in columns else None

    id_at = place(recipe.id, "")
    id_at = 0 if id_at is None else id_at
    title, date = place(recipe.title, "title"), place(recipe.date, "date")
    named = [place(name, "") for name in recipe.text]
    text = [at for at in named if at is not None]
    rest = [at for at in range(len(columns)) if at not in (id_at, title, date)]
    return _Shape(columns, id_at, title, date, tuple(text or rest or range(len(columns))))


def _document(name: str, shape: _Shape, row: Sequence[Any], seen: set[str]) -> Document:
    uri = f"{name}/{_shown(row[shape.id])}"
    if uri in seen:
        raise DataError("extract.same-id", uri=uri)
    seen.add(uri)
    title = _shown(row[shape.title]) if shape.title is not None else ""
    told = [(shape.columns[at], _shown(row[at])) for at in shape.text]
    blocks = [Block(kind="heading", markdown=f"# {title}", level=1)] if title else []
    is_one = len(shape.text) == 1
    blocks += [Block(kind="para", markdown=text if is_one else f"{column}: {text}") for column, text in told if text]
    if not any(block.kind == "para" for block in blocks):
        raise DataError("extract.no-content", what="row")
    values = [_shown(value) for value in row]
    content = canonical_json([list(shape.columns), values])
    meta = {
        column: value for column, value in zip(shape.columns, values, strict=True) if 0 < len(value) <= _LONGEST_FACT
    }
    if shape.date is not None:
        meta["date"] = values[shape.date]
    source = Source(uri=uri, sha256=sha256_bytes(content), size=len(content), media_type=_MEDIA_TYPE)
    return document_of(source, blocks, title=title, meta=meta)


def _shown(value: Any) -> str:
    """A value as text; bytes are none."""
    return "" if value is None or isinstance(value, bytes) else str(value).replace("\x00", "").strip()
