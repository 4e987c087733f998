"""The guard alone: what it starts ends with it, and with whoever wanted it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from lianlu.chain import guard

WAITS = "import time; time.sleep(60)"


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return not Path(f"/proc/{pid}/stat").exists() or " Z " not in Path(f"/proc/{pid}/stat").read_text()


def eventually(is_so: Callable[[], bool]) -> bool:
    limit = time.monotonic() + 10
    while not is_so() and time.monotonic() < limit:
        time.sleep(0.02)
    return is_so()


def pid_in(path: Path) -> int:
    assert eventually(lambda: path.exists() and path.read_text().strip() != "")
    return int(path.read_text())


def noting_its_pid(path: Path, then: str = WAITS) -> list[str]:
    return [
        sys.executable,
        "-c",
        f"import os, pathlib; pathlib.Path({str(path)!r}).write_text(str(os.getpid())); {then}",
    ]


@pytest.mark.parametrize(
    ("code", "status"),
    [("import sys; sys.exit(3)", 3), ("pass", 0), ("import os; os.kill(os.getpid(), 9)", 128 + signal.SIGKILL)],
)
def test_the_status_is_the_command_s_own(code: str, status: int) -> None:
    process = guard.start([sys.executable, "-c", code])
    assert process.wait(10) == status
    guard.stop(process)


def test_a_command_that_is_not_there_is_said_on_stderr() -> None:
    process = guard.start(["no-such-program-xyz"], errors=subprocess.PIPE)
    assert process.communicate(timeout=10)[1] == b"no-such-program-xyz: No such file or directory\n"
    assert process.returncode == 127


def test_the_output_and_the_environment_are_those_given() -> None:
    code = "import os; print(os.environ['WORD'], end='')"
    process = guard.start(
        [sys.executable, "-c", code], output=subprocess.PIPE, environment={**os.environ, "WORD": "链"}
    )
    assert process.stdout is not None
    assert process.stdout.read().decode() == "链"
    guard.stop(process)


def test_stopping_ends_the_command(tmp_path: Path) -> None:
    process = guard.start(noting_its_pid(tmp_path / "pid"))
    pid = pid_in(tmp_path / "pid")
    guard.stop(process)
    assert not is_alive(pid)


def test_a_command_that_will_not_end_is_made_to(tmp_path: Path) -> None:
    stubborn = noting_its_pid(
        tmp_path / "pid", f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {WAITS}"
    )
    command = [sys.executable, guard.__file__, "0.2", *stubborn]
    process = subprocess.Popen(command, stdin=subprocess.PIPE)
    pid = pid_in(tmp_path / "pid")
    time.sleep(0.2)
    process.communicate(timeout=10)
    assert process.returncode == 128 + signal.SIGKILL
    assert not is_alive(pid)


@pytest.mark.parametrize("session", ["", "os.setsid(); "], ids=["same session", "its own session"])
def test_what_the_command_started_ends_with_it(session: str, tmp_path: Path) -> None:
    if session and sys.platform != "linux":
        pytest.skip("only Linux gives orphans to the guard")
    inner = f"{session}pathlib.Path({str(tmp_path / 'inner')!r}).write_text(str(os.getpid())); {WAITS}"
    code = f"import os, pathlib\nif os.fork() == 0:\n    {inner}\n{WAITS}"
    process = guard.start([sys.executable, "-c", code])
    pid = pid_in(tmp_path / "inner")
    guard.stop(process)
    assert not is_alive(pid)


def test_the_command_ends_when_the_one_who_wanted_it_is_killed(tmp_path: Path) -> None:
    command = noting_its_pid(tmp_path / "pid")
    code = f"from lianlu.chain import guard; guard.start({command!r}); {WAITS}"
    wanting = subprocess.Popen([sys.executable, "-c", code])
    pid = pid_in(tmp_path / "pid")
    wanting.kill()
    wanting.wait()
    assert eventually(lambda: not is_alive(pid))


def test_several_are_stopped_together(tmp_path: Path) -> None:
    slow = "import signal, sys, time; signal.signal(signal.SIGTERM, lambda *_: (time.sleep(0.5), sys.exit(0))); "
    processes = [guard.start(noting_its_pid(tmp_path / str(index), slow + WAITS)) for index in range(4)]
    for index in range(4):
        pid_in(tmp_path / str(index))
    time.sleep(0.2)
    began = time.monotonic()
    guard.stop(*processes)
    assert time.monotonic() - began < 1.5
