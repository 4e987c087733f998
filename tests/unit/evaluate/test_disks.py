"""An evaluation whose disk is full ends with one error; what was answered is kept, and it goes on when there is room."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from .making import adding, sums, write_samples, write_script

ITEMS = 36


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MB."""
    place = tmp_path / "disk"
    place.mkdir()
    try:
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place)], capture_output=True, check=False
        )
    except OSError:
        pytest.skip("there is no mount command here")
    if done.returncode:
        pytest.skip("this machine does not let tests mount a small disk")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def fill(path: Path, free: int = 0) -> None:
    """Take all room but `free` bytes."""
    with suppress(OSError), path.open("wb", buffering=0) as file:
        while file.write(b"x" * 1024):
            pass
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size - free)


@pytest.mark.parametrize("free", [0, 4 << 10, 160 << 10], ids=["nothing", "a page", "some answers"])
def test_a_full_disk_ends_the_evaluation_and_loses_no_answer(
    free: int, disk: Path, tmp_path: Path, lianlu: Callable[..., Any]
) -> None:
    script = write_script(tmp_path / "f.yaml", adding())
    samples = write_samples(tmp_path / "sums.jsonl", sums(ITEMS))
    typed = ("eval", "run", "--model", f"m={script}", "--benchmark", samples, "--out", disk / "o", "--json")
    fill(disk / "filler", free)
    done = lianlu(*typed)
    assert done.code == 5, done.err
    error = json.loads(done.out)["error"]
    assert error["code"] == "file.disk-full"
    assert error["hint"]
    (disk / "filler").unlink()
    found = json.loads(lianlu(*typed).out)
    assert (found["asked"] + found["kept"], found["scores"][0]["value"]) == (ITEMS, 1.0)
    assert bool(found["kept"]) == (free > 100 << 10)
