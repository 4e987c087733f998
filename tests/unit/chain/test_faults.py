"""kill -9 anywhere in a run, two runs at once, a full disk, a store that cannot be written."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import time
from pathlib import Path

import pytest

from lianlu.chain import run_chain
from lianlu.core.errors import LimitError
from lianlu.store import open_store


def artifact_ids(answer: dict) -> dict[str, str]:
    return {each["name"]: each["id"] for step in answer["steps"] for each in step["artifacts"]}


@pytest.fixture
def expected(small, tmp_path: Path) -> dict[str, str]:
    result = run_chain(str(small.path), ["seconds=0.6"], store=tmp_path / "reference", out=tmp_path / "o")
    small.log.unlink()
    return {name: each for name, each in artifact_ids(result.as_json()).items() if name != "small/clock"}


def kill_and_run_again(small, store: Path, expected: dict[str, str], rounds: int, seed: int, *overrides: str) -> int:
    """Kill a run `rounds` times at random points, then let it end; returns how often it was still at work."""
    randomness = random.Random(seed)
    killed = 0
    for _ in range(rounds):
        process = small.start(store, "seconds=0.6", *overrides)
        time.sleep(randomness.uniform(0.05, 1.0))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        killed += process.returncode == -signal.SIGKILL
        if store.exists():
            assert open_store(store).verify().is_sound
    final = small.start(store, "seconds=0.6", *overrides)
    output, errors = final.communicate(timeout=60)
    assert final.returncode == 0, errors.decode()
    found = artifact_ids(json.loads(output))
    found.pop("small/clock")
    assert found == expected
    assert open_store(store).verify().is_sound
    return killed


def test_a_run_killed_at_random_points_ends_with_the_ids_of_one_that_was_not(small, tmp_path: Path, expected) -> None:
    assert kill_and_run_again(small, tmp_path / "s", expected, rounds=4, seed=1)
    assert small.runs().count("small/other") <= 5
    before = len(small.runs())
    final = small.start(tmp_path / "s", "seconds=0.6")
    final.communicate(timeout=60)
    assert len(small.runs()) == before  # once finished, a step is never done again


@pytest.mark.soak
def test_two_hundred_kills_change_nothing(small, tmp_path: Path, expected) -> None:
    killed = 0
    for seed in range(40):
        isolated = [f"steps.join.isolate={'true' if seed % 2 else 'false'}"]
        killed += kill_and_run_again(small, tmp_path / f"s{seed}", expected, 5, seed, *isolated)
        limit = time.monotonic() + 5
        while processes_of(tmp_path / f"s{seed}") and time.monotonic() < limit:
            time.sleep(0.05)
        assert processes_of(tmp_path / f"s{seed}") == ""
    assert killed >= 150


def processes_of(store: Path) -> str:
    """Processes that still work in a store, isolated steps among them."""
    return subprocess.run(["pgrep", "-af", f"{store}/"], capture_output=True, text=True, check=False).stdout


def test_two_runs_at_once_share_the_work(small, tmp_path: Path, expected) -> None:
    store = tmp_path / "s"
    both = [small.start(store, "seconds=0.6", "--out", str(tmp_path / f"o{index}")) for index in range(2)]
    answers = []
    for process in both:
        output, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors.decode()
        answers.append(artifact_ids(json.loads(output)))
    for answer in answers:
        answer.pop("small/clock")
        assert answer == expected
    assert sorted(small.runs()) == ["small/join", "small/other"]
    assert open_store(store).verify().is_sound


@pytest.fixture
def tiny_disk(tmp_path: Path):
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1500k", "tmpfs", str(disk)], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip("mounting a tmpfs is refused here")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


def test_a_full_disk_is_a_limit_error_and_leaves_the_store_sound(small, tmp_path: Path, tiny_disk: Path) -> None:
    (small.notes / "big.txt").write_text("x" * 2_000_000)
    with pytest.raises(LimitError) as caught:
        run_chain(str(small.path), store=tiny_disk / "s", out=tmp_path / "o")
    assert caught.value.code == "file.disk-full"
    assert open_store(tiny_disk / "s").verify().is_sound
    (small.notes / "big.txt").unlink()
    assert run_chain(str(small.path), store=tiny_disk / "s", out=tmp_path / "o").steps
