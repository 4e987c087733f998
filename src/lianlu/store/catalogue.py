"""An index over the manifests in SQLite, so that listing ten thousand artifacts does not open ten thousand files.

It is compared with the folder of manifests before every answer (names, times, sizes), so it is never wrong: deleted,
garbage or of another version, it is made anew; where it cannot be written, the answer comes from the manifests alone.
It also remembers the hash of files kept by reference together with their stat, as git's index does.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable, Generator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TypeVar

import msgspec

from lianlu.core.hashing import sha256_file
from lianlu.records import Artifact
from lianlu.store.manifests import Manifests, Stamp

__all__ = ["Catalogue", "Listed"]

_VERSION = 1
_BUSY_SECONDS = 20.0
_SETTLED_NS = 2_000_000_000  # a file younger than this may change again within one tick of its clock
_TABLES = """
CREATE TABLE IF NOT EXISTS artifact (
    id TEXT PRIMARY KEY, kind TEXT NOT NULL, step TEXT NOT NULL, volatile INTEGER NOT NULL,
    changed_ns INTEGER NOT NULL, size INTEGER NOT NULL, record BLOB NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS artifact_by_kind ON artifact (kind, changed_ns);
CREATE TABLE IF NOT EXISTS seen (
    path TEXT PRIMARY KEY, stat TEXT NOT NULL, sha256 TEXT NOT NULL
) STRICT, WITHOUT ROWID;
"""
_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_SCHEMA, sqlite3.SQLITE_MISMATCH)
AnswerT = TypeVar("AnswerT")


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """An artifact and when its manifest was written (nanoseconds since the epoch)."""

    artifact: Artifact
    changed_ns: int


class Catalogue:
    """The index of one store."""

    def __init__(self, path: Path, manifests: Manifests) -> None:
        self._path = path
        self._manifests = manifests

    def artifacts(self, kind: str | None = None) -> list[Listed]:
        """Readable artifacts, newest first.

        Raises:
            UsageError: store.newer-format
        """
        return self._ask(lambda index: self._select(index, kind))

    def sha256_of(self, path: Path) -> str:
        """Hash of a file outside the store, remembered as long as its size, times and inode stay the same.

        Raises:
            OSError: the file cannot be read
        """
        status = path.stat()
        stat = f"{status.st_size} {status.st_mtime_ns} {status.st_ctime_ns} {status.st_ino}"
        known = self._ask(lambda index: _seen(index, path, stat))
        if known is not None:
            return known
        sha256 = sha256_file(path)
        if time.time_ns() - max(status.st_mtime_ns, status.st_ctime_ns) > _SETTLED_NS:
            self._ask(lambda index: _remember(index, path, stat, sha256))
        return sha256

    def _select(self, index: sqlite3.Connection, kind: str | None) -> list[Listed]:
        self._bring_up_to_date(index)
        rows = index.execute(
            "SELECT record, changed_ns FROM artifact WHERE ?1 IS NULL OR kind = ?1 ORDER BY changed_ns DESC, id",
            (kind,),
        )
        decoder = msgspec.json.Decoder(Artifact)
        return [Listed(artifact=decoder.decode(record), changed_ns=changed_ns) for record, changed_ns in rows]

    def _bring_up_to_date(self, index: sqlite3.Connection) -> None:
        on_disk = self._manifests.ids()
        rows = index.execute("SELECT id, changed_ns, size FROM artifact")
        indexed = {id_: Stamp(changed_ns=changed_ns, size=size) for id_, changed_ns, size in rows}
        gone = [(id_,) for id_ in indexed if id_ not in on_disk]
        fresh = [id_ for id_, stamp in on_disk.items() if indexed.get(id_) != stamp]
        if not gone and not fresh:
            return
        with index:
            index.executemany("DELETE FROM artifact WHERE id = ?", gone)
            for id_ in fresh:
                self._put(index, id_, on_disk[id_])

    def _put(self, index: sqlite3.Connection, artifact_id: str, stamp: Stamp) -> None:
        artifact = self._manifests.try_read(artifact_id)
        if artifact is None:
            index.execute("DELETE FROM artifact WHERE id = ?", (artifact_id,))
            return
        step = artifact.step.name if artifact.step else ""
        record = msgspec.json.encode(artifact)
        row = (artifact.id, artifact.kind, step, artifact.volatile, stamp.changed_ns, stamp.size, record)
        index.execute("INSERT OR REPLACE INTO artifact VALUES (?, ?, ?, ?, ?, ?, ?)", row)

    def _ask(self, question: Callable[[sqlite3.Connection], AnswerT]) -> AnswerT:
        """Answer from the file; make it anew when it is damaged; answer in memory when it cannot be used."""
        for _ in range(2):
            try:
                with _opened(self._path) as index:
                    return question(index)
            except (sqlite3.Error, msgspec.DecodeError) as error:
                if not _is_damage(error):
                    break
                self._discard()
        with closing(_prepared(sqlite3.connect(":memory:"))) as index:
            return question(index)

    def _discard(self) -> None:
        for ending in ("", "-wal", "-shm"):
            Path(f"{self._path}{ending}").unlink(missing_ok=True)


@contextmanager
def _opened(path: Path) -> Generator[sqlite3.Connection]:
    with closing(sqlite3.connect(path, timeout=_BUSY_SECONDS)) as index:
        index.execute("PRAGMA journal_mode = WAL")
        index.execute("PRAGMA synchronous = OFF")  # it can be made anew
        yield _prepared(index)


def _prepared(index: sqlite3.Connection) -> sqlite3.Connection:
    found = index.execute("PRAGMA user_version").fetchone()[0]
    if found != _VERSION:
        with index:
            index.executescript(f"DROP TABLE IF EXISTS artifact; DROP TABLE IF EXISTS seen; {_TABLES}")
            index.execute(f"PRAGMA user_version = {_VERSION}")
    return index


def _is_damage(error: Exception) -> bool:
    if isinstance(error, msgspec.DecodeError):
        return True
    code = getattr(error, "sqlite_errorcode", None)
    no_such_table = code == sqlite3.SQLITE_ERROR
    return no_such_table or (code is not None and code & 0xFF in _DAMAGED)


def _seen(index: sqlite3.Connection, path: Path, stat: str) -> str | None:
    row = index.execute("SELECT sha256 FROM seen WHERE path = ? AND stat = ?", (os.fspath(path), stat)).fetchone()
    return row[0] if row else None


def _remember(index: sqlite3.Connection, path: Path, stat: str, sha256: str) -> None:
    with index:
        index.execute("INSERT OR REPLACE INTO seen VALUES (?, ?, ?)", (os.fspath(path), stat, sha256))
