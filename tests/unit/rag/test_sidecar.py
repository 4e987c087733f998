"""Files of arrays: large ones are mapped, and believed only while they are the very file that was written."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from lianlu.rag import sidecar
from lianlu.rag.sidecar import load_sidecar, save_sidecar

ARRAYS = {"numbers": np.arange(50_000, dtype=np.int64), "none": np.zeros((0, 3), dtype=np.float16)}


@pytest.fixture(params=["small", "large"])
def path(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    if request.param == "large":
        monkeypatch.setattr(sidecar, "MAPPED_FROM_BYTES", 1)
    save_sidecar(tmp_path / "s", "numbers", {"generation": 3}, ARRAYS)
    return tmp_path / "s"


def flip(path: Path, at: int = -100) -> None:
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(bytes(content))


def test_what_was_written_is_read(path: Path) -> None:
    found = load_sidecar(path, "numbers")
    assert found is not None
    assert found.about == {"generation": 3}
    for name, array in ARRAYS.items():
        np.testing.assert_array_equal(found.arrays[name], array)
        assert found.arrays[name].shape == array.shape
    assert load_sidecar(path, "letters") is None


def test_a_file_that_somebody_touched_is_checked_in_full(path: Path) -> None:
    flip(path)
    assert load_sidecar(path, "numbers") is None
    flip(path)
    assert load_sidecar(path, "numbers") is not None


def test_a_copy_is_checked_in_full(path: Path, tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    folder.mkdir()
    for each in tmp_path.iterdir():
        if each.is_file():
            shutil.copy2(each, folder / each.name)
    assert load_sidecar(folder / "s", "numbers") is not None
    flip(folder / "s")
    seen = path.stat()
    os.utime(folder / "s", ns=(seen.st_atime_ns, seen.st_mtime_ns))
    assert load_sidecar(folder / "s", "numbers") is None


def test_a_file_that_is_replaced_stays_whole_for_whoever_has_it_open(path: Path) -> None:
    found = load_sidecar(path, "numbers")
    save_sidecar(path, "numbers", {"generation": 4}, {"numbers": ARRAYS["numbers"][:9]})
    assert found is not None
    assert int(found.arrays["numbers"].sum()) == int(ARRAYS["numbers"].sum())


@pytest.mark.parametrize("content", [b"", b"lianlu", b"lianlu sidecar 1\n", b"\0" * 5000], ids=range(4))
def test_what_is_no_sidecar_is_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "s").write_bytes(content)
    assert load_sidecar(tmp_path / "s", "numbers") is None
    assert load_sidecar(tmp_path, "numbers") is None
