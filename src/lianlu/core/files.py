"""Reading and writing files so that a killed process leaves nothing half visible, and errors say what to do.

Every write goes to a temporary name in the same folder, is flushed to the disk and renamed. A full disk becomes a
LimitError, a missing permission a UsageError; both name the path.
"""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from lianlu.core.errors import LimitError, UsageError

__all__ = [
    "Files",
    "as_lianlu_error",
    "is_disk_full",
    "named_path",
    "refused",
    "sync_folder",
    "walk",
    "write_bytes",
    "writing",
]

_FULL = (errno.ENOSPC, errno.EDQUOT)
_OF_TOOLS = ("__pycache__", "node_modules")


class Files(Mapping[str, Path]):
    """The files of an artifact or a folder by name (posix-style relative path). Where they lie is nobody's concern."""

    def __init__(self, paths: Mapping[str, Path], *, kind: str, artifact_id: str = "") -> None:
        self._paths = dict(sorted(paths.items()))
        self.kind = kind
        self.artifact_id = artifact_id

    @classmethod
    def of_folder(cls, folder: Path, *, kind: str) -> Files:
        return cls({path.relative_to(folder).as_posix(): path for path in walk(folder)}, kind=kind)

    def __getitem__(self, name: str) -> Path:
        return self._paths[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._paths)

    def __len__(self) -> int:
        return len(self._paths)


def named_path(path: Path | str) -> Path:
    """A path as a person wrote it: `~` is home. A name that merely begins with `~`, as Word's locks do, is a name.

    Raises:
        UsageError: file.missing: the empty path, which a variable that is not set leaves behind, is not this folder
    """
    if not os.fspath(path):
        raise UsageError("file.missing", path="")
    return Path(os.path.expanduser(path))  # noqa: PTH111 - Path.expanduser fails for names of no user


def walk(folder: Path) -> list[Path]:
    """All regular files below `folder`, sorted by relative posix path; hidden names are skipped, links to folders not followed.

    A file that is named directly is its own walk. Hidden means a leading dot: `.git`, `.lianlu`, editor leftovers; what
    tools keep beside sources (`__pycache__`, `node_modules`) is hidden too.
    A folder that may not be read is an error: what is silently left out would be missing from every answer.

    Raises:
        UsageError: file.missing, file.unreadable, file.bad-name
    """
    if folder.is_file():
        return [folder]
    if not folder.exists():
        raise UsageError("file.missing", path=str(folder))
    if not folder.is_dir():
        raise UsageError("file.unreadable", path=str(folder), why="neither a file nor a folder")
    found: list[Path] = []
    for root, folders, names in os.walk(folder, onerror=_unreadable):
        folders[:] = [name for name in folders if not name.startswith(".") and name not in _OF_TOOLS]
        visible = [Path(root, name) for name in names if not name.startswith(".")]
        found.extend(path for path in visible if path.is_file())  # no pipes, sockets and dangling links
    for path in found:
        if not _is_text(str(path)):
            raise UsageError("file.bad-name", path=os.fsencode(path).decode("utf-8", "backslashreplace"))
    return sorted(found, key=lambda path: path.relative_to(folder).as_posix())


def _unreadable(error: OSError) -> None:
    raise UsageError("file.unreadable", path=str(error.filename), why=error.strerror or str(error)) from error


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def is_disk_full(error: OSError) -> bool:
    return error.errno in _FULL


def as_lianlu_error(error: OSError, path: Path) -> UsageError | LimitError:
    """The error to raise for an OSError on `path`."""
    if is_disk_full(error):
        return LimitError("file.disk-full", path=str(path))
    if isinstance(error, FileNotFoundError):
        return UsageError("file.missing", path=str(path))
    return UsageError("file.unwritable", path=str(path), why=error.strerror or str(error))


def refused(error: OSError) -> UsageError | LimitError | None:
    """The error for an OSError of which only what the system says is known; None where it names no file."""
    if is_disk_full(error):
        return LimitError("file.disk-full", path=_named(error) or tempfile.gettempdir())
    path = _named(error)
    if isinstance(error, FileNotFoundError) and not path and _is_here_gone():
        return UsageError("file.missing", path=".")
    return UsageError("file.refused", path=path, why=error.strerror or str(error)) if path else None


def _is_here_gone() -> bool:
    """Whether the current folder was deleted under us."""
    try:
        Path.cwd()
    except FileNotFoundError:
        return True
    return False


def _named(error: OSError) -> str:
    return os.fsdecode(error.filename) if isinstance(error.filename, str | bytes) else ""


@contextmanager
def writing(path: Path, *, exclusive: bool = False) -> Generator[IO[bytes]]:
    """A binary file that appears under `path` only when the block ends without an error, complete and on disk.

    With `exclusive` an existing file is kept and the new one dropped: two writers of equal content may race.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=".tmp-")
    except OSError as error:
        raise as_lianlu_error(error, path) from error
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(0o644)
        if not (exclusive and path.exists()):
            temporary.replace(path)
            sync_folder(path.parent)
    except OSError as error:
        culprit = Path(_named(error) or temporary)
        raise as_lianlu_error(error, path if culprit == temporary else culprit) from error
    finally:
        temporary.unlink(missing_ok=True)


def write_bytes(path: Path, content: bytes) -> None:
    """Write a whole file at once, atomically and durably."""
    with writing(path) as file:
        file.write(content)


def sync_folder(folder: Path) -> None:
    """Make a rename in `folder` durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
