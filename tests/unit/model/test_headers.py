from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lianlu.core.errors import DataError
from lianlu.core.files import Files
from lianlu.model.headers import is_pickle, read_header, tensors_of


def written(path: Path, header: Any, data: bytes = b"", *, length: int | None = None) -> Path:
    content = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes((len(content) if length is None else length).to_bytes(8, "little") + content + data)
    return path


def entry(dtype: str = "F32", shape: Any = (2,), offsets: Any = (0, 8)) -> dict[str, Any]:
    return {"dtype": dtype, "shape": list(shape) if isinstance(shape, tuple) else shape, "data_offsets": offsets}


def test_tensors_are_read_in_the_order_of_their_bytes(tmp_path: Path) -> None:
    header = {"__metadata__": {"format": "pt"}, "b": entry(offsets=(4, 12)), "a": entry("BF16", (2, 1), (0, 4))}
    found = read_header(written(tmp_path / "m.safetensors", header, bytes(12)))
    assert [(each.name, each.dtype, each.shape, each.parameters, each.size) for each in found] == [
        ("a", "BF16", (2, 1), 2, 4),
        ("b", "F32", (2,), 2, 8),
    ]


BROKEN = {
    "empty": (b"", b"", 0),
    "length beyond the file": ({}, b"", 10**9),
    "length beyond all sense": ({}, b"", 2**63),
    "not JSON": (b"{nonsense", b"", None),
    "not UTF-8": (b"\xff\xfe", b"", None),
    "a list": ([], b"", None),
    "no dtype": ({"a": {"shape": [1]}}, b"", None),
    "unknown dtype": ({"a": entry("Q4")}, bytes(8), None),
    "negative shape": ({"a": entry(shape=(-2,))}, bytes(8), None),
    "shape is text": ({"a": entry(shape="22")}, bytes(8), None),
    "true as number": ({"a": entry(shape=[True, 2])}, bytes(8), None),
    "offsets behind each other": ({"a": entry(offsets=(8, 0))}, bytes(8), None),
    "offsets beyond the file": ({"a": entry(offsets=(0, 8))}, bytes(4), None),
    "three offsets": ({"a": entry(offsets=(0, 4, 8))}, bytes(8), None),
    "overlap": ({"a": entry(), "b": entry(offsets=(4, 12))}, bytes(12), None),
    "a hole": ({"a": entry(), "b": entry(offsets=(12, 20))}, bytes(20), None),
    "more at the end": ({"a": entry()}, bytes(9), None),
    "size and shape differ": ({"a": entry(shape=(3,))}, bytes(8), None),
    "huge shape": ({"a": entry(shape=(2**62, 2**62))}, bytes(8), None),
    "deep nesting": (b"[" * 100_000, b"", None),
}


@pytest.mark.parametrize("case", BROKEN.values(), ids=BROKEN.keys())
def test_a_nonsense_header_is_refused(tmp_path: Path, case: tuple[Any, bytes, int | None]) -> None:
    header, data, length = case
    with pytest.raises(DataError) as caught:
        read_header(written(tmp_path / "m.safetensors", header, data, length=length))
    assert caught.value.code == "model.bad-weights"


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "any.safetensors"
    path.write_bytes(content)
    with suppress(DataError):
        assert all(each.end <= len(content) for each in read_header(path))


def refused(folder: Path) -> str:
    with pytest.raises(DataError) as caught:
        tensors_of(Files.of_folder(folder, kind="weights"))
    return caught.value.code


def test_folders_without_usable_weights_are_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    assert refused(tmp_path) == "model.no-weights"
    (tmp_path / "pytorch_model.bin").write_bytes(b"\x80\x04")
    assert refused(tmp_path) == "model.only-pickle"


@pytest.mark.parametrize("index", ["{", "[]", "{}", '{"weight_map": {"a": "absent.safetensors"}}', '{"weight_map": 3}'])
def test_a_broken_index_is_refused(tmp_path: Path, index: str) -> None:
    written(tmp_path / "model-00001-of-00001.safetensors", {"a": entry()}, bytes(8))
    (tmp_path / "model.safetensors.index.json").write_text(index)
    assert refused(tmp_path) == "model.bad-index"


def test_a_tensor_in_two_files_is_refused(tmp_path: Path) -> None:
    for name in ("a", "b"):
        written(tmp_path / f"{name}.safetensors", {"same": entry()}, bytes(8))
    assert refused(tmp_path) == "model.bad-weights"


def test_pickles_are_known_by_their_names() -> None:
    assert [each for each in ("a.bin", "b.PT", "c.ckpt", "d.safetensors", "e.json") if is_pickle(each)] == [
        "a.bin",
        "b.PT",
        "c.ckpt",
    ]
