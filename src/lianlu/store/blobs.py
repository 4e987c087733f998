"""Bytes by their SHA-256: `blobs/ab/<sha256>`, read-only, each written once. Knows no artifact.

A blob is hashed while it is written, flushed, and renamed into place, so that a name always means those bytes. User files
are copied, never hard-linked: an editor that writes in place would change the store. What a step made in the store's own
workspace is moved, which costs no second copy of large outputs.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from lianlu.core.errors import UsageError
from lianlu.core.files import sync_folder
from lianlu.core.hashing import sha256_file
from lianlu.store.names import is_sha256

__all__ = ["Blobs", "readable_size"]

_BLOCK_BYTES = 1 << 20


def readable_size(path: Path) -> int:
    """Size of a regular file that a caller named.

    Raises:
        UsageError: file.missing, file.unreadable
    """
    try:
        found = path.stat()
    except FileNotFoundError:
        raise UsageError("file.missing", path=str(path)) from None
    except OSError as error:
        raise UsageError("file.unreadable", path=str(path), why=error.strerror or str(error)) from error
    if not stat.S_ISREG(found.st_mode):
        raise UsageError("file.unreadable", path=str(path), why="it is no regular file")
    return found.st_size


class Blobs:
    """The blobs below one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def path(self, sha256: str) -> Path:
        assert is_sha256(sha256), sha256
        return self._folder / sha256[:2] / sha256

    def size(self, sha256: str) -> int | None:
        """Bytes on disk, None when the blob is not there."""
        try:
            return self.path(sha256).stat().st_size
        except (FileNotFoundError, NotADirectoryError):
            return None

    def add(self, source: Path, workspace: Path, *, move: bool = False) -> tuple[str, int]:
        """Take the bytes of `source` in; returns their SHA-256 and size. `flush` makes it durable.

        Raises:
            UsageError: file.missing, file.unreadable
            OSError: the store cannot be written
        """
        readable_size(source)
        if move and self._is_movable(source):
            temporary, sha256 = source, sha256_file(source)
        else:
            temporary = workspace / "blob"
            sha256 = _copy(source, temporary)
        size = temporary.stat().st_size
        self._place(temporary, sha256, size)
        if move:
            source.unlink(missing_ok=True)
        return sha256, size

    def flush(self, sha256s: set[str]) -> None:
        """Make the names of blobs durable; called once for all blobs of an artifact."""
        for prefix in sorted({sha256[:2] for sha256 in sha256s}):
            sync_folder(self._folder / prefix)
        sync_folder(self._folder)

    def all(self) -> Iterator[str]:
        """Every blob's SHA-256, sorted."""
        for folder in sorted(self._folder.glob("??")):
            yield from sorted(entry.name for entry in folder.glob("*") if is_sha256(entry.name))

    def remove(self, sha256: str) -> None:
        self.path(sha256).unlink(missing_ok=True)

    def _is_movable(self, source: Path) -> bool:
        """A plain file with no second name, on our file system."""
        found = source.lstat()
        is_alone = stat.S_ISREG(found.st_mode) and found.st_nlink == 1
        return is_alone and found.st_dev == self._folder.stat().st_dev

    def _place(self, temporary: Path, sha256: str, size: int) -> None:
        target = self.path(sha256)
        if self.size(sha256) == size:  # a blob of another length is damaged, and replaced
            temporary.unlink()
            return
        temporary.chmod(0o444)
        descriptor = os.open(temporary, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        target.parent.mkdir(exist_ok=True)
        temporary.replace(target)


def _copy(source: Path, target: Path) -> str:
    """Copy and hash what was copied, so that a file that changes meanwhile cannot get a wrong name."""
    running = hashlib.sha256()
    with target.open("wb") as copied:
        for block in _blocks(source):
            running.update(block)
            copied.write(block)
    return running.hexdigest()


def _blocks(source: Path) -> Iterator[bytes]:
    try:
        with source.open("rb") as original:
            while block := original.read(_BLOCK_BYTES):
                yield block
    except FileNotFoundError:
        raise UsageError("file.missing", path=str(source)) from None
    except OSError as error:
        raise UsageError("file.unreadable", path=str(source), why=error.strerror or str(error)) from error
