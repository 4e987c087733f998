"""Samples of token ids kept on disk, and read from there without a copy.

Each cache is a folder of its own below the given one, named after its key: flat files of ids, of masks (a byte per token,
so that a slice is a view and nothing is unpacked) and a table of where each sample begins and what it is called. It is
filled under another name, flushed and renamed as a whole: a reader sees all of it or nothing, and of two writers the
second keeps what the first has made. What is torn or of another key is no cache: it is made anew, never half believed.

Index and table are checked by hash; ids and masks only by size, because to hash them is to read what shall stay on disk.
Caches of old keys stay until somebody removes their folders.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import shutil
import tempfile
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager, suppress
from importlib.metadata import version
from pathlib import Path
from typing import IO, Any, overload

import msgspec
import numpy as np
from numpy.typing import NDArray

from lianlu.core.files import as_lianlu_error, sync_folder
from lianlu.core.hashing import canonical_json, code_fingerprint, sha256_bytes, sha256_file, short_id
from lianlu.store.locks import try_flock
from lianlu.train.samples import Encoded

__all__ = ["TokenCache", "cache_key"]

_FORMAT = 1
_DRAFT = ".tmp-tokens-"
_IDS, _MASK, _TABLE, _INDEX = "ids", "mask", "table", "index.json"


def cache_key(
    sources: Mapping[str, Path], tokenizer_files: Mapping[str, Path], template: str, settings: Mapping[str, Any]
) -> str:
    """What a cache depends on, as a hash: other words, tokens, settings or code make another key.

    Args:
        sources: the files of data by the names that ids of samples begin with, in the order in which they are read.
        tokenizer_files: by name, in any order.
        template: the text of the chat template.
        settings: of the encoder, and what else chooses samples (shares, seeds); values that JSON can hold.

    Raises:
        OSError: a file cannot be read
    """
    parts = [
        _FORMAT,
        [(name, sha256_file(path)) for name, path in sources.items()],
        {name: sha256_file(path) for name, path in tokenizer_files.items()},
        template,
        dict(settings),
        [version(each) for each in ("tokenizers", "transformers")],
        code_fingerprint("lianlu.train.encode"),
    ]
    return short_id(canonical_json(parts))


class _Index(msgspec.Struct, frozen=True, kw_only=True):
    format: int
    key: str
    samples: int
    tokens: int
    name_bytes: int
    table_sha256: str

    def sizes(self) -> dict[str, int]:
        """Bytes of each file."""
        return {_IDS: self.tokens * 4, _MASK: self.tokens, _TABLE: 16 * (self.samples + 1) + self.name_bytes}


class TokenCache(Sequence[Encoded]):
    """Samples in a folder. Their arrays are views of mapped files: not writable, and read when they are looked at."""

    def __init__(self, index: _Index, folder: Path) -> None:
        count = index.samples + 1
        table = _mapped(folder / _TABLE)
        self._starts: NDArray[np.int64] = np.frombuffer(table, dtype="<i8", count=count)
        self._name_starts: NDArray[np.int64] = np.frombuffer(table, dtype="<i8", count=count, offset=8 * count)
        self._names = memoryview(table)[16 * count :]
        self._ids: NDArray[np.int32] = np.frombuffer(_mapped(folder / _IDS), dtype="<i4")
        self._mask: NDArray[np.bool_] = np.frombuffer(_mapped(folder / _MASK), dtype=np.bool_)

    @classmethod
    def write(cls, folder: Path, key: str, samples: Iterable[Encoded]) -> TokenCache:
        """Write `samples`, which may come one by one, and open them. Nothing appears if anything goes wrong.

        Raises:
            LimitError: file.disk-full
            UsageError: file.unwritable
        """
        target = _place(folder, key)
        try:
            with _draft(folder) as draft:
                index = _fill(draft, key, samples)
                made = cls(index, draft)  # mapped before others can move it
                _publish(draft, target, key)
        except OSError as error:
            raise as_lianlu_error(error, target) from error
        return made

    @classmethod
    def open(cls, folder: Path, key: str) -> TokenCache | None:
        """The cache of this key; None if there is none or it is not whole."""
        place = _place(folder, key)
        try:
            index = _read_index(place, key)
            return cls(index, place) if index is not None else None
        except (OSError, ValueError, msgspec.MsgspecError):
            return None

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Tokens of each sample; [samples]. Reads the table alone."""
        return np.diff(self._starts)

    def __len__(self) -> int:
        return len(self._starts) - 1

    @overload
    def __getitem__(self, index: int) -> Encoded: ...
    @overload
    def __getitem__(self, index: slice) -> list[Encoded]: ...
    def __getitem__(self, index: int | slice) -> Encoded | list[Encoded]:
        if isinstance(index, slice):
            return [self[each] for each in range(*index.indices(len(self)))]
        place = range(len(self))[index]
        start, end = int(self._starts[place]), int(self._starts[place + 1])
        name = bytes(self._names[int(self._name_starts[place]) : int(self._name_starts[place + 1])])
        return Encoded(name.decode("utf-8", "surrogatepass"), self._ids[start:end], self._mask[start:end])


