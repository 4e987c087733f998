"""What the user was told is kept: killed at random moments, raced by others, or out of space, the store stays sound."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lianlu.core.errors import LimitError, UsageError
from lianlu.core.files import Files
from lianlu.core.hashing import sha256_file
from lianlu.store import StepRecord, Store, open_store

WORK = """
import random, sys
from pathlib import Path
from lianlu.store import StepRecord, open_store

root, seed = Path(sys.argv[1]), sys.argv[2]
chance = random.Random(seed)
store = open_store(root)
print("ready", flush=True)
parents = ()
for turn in range(10_000):
    with store.workspace() as place:
        files = {}
        for name in ("a", "b/c", "d"):
            path = place / name.replace("/", "-")
            path.write_bytes(chance.randbytes(chance.choice((10, 5_000, 200_000))))
            files[name] = path
        artifact = store.put(files, kind="documents", parents=parents, move=chance.random() < 0.5)
    print("put", artifact.id, flush=True)
    parents = (artifact.id,)
    store.finish_step(
        StepRecord(key=f"{seed}-{turn}", name="s", version=1, outputs={"out": artifact.id}, summary={"turn": turn})
    )
    print("step", f"{seed}-{turn}", flush=True)
    store.set_ref(f"demo/{seed}", artifact.id)
    print("ref", artifact.id, flush=True)
    store.artifacts()
"""


def killed_after(root: Path, seed: str, seconds: float) -> list[list[str]]:
    """What a child said was done before it was killed without a warning."""
    child = subprocess.Popen([sys.executable, "-c", WORK, str(root), seed], stdout=subprocess.PIPE, text=True)
    assert child.stdout.readline() == "ready\n"
    time.sleep(seconds)
    child.kill()
    said = child.stdout.read()
    child.wait()
    child.stdout.close()
    return [line.split() for line in said.split("\n")[:-1]]


def assert_all_said_is_there(store: Store, said: list[list[str]], seed: str) -> None:
    for what, name in said:
        if what == "put":
            store.files(store.get(name))
        if what == "step":
            assert store.finished_step(name) is not None
    named = [name for what, name in said if what == "ref"]
    history = [ref.artifact_id for ref in store.ref_history(f"demo/{seed}")]
    assert history[: len(named)] == named


def assert_nothing_is_half_visible(store: Store) -> None:
    found = store.verify()
    assert found.findings == ()
    for artifact in store.artifacts():
        for file, path in zip(artifact.files, store.files(artifact).values(), strict=True):
            assert sha256_file(path) == file.sha256
    assert list((store.root / "tmp").iterdir()) == []


def kill_and_look(root: Path, points: int) -> None:
    chance = random.Random(points)
    for point in range(points):
        seed = f"seed{point}"
        said = killed_after(root, seed, chance.uniform(0.0, 0.12))
        store = open_store(root)
        assert_all_said_is_there(store, said, seed)
        assert_nothing_is_half_visible(store)


def test_killed_at_ten_moments_nothing_said_is_lost_and_nothing_is_half_visible(tmp_path):
    kill_and_look(tmp_path / "store", 10)
    assert open_store(tmp_path / "store").artifacts()


@pytest.mark.soak
def test_killed_at_two_hundred_moments(tmp_path):
    kill_and_look(tmp_path / "store", 200)


RACE = """
import sys
from pathlib import Path
from lianlu.store import StepRecord, open_store

root, me, shared = Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3])
store = open_store(root)
for turn in range(25):
    with store.in_use():
        same = store.put({"a": shared / f"{turn}"}, kind="documents")
        store.set_ref("both", same.id)
        own = store.put({"a": shared / f"{turn}", "own": shared / me}, kind="samples", parents=[same.id])
        store.set_ref(f"own/{me}/{turn}", own.id)
        store.finish_step(StepRecord(key=f"same-{turn}", name="s", version=1, outputs={"out": same.id}))
    print(same.id, own.id, flush=True)
