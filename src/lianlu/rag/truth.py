"""The one file that is a knowledge base: SQLite in WAL mode, one transaction for each document.

The indexes are derived from it and may be thrown away at any time. A chunk's id is never used twice and its text never
changes, so whatever was computed for an id stays true; `generation` grows with every transaction and tells the derived
files when they are stale, and `gone` remembers which chunks left, so that an index follows in the time of the change, not
of the base. The vectors stand here too: they cost more than all the rest, and a chunk is never seen without its vector.
A snapshot is the same file without WAL, roots and identity, written in canonical order, so that equal documents give
equal bytes.
"""

from __future__ import annotations

import os
import secrets
import sqlite3
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from lianlu.core.errors import DataError
from lianlu.core.hashing import digest
from lianlu.rag.database import connect, translated
from lianlu.rag.dense import chunk_of, piece_id
from lianlu.rag.facts import date_of, facts_of
from lianlu.rag.filters import Filters, conditions
from lianlu.rag.truth_schema import FORMAT_VERSION, make_newer_tables, make_tables
from lianlu.records import Chunk, Document, Failure, Span

__all__ = [
    "Change",
    "ChunkRow",
    "DocumentRow",
    "Truth",
    "Vectors",
    "write_snapshot",
]

Vectors = npt.NDArray[np.float16]
_NO_ROOT = 0
_MOST_GONE = 100_000  # beyond this the log of removed chunks is dropped and the indexes are made anew
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
    date: str = ""


