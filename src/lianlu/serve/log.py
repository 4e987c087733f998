"""The request log: one JSON line for each request, in the file before its answer ends.

A line is one `write` to a file opened for appending, so servers may share a log and a killed one leaves no half line
behind. Prompts are not in it unless asked for. A log that cannot be written (full disk) is reported once and stops no
answer.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import anyio
import msgspec

from lianlu.core.errors import LianluError
from lianlu.core.files import as_lianlu_error

__all__ = ["Entry", "RequestLog"]

_log = logging.getLogger("lianlu.serve")
_LEFT = 499
_BUG = 500


@dataclass
class Entry:
    """One request, filled while it is answered.

    Attributes:
        id: the `id` of its answer.
        code: the error's, where it failed.
        prompt_tokens: None where it ended before they were counted, as when the client left.
        body: what was asked; kept only with --log-prompts.
    """

    id: str
    path: str
    model: str = ""
    stream: bool = False
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    status: int = 200
    code: str = ""
    body: dict[str, Any] | None = None
    began: float = field(default_factory=time.monotonic)


class RequestLog:
    """Appends entries to `path`; without a path it only counts them.

    Args:
        instance: which run of the server an entry belongs to.

    Raises:
        UsageError: file.unwritable
        LimitError: file.disk-full
    """

    def __init__(self, path: Path | None, *, instance: str, with_prompts: bool = False) -> None:
        self.running = 0
        self.answered = 0
        self.path = path
        self._instance = instance
        self._with_prompts = with_prompts
        self._has_failed = False
        self._file = _opened(path) if path is not None else None

    @contextmanager
    def request(self, entry: Entry) -> Generator[None]:
        """The time of one request; its entry is written at the end, whatever the end is."""
        self.running += 1
        try:
            yield
        except LianluError as error:
            entry.status, entry.code = error.http_status, error.code
            raise
        except (anyio.get_cancelled_exc_class(), GeneratorExit):
            entry.status = entry.status if entry.code else _LEFT
            raise
        except BaseException:
            entry.status, entry.code = _BUG, "bug"
            raise
        finally:
            self.running -= 1
            self.answered += 1
            self._write(entry)

    def close(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _write(self, entry: Entry) -> None:
        if self._file is None:
            return
        line: dict[str, Any] = {
            "id": entry.id,
            "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "instance": self._instance,
            "path": entry.path,
            "model": entry.model,
            "stream": entry.stream,
            "prompt_tokens": entry.prompt_tokens,
            "completion_tokens": entry.completion_tokens,
            "seconds": round(time.monotonic() - entry.began, 4),
            "status": entry.status,
            "code": entry.code,
        }
        if self._with_prompts:
            line["body"] = entry.body
        try:
            os.write(self._file, msgspec.json.encode(line) + b"\n")
        except OSError as error:
            if not self._has_failed:
                _log.warning("the request log %s cannot be written: %s", self.path, error)
            self._has_failed = True


def _opened(path: Path) -> int:
    """The file, and its last line ended: a full disk may have cut it."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
        size = os.fstat(descriptor).st_size
        if size and os.pread(descriptor, 1, size - 1) != b"\n":
            os.write(descriptor, b"\n")
    except OSError as error:
        raise as_lianlu_error(error, path) from error
    return descriptor
