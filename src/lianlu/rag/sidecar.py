"""Files of derived arrays that can always be thrown away: read whole or mapped, and never believed when they are damaged.

A sidecar is a header and arrays, each with its checksum. A file of less than 64 MB is read and checked each time it is
opened (20 ms at most). A larger one is mapped, so that a question touches only what it needs; reading all of it to check
it would cost a second a gigabyte, so the writer leaves a stamp beside it: size, times and inode of the file that it wrote
and flushed. A file that is still that very one is believed, as the database beside it is; one that was copied, restored or
touched by anybody is checked in full.

An index is two of them: one that is large and stays, and one of the changes since, small, which names the first by its
mark. Either of them alone, or any mixture of two writers' files, is a true state or none. Knows nothing of what the arrays
mean.
"""

from __future__ import annotations

import mmap
import os
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from lianlu.core.files import write_bytes, writing

__all__ = [
    "About",
    "Array",
    "Layers",
    "Sidecar",
    "layer_files",
    "load_layers",
    "load_sidecar",
    "newest",
    "save_layers",
    "save_sidecar",
]

Array = npt.NDArray[Any]
About = Mapping[str, str | int]
_MAGIC = b"lianlu sidecar 1\n"
_ALIGNMENT = 64
_MARK = 8
_LONGEST_HEADER = 1 << 20
MAPPED_FROM_BYTES = 64 << 20


class _Part(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    dtype: str
    shape: tuple[int, ...]
    crc: int


class _Header(msgspec.Struct, frozen=True, kw_only=True):
    kind: str
    about: About
    parts: tuple[_Part, ...]


@dataclass(frozen=True)
class Sidecar:
    """What a file holds.

    Attributes:
        mark: tells one content from any other; a file of changes names that of the file it belongs to.
    """

    about: About
    arrays: Mapping[str, Array]
    mark: str


def save_sidecar(path: Path, kind: str, about: About, arrays: Mapping[str, Array]) -> str:
    """Write a sidecar, whole or not at all, and return its mark. Equal content gives equal bytes.

    Raises:
        LimitError: file.disk-full
        UsageError: file.unwritable
    """
    contents = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    parts = tuple(
        _Part(name=name, dtype=array.dtype.newbyteorder("<").str, shape=array.shape, crc=zlib.crc32(_bytes_of(array)))
        for name, array in contents.items()
    )
    line = msgspec.json.encode(_Header(kind=kind, about=about, parts=parts), order="deterministic")
    mark = f"{zlib.crc32(line):08x}"
    head = _MAGIC + mark.encode() + line + b"\n"
    with writing(path) as file:
        file.write(_padded(head))
        for array in contents.values():
            file.write(_bytes_of(array))
            file.write(b"\0" * (-array.nbytes % _ALIGNMENT))
    if path.stat().st_size >= MAPPED_FROM_BYTES:
        write_bytes(_stamp_path(path), _stamp(path, mark))
    else:
        _stamp_path(path).unlink(missing_ok=True)
    return mark


def load_sidecar(path: Path, kind: str) -> Sidecar | None:
    """The content of a sidecar; None when it is absent, damaged or of another kind."""
    try:
        content, is_believed = _opened(path)
    except (OSError, ValueError):
        return None
    head = _head(content)
    if head is None or head.header.kind != kind:
        return None
    arrays = _arrays(content, head, is_checked=not (is_believed and _has_stamp(path, head.mark)))
    return None if arrays is None else Sidecar(head.header.about, arrays, head.mark)


@dataclass(frozen=True)
class Layers:
    """The large file of an index, and the changes since where there are any."""

    base: Sidecar
    changes: Sidecar | None

    @property
    def about(self) -> About:
        """Of the newest state."""
        return (self.changes or self.base).about


def load_layers(path: Path, kind: str, about: About) -> Layers | None:
    """The files of an index; None when the large one is absent, damaged or of another kind.

    Args:
        about: what both must say of themselves.
    """
    base = _accepted(load_sidecar(path, kind), about)
    if base is None:
        return None
    changes = _accepted(load_sidecar(_changes_path(path), _kind_of_changes(kind)), {**about, "of": base.mark})
    return Layers(base, changes)


def save_layers(
    path: Path,
    kind: str,
    about: About,
    *,
    mark: str,
    base: Callable[[], Mapping[str, Array]],
    changes: Callable[[], Mapping[str, Array]],
) -> str:
    """Write the state of an index: only the changes where the large file is the one they belong to.

    Args:
        mark: of the large file that the changes belong to; "" for none.
        base: all of it as one.
        changes: what the large file lacks.

    Returns:
        The mark of the large file that lies there now.

    Raises:
        LimitError: file.disk-full
        UsageError: file.unwritable
    """
    if mark and _mark_of(path) == mark:
        save_sidecar(_changes_path(path), _kind_of_changes(kind), {**about, "of": mark}, changes())
        return mark
    mark = save_sidecar(path, kind, about, base())
    _changes_path(path).unlink(missing_ok=True)
    return mark


def newest(path: Path, about: About) -> int:
    """The generation of the state that lies there, if its files say `about`; -1 where there is none. Arrays are not read."""
    base = _peeked(path)
    if base is None or not about.items() <= base.header.about.items():
        return -1
    changes = _peeked(_changes_path(path))
    is_of_it = changes is not None and changes.header.about.get("of") == base.mark
    return int((changes if changes and is_of_it else base).header.about["generation"])


def _peeked(path: Path) -> _Head | None:
    try:
        with path.open("rb") as file:
            return _head(file.read(_LONGEST_HEADER))
    except OSError:
        return None


def layer_files(path: Path) -> list[Path]:
    """Every file that may belong to the index at a path."""
    files = (path, _changes_path(path))
    return [*files, *map(_stamp_path, files)]


def _changes_path(path: Path) -> Path:
    return path.with_name(f"{path.name}-changes")


def _kind_of_changes(kind: str) -> str:
    return f"changes of {kind}"


def _accepted(found: Sidecar | None, about: About) -> Sidecar | None:
    return found if found is not None and about.items() <= found.about.items() else None


def _mark_of(path: Path) -> str:
    """The mark of the file that lies there; "" where there is none."""
    try:
        with path.open("rb") as file:
            start = file.read(len(_MAGIC) + _MARK)
    except OSError:
        return ""
    return start[len(_MAGIC) :].decode("ascii", "replace") if start.startswith(_MAGIC) else ""


def _stamp_path(path: Path) -> Path:
    return path.with_name(f"{path.name}-checked")


@dataclass(frozen=True)
class _Head:
    header: _Header
    mark: str
    end: int


def _opened(path: Path) -> tuple[bytes | mmap.mmap, bool]:
    """The content, and whether it may be believed on a stamp. A mapped file is never written in place, only replaced."""
    with path.open("rb") as file:
        if os.fstat(file.fileno()).st_size < MAPPED_FROM_BYTES:
            return file.read(), False
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ), True


