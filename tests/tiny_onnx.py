"""ONNX files of one operation, written by hand: their bytes are protocol buffers, and no package is needed for them.

Field numbers: onnx/onnx.proto of the ONNX project.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["lookup_onnx"]

_FLOAT, _INT64 = 1, 7


def lookup_onnx(path: Path, table: Any, *, inputs: Iterable[str] = ("input_ids", "attention_mask")) -> Path:
    """A model whose state of a token is its row of `table`, (V, E): output (B, T, E)."""
    table = np.asarray(table, dtype="<f4")
    node = _text(1, "table") + _text(1, "input_ids") + _text(2, "last_hidden_state") + _text(4, "Gather")
    weights = b"".join(_number(1, size) for size in table.shape)
    weights += _number(2, _FLOAT) + _text(8, "table") + _bytes(9, table.tobytes())
    graph = _bytes(1, node) + _text(2, "lookup") + _bytes(5, weights)
    graph += b"".join(_bytes(11, _value(name, _INT64, ("batch", "length"))) for name in inputs)
    graph += _bytes(12, _value("last_hidden_state", _FLOAT, ("batch", "length", table.shape[1])))
    opset = _text(1, "") + _number(2, 13)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(_number(1, 8) + _bytes(7, graph) + _bytes(8, opset))
    return path


def _value(name: str, kind: int, shape: Iterable[str | int]) -> bytes:
    sizes = b"".join(_bytes(1, _number(1, each) if isinstance(each, int) else _text(2, each)) for each in shape)
    return _text(1, name) + _bytes(2, _bytes(1, _number(1, kind) + _bytes(2, sizes)))


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _text(field: int, value: str) -> bytes:
    return _bytes(field, value.encode())


def _bytes(field: int, value: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(value)) + value


def _varint(value: int) -> bytes:
    parts = bytearray()
    while value > 0x7F:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*parts, value])