"""


def race(root: Path, shared: Path) -> list[subprocess.Popen[str]]:
    shared.mkdir()
    for turn in range(25):
        (shared / f"{turn}").write_bytes(os.urandom(20_000))
    for me in ("one", "two"):
        (shared / me).write_text(me)
    return [
        subprocess.Popen([sys.executable, "-c", RACE, str(root), me, str(shared)], stdout=subprocess.PIPE, text=True)
        for me in ("one", "two")
    ]


def test_two_processes_with_the_same_and_with_different_artifacts(tmp_path):
    children = race(tmp_path / "store", tmp_path / "shared")
    said = [child.communicate(timeout=60)[0].split() for child in children]
    assert [child.returncode for child in children] == [0, 0]
    assert said[0][0::2] == said[1][0::2]
    store = open_store(tmp_path / "store")
    assert_nothing_is_half_visible(store)
    assert {artifact.id for artifact in store.artifacts()} == {*said[0], *said[1]}
    assert len(store.artifacts()) == 75
    assert all(store.finished_step(f"same-{turn}") for turn in range(25))


def test_collecting_beside_two_writers_takes_nothing_they_named(tmp_path):
    children = race(tmp_path / "store", tmp_path / "shared")
    collected = 0
    while any(child.poll() is None for child in children):
        if (tmp_path / "store" / "tmp").is_dir():
            open_store(tmp_path / "store").gc(keep_days=0)
            collected += 1
        time.sleep(0.005)
    for child in children:
        child.communicate()
    assert [child.returncode for child in children] == [0, 0]
    assert collected
    store = open_store(tmp_path / "store")
    assert_nothing_is_half_visible(store)
    for me in ("one", "two"):
        for turn in range(25):
            assert len(store.files(store.get(f"own/{me}/{turn}"))) == 2


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 1 MB."""
    place = tmp_path / "disk"
    place.mkdir()
    try:
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", place], capture_output=True, check=False
        )
    except OSError:
        pytest.skip("there is no mount command here")
    if done.returncode != 0:
        pytest.skip("this machine does not let tests mount a small disk")
    yield place
    subprocess.run(["umount", place], check=True)


def fill(place: Path) -> Path:
    path = place / "filler"
    with path.open("wb", buffering=0) as file:
        for size in (65_536, 4096, 1):
            try:
                while file.write(b"x" * size):
                    pass
            except OSError:
                continue
    return path


def test_full_disk_is_told_and_the_store_stays_sound(small_disk, write):
    store = open_store(small_disk / "store")
    kept = store.put({"a": write("a", "small")}, kind="documents")
    with pytest.raises(LimitError) as raised:
        store.put({"small": write("s", "s"), "z": write("big", os.urandom(3_000_000))}, kind="documents")
    assert (raised.value.code, raised.value.exit_code, raised.value.http_status) == ("file.disk-full", 5, 507)
    assert_nothing_is_half_visible(open_store(store.root))
    assert [artifact.id for artifact in store.artifacts()] == [kept.id]
    assert store.put({"b": write("b", "fits")}, kind="documents")


def test_on_a_disk_filled_to_the_last_byte_every_write_is_told_and_undone(small_disk, write):
    store = open_store(small_disk / "store")
    artifact = store.put({"a": write("a", "x" * 50_000)}, kind="documents")
    store.set_ref("kept", artifact.id)
    filler = fill(small_disk)
    long = "n" * 150
    writes = [
        lambda: store.put({"b": write("b", "y" * 50_000)}, kind="documents"),
        lambda: store.finish_step(StepRecord(key="k", name="s", version=1, outputs={"out": artifact.id})),
        lambda: [store.set_ref(f"{long}/{long}/{long}/{turn}", artifact.id) for turn in range(40)],
    ]
    for attempt in writes:
        with pytest.raises(LimitError) as raised:
            attempt()
        assert raised.value.code == "file.disk-full"
    again = open_store(store.root)
    assert again.get("kept") == artifact
    assert again.finished_step("k") is None
    assert_nothing_is_half_visible(again)
    filler.unlink()
    store.finish_step(StepRecord(key="k", name="s", version=1, outputs={"out": artifact.id}))
    assert store.finished_step("k")


def test_a_line_that_does_not_fit_is_taken_back(small_disk, write):
    store = open_store(small_disk / "store")
    both = [store.put({"a": write(name, name)}, kind="documents").id for name in ("one", "two")]
    store.set_ref("a", both[0])
    fill(small_disk)
    written = [both[0]]

    def until_full() -> None:
        for turn in range(1, 1000):
            store.set_ref("a", both[turn % 2])
            written.append(both[turn % 2])

    with pytest.raises(LimitError):
        until_full()
    assert (store.root / "refs" / "a.jsonl").read_bytes().endswith(b"\n")
    assert [ref.artifact_id for ref in store.ref_history("a")] == written


def test_collecting_works_on_a_full_disk(small_disk, write):
    store = open_store(small_disk / "store")
    store.put({"a": write("a", os.urandom(300_000))}, kind="documents")
    fill(small_disk)
    assert open_store(store.root).gc().size == 300_000
    assert store.put({"b": write("b", os.urandom(200_000))}, kind="documents")


def test_no_store_can_be_made_on_a_full_disk(small_disk):
    fill(small_disk)
    with pytest.raises((LimitError, UsageError)) as raised:
        open_store(small_disk / "store")
    assert raised.value.code == "file.disk-full"


def test_export_to_a_full_disk_leaves_nothing(small_disk, store, write):
    artifact = store.put({"a": write("a", os.urandom(3_000_000))}, kind="documents")
    with pytest.raises(LimitError):
        store.export(artifact.id, small_disk / "out")
    assert list(small_disk.iterdir()) == []
    assert isinstance(store.files(artifact), Files)
