"""Answers that were paid for are kept, so that the same request is never paid twice.

One append-only SQLite file (WAL, every write on disk before the answer is handed out). The key is the model's identity,
the request with its sampling, and the sample index: ask `stored.sample(1)` for a second opinion on the same request. A
remote model that is not pinned may be kept as well, since whoever names the file asks for it. Errors and empty answers
are never kept. Every row carries a checksum over key, request and answer: a damaged file is an error, never an answer.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import AsyncGenerator, Generator, Iterator, Sequence
from contextlib import aclosing, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import anyio.to_thread
import msgspec

from lianlu.core.errors import DataError, LimitError
from lianlu.core.files import as_lianlu_error
from lianlu.core.hashing import canonical_json, digest
from lianlu.llm.backend import Backend, Delta, Identity, Sampling
from lianlu.llm.collect import Collector, deltas_of
from lianlu.llm.wrapper import ANSWER_TYPES, Call, Question, Wrapper, is_empty
from lianlu.records import Conversation, Usage

__all__ = ["Kept", "RequestStore", "StoredBackend", "stored"]

_APPLICATION = 0x6C6C7271  # "llrq" in the header of the file: another program's database is refused
_FORMAT = 1
_BUSY_SECONDS = 30.0
_LOOK_AGAIN_SECONDS = 0.01
_SCHEMA = """
CREATE TABLE IF NOT EXISTS requests (
    number INTEGER PRIMARY KEY,
    key TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    request BLOB NOT NULL,
    answer BLOB NOT NULL,
    checksum TEXT NOT NULL,
    kept_at REAL NOT NULL
)
"""


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """A question with its answer."""

    question: Question
    answer: Any


@dataclass
class _Row:
    """An answer on its way to the disk."""

    values: tuple[Any, ...]
    is_kept: bool = False


class RequestStore:
    """The file. Safe to share between threads and processes.

    Raises:
        DataError: llm.store-damaged, llm.store-foreign
        LimitError: file.disk-full
        UsageError: file.unwritable
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._reading = threading.Lock()
        self._waiting: list[_Row] = []
        with self._explained():
            path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = self._connected()
            try:
                self._prepare()
                # A reader of its own: who looks something up does not wait until the disk has what others write.
                self._reader = self._connected()
            except BaseException:
                self._connection.close()
                raise

    def _connected(self) -> sqlite3.Connection:
        return sqlite3.connect(self.path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False)

    def _prepare(self) -> None:
        with closing(self._connection.cursor()) as cursor:
            cursor.execute("BEGIN")  # another process may be making the file: one look, at one state of it
            is_made = self._is_made(cursor)
            cursor.execute("COMMIT")
            _write_ahead(cursor)
            cursor.execute("PRAGMA synchronous = FULL")
            if not is_made:
                cursor.execute("BEGIN IMMEDIATE")
                if not self._is_made(cursor):
                    cursor.execute(_SCHEMA)
                    cursor.execute(f"PRAGMA application_id = {_APPLICATION}")
                    cursor.execute(f"PRAGMA user_version = {_FORMAT}")
                cursor.execute("COMMIT")

    def _is_made(self, cursor: sqlite3.Cursor) -> bool:
        """Whether the file is a store; False when it is empty. Raises DataError llm.store-foreign."""
        if not cursor.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone():
            return False
        application = cursor.execute("PRAGMA application_id").fetchone()[0]
        form = cursor.execute("PRAGMA user_version").fetchone()[0]
        if application != _APPLICATION or form != _FORMAT:
            raise DataError("llm.store-foreign", path=str(self.path))
        return True

    def find(self, key: str, kind: str) -> Any:
        """The answer kept under `key`, None when there is none."""
        with self._reading, self._explained():
            row = self._reader.execute(
                "SELECT kind, request, answer, checksum FROM requests WHERE key = ?", (key,)
            ).fetchone()
        if row is None:
            return None
        return self._checked(key, *row, expected=kind).answer

    def keep(self, key: str, question: Question, answer: Any) -> None:
        """Write an answer; one that is already there under the key stays. Returns when it is on the disk.

        What several threads keep at once goes into one transaction: the disk is waited for once.
        """
        request, content = canonical_json(question.request), msgspec.json.encode(answer)
        checksum = digest(key, question.kind, request, content)
        row = _Row((key, question.kind, request, content, checksum, time.time()))
        self._waiting.append(row)
        with self._lock, self._explained():
            if row.is_kept:  # by the thread that had the lock before
                return
            rows, self._waiting = self._waiting, []
            self._write(rows if any(each is row for each in rows) else [*rows, row])

    def _write(self, rows: Sequence[_Row]) -> None:
        """All or, where that fails, this thread's own at least is told; the others try again for themselves."""
        with closing(self._connection.cursor()) as cursor:
            cursor.execute("BEGIN IMMEDIATE")
            try:
                cursor.executemany(
                    "INSERT OR IGNORE INTO requests (key, kind, request, answer, checksum, kept_at)"
                    " VALUES (?, ?, ?, ?, ?, ?)",
                    [each.values for each in rows],
                )
                cursor.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    cursor.execute("ROLLBACK")
                raise
        for each in rows:
            each.is_kept = True

    def all(self) -> Iterator[Kept]:
        """Everything kept, oldest first."""
        with self._lock, self._explained():
            rows = self._connection.execute(
                "SELECT key, kind, request, answer, checksum FROM requests ORDER BY number"
            ).fetchall()
        for key, *row in rows:
            yield self._checked(key, *row)

    def close(self) -> None:
        with self._lock, self._reading:
            self._reader.close()
            self._connection.close()

    def _checked(
        self, key: str, kind: str, request: bytes, answer: bytes, checksum: str, *, expected: str | None = None
    ) -> Kept:
        try:
            if digest(key, kind, request, answer) != checksum or expected not in (None, kind):
                raise ValueError("checksum")
            read = msgspec.json.decode(answer, type=ANSWER_TYPES[kind])
            question = Question(kind=kind, request=msgspec.json.decode(request))  # pyright: ignore[reportArgumentType] - checked by the line above
        except (ValueError, KeyError, TypeError, AttributeError):
            raise DataError("llm.store-damaged", path=str(self.path), why=f"row {key[:12]}") from None
        return Kept(question=question, answer=read)

    @contextmanager
    def _explained(self) -> Generator[None]:
        try:
            yield
        except OSError as error:
            raise as_lianlu_error(error, self.path) from error
        except sqlite3.OperationalError as error:
            why = str(error)
            if "full" in why:
                raise LimitError("file.disk-full", path=str(self.path)) from error
            if "malformed" in why or "disk image" in why:
                raise DataError("llm.store-damaged", path=str(self.path), why=why) from error
            raise as_lianlu_error(OSError(0, why), self.path) from error
        except sqlite3.DatabaseError as error:
            raise DataError("llm.store-damaged", path=str(self.path), why=str(error)) from error