def _place(folder: Path, key: str) -> Path:
    return folder / f"tokens-{short_id(key)}"


@contextmanager
def _draft(folder: Path) -> Generator[Path]:
    """A folder to fill, locked while its writer lives; those of writers that were killed are removed first."""
    folder.mkdir(parents=True, exist_ok=True)
    with _locked(folder):  # a new folder is not taken for a dead one before it is locked
        for path in folder.glob(f"{_DRAFT}*"):
            with suppress(FileNotFoundError), _opened(path) as descriptor:
                if try_flock(descriptor):
                    shutil.rmtree(path, ignore_errors=True)
        draft = Path(tempfile.mkdtemp(dir=folder, prefix=_DRAFT))
        draft.chmod(0o755)
        lock = os.open(draft, os.O_RDONLY)
        try_flock(lock)
    try:
        yield draft
    finally:
        shutil.rmtree(draft, ignore_errors=True)
        os.close(lock)


@contextmanager
def _locked(folder: Path) -> Generator[None]:
    with _opened(folder) as descriptor:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield


@contextmanager
def _opened(folder: Path) -> Generator[int]:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _fill(folder: Path, key: str, samples: Iterable[Encoded]) -> _Index:
    """Write the four files of a cache, each on the disk when this returns."""
    starts, name_starts, names = [0], [0], bytearray()
    with (folder / _IDS).open("wb") as ids, (folder / _MASK).open("wb") as mask:
        for sample in samples:
            assert len(sample.ids) == len(sample.mask)
            ids.write(np.ascontiguousarray(sample.ids, dtype="<i4").data)
            mask.write(np.ascontiguousarray(sample.mask, dtype=np.bool_).data)
            names += sample.id.encode("utf-8", "surrogatepass")
            starts.append(starts[-1] + len(sample.ids))
            name_starts.append(len(names))
        _flush(ids)
        _flush(mask)
    table = np.array([*starts, *name_starts], dtype="<i8").tobytes() + bytes(names)
    index = _Index(
        format=_FORMAT,
        key=key,
        samples=len(starts) - 1,
        tokens=starts[-1],
        name_bytes=len(names),
        table_sha256=sha256_bytes(table),
    )
    told = canonical_json(index)
    for name, content in ((_TABLE, table), (_INDEX, canonical_json({"index": index, "sha256": sha256_bytes(told)}))):
        with (folder / name).open("wb") as file:
            file.write(content)
            _flush(file)
    sync_folder(folder)
    return index


def _flush(file: IO[bytes]) -> None:
    file.flush()
    os.fsync(file.fileno())


def _publish(made: Path, target: Path, key: str) -> None:
    """Give `made` its name; a whole cache that is there already stays, a torn one is removed."""
    with _locked(target.parent):
        if target.exists() and TokenCache.open(target.parent, key) is None:
            shutil.rmtree(target)
        if not target.exists():
            made.rename(target)
            sync_folder(target.parent)


def _read_index(place: Path, key: str) -> _Index | None:
    """The index of a whole cache. Raises OSError, MsgspecError."""
    written = msgspec.json.decode((place / _INDEX).read_bytes(), type=dict[str, Any])
    index = msgspec.convert(written.get("index"), _Index)
    is_this = index.key == key and index.format == _FORMAT
    if not is_this or sha256_bytes(canonical_json(index)) != written.get("sha256"):
        return None
    if any((place / name).stat().st_size != size for name, size in index.sizes().items()):
        return None
    return index if sha256_file(place / _TABLE) == index.table_sha256 else None


def _mapped(path: Path) -> mmap.mmap | bytes:
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if size else b""
