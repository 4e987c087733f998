"""The child process in which files are opened and parsed, under limits it cannot lift again.

Parsers of foreign files are the weakest part of any such program: a crash, an endless loop or a gigabyte of memory must
cost one file, not the run. So the child opens the file, reads and hashes it, picks the reader and answers with a record;
the parent never touches the bytes. One child reads many files: starting Python for each would cost more than reading.

Frames are a length (8 bytes, big endian) and msgpack. The child's own stdout is kept for frames; what a parser prints
there goes to stderr.
"""

from __future__ import annotations

import os
import resource
import stat
import sys
from pathlib import Path
from typing import IO, Any

import msgspec

from lianlu.core import registry
from lianlu.core.errors import DataError, LianluError, UsageError
from lianlu.core.hashing import sha256_bytes
from lianlu.extract.reader import ReadConfig
from lianlu.extract.sniff import MEDIA_TYPES, reader_name
from lianlu.records import Document, Source

__all__ = ["HEADER_BYTES", "Limits", "Reply", "Request", "main", "read_path"]

HEADER_BYTES = 8
_OPEN_FILES = 64
_DEEPEST_CALLS = 4000  # documents nest deeper than programs
_WRITTEN_BYTES = 1 << 20  # stderr only


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What one file may cost."""

    max_bytes: int
    max_seconds: float
    max_memory_bytes: int


class Request(msgspec.Struct, frozen=True, kw_only=True):
    path: str
    uri: str
    config: ReadConfig


class Reply(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A document, or an error as family, code and facts; `peak_bytes` tells the parent when to take a fresh child."""

    document: Document | None = None
    family: str = ""
    code: str = ""
    facts: dict[str, str | int | float] = {}
    peak_bytes: int = 0


def main() -> None:
    """Answer requests on stdin until it is closed."""
    replies = os.fdopen(os.dup(1), "wb")
    requests = os.fdopen(os.dup(0), "rb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(2, 1)
    limits = msgspec.msgpack.decode(_frame(requests), type=Limits)
    _confine(limits)
    sys.setrecursionlimit(_DEEPEST_CALLS)
    _send(replies, Reply())
    decoder = msgspec.msgpack.Decoder(Request)
    while frame := _frame(requests):
        _allow_seconds(limits.max_seconds)
        _send(replies, _answer(decoder.decode(frame), limits))


def read_path(path: Path, uri: str, config: ReadConfig, limits: Limits) -> Document:
    """Read one file here, in this process.

    Raises:
        UsageError: file.missing, file.unreadable
        DataError: extract.*, text.binary
    """
    content = _content(path, limits.max_bytes)
    name = reader_name(content, uri)
    source = Source(uri=uri, sha256=sha256_bytes(content), size=len(content), media_type=MEDIA_TYPES.get(name, name))
    return registry.find("reader", name)(content, source, config)


def _answer(request: Request, limits: Limits) -> Reply:
    try:
        document = read_path(Path(request.path), request.uri, request.config, limits)
    except LianluError as error:
        reply = Reply(family=_family(error), code=error.code, facts=_plain(error.facts))
    except MemoryError:
        megabytes = limits.max_memory_bytes >> 20
        reply = Reply(family="DataError", code="extract.out-of-memory", facts={"limit_mb": megabytes})
    except Exception as error:  # noqa: BLE001 - the worker loop's boundary of design.md §4
        why = f"{type(error).__name__}: {error}"[:300]
        reply = Reply(family="DataError", code="extract.parser-failed", facts={"why": why})
    else:
        reply = Reply(document=document)
    return msgspec.structs.replace(reply, peak_bytes=_peak_bytes())


def _family(error: LianluError) -> str:
    return next(each.__name__ for each in type(error).__mro__ if each.__module__ == LianluError.__module__)


def _plain(facts: dict[str, Any]) -> dict[str, str | int | float]:
    return {name: fact if isinstance(fact, (int, float, str)) else str(fact) for name, fact in facts.items()}


def _content(path: Path, max_bytes: int) -> bytes:
    try:
        # Opening a pipe would wait for a writer; a device could do anything.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise UsageError("file.missing", path=path.name) from None
    except OSError as error:
        raise UsageError("file.unreadable", path=path.name, why=error.strerror or str(error)) from error
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        os.close(descriptor)
        raise DataError("extract.not-a-file")
    with os.fdopen(descriptor, "rb") as file:
        if status.st_size > max_bytes:
            raise DataError("extract.too-large", size=status.st_size, unit="bytes", limit=max_bytes, field="max_bytes")
        try:
            content = file.read(max_bytes + 1)
        except OSError as error:
            raise UsageError("file.unreadable", path=path.name, why=error.strerror or str(error)) from error
    if not content.strip(b"\x00\xef\xbb\xbf\xff\xfe \t\r\n\f\v"):
        raise DataError("extract.empty")
    return content


def _confine(limits: Limits) -> None:
    for kind, amount in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, _WRITTEN_BYTES),
        (resource.RLIMIT_NOFILE, _OPEN_FILES),
        (resource.RLIMIT_AS, limits.max_memory_bytes),
    ):
        _lower(kind, amount)


def _lower(kind: int, amount: int) -> None:
    hard = resource.getrlimit(kind)[1]
    wanted = amount if hard == resource.RLIM_INFINITY else min(amount, hard)
    try:
        resource.setrlimit(kind, (wanted, wanted))
    except (ValueError, OSError) as error:  # macOS knows RLIMIT_AS but refuses to set it; time is still limited
        sys.stderr.write(f"limit {kind} was not set: {error}\n")


def _allow_seconds(seconds: float) -> None:
    used = resource.getrusage(resource.RUSAGE_SELF)
    allowed = int(used.ru_utime + used.ru_stime + seconds) + 2
    resource.setrlimit(resource.RLIMIT_CPU, (allowed, resource.getrlimit(resource.RLIMIT_CPU)[1]))


def _peak_bytes() -> int:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _frame(stream: IO[bytes]) -> bytes:
    header = stream.read(HEADER_BYTES)
    return stream.read(int.from_bytes(header, "big")) if len(header) == HEADER_BYTES else b""


def _send(stream: IO[bytes], reply: Reply) -> None:
    content = msgspec.msgpack.encode(reply)
    stream.write(len(content).to_bytes(HEADER_BYTES, "big"))
    stream.write(content)
    stream.flush()


if __name__ == "__main__":
    main()
