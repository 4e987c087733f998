"""One limiter for all processes of this machine, so that ten workers together ask as fast as one may.

State is a small SQLite file in the data folder: who waits, who asks now, what was spent in the last minute. Waiters are
served in the order of their tickets. Each process holds a lock (flock) on a file of its own for as long as it lives; the
kernel lets go of it when the process dies in whatever way, and the next waiter then clears what the dead one held.
"""

from __future__ import annotations

import fcntl
import math
import os
import sqlite3
import threading
import time
import uuid
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import aclosing, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import anyio.to_thread

from lianlu.core.errors import DataError, LimitError
from lianlu.core.files import as_lianlu_error
from lianlu.core.hashing import canonical_json
from lianlu.llm.backend import Backend, Delta, Sampling
from lianlu.llm.collect import Collector
from lianlu.llm.limits import Limits
from lianlu.llm.wrapper import Call, Question, Wrapper
from lianlu.records import Conversation, Usage

__all__ = ["LimitedBackend", "Limiter", "Permit", "limited"]

_WINDOW_SECONDS = 60.0
_LOOK_EVERY_SECONDS = 0.05
_BYTES_PER_TOKEN = 3.5
_ANSWER_TOKENS = 512  # expected of a request that sets no bound; settled to the real count afterwards
_SCHEMA = """
CREATE TABLE IF NOT EXISTS waiting (ticket INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, owner TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS asking (ticket INTEGER PRIMARY KEY, name TEXT NOT NULL, owner TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS spent (ticket INTEGER PRIMARY KEY, name TEXT NOT NULL, at REAL NOT NULL, tokens INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS spent_by_name ON spent (name, at);
"""


@dataclass
class Permit:
    """Leave to ask once. Set `tokens` to what was really used before it is given back."""

    ticket: int
    tokens: int


