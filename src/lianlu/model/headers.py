"""Read what stands in weight files without loading them: the headers of safetensors, checked before they are believed.

A header is JSON from the network: its length, names, shapes and offsets are compared with the file before anything is
done with them. Knows no torch. Pickle files are never opened.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from lianlu.core.errors import DataError

__all__ = ["DTYPE_BITS", "INDEX", "PICKLED", "TensorEntry", "is_pickle", "read_header", "tensors_of", "weight_files"]

INDEX = "model.safetensors.index.json"
PICKLED = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle")
_LARGEST_HEADER_BYTES = 100_000_000
_LENGTH_BYTES = 8
DTYPE_BITS = {
    "BOOL": 8,
    "U8": 8,
    "I8": 8,
    "F8_E4M3": 8,
    "F8_E5M2": 8,
    "F8_E8M0": 8,
    "F4": 4,
    "I16": 16,
    "U16": 16,
    "F16": 16,
    "BF16": 16,
    "I32": 32,
    "U32": 32,
    "F32": 32,
    "I64": 64,
    "U64": 64,
    "F64": 64,
    "C64": 64,
}


@dataclass(frozen=True)
class TensorEntry:
    """A tensor in a file: `start` and `end` are byte offsets from the beginning of the file."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    path: Path
    start: int
    end: int

    @property
    def parameters(self) -> int:
        return math.prod(self.shape)

    @property
    def size(self) -> int:
        return self.end - self.start

    @property
    def ranges(self) -> list[tuple[int, int]]:
        """Where its bytes lie in the file, in order."""
        return [(self.start, self.end)]


def is_pickle(name: str) -> bool:
    """Whether a file of that name is a pickle, which can run code when it is loaded."""
    return name.casefold().endswith(PICKLED)


def weight_files(files: Mapping[str, Path]) -> list[str]:
    """The names of the safetensors files of a model folder: those of its index, else all at its top.

    Raises:
        DataError: model.no-weights, model.only-pickle, model.bad-index
    """
    present = sorted(name for name in files if name.endswith(".safetensors") and "/" not in name)
    if INDEX in files:
        return _indexed(files[INDEX], present)
    if present:
        return present
    pickles = sorted(name for name in files if is_pickle(name))
    if pickles:
        raise DataError("model.only-pickle", files=", ".join(pickles[:3]))
    raise DataError("model.no-weights", files=", ".join(sorted(files)[:5]) or "∅")


def _indexed(path: Path, present: list[str]) -> list[str]:
    try:
        named = json.loads(path.read_bytes())["weight_map"].values()
        names = sorted(set(named))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError("model.bad-index", path=str(path), why=f"{type(error).__name__}: {error}") from error
    absent = [name for name in names if name not in present]
    if absent or not names:
        raise DataError("model.bad-index", path=str(path), why=f"not in the folder: {', '.join(map(str, absent[:3]))}")
    return names


def tensors_of(files: Mapping[str, Path]) -> dict[str, TensorEntry]:
    """Every tensor of a model folder by name, sorted.

    Raises:
        DataError: model.no-weights, model.only-pickle, model.bad-index, model.bad-weights
    """
    found: dict[str, TensorEntry] = {}
    for name in weight_files(files):
        for entry in read_header(files[name]):
            if entry.name in found:
                raise DataError("model.bad-weights", path=str(files[name]), why=f"{entry.name!r} stands in two files")
            found[entry.name] = entry
    return dict(sorted(found.items()))


def read_header(path: Path) -> list[TensorEntry]:
    """The tensors of one safetensors file, in the order of their bytes.

    Raises:
        DataError: model.bad-weights
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            length = int.from_bytes(file.read(_LENGTH_BYTES), "little")
            if size < _LENGTH_BYTES or length > min(_LARGEST_HEADER_BYTES, size - _LENGTH_BYTES):
                raise _bad(path, f"a header of {length} bytes in a file of {size}")
            header = json.loads(file.read(length))
    except (OSError, ValueError, RecursionError) as error:
        raise _bad(path, f"{type(error).__name__}: {error}") from error
    if not isinstance(header, dict):
        raise _bad(path, "the header is no map")
    data = _LENGTH_BYTES + length
    named = {name: value for name, value in cast(dict[str, Any], header).items() if name != "__metadata__"}
    entries = sorted((_entry(path, name, value, data) for name, value in named.items()), key=lambda each: each.start)
    at = data
    for entry in entries:
        if entry.start != at:
            raise _bad(path, f"{entry.name!r} begins at byte {entry.start - data}, not {at - data}")
        at = entry.end
    if at != size:
        raise _bad(path, f"the tensors end at byte {at} of {size}: the file is cut or has more")
    return entries


def _entry(path: Path, name: str, value: Any, data: int) -> TensorEntry:
    try:
        dtype, shape, (start, end) = value["dtype"], tuple(value["shape"]), value["data_offsets"]
    except (KeyError, TypeError, ValueError):
        raise _bad(path, f"{name!r} has no dtype, shape and data_offsets") from None
    numbers = (*shape, start, end)
    if not all(isinstance(each, int) and not isinstance(each, bool) and each >= 0 for each in numbers):
        raise _bad(path, f"{name!r} has a shape or place that is no number")
    if dtype not in DTYPE_BITS:
        raise _bad(path, f"{name!r} has the unknown dtype {dtype!r}")
    if (end - start) * 8 != math.prod(shape) * DTYPE_BITS[dtype]:
        raise _bad(path, f"{name!r} has {end - start} bytes, which is no {dtype} of shape {list(shape)}")
    return TensorEntry(name, dtype, shape, path, data + start, data + end)


def _bad(path: Path, why: str) -> DataError:
    return DataError("model.bad-weights", path=str(path), why=why)
