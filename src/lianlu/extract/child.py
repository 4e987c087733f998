"""The parent's side of `worker`: start a child, ask it for one file after another, see that it answers in time.

A child that dies or hangs costs the file it was reading and nothing else: the next file gets a fresh one. Because a child
lives long, its death may be an older file's fault; a file is blamed only if it kills a child that has read nothing else.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import msgspec

from lianlu.core import errors
from lianlu.core.errors import BackendError, Cancelled, DataError, LianluError
from lianlu.extract.reader import ReadConfig
from lianlu.extract.worker import HEADER_BYTES, Limits, Reply, Request
from lianlu.records import Document

__all__ = ["Child"]

_START_SECONDS = 60.0
_LOOK_EVERY_MS = 200
_LARGEST_REPLY_BYTES = 512 << 20
_PASSED_ON = ("HOME", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "PATH", "PYTHONHOME", "PYTHONPATH", "TMPDIR", "VIRTUAL_ENV")


class _DiedError(Exception):
    """The child ended without an answer; the argument says how."""


class Child:
    """One child process, started when the first file is read and again after a death.

    Args:
        limits: what one file may cost.
        is_stopped: asked a few times a second while waiting; True raises Cancelled.
    """

    def __init__(self, limits: Limits, is_stopped: Callable[[], bool] = lambda: False) -> None:
        self._limits = limits
        self._is_stopped = is_stopped
        self._process: subprocess.Popen[bytes] | None = None
        self._stderr: IO[bytes] | None = None
        self._files_read = 0

    def read(self, path: Path, uri: str, config: ReadConfig) -> Document:
        """Read one file.

        Raises:
            DataError: extract.*, text.binary
            UsageError: file.missing, file.unreadable
            BackendError: extract.no-worker
            Cancelled: the caller asked to stop
        """
        request = msgspec.msgpack.encode(Request(path=os.fspath(path.absolute()), uri=uri, config=config))
        try:
            reply = self._ask(request)
        except _DiedError as death:
            raise DataError("extract.parser-died", why=str(death)) from death
        if reply.peak_bytes > self._limits.max_memory_bytes // 2:
            self.close()
        if reply.document is None:
            raise _error_of(reply)
        return reply.document

    def close(self) -> None:
        """End the child; harmless when there is none."""
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout, self._stderr):
            if stream is not None:
                _close_quietly(stream)

    def _ask(self, request: bytes) -> Reply:
        while True:
            process = self._process or self._start()
            is_fresh = self._files_read == 0
            try:
                self._send(process, request)
                reply = self._receive(process, self._limits.max_seconds)
            except _DiedError:
                self.close()
                if is_fresh:
                    raise
                continue
            except BaseException:
                self.close()
                raise
            self._files_read += 1
            return reply

    def _start(self) -> subprocess.Popen[bytes]:
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the child
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "lianlu.extract.worker"],  # -P: the current folder holds foreign files
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            bufsize=0,
            start_new_session=True,  # Ctrl-C is for the parent, which then ends the child
            env={name: os.environ[name] for name in _PASSED_ON if name in os.environ}
            | {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONUTF8": "1"},
        )
        self._process = process
        self._files_read = 0
        try:
            self._send(process, msgspec.msgpack.encode(self._limits))
            self._receive(process, _START_SECONDS)
        except (_DiedError, DataError) as death:
            why = self._last_words() or str(death)
            self.close()
            raise BackendError("extract.no-worker", why=why) from death
        return process

    def _send(self, process: subprocess.Popen[bytes], content: bytes) -> None:
        assert process.stdin is not None
        try:
            process.stdin.write(len(content).to_bytes(HEADER_BYTES, "big") + content)
        except OSError as error:
            raise _DiedError(_how(process)) from error

    def _receive(self, process: subprocess.Popen[bytes], seconds: float) -> Reply:
        deadline = time.monotonic() + seconds
        size = int.from_bytes(self._take(process, HEADER_BYTES, deadline), "big")
        if size > _LARGEST_REPLY_BYTES:
            raise DataError(
                "extract.too-large", size=size, unit="bytes of result", limit=_LARGEST_REPLY_BYTES, field="max_bytes"
            )
        return msgspec.msgpack.decode(self._take(process, size, deadline), type=Reply)

    def _take(self, process: subprocess.Popen[bytes], size: int, deadline: float) -> bytes:
        assert process.stdout is not None
        descriptor = process.stdout.fileno()
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        pieces: list[bytes] = []
        while size:
            if not poll.poll(_LOOK_EVERY_MS):
                self._check(deadline)
                continue
            piece = os.read(descriptor, min(size, 1 << 20))
            if not piece:
                raise self._death(process)
            pieces.append(piece)
            size -= len(piece)
        return b"".join(pieces)

    def _check(self, deadline: float) -> None:
        if self._is_stopped():
            raise Cancelled
        if time.monotonic() > deadline:
            raise DataError("extract.too-slow", limit_seconds=self._limits.max_seconds)

    def _death(self, process: subprocess.Popen[bytes]) -> Exception:
        how = _how(process)
        if process.returncode == -signal.SIGXCPU:
            return DataError("extract.too-slow", limit_seconds=self._limits.max_seconds)
        return _DiedError(how)

    def _last_words(self) -> str:
        if self._stderr is None:
            return ""
        self._stderr.seek(0)
        said = self._stderr.read().decode(errors="replace").strip().splitlines()
        return said[-1][:300] if said else ""


def _how(process: subprocess.Popen[bytes]) -> str:
    try:
        code = process.wait(timeout=5)
    except subprocess.TimeoutExpired:
        return "closed its output"
    return signal.Signals(-code).name if code < 0 else f"exit {code}"


def _error_of(reply: Reply) -> LianluError:
    family: type[LianluError] = getattr(errors, reply.family, DataError)
    facts: dict[str, Any] = dict(reply.facts)
    return family(reply.code, **facts)


def _close_quietly(stream: IO[bytes]) -> None:
    try:
        stream.close()
    except OSError:  # a pipe to a dead child
        return