@dataclass
class _Presence:
    """This process as others see it: a locked file named after it."""

    folder: Path
    owner: str = field(default_factory=lambda: uuid.uuid4().hex)
    descriptor: int = -1

    def appear(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.descriptor = os.open(self.folder / self.owner, os.O_CREAT | os.O_RDWR, 0o600)
        fcntl.flock(self.descriptor, fcntl.LOCK_EX)

    def is_alive(self, owner: str) -> bool:
        if owner == self.owner:
            return True
        try:
            descriptor = os.open(self.folder / owner, os.O_RDWR)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(descriptor)
        (self.folder / owner).unlink(missing_ok=True)
        return False

    def leave(self) -> None:
        (self.folder / self.owner).unlink(missing_ok=True)
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1


class Limiter:
    """Hands out permits under `limits`. One `name` is one budget, whoever opens it.

    Args:
        folder: where the shared file lies; the same for all who share.
        clock: seconds since the epoch.

    Raises:
        UsageError: file.unwritable
        DataError: llm.limits-damaged
    """

    def __init__(self, limits: Limits, *, name: str, folder: Path, clock: Callable[[], float] = time.time) -> None:
        self._limits = limits
        self._name = name
        self._path = folder / "limits.sqlite"
        self._clock = clock
        self._lock = threading.Lock()
        self._queue: anyio.Lock | None = None
        self._loop: object = None
        self._presence = _Presence(folder / "limits.alive")
        with self._explained():
            self._presence.appear()
            self._connection = sqlite3.connect(self._path, timeout=30, isolation_level=None, check_same_thread=False)
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = OFF")  # a lost minute of counts after a power cut is fine
            self._connection.executescript(_SCHEMA)

    @asynccontextmanager
    async def permit(self, tokens: int = 0) -> AsyncGenerator[Permit]:
        """Wait for leave to ask, about `tokens` tokens. Cancelling gives the place in the queue back."""
        permit = Permit(ticket=0, tokens=tokens)
        try:
            async with self._turn():
                await self._wait_for(permit)
            yield permit
        finally:
            with anyio.CancelScope(shield=True):
                await anyio.to_thread.run_sync(self._leave, permit)

    def _turn(self) -> anyio.Lock:
        """Tasks of one process queue here first, so that only the foremost looks into the file."""
        loop = anyio.lowlevel.current_token()
        if self._queue is None or self._loop != loop:
            self._queue, self._loop = anyio.Lock(), loop
        return self._queue

    async def _wait_for(self, permit: Permit) -> None:
        permit.ticket = await anyio.to_thread.run_sync(self._enter)
        while (wait := await anyio.to_thread.run_sync(self._try, permit.ticket, permit.tokens)) > 0:
            await anyio.sleep(min(wait, 1.0))

    def close(self) -> None:
        with self._lock:
            self._connection.close()
            self._presence.leave()

    def _enter(self) -> int:
        with self._transaction() as cursor:
            cursor.execute("INSERT INTO waiting (name, owner) VALUES (?, ?)", (self._name, self._presence.owner))
            return int(cursor.lastrowid or 0)

    def _try(self, ticket: int, tokens: int) -> float:
        """0 when leave is given, else how many seconds to wait before trying again."""
        with self._transaction() as cursor:
            self._clear_dead(cursor)
            first = cursor.execute("SELECT min(ticket) FROM waiting WHERE name = ?", (self._name,)).fetchone()[0]
            if first != ticket:
                return _LOOK_EVERY_SECONDS
            now = self._clock()
            wait = self._wait(cursor, now, tokens)
            if wait > 0:
                return wait
            cursor.execute("DELETE FROM waiting WHERE ticket = ?", (ticket,))
            cursor.execute("INSERT INTO asking VALUES (?, ?, ?)", (ticket, self._name, self._presence.owner))
            cursor.execute("INSERT INTO spent VALUES (?, ?, ?, ?)", (ticket, self._name, now, tokens))
            return 0.0

    def _wait(self, cursor: sqlite3.Cursor, now: float, tokens: int) -> float:
        limits = self._limits
        cursor.execute("DELETE FROM spent WHERE at <= ? OR at > ?", (now - _WINDOW_SECONDS, now + 1))
        asking = cursor.execute("SELECT count(*) FROM asking WHERE name = ?", (self._name,)).fetchone()[0]
        if limits.concurrency is not None and asking >= limits.concurrency:
            return _LOOK_EVERY_SECONDS
        spent: list[tuple[float, int]] = cursor.execute(
            "SELECT at, tokens FROM spent WHERE name = ? ORDER BY at", (self._name,)
        ).fetchall()
        waits = [0.0]
        if limits.query_per_second is not None and spent:
            waits.append(spent[-1][0] + 1 / limits.query_per_second - now)
        if limits.requests_per_minute is not None and len(spent) >= limits.requests_per_minute:
            waits.append(spent[-limits.requests_per_minute][0] + _WINDOW_SECONDS - now)
        if limits.tokens_per_minute is not None:
            waits.append(_until_tokens(spent, tokens, limits.tokens_per_minute, now))
        return max(waits)

    def _clear_dead(self, cursor: sqlite3.Cursor) -> None:
        owners = cursor.execute(
            "SELECT owner FROM waiting WHERE name = ? UNION SELECT owner FROM asking WHERE name = ?",
            (self._name, self._name),
        ).fetchall()
        for (owner,) in owners:
            if not self._presence.is_alive(owner):
                cursor.execute("DELETE FROM waiting WHERE owner = ?", (owner,))
                cursor.execute("DELETE FROM asking WHERE owner = ?", (owner,))

    def _leave(self, permit: Permit) -> None:
        with self._transaction() as cursor:
            cursor.execute("DELETE FROM waiting WHERE ticket = ?", (permit.ticket,))
            cursor.execute("DELETE FROM asking WHERE ticket = ?", (permit.ticket,))
            cursor.execute("UPDATE spent SET tokens = ? WHERE ticket = ?", (permit.tokens, permit.ticket))

    @contextmanager
    def _transaction(self) -> Generator[sqlite3.Cursor]:
        with self._lock, self._explained():
            cursor = self._connection.cursor()
            cursor.execute("BEGIN IMMEDIATE")
            try:
                yield cursor
            except BaseException:
                cursor.execute("ROLLBACK")
                raise
            cursor.execute("COMMIT")

    @contextmanager
    def _explained(self) -> Generator[None]:
        try:
            yield
        except OSError as error:
            raise as_lianlu_error(error, self._path) from error
        except sqlite3.OperationalError as error:
            if "full" in str(error):
                raise LimitError("file.disk-full", path=str(self._path)) from error
            raise as_lianlu_error(OSError(0, str(error)), self._path) from error
        except sqlite3.DatabaseError as error:
            raise DataError("llm.limits-damaged", path=str(self._path), why=str(error)) from error


def _until_tokens(spent: list[tuple[float, int]], tokens: int, limit: int, now: float) -> float:
    """Seconds until so much has left the window that `tokens` fit; a request larger than the limit goes alone."""
    left = sum(each for _, each in spent)
    for at, each in spent:
        if left + tokens <= limit:
            break
        left -= each
        if left + tokens <= limit or left == 0:
            return max(at + _WINDOW_SECONDS - now, 0.0)
    return 0.0


def limited(backend: Backend, limits: Limits, *, name: str, folder: Path) -> LimitedBackend:
    """`backend`, asked no faster than `limits` allow all who use `name` together. Raises as Limiter."""
    return LimitedBackend(backend, Limiter(limits, name=name, folder=folder))


class LimitedBackend(Wrapper):
    """A backend that waits for its turn."""

    def __init__(self, inner: Backend, limiter: Limiter) -> None:
        super().__init__(inner)
        self._limiter = limiter

    async def around(self, question: Question, call: Call) -> Any:
        async with self._limiter.permit(_expected_tokens(question)) as permit:
            answer = await call()
            permit.tokens = _tokens(getattr(answer, "usage", Usage())) or permit.tokens
            return answer

    async def around_stream(
        self, question: Question, conversation: Conversation, sampling: Sampling
    ) -> AsyncGenerator[Delta, None]:
        collector = Collector()
        async with (
            self._limiter.permit(_expected_tokens(question)) as permit,
            aclosing(self.inner.stream(conversation, sampling)) as deltas,
        ):
            async for delta in deltas:
                collector.add(delta)
                yield delta
            permit.tokens = _tokens(collector.reply().usage) or permit.tokens

    async def close(self) -> None:
        await super().close()
        self._limiter.close()


def _tokens(usage: Usage) -> int:
    return usage.prompt_tokens + usage.completion_tokens


def _expected_tokens(question: Question) -> int:
    """A guess on the safe side: the bytes of the request, and the answer's own bound."""
    prompt = math.ceil(len(canonical_json(question.request)) / _BYTES_PER_TOKEN)
    if question.kind not in ("chat", "complete"):
        return prompt
    sampling = question.request.get("sampling") or {}
    return prompt + (sampling.get("max_tokens") or _ANSWER_TOKENS) * (sampling.get("n") or 1)
