"""The one file that is a knowledge base: SQLite in WAL mode, one transaction for each document.

Everything else (the lexical index, later vectors) is derived from it and may be thrown away at any time. A chunk's id is
never used twice and its text never changes, so whatever was computed for an id stays true; `generation` grows with every
transaction and tells the derived files when they are stale. A snapshot is the same file without WAL, roots and identity,
written in canonical order, so that equal documents give equal bytes.
"""

from __future__ import annotations

import os
import secrets
import sqlite3
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

import msgspec

from lianlu.core.errors import DataError, LimitError, UsageError
from lianlu.core.files import as_lianlu_error
from lianlu.core.hashing import digest
from lianlu.records import Chunk, Document, Failure, Span

__all__ = ["FORMAT_VERSION", "ChunkRow", "DocumentRow", "Truth", "write_snapshot"]

FORMAT_VERSION = 1
_BUSY_SECONDS = 10.0
_NO_ROOT = 0
_SCHEMA = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE roots (id INTEGER PRIMARY KEY, path BLOB NOT NULL UNIQUE);
CREATE TABLE documents (
    id INTEGER PRIMARY KEY AUTOINCREMENT, root INTEGER NOT NULL, uri TEXT NOT NULL, sha256 TEXT NOT NULL,
    size INTEGER NOT NULL, document_id TEXT NOT NULL, title TEXT NOT NULL, language TEXT NOT NULL,
    document BLOB NOT NULL, UNIQUE (root, uri));
CREATE TABLE chunks (
    id INTEGER PRIMARY KEY AUTOINCREMENT, document INTEGER NOT NULL REFERENCES documents (id) ON DELETE CASCADE,
    ordinal INTEGER NOT NULL, start INTEGER NOT NULL, stop INTEGER NOT NULL, page INTEGER,
    headings TEXT NOT NULL, text TEXT NOT NULL);
CREATE INDEX chunks_of_document ON chunks (document, ordinal);
CREATE TABLE failures (
    root INTEGER NOT NULL, uri TEXT NOT NULL, sha256 TEXT NOT NULL, failure BLOB NOT NULL,
    PRIMARY KEY (root, uri)) WITHOUT ROWID;