def _head(content: bytes | mmap.mmap) -> _Head | None:
    start = len(_MAGIC) + _MARK
    stop = content.find(b"\n", start, _LONGEST_HEADER)
    if content[: len(_MAGIC)] != _MAGIC or stop < 0:
        return None
    mark, line = content[len(_MAGIC) : start], content[start:stop]
    if f"{zlib.crc32(line):08x}".encode() != mark:
        return None
    try:
        header = msgspec.json.decode(line, type=_Header)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    end = _aligned(stop + 1)
    return _Head(header, mark.decode(), end) if not any(content[stop + 1 : end]) else None


def _arrays(content: bytes | mmap.mmap, head: _Head, *, is_checked: bool) -> dict[str, Array] | None:
    at = head.end
    arrays: dict[str, Array] = {}
    for part in head.header.parts:
        dtype = np.dtype(part.dtype)
        count = int(np.prod(part.shape, dtype=np.int64))
        stop = at + count * dtype.itemsize
        if _aligned(stop) > len(content):
            return None
        array: Array = np.frombuffer(content, dtype=dtype, count=count, offset=at).reshape(part.shape)
        if is_checked and (zlib.crc32(_bytes_of(array)) != part.crc or any(content[stop : _aligned(stop)])):
            return None
        arrays[part.name] = array
        at = _aligned(stop)
    return arrays if at == len(content) else None


def _bytes_of(array: Array) -> memoryview | bytes:
    return array.reshape(-1).view(np.uint8).data if array.size else b""


def _stamp(path: Path, mark: str) -> bytes:
    found = path.stat()
    seen: Sequence[int] = (found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino, found.st_dev)
    return f"{mark} {' '.join(map(str, seen))}\n".encode()


def _has_stamp(path: Path, mark: str) -> bool:
    try:
        return _stamp_path(path).read_bytes() == _stamp(path, mark)
    except OSError:
        return False


def _aligned(length: int) -> int:
    return -(-length // _ALIGNMENT) * _ALIGNMENT


def _padded(content: bytes) -> bytes:
    return content + b"\0" * (_aligned(len(content)) - len(content))
