"""Open the SQLite file of a knowledge base, and tell what SQLite says against it as our own errors.

Knows nothing of the tables in it.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal
from urllib.parse import quote

from lianlu.core.errors import DataError, LimitError, UsageError
from lianlu.core.files import as_lianlu_error

__all__ = ["connect", "translated"]

_BUSY_SECONDS = 10.0


def connect(path: Path, mode: Literal["rwc", "rw", "ro"] = "rwc", *, immutable: bool = False) -> sqlite3.Connection:
    """Open a database file whose every transaction is on disk when it ends.

    Args:
        immutable: nobody changes the file while it is open: no lock is taken, and no file is made beside it.
    """
    address = f"file:{quote(os.fspath(path.absolute()))}?mode={mode}" + ("&immutable=1" if immutable else "")
    connection = sqlite3.connect(address, uri=True, timeout=_BUSY_SECONDS, isolation_level=None)
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA synchronous = FULL")
    return connection


@contextmanager
def translated(path: Path, name: str) -> Generator[None]:
    """Turn what SQLite says in the block into errors a person can act on.

    Raises:
        LimitError: rag.busy, file.disk-full
        UsageError: file.unwritable, file.unreadable
        DataError: rag.corrupt
    """
    try:
        yield
    except sqlite3.OperationalError as error:
        raise _of_operation(error, path, name) from error
    except sqlite3.DatabaseError as error:
        raise DataError("rag.corrupt", path=str(path), name=name, why=str(error)) from error
    except OSError as error:
        raise as_lianlu_error(error, path) from error


def _of_operation(error: sqlite3.OperationalError, path: Path, name: str) -> DataError | LimitError | UsageError:
    code = (getattr(error, "sqlite_errorcode", 0) or 0) & 0xFF
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return LimitError("rag.busy", name=name, seconds=int(_BUSY_SECONDS))
    if code == sqlite3.SQLITE_FULL:
        return LimitError("file.disk-full", path=str(path))
    if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM):
        return UsageError("file.unwritable", path=str(path), why=str(error))
    if code in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_AUTH):
        return UsageError("file.unreadable", path=str(path), why=str(error))
    return DataError("rag.corrupt", path=str(path), name=name, why=str(error))
