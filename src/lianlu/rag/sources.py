"""What a base is built from: files and folders, web addresses, queries of a database. Each is a root, kept as one text.

A path stands as it is (absolute, so that it begins with a slash), an address with its scheme, a query as `sql:` and its
JSON. `imported:` marks what came with an imported base: its sources are elsewhere, and an update leaves it alone.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import msgspec

from lianlu.core.errors import UsageError
from lianlu.core.files import named_path
from lianlu.core.hashing import canonical_json

__all__ = ["Named", "Root", "SqlSource", "imported_root", "read_root", "root_texts"]

RootKind = Literal["path", "web", "sql", "imported"]
_ADDRESS = re.compile(r"https?://", re.IGNORECASE)
_SQL = "sql:"
_IMPORTED = "imported:"


class SqlSource(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Rows of a database as documents. The fields are those of the step `extract.sql`.

    Attributes:
        database: file of a SQLite database.
        query: the SELECT statement.
        id: column that names a row; the first one by default.
        title: column with the title.
        text: columns to read; all others by default.
        date: column with the date.
    """

    database: str
    query: str
    id: str = ""
    title: str = ""
    text: tuple[str, ...] = ()
    date: str = ""


Named = Path | str | SqlSource


@dataclass(frozen=True)
class Root:
    """Where documents come from."""

    text: str

    @property
    def kind(self) -> RootKind:
        if _ADDRESS.match(self.text):
            return "web"
        if self.text.startswith(_SQL):
            return "sql"
        return "imported" if self.text.startswith(_IMPORTED) else "path"

    @property
    def path(self) -> Path:
        assert self.kind == "path"
        return Path(self.text)

    @property
    def sql(self) -> SqlSource:
        return msgspec.json.decode(self.text.removeprefix(_SQL), type=SqlSource)

    @property
    def shown(self) -> str:
        """As a person named it."""
        return f"{self.sql.database}: {self.sql.query}" if self.kind == "sql" else self.text


def read_root(text: str) -> Root:
    """The root that a base remembers as `text`."""
    return Root(text)


def root_texts(named: Iterable[Named]) -> list[str]:
    """What is remembered of sources: paths made absolute (links kept), each once, in the order they were named.

    Raises:
        UsageError: file.missing: the empty path; rag.bad-address
    """
    return list(dict.fromkeys(_text(each) for each in named))


def _text(named: Named) -> str:
    if isinstance(named, SqlSource):
        return _SQL + canonical_json(msgspec.structs.replace(named, database=_database(named.database))).decode()
    if isinstance(named, str) and _ADDRESS.match(named):
        if not re.fullmatch(r"https?://[^/\s]+\S*", named, re.IGNORECASE):
            raise UsageError("rag.bad-address", address=named)
        return named
    return os.path.abspath(named_path(named))  # noqa: PTH100 - Path.resolve would follow links


def _database(database: str) -> str:
    return database if re.match(r"\w+(\+\w+)?://", database) else os.path.abspath(named_path(database))  # noqa: PTH100


def imported_root(number: int) -> str:
    """The root of documents whose sources are on another machine."""
    return f"{_IMPORTED}{number}"
