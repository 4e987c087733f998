"""Training on a disk that is too small ends with one error; its last checkpoint is whole, and it goes on from there."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")

from lianlu.train.checkpoint import _whole

STEPS = 12
PLAN = (f"steps={STEPS}", "batch_size=4", "max_tokens=128", "checkpoint_every=2", "keep_checkpoints=2")


def mount(place: Path, size: int, *more: str) -> bool:
    options = ",".join((*more, f"size={size}"))
    try:
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)], capture_output=True, check=False
        )
    except OSError:
        return False
    return done.returncode == 0


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    place = tmp_path / "disk"
    place.mkdir()
    if not mount(place, 1 << 20):
        pytest.skip("this machine does not let tests mount a small disk")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


@pytest.mark.parametrize("checkpoints", [0.5, 2.5], ids=["first", "third"])
def test_a_full_disk_ends_training_and_it_goes_on_from_what_is_whole(
    checkpoints: float, disk: Path, base: Path, data: Path, tmp_path: Path, lianlu: Callable[..., Any]
) -> None:
    typed = ("train", "--model", base, "--data", data, *PLAN, "--json", "--out")
    assert lianlu(*typed, tmp_path / "whole").code == 0
    one = 3 * sum(path.stat().st_size for path in (tmp_path / "whole" / "weights").glob("*.safetensors"))
    assert mount(disk, int(checkpoints * one), "remount")
    done = lianlu(*typed, disk / "o")
    assert done.code == 5, done.err
    assert json.loads(done.out)["error"]["code"] == "file.disk-full"
    folders = sorted(path for path in (disk / "o" / "checkpoints").iterdir() if path.is_dir() and path.name != "tokens")
    assert [path.name for path in folders] == [f"step-{2 * n:08d}" for n in range(1, int(checkpoints) + 1)]
    assert all(_whole(path) for path in folders)  # and no half one takes the room that is left
    assert not (disk / "o" / "weights" / "config.json").exists()
    assert mount(disk, 16 * one, "remount")
    again = lianlu(*typed, disk / "o")
    assert again.code == 0, again.err
    for path in (tmp_path / "whole" / "weights").iterdir():
        assert path.read_bytes() == (disk / "o" / "weights" / path.name).read_bytes(), path.name