@dataclass(frozen=True)
class Change:
    """Chunks that came and went, by row id, ascending."""

    new: list[int]
    gone: list[int]


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
        with translated(path, name):
            path.parent.mkdir(parents=True, exist_ok=True)
            connection = connect(path)
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("BEGIN IMMEDIATE")
            if not connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
                make_tables(connection, identity=secrets.token_hex(12))
            connection.execute("COMMIT")
            truth = cls(path, connection, name)
            truth._migrate()
            truth._check_format()
            return truth

    @classmethod
    def open(cls, path: Path, name: str) -> Truth:
        """Open an existing base for reading and writing; in a folder that cannot be written, for reading.

        Raises:
            DataError: rag.corrupt, rag.format
        """
        with translated(path, name):
            try:
                connection = connect(path, "rw")
                connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
            except sqlite3.OperationalError:
                if os.access(path.parent, os.W_OK):
                    raise
                connection = connect(path, "ro", immutable=True)
            truth = cls(path, connection, name)
            if os.access(path, os.W_OK):
                truth._migrate()
            truth._check_format()
            return truth

    @classmethod
    def open_snapshot(cls, path: Path) -> Truth:
        """Open a file that never changes.

        Raises:
            DataError: rag.corrupt, rag.format
        """
        with translated(path, path.name):
            truth = cls(path, connect(path, "ro", immutable=True), path.name)
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
        with translated(self.path, self.name):
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
        with translated(self.path, self.name):
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

    def roots(self) -> dict[int, str]:
        """What this base was built from: see `rag.sources`."""
        rows = self._all("SELECT id, path FROM roots ORDER BY id")
        return {int(row): os.fsdecode(path) for row, path in rows}

    def root(self, place: str) -> int:
        """The number of a root, remembered from now on."""
        with self.writing():
            self._connection.execute("INSERT OR IGNORE INTO roots (path) VALUES (?)", (os.fsencode(place),))
            return int(self._one("SELECT id FROM roots WHERE path = ?", os.fsencode(place))[0])

    def forget_root(self, root: int) -> None:
        with self.writing():
            self._connection.execute("DELETE FROM documents WHERE root = ?", (root,))
            self._connection.execute("DELETE FROM failures WHERE root = ?", (root,))
            self._connection.execute("DELETE FROM roots WHERE id = ?", (root,))

    def put(
        self,
        document: Document,
        chunks: Sequence[Chunk],
        *,
        root: int = _NO_ROOT,
        vectors: Sequence[Vectors] | None = None,
    ) -> None:
        """Add a document, or replace the one of the same root and uri, in one transaction.

        Args:
            vectors: for each chunk those of its pieces, (pieces, D).
        """
        source = document.source
        with self.writing():
            self._drop(root, source.uri)
            cursor = self._connection.execute(
                "INSERT INTO documents (root, uri, sha256, size, document_id, title, language, document, date)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    root,
                    source.uri,
                    source.sha256,
                    source.size,
                    document.id,
                    document.title,
                    document.language,
                    msgspec.json.encode(document, order="deterministic"),
                    date_of(document.meta),
                ),
            )
            row = cursor.lastrowid
            assert row is not None
            self._connection.executemany(
                "INSERT INTO facts VALUES (?, ?, ?)", ((row, key, value) for key, value in facts_of(document.meta))
            )
            self._put_chunks(row, chunks, vectors)

    def _put_chunks(self, document_row: int, chunks: Sequence[Chunk], vectors: Sequence[Vectors] | None) -> None:
        first = int(self._one("SELECT coalesce(max(seq), 0) + 1 FROM sqlite_sequence WHERE name = 'chunks'")[0])
        self._connection.executemany(
            "INSERT INTO chunks VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                (
                    first + number,
                    document_row,
                    chunk.ordinal,
                    chunk.span.start,
                    chunk.span.end,
                    chunk.page,
                    msgspec.json.encode(chunk.headings).decode(),
                    chunk.text,
                )
                for number, chunk in enumerate(chunks)
            ),
        )
        if vectors is not None:
            assert len(vectors) == len(chunks), "vectors for each chunk"
            self._connection.executemany(
                "INSERT INTO vectors VALUES (?, ?, ?)",
                (
                    (first + number, piece, vector.astype("<f2").tobytes())
                    for number, pieces in enumerate(vectors)
                    for piece, vector in enumerate(pieces)
                ),
            )

    def recut(self, document_row: int, chunks: Sequence[Chunk], vectors: Sequence[Vectors] | None) -> None:
        """Replace the chunks of a document that stays as it is."""
        with self.writing():
            self._connection.execute("DELETE FROM chunks WHERE document = ?", (document_row,))
            self._put_chunks(document_row, chunks, vectors)

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
            self.forget_gone()

    def forget_gone(self) -> None:
        """Drop the log of removed chunks: indexes older than now are made anew."""
        with self.writing():
            self._connection.execute("DELETE FROM gone")
            self.set_meta("gone_since", str(self.state()[1] + 1))

    def known(self, root: int) -> dict[str, str]:
        """uri -> sha256 of all that was read or tried below a root."""
        rows = self._all(
            "SELECT uri, sha256 FROM documents WHERE root = ? UNION ALL SELECT uri, sha256 FROM failures WHERE root = ?",
            root,
            root,
        )
        return {str(uri): str(sha256) for uri, sha256 in rows}

    def documents(self) -> list[DocumentRow]:
        columns = "id, root, uri, sha256, size, document_id, title, language, date"
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

    def chunk_owners(self) -> list[tuple[int, int]]:
        """Row ids of all chunks, each with that of its document."""
        return [(int(row), int(document)) for row, document in self._all("SELECT id, document FROM chunks ORDER BY id")]

    def changes_since(self, generation: int, last_id: int) -> Change | None:
        """What happened to the chunks after a generation whose last chunk was `last_id`; None if that is not known."""
        if generation < int(self.meta("gone_since") or 0):
            return None
        new = [int(row[0]) for row in self._all("SELECT id FROM chunks WHERE id > ? ORDER BY id", last_id)]
        gone = self._all(
            "SELECT chunk FROM gone WHERE generation > ? AND chunk <= ? ORDER BY chunk", generation, last_id
        )
        return Change(new, [int(row[0]) for row in gone])

    def chunks_matching(self, filters: Filters) -> npt.NDArray[np.int64]:
        """Row ids of the chunks of documents that pass, ascending."""
        where, values = conditions(filters)
        query = f"SELECT id FROM chunks WHERE document IN (SELECT id FROM documents WHERE {where}) ORDER BY id"  # noqa: S608
        return np.fromiter((row[0] for row in self._all(query, *values)), dtype=np.int64)

    def pieces(self, chunks: Sequence[int] | None = None) -> list[int]:
        """Ids of the pieces that have vectors, ascending; of all chunks or of some."""
        if chunks is None:
            rows = self._all("SELECT chunk, piece FROM vectors ORDER BY chunk, piece")
            return [piece_id(chunk, piece) for chunk, piece in rows]
        found: list[int] = []
        for start in range(0, len(chunks), 500):
            some = chunks[start : start + 500]
            marks = ",".join("?" * len(some))
            rows = self._all(f"SELECT chunk, piece FROM vectors WHERE chunk IN ({marks})", *some)  # noqa: S608
            found += (piece_id(chunk, piece) for chunk, piece in rows)
        return sorted(found)

    def vectors(self, pieces: Sequence[int], dimensions: int) -> Vectors:
        """Vectors of pieces in the order asked for, (N, D).

        Raises:
            DataError: rag.corrupt: a vector is missing or of another length
        """
        found = np.empty((len(pieces), dimensions), dtype=np.float16)
        for start in range(0, len(pieces), 500):
            some = pieces[start : start + 500]
            chunks = sorted({chunk_of(piece) for piece in some})
            marks = ",".join("?" * len(chunks))
            rows = self._all(f"SELECT chunk, piece, vector FROM vectors WHERE chunk IN ({marks})", *chunks)  # noqa: S608
            blobs = {piece_id(chunk, piece): blob for chunk, piece, blob in rows}
            for number, piece in enumerate(some, start=start):
                blob = blobs.get(piece, b"")
                if len(blob) != 2 * dimensions:
                    why = f"vector of chunk {chunk_of(piece)} has {len(blob) // 2} numbers, not {dimensions}"
                    raise DataError("rag.corrupt", path=str(self.path), name=self.name, why=why)
                found[number] = np.frombuffer(blob, dtype="<f2")
        return found

    def vectors_of(self, chunk: int, dimensions: int) -> Vectors:
        """Vectors of the pieces of a chunk, (pieces, D). Raises as `vectors`."""
        return self.vectors(self.pieces([chunk]), dimensions)

    def embedded_count(self) -> int:
        """How many chunks have vectors."""
        return int(self._one("SELECT count(DISTINCT chunk) FROM vectors")[0])

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

    def _migrate(self) -> None:
        """Bring a base of format 1 up to date: it lacks what came with vectors and filters, nothing in it changes."""
        if self._connection.in_transaction or self.meta("format_version") != "1":
            return
        with self.writing():
            self._connection.execute("ALTER TABLE documents ADD COLUMN date TEXT NOT NULL DEFAULT ''")
            make_newer_tables(self._connection)
            for row, content in self._all("SELECT id, document FROM documents"):
                meta = self._decoded(content, Document).meta
                self._connection.execute("UPDATE documents SET date = ? WHERE id = ?", (date_of(meta), row))
                self._connection.executemany(
                    "INSERT INTO facts VALUES (?, ?, ?)", ((row, key, value) for key, value in facts_of(meta))
                )
            self.set_meta("format_version", str(FORMAT_VERSION))
            self.forget_gone()

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
        with translated(self.path, self.name):
            return self._connection.execute(query, values).fetchone() or ()

    def _all(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        with translated(self.path, self.name):
            return self._connection.execute(query, values).fetchall()


def write_snapshot(
    path: Path,
    documents: Iterable[tuple[Document, Sequence[Chunk]]],
    failures: Iterable[Failure],
    config: str,
    *,
    vectors: Sequence[Sequence[Vectors] | None] = (),
    meta: Mapping[str, str] | None = None,
) -> None:
    """Write a base that never changes. The same documents in the same order give the same bytes.

    Args:
        vectors: of each document's chunks, where it has any.
        meta: what else is said of the base.

    Raises:
        LimitError: file.disk-full
        UsageError: file.unwritable
    """
    with translated(path, path.name):
        path.unlink(missing_ok=True)
        connection = connect(path)
        connection.execute("PRAGMA journal_mode = OFF")
        connection.execute("BEGIN")
        make_tables(connection, identity="")
        truth = Truth(path, connection, path.name)
        ids: list[str] = [config, *(part for pair in sorted((meta or {}).items()) for part in pair)]
        taken: dict[str, int] = {}
        for number, (document, chunks) in enumerate(documents):
            root = taken.get(document.source.uri, _NO_ROOT)
            taken[document.source.uri] = root + 1
            truth.put(document, chunks, root=root, vectors=vectors[number] if vectors else None)
            ids += (document.id, document.source.uri)
        for failure in failures:
            truth.put_failure(failure, root=taken.get(failure.uri, _NO_ROOT))
        connection.execute("UPDATE meta SET value = ? WHERE key = 'identity'", (digest(*ids),))
        connection.executemany("INSERT INTO meta VALUES (?, ?)", sorted({**(meta or {}), "config": config}.items()))
        connection.execute("COMMIT")
        connection.execute("VACUUM")
        connection.close()
