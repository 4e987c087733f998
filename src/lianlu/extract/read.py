"""From the paths a person names to Documents: which files are meant, what their uris are, and reading them ahead.

A document's uri is the path relative to the folder that was named (`lianlu extract docs` gives `a.md`, not `docs/a.md`;
a file named directly gives its own name). With several paths the uri begins with the name of its path, so that uris stay
unique: `docs/a.md` and `notes/a.md`; a name used twice becomes `docs-2`.
"""

from __future__ import annotations

import fnmatch
import os
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from types import TracebackType

import msgspec

from lianlu.core.errors import DataError, UsageError, reasons_text
from lianlu.core.extras import need
from lianlu.core.files import named_path, walk
from lianlu.core.hashing import sha256_file
from lianlu.core.job import Job
from lianlu.core.settings import Settings
from lianlu.extract.child import Child
from lianlu.extract.reader import ReadConfig
from lianlu.extract.worker import Limits
from lianlu.records import Document, Failure

__all__ = [
    "DEFAULT_LIMITS",
    "FoundFile",
    "Reading",
    "all_failed",
    "find_files",
    "read_each",
    "read_files",
    "read_named",
]

DEFAULT_LIMITS = Limits(max_bytes=200_000_000, max_seconds=120.0, max_memory_bytes=2 << 30)
_PARSERS = ("charset_normalizer", "cmarkgfm", "docutils", "lxml", "mammoth", "openpyxl", "pypdfium2")
_MOST_CHILDREN = 4
_BYTES_FOR_ANOTHER_CHILD = 4 << 20  # of plain text, about a second; a child costs a quarter of one to start
_QUICK_ENDINGS = (".md", ".markdown", ".rst", ".txt", ".html", ".htm")
_TIMES_SLOWER = 10  # a byte of any other format, roughly
_AHEAD_OF_EACH_CHILD = 4


@dataclass(frozen=True)
class FoundFile:
    """A file to read, its uri, and the folder it was found in (None if it was named itself)."""

    path: Path
    uri: str
    root: Path | None = None


def find_files(
    paths: Sequence[Path | str], include: Sequence[str] = (), exclude: Sequence[str] = ()
) -> list[FoundFile]:
    """The files below `paths`, in their order, hidden ones left out.

    Args:
        paths: files and folders. A file named itself is kept whatever the patterns say.
        include: patterns on the path below the folder or on the name alone (`*.md`, `en/**`); none keeps all.
        exclude: the same, to leave files out.

    Raises:
        UsageError: file.missing, extract.no-files
    """
    named = [named_path(path) for path in paths]
    found: list[FoundFile] = []
    seen: set[Path] = set()
    for path, prefix in zip(named, _prefixes(named), strict=True):
        for file in walk(path):
            below = file.name if file == path else file.relative_to(path).as_posix()
            if file != path and not _is_wanted(below, include, exclude):
                continue
            place = file.absolute()
            if place not in seen:
                seen.add(place)
                uri = below if not prefix else prefix if file == path else f"{prefix}/{below}"
                found.append(FoundFile(file, _text(uri), None if file == path else path))
    if not found:
        raise UsageError("extract.no-files", paths=", ".join(str(path) for path in named))
    return found


def read_files(
    paths: Path | str | Sequence[Path | str],
    *,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    config: ReadConfig | None = None,
    job: Job | None = None,
    failures: list[Failure] | None = None,
) -> list[Document]:
    """Read files and folders into Documents (`ll.read`).

    Files that cannot be read are added to `failures` with their reason, if such a list is given, and noted by `job`.

    Raises:
        UsageError: file.missing, extract.no-files
        DataError: extract.all-failed
    """
    named = [paths] if isinstance(paths, (str, Path)) else list(paths)
    found = find_files(named, include, exclude)
    failed: list[Failure] = [] if failures is None else failures
    documents = list(read_each(found, job or Job("read"), failed, config=config))
    if not documents:
        raise all_failed(failed)
    return documents


def read_each(
    files: Sequence[FoundFile],
    job: Job,
    failures: list[Failure],
    *,
    config: ReadConfig | None = None,
    limits: Limits = DEFAULT_LIMITS,
) -> Iterator[Document]:
    """The documents of `files` in order; those that fail are appended to `failures` as they are met."""
    with Reading(files, config or ReadConfig(), limits, is_stopped=lambda: job.is_cancelled) as reading:
        for tried in job.each(files, reading.take, label="files", uri=lambda file: file.uri):
            if tried.failure is not None:
                failures.append(_with_content(tried.failure, tried.item))
            elif tried.value is not None:
                yield tried.value


def read_named(files: Sequence[tuple[Path, str]], job: Job) -> tuple[list[Document], list[Failure]]:
    """The documents of some files under uris that another room gives them (registry group `source`, name `files`)."""
    failures: list[Failure] = []
    documents = list(read_each([FoundFile(path, uri) for path, uri in files], job, failures))
    return documents, failures


