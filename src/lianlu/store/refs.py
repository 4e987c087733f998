"""Human names for artifacts, with their history: `refs/<name>.jsonl`, one line each time a name was given anew.

Appending is the whole write: a line counts once it ends with a newline, so a killed process leaves a torn line that is
skipped, and the next writer closes it.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

import msgspec

from lianlu.core.errors import UsageError
from lianlu.core.files import as_lianlu_error, sync_folder
from lianlu.core.i18n import Text
from lianlu.records import Ref
from lianlu.store.manifests import is_id
from lianlu.store.names import check_name

__all__ = ["Refs"]

_ENDING = ".jsonl"
_WHAT = Text("ref", "引用名")


class Refs:
    """The refs below one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def append(self, ref: Ref) -> None:
        """Write `ref` durably as the newest meaning of its name.

        Raises:
            UsageError: store.bad-name, file.unwritable
            LimitError: file.disk-full
        """
        path = self._path(ref.name)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            _append(path, msgspec.json.encode(ref))
            for folder in (path.parent, *path.parent.parents):
                sync_folder(folder)
                if folder == self._folder:
                    break
        except OSError as error:
            raise as_lianlu_error(error, path) from error

    def history(self, name: str) -> list[Ref]:
        """What `name` meant, oldest first; empty when it was never given.

        Raises:
            UsageError: store.bad-name, file.unreadable
        """
        path = self._path(name)
        try:
            lines = path.read_bytes().split(b"\n")[:-1]  # after the last newline stands nothing, or a torn line
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            raise UsageError("file.unreadable", path=str(path), why=error.strerror or str(error)) from error
        return [ref for ref in map(_decoded, lines) if ref is not None and ref.name == name]

    def current(self, name: str) -> Ref | None:
        history = self.history(name)
        return history[-1] if history else None

    def names(self) -> list[str]:
        found = (path.relative_to(self._folder).as_posix() for path in self._folder.rglob("*" + _ENDING))
        return sorted(name.removesuffix(_ENDING) for name in found)

    def all(self) -> list[Ref]:
        """What every name means now, sorted by name."""
        return [ref for ref in map(self.current, self.names()) if ref is not None]

    def _path(self, name: str) -> Path:
        check_name(name, what=_WHAT)
        if is_id(name) or any(part.endswith(_ENDING) for part in name.split("/")):
            raise UsageError("store.bad-name", what=_WHAT, name=name)  # reads as an id, or as another ref's file
        return self._folder / (name + _ENDING)


def _append(path: Path, line: bytes) -> None:
    """Add one line after closing a torn one; a line that does not fit on the disk is taken back."""
    descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        size = os.fstat(descriptor).st_size
        is_torn = size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"
        left = (b"\n" if is_torn else b"") + line + b"\n"
        try:
            while left:
                left = left[os.write(descriptor, left) :]
            os.fsync(descriptor)
        except OSError:
            os.ftruncate(descriptor, size)
            raise
    finally:
        os.close(descriptor)


def _decoded(line: bytes) -> Ref | None:
    try:
        return msgspec.json.decode(line, type=Ref)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