"""
_CHUNK_COLUMNS = (
    "chunks.id, chunks.ordinal, chunks.start, chunks.stop, chunks.page, chunks.headings, chunks.text,"
    " documents.id, documents.document_id, documents.uri, documents.title"
)


@dataclass(frozen=True)
class DocumentRow:
    """A document as listed: without its text."""

    row: int
    root: int
    uri: str
    sha256: str
    size: int
    document_id: str
    title: str
    language: str


@dataclass(frozen=True)
class ChunkRow:
    """A chunk with the document it belongs to."""

    row: int
    chunk: Chunk
    document_row: int
    uri: str
    title: str


class Truth:
    """An open knowledge base file. Use `Truth.create`, `Truth.open` or `Truth.open_snapshot`."""

    def __init__(self, path: Path, connection: sqlite3.Connection, name: str) -> None:
        self.path = path
        self.name = name
        self._connection = connection

    @classmethod
    def create(cls, path: Path, name: str) -> Truth:
        """Make an empty base; an existing one is opened."""
        with _translated(path, name):
            path.parent.mkdir(parents=True, exist_ok=True)
            connection = _connect(path)
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("BEGIN IMMEDIATE")
            if not connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
                _make_tables(connection, identity=secrets.token_hex(12))
            connection.execute("COMMIT")
            truth = cls(path, connection, name)
            truth._check_format()
            return truth

    @classmethod
    def open(cls, path: Path, name: str) -> Truth:
        """Open an existing base for reading and writing; in a folder that cannot be written, for reading.

        Raises:
            DataError: rag.corrupt, rag.format
        """
        with _translated(path, name):
            try:
                connection = _connect(path, "rw")
                connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
            except sqlite3.OperationalError:
                if os.access(path.parent, os.W_OK):
                    raise
                connection = _connect(path, "ro", immutable=True)
            truth = cls(path, connection, name)
            truth._check_format()
            return truth

    @classmethod
    def open_snapshot(cls, path: Path) -> Truth:
        """Open a file that never changes.

        Raises:
            DataError: rag.corrupt, rag.format
        """
        with _translated(path, path.name):
            truth = cls(path, _connect(path, "ro", immutable=True), path.name)
            truth._check_format()
            return truth

    def close(self) -> None:
        self._connection.close()

    def __enter__(self) -> Truth:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def reading(self) -> Generator[None]:
        """See one state of the base during the block, whatever writers do meanwhile."""
        with _translated(self.path, self.name):
            if self._connection.in_transaction:
                yield
                return
            self._connection.execute("BEGIN")
            try:
                yield
            finally:
                self._connection.execute("COMMIT")

    @contextmanager
    def writing(self) -> Generator[None]:
        """One transaction: all of the block is kept, on disk, or nothing of it. Blocks inside join the outer one.

        Raises:
            LimitError: rag.busy, file.disk-full
            UsageError: file.unwritable
        """
        with _translated(self.path, self.name):
            if self._connection.in_transaction:
                yield
                return
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._connection.execute("UPDATE meta SET value = value + 1 WHERE key = 'generation'")
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    def state(self) -> tuple[str, int]:
        """Identity of the base and its generation: what a derived file must match."""
        return self.meta("identity"), int(self.meta("generation"))

    def meta(self, key: str) -> str:
        found = self._one("SELECT value FROM meta WHERE key = ?", key)
        return str(found[0]) if found else ""

    def set_meta(self, key: str, value: str) -> None:
        with self.writing():
            self._connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))

    def roots(self) -> dict[int, Path]:
        """The folders and files this base was built from."""
        rows = self._all("SELECT id, path FROM roots ORDER BY id")
        return {int(row): Path(os.fsdecode(path)) for row, path in rows}

    def root(self, path: Path) -> int:
        """The number of a root, remembered from now on."""
        with self.writing():
            self._connection.execute("INSERT OR IGNORE INTO roots (path) VALUES (?)", (os.fsencode(path),))
            return int(self._one("SELECT id FROM roots WHERE path = ?", os.fsencode(path))[0])

    def forget_root(self, root: int) -> None:
        with self.writing():
            self._connection.execute("DELETE FROM documents WHERE root = ?", (root,))
            self._connection.execute("DELETE FROM failures WHERE root = ?", (root,))
            self._connection.execute("DELETE FROM roots WHERE id = ?", (root,))

    def put(self, document: Document, chunks: Iterable[Chunk], *, root: int = _NO_ROOT) -> None:
        """Add a document, or replace the one of the same root and uri, in one transaction."""
        source = document.source
        with self.writing():
            self._drop(root, source.uri)
            cursor = self._connection.execute(
                "INSERT INTO documents (root, uri, sha256, size, document_id, title, language, document)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    root,
                    source.uri,
                    source.sha256,
                    source.size,
                    document.id,
                    document.title,
                    document.language,
                    msgspec.json.encode(document, order="deterministic"),
                ),
            )
            self._connection.executemany(
                "INSERT INTO chunks (document, ordinal, start, stop, page, headings, text) VALUES (?, ?, ?, ?, ?, ?, ?)",
                (
                    (
                        cursor.lastrowid,
                        chunk.ordinal,
                        chunk.span.start,
                        chunk.span.end,
                        chunk.page,
                        msgspec.json.encode(chunk.headings).decode(),
                        chunk.text,
                    )
                    for chunk in chunks
                ),
            )

    def put_failure(self, failure: Failure, *, root: int = _NO_ROOT) -> None:
        """Note that a source could not be read; an older reading of it is dropped, because it is no longer true."""
        with self.writing():
            self._drop(root, failure.uri)
            self._connection.execute(
                "INSERT INTO failures VALUES (?, ?, ?, ?)",
                (root, failure.uri, failure.sha256, msgspec.json.encode(failure, order="deterministic")),
            )

    def remove(self, root: int, uri: str) -> None:
        """Drop a document or a failure."""
        with self.writing():
            self._drop(root, uri)

    def clear(self) -> None:
        """Drop everything, roots included."""
        with self.writing():
            for table in ("chunks", "documents", "failures", "roots"):
                self._connection.execute(f"DELETE FROM {table}")  # noqa: S608 - our own names

    def known(self, root: int) -> dict[str, str]:
        """uri -> sha256 of all that was read or tried below a root."""
        rows = self._all(
            "SELECT uri, sha256 FROM documents WHERE root = ? UNION ALL SELECT uri, sha256 FROM failures WHERE root = ?",
            root,
            root,
        )
        return {str(uri): str(sha256) for uri, sha256 in rows}

    def documents(self) -> list[DocumentRow]:
        columns = "id, root, uri, sha256, size, document_id, title, language"
        rows = self._all(f"SELECT {columns} FROM documents ORDER BY uri, root")  # noqa: S608 - our own names
        return [DocumentRow(*row) for row in rows]

    def failures(self) -> list[tuple[int, Failure]]:
        rows = self._all("SELECT root, failure FROM failures ORDER BY uri, root")
        return [(int(root), self._decoded(failure, Failure)) for root, failure in rows]

    def document(self, row: int) -> Document:
        """The whole record of a document.

        Raises:
            DataError: rag.corrupt
        """
        found = self._one("SELECT document FROM documents WHERE id = ?", row)
        if not found:
            raise DataError("rag.corrupt", path=str(self.path), name=self.name, why=f"document {row} is gone")
        return self._decoded(found[0], Document)

    def chunk_count(self) -> int:
        return int(self._one("SELECT count(*) FROM chunks")[0])

    def chunk_ids(self) -> list[int]:
        return [int(row[0]) for row in self._all("SELECT id FROM chunks ORDER BY id")]

    def chunks(self, rows: Sequence[int]) -> dict[int, ChunkRow]:
        """Chunks by their row ids; absent ones are left out."""
        found: dict[int, ChunkRow] = {}
        for start in range(0, len(rows), 500):
            some = rows[start : start + 500]
            marks = ",".join("?" * len(some))
            query = f"SELECT {_CHUNK_COLUMNS} FROM chunks JOIN documents ON documents.id = chunks.document"  # noqa: S608
            for row in self._all(f"{query} WHERE chunks.id IN ({marks})", *some):
                found[int(row[0])] = self._chunk_row(row)
        return found

    def chunks_of(self, document_row: int) -> list[ChunkRow]:
        query = f"SELECT {_CHUNK_COLUMNS} FROM chunks JOIN documents ON documents.id = chunks.document"  # noqa: S608
        return [
            self._chunk_row(row)
            for row in self._all(f"{query} WHERE chunks.document = ? ORDER BY chunks.ordinal", document_row)
        ]

    def check(self) -> None:
        """Read the whole file for damage.

        Raises:
            DataError: rag.corrupt
        """
        found = str(self._one("PRAGMA integrity_check")[0])
        if found != "ok":
            raise DataError("rag.corrupt", path=str(self.path), name=self.name, why=found.splitlines()[0])

    def _drop(self, root: int, uri: str) -> None:
        self._connection.execute("DELETE FROM documents WHERE root = ? AND uri = ?", (root, uri))
        self._connection.execute("DELETE FROM failures WHERE root = ? AND uri = ?", (root, uri))

    def _check_format(self) -> None:
        try:
            version = self.meta("format_version")
        except sqlite3.OperationalError as error:
            raise DataError("rag.corrupt", path=str(self.path), name=self.name, why=str(error)) from error
        if version != str(FORMAT_VERSION):
            raise DataError("rag.format", path=str(self.path), name=self.name, found=version, known=FORMAT_VERSION)

    def _chunk_row(self, row: Sequence[Any]) -> ChunkRow:
        chunk_id, ordinal, start, stop, page, headings, text, document_row, document_id, uri, title = row
        chunk = Chunk(
            document_id=document_id,
            ordinal=ordinal,
            text=text,
            span=Span(start=start, end=stop),
            headings=self._decoded(headings, tuple[str, ...]),
            page=page,
        )
        return ChunkRow(row=chunk_id, chunk=chunk, document_row=document_row, uri=uri, title=title)

    def _decoded(self, content: bytes | str, kind: Any) -> Any:
        try:
            return msgspec.json.decode(content, type=kind)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise DataError("rag.corrupt", path=str(self.path), name=self.name, why=str(error)) from error

    def _one(self, query: str, *values: Any) -> tuple[Any, ...]:
        with _translated(self.path, self.name):
            return self._connection.execute(query, values).fetchone() or ()

    def _all(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        with _translated(self.path, self.name):
            return self._connection.execute(query, values).fetchall()


def write_snapshot(
    path: Path, documents: Iterable[tuple[Document, Sequence[Chunk]]], failures: Iterable[Failure], config: str
) -> None:
    """Write a base that never changes. The same documents in the same order give the same bytes.

    Raises:
        LimitError: file.disk-full
        UsageError: file.unwritable
    """
    with _translated(path, path.name):
        path.unlink(missing_ok=True)
        connection = _connect(path)
        connection.execute("PRAGMA journal_mode = OFF")
        connection.execute("BEGIN")
        _make_tables(connection, identity="")
        truth = Truth(path, connection, path.name)
        ids: list[str] = [config]
        taken: dict[str, int] = {}
        for document, chunks in documents:
            root = taken.get(document.source.uri, _NO_ROOT)
            taken[document.source.uri] = root + 1
            truth.put(document, chunks, root=root)
            ids += (document.id, document.source.uri)
        for failure in failures:
            truth.put_failure(failure, root=taken.get(failure.uri, _NO_ROOT))
        connection.execute("UPDATE meta SET value = ? WHERE key = 'identity'", (digest(*ids),))
        connection.execute("INSERT INTO meta VALUES ('config', ?)", (config,))
        connection.execute("COMMIT")
        connection.execute("VACUUM")
        connection.close()


def _make_tables(connection: sqlite3.Connection, *, identity: str) -> None:
    for statement in _SCHEMA.split(";"):
        if statement.strip():
            connection.execute(statement)
    rows = {"format_version": str(FORMAT_VERSION), "generation": "0", "identity": identity}
    connection.executemany("INSERT INTO meta VALUES (?, ?)", sorted(rows.items()))


def _connect(path: Path, mode: Literal["rwc", "rw", "ro"] = "rwc", *, immutable: bool = False) -> sqlite3.Connection:
    address = f"file:{quote(os.fspath(path.absolute()))}?mode={mode}" + ("&immutable=1" if immutable else "")
    connection = sqlite3.connect(address, uri=True, timeout=_BUSY_SECONDS, isolation_level=None)
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA synchronous = FULL")
    return connection


@contextmanager
def _translated(path: Path, name: str) -> Generator[None]:
    """Turn what SQLite says into errors a person can act on."""
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
