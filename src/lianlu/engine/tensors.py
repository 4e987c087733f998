"""Safetensors files as numpy arrays, mapped from the file: no torch and no safetensors package are needed to read them.

The format is eight bytes of length, a JSON header, and the numbers (huggingface/safetensors, README). What a header says
is checked against the file before anything is read. Half precision comes out as float32, which is computed in.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lianlu.core.errors import DataError, UsageError

__all__ = ["Floats", "read_tensors"]

Floats = NDArray[np.float32]

_LONGEST_HEADER = 100 << 20
_TYPES = {"F32": "<f4", "F16": "<f2", "BF16": "<u2", "F64": "<f8", "I64": "<i8", "I32": "<i4"}


def read_tensors(paths: Iterable[Path]) -> dict[str, Floats]:
    """All tensors of some files by name, float32; those of that type are views of the file.

    Raises:
        UsageError: file.unreadable
        DataError: engine.bad-weights
    """
    found: dict[str, Floats] = {}
    for path in paths:
        try:
            found.update(_read(path))
        except OSError as error:
            raise UsageError("file.unreadable", path=str(path), why=error.strerror or str(error)) from error
        except (ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError) as error:
            raise DataError("engine.bad-weights", path=str(path), why=f"{error}"[:300]) from error
    return found


def _read(path: Path) -> dict[str, Floats]:
    size = path.stat().st_size
    with path.open("rb") as file:
        start = file.read(8)
        length = struct.unpack("<Q", start)[0] if len(start) == 8 else size
        if length > min(size - 8, _LONGEST_HEADER):
            raise ValueError("it ends inside its header")
        header: dict[str, Any] = json.loads(file.read(length))
    content = (
        np.memmap(path, dtype=np.uint8, mode="r", offset=8 + length) if size > 8 + length else np.zeros(0, np.uint8)
    )
    return {name: _tensor(content, entry) for name, entry in header.items() if name != "__metadata__"}


def _tensor(content: NDArray[np.uint8], entry: dict[str, Any]) -> Floats:
    kind, shape, (start, end) = entry["dtype"], entry["shape"], entry["data_offsets"]
    if kind not in _TYPES:
        raise ValueError(f"a tensor of the type {kind}")
    if not 0 <= start <= end <= len(content):
        raise ValueError(f"it has {len(content):,} bytes, its header tells of {end:,}")
    values = content[start:end].view(_TYPES[kind]).reshape(shape)
    if kind == "BF16":  # the upper half of a float32
        return (values.astype(np.uint32) << 16).view(np.float32)
    return np.asarray(values, dtype=np.float32)