def all_failed(failures: Sequence[Failure]) -> DataError:
    """The error for a set of files of which none could be read."""
    return DataError("extract.all-failed", count=len(failures), reasons=reasons_text(failures))


class Reading:
    """Reads a list of files in child processes, a little ahead of the one who takes the documents in order.

    The threads here only wait for their child, so the parsing runs in parallel.

    Raises:
        UsageError: extra.missing: a folder of which a half is silently missing would be worse
    """

    def __init__(
        self,
        files: Sequence[FoundFile],
        config: ReadConfig,
        limits: Limits = DEFAULT_LIMITS,
        *,
        children: int = 0,
        is_stopped: Callable[[], bool] = lambda: False,
    ) -> None:
        need("extract", *_PARSERS)
        wanted = children or min(Settings.from_environment().threads, _MOST_CHILDREN)
        self._count = max(1, min(wanted, len(files), 1 + _work(files) // _BYTES_FOR_ANOTHER_CHILD))
        self._config = config
        self._limits = limits
        self._is_stopped = is_stopped
        self._waiting = iter(files)
        self._ahead: deque[tuple[FoundFile, Future[Document]]] = deque()
        self._threads = ThreadPoolExecutor(self._count, thread_name_prefix="read")
        self._of_thread = threading.local()
        self._children: list[Child] = []
        self._is_closed = False

    def __enter__(self) -> Reading:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._is_closed = True
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._threads.shutdown(wait=True)
        for child in self._children:
            child.close()

    def take(self, file: FoundFile) -> Document:
        """The document of the next file; files are taken in the order they were given.

        Raises:
            LianluError: what `Child.read` raises; extract.link-outside
        """
        while len(self._ahead) < self._count * _AHEAD_OF_EACH_CHILD:
            following = next(self._waiting, None)
            if following is None:
                break
            self._ahead.append((following, self._threads.submit(self._read, following)))
        expected, future = self._ahead.popleft()
        assert expected is file, "files are taken in order"
        return future.result()

    def _read(self, file: FoundFile) -> Document:
        _refuse_link_outside(file)
        child = getattr(self._of_thread, "child", None)
        if child is None:
            child = Child(self._limits, lambda: self._is_closed or self._is_stopped())
            self._of_thread.child = child
            self._children.append(child)
        return child.read(file.path, file.uri, self._config)


def _work(files: Sequence[FoundFile]) -> int:
    """What reading the files costs, as bytes of plain text."""
    return sum(_size(file.path) * (1 if file.path.suffix in _QUICK_ENDINGS else _TIMES_SLOWER) for file in files)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:  # reading it tells what is wrong with it
        return 0


def _refuse_link_outside(file: FoundFile) -> None:
    """A folder from a stranger may hold a link to ~/.ssh/id_rsa; what was named is the folder, not that file."""
    if file.root is None or not file.path.is_symlink():
        return
    try:
        target = file.path.resolve(strict=True)
    except (OSError, RuntimeError):  # dangling or looping: opening it gives the better message
        return
    if not target.is_relative_to(file.root.resolve()):
        raise DataError("extract.link-outside")


def _with_content(failure: Failure, file: FoundFile) -> Failure:
    """Name the bytes that failed, where they can be read: lineage shows them, and a mended file is told from this one."""
    try:
        if not file.path.is_file():
            return failure
        size = file.path.stat().st_size
        sha256 = sha256_file(file.path)
    except OSError:
        return failure
    return msgspec.structs.replace(failure, sha256=sha256, size=size)


def _is_wanted(below: str, include: Sequence[str], exclude: Sequence[str]) -> bool:
    if include and not any(_matches(below, pattern) for pattern in include):
        return False
    return not any(_matches(below, pattern) for pattern in exclude)


def _matches(below: str, pattern: str) -> bool:
    name = PurePosixPath(below).name
    patterns = (pattern, pattern.removeprefix("**/"), f"{pattern.rstrip('/')}/*")
    return any(fnmatch.fnmatchcase(below, each) for each in patterns) or fnmatch.fnmatchcase(name, pattern)


def _prefixes(named: Sequence[Path]) -> list[str]:
    if len(named) == 1:
        return [""]
    prefixes: list[str] = []
    for path in named:
        name = path.resolve().name if path.name in ("", ".", "..") else path.name
        prefixes.append(_free(name or "root", prefixes))
    return prefixes


def _free(name: str, taken: Sequence[str]) -> str:
    number, free = 1, name
    stem, dot, ending = name.rpartition(".")
    while free in taken:
        number += 1
        free = f"{stem}-{number}.{ending}" if dot and stem else f"{name}-{number}"
    return free


def _text(uri: str) -> str:
    """A file name that is no UTF-8 becomes text that can be written down."""
    return os.fsencode(uri).decode("utf-8", errors="replace")