def _write_ahead(cursor: sqlite3.Cursor) -> None:
    """Switch to WAL. Where another process does the same, SQLite does not wait by itself."""
    limit = time.monotonic() + _BUSY_SECONDS
    while True:
        try:
            cursor.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > limit:
                raise
            time.sleep(_LOOK_AGAIN_SECONDS)
        else:
            return


def stored(backend: Backend, path: Path) -> StoredBackend:
    """`backend`, asking only what the store at `path` does not hold yet. Raises as RequestStore."""
    return StoredBackend(backend, RequestStore(path))


class StoredBackend(Wrapper):
    """A backend that remembers.

    Attributes:
        hits: questions answered from the store.
        misses: questions that were asked and, if answered, kept.
        spent: what the asked ones cost; `Reply.usage` of a hit is what it cost when it was asked.
    """

    def __init__(self, inner: Backend, store: RequestStore, *, sample: int = 0) -> None:
        super().__init__(inner)
        self.store = store
        self.hits = 0
        self.misses = 0
        self.spent = Usage()
        self._sample = sample
        self._identity: Identity | None = None
        self._under_way: dict[str, anyio.Lock] = {}

    @property
    def index(self) -> int:
        """Which answer to the same request this backend gives."""
        return self._sample

    def sample(self, index: int) -> StoredBackend:
        """The same backend for the `index`-th answer to the same request."""
        return StoredBackend(self.inner, self.store, sample=index)

    async def key_of(self, question: Question) -> str:
        if self._identity is None:
            self._identity = await self.inner.identity()
        asked = canonical_json(question.request)
        identity = canonical_json(msgspec.structs.replace(self._identity, ref=""))
        return digest("request", identity, question.kind, asked, str(self._sample))

    async def around(self, question: Question, call: Call) -> Any:
        key = await self.key_of(question)
        async with self._alone(key):
            found = await self._find(key, question)
            if found is not None:
                return found
            answer = await call()
            await self._keep(key, question, answer)
            return answer

    async def around_stream(
        self, question: Question, conversation: Conversation, sampling: Sampling
    ) -> AsyncGenerator[Delta, None]:
        key = await self.key_of(question)
        found = await self._find(key, question)
        if found is not None:
            for delta in deltas_of(found):
                yield delta
            return
        collector = Collector()
        last: Delta | None = None
        async with aclosing(self.inner.stream(conversation, sampling)) as deltas:
            async for delta in deltas:
                # One fragment is held back: when the last one is handed out, the answer is kept.
                if last is not None:
                    yield last
                collector.add(delta)
                last = delta
        await self._keep(key, question, collector.reply(unfinished="error"))
        if last is not None:
            yield last

    async def close(self) -> None:
        await super().close()
        self.store.close()

    async def _find(self, key: str, question: Question) -> Any:
        await (
            anyio.lowlevel.checkpoint()
        )  # a lookup takes microseconds, a thread ten times that; others have their turn
        found = self.store.find(key, question.kind)
        self.hits += found is not None
        return found

    async def _keep(self, key: str, question: Question, answer: Any) -> None:
        self.misses += 1
        self.spent += getattr(answer, "usage", Usage())
        if not is_empty(answer):
            with anyio.CancelScope(shield=True):
                await anyio.to_thread.run_sync(self.store.keep, key, question, answer)

    def _alone(self, key: str) -> _Alone:
        return _Alone(self._under_way, key)


class _Alone:
    """One task at a time for each key: two equal questions at once are asked once."""

    def __init__(self, locks: dict[str, anyio.Lock], key: str) -> None:
        self._locks = locks
        self._key = key

    async def __aenter__(self) -> None:
        self._lock = self._locks.setdefault(self._key, anyio.Lock())
        await self._lock.acquire()

    async def __aexit__(self, *_: object) -> None:
        self._lock.release()
        if not self._lock.statistics().locked and not self._lock.statistics().tasks_waiting:
            self._locks.pop(self._key, None)
