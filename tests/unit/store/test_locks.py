"""Locks hold between processes and end with them; workspaces of the dead are swept, those of the living are not."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from lianlu.core.errors import UsageError
from lianlu.store import open_store

HOLD = """
import sys, time
from pathlib import Path
from lianlu.store import open_store
store = open_store(Path(sys.argv[1]))
with store.lock("step-k"), store.workspace() as place:
    (place / "half").write_text("half")
    print(place, flush=True)
    time.sleep(60)
"""


@pytest.fixture
def holder(store):
    """A child that holds the lock `step-k` and a workspace; gives the child and its workspace."""
    child = subprocess.Popen([sys.executable, "-c", HOLD, str(store.root)], stdout=subprocess.PIPE, text=True)
    yield child, child.stdout.readline().strip()
    child.kill()
    child.wait()
    child.stdout.close()


def test_lock_waits_for_another_process_and_is_free_when_it_is_killed(store, holder):
    child, _ = holder
    waited = threading.Event()
    got = threading.Event()

    def wait() -> None:
        with store.lock("step-k", on_wait=waited.set):
            got.set()

    thread = threading.Thread(target=wait)
    thread.start()
    assert waited.wait(10)
    assert not got.is_set()
    child.send_signal(signal.SIGKILL)
    assert got.wait(10)
    thread.join()


def test_lock_keeps_threads_of_one_process_apart(store):
    inside: list[int] = []
    most: list[int] = []

    def work() -> None:
        for _ in range(20):
            with store.lock("a/b"):
                inside.append(1)
                most.append(len(inside))
                time.sleep(0.0005)
                inside.pop()

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert max(most) == 1


def test_free_lock_does_not_call_on_wait(store):
    with store.lock("a", on_wait=pytest.fail), store.lock("b", on_wait=pytest.fail), store.in_use():
        pass


def test_workspace_of_a_living_process_is_left_alone_and_swept_when_it_is_dead(store, holder):
    child, place = holder
    open_store(store.root)
    assert Path(place, "half").exists()
    child.kill()
    child.wait()
    open_store(store.root)
    assert list((store.root / "tmp").iterdir()) == []


def test_workspace_is_removed_after_use_and_lets_errors_pass(store):
    def work() -> None:
        with store.workspace() as place:
            (place / "read-only").write_text("x")
            (place / "read-only").chmod(0o444)
            (place / "none").read_text()

    with pytest.raises(FileNotFoundError):
        work()
    assert list((store.root / "tmp").iterdir()) == []


@pytest.mark.parametrize("name", ["../a", "", ".in-use", "a/../../b"])
def test_bad_lock_names_are_refused(store, name):
    with pytest.raises(UsageError), store.lock(name):
        pass
