"""Run a command that must not outlive the process that wants it, however that one dies.

The guard stands between the two: it ends the command, with all that the command started, as soon as its own standard
input closes, which the kernel does for whoever was killed. It is started as a plain file with no imports of lianlu,
because it must be up in milliseconds and stay small.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO

__all__ = ["STOP_SECONDS", "main", "start", "stop"]

STOP_SECONDS = 10.0
"""How long a command may take to end by itself once it was asked to."""
_SET_CHILD_SUBREAPER = 36  # prctl(2)


def start(
    command: Sequence[str],
    *,
    output: int | IO[bytes] | None = None,
    errors: int | IO[bytes] | None = None,
    environment: Mapping[str, str] | None = None,
) -> subprocess.Popen[bytes]:
    """Start a command under a guard, away from Ctrl-C in this terminal. Its status is the command's; 127: no such command.

    Raises:
        OSError, ValueError: the command or its environment cannot be passed on
    """
    guard = [sys.executable, "-I", "-S", __file__, str(STOP_SECONDS), *command]
    return subprocess.Popen(
        guard, stdin=subprocess.PIPE, stdout=output, stderr=errors, env=environment, start_new_session=True
    )


def stop(*processes: subprocess.Popen[bytes]) -> None:
    """End what `start` started: all are asked first, then made to."""
    for process in processes:
        if process.stdin is not None:
            process.stdin.close()
    for process in processes:
        try:
            process.wait(STOP_SECONDS + 2)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def main(arguments: list[str]) -> int:
    """The guard's side: exit with the command's status as a shell would give it."""
    _adopt_orphans()
    try:
        child = subprocess.Popen(arguments[1:], stdin=subprocess.DEVNULL, start_new_session=True)
    except OSError as error:
        sys.stderr.write(f"{arguments[1]}: {error.strerror}\n")
        return 127
    threading.Thread(target=_end_with_us, args=(child, float(arguments[0])), daemon=True).start()
    status = child.wait()
    _signal(child.pid, signal.SIGKILL)
    _end_orphans()
    return status if status >= 0 else 128 - status


def _end_with_us(child: subprocess.Popen[bytes], patience: float) -> None:
    while os.read(0, 4096):
        pass
    _signal(child.pid, signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        child.wait(patience)
    _signal(child.pid, signal.SIGKILL)


def _signal(group: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


def _adopt_orphans() -> None:
    """On Linux a process that its parent left becomes ours, so that one in a session of its own is still found."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(_SET_CHILD_SUBREAPER, 1)


def _end_orphans() -> None:
    while children := list(_children()):
        for child in children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
            with contextlib.suppress(ChildProcessError):
                os.waitpid(child, 0)


def _children() -> Iterator[int]:
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            status = (entry / "stat").read_bytes()
            if int(status.rpartition(b")")[2].split()[1]) == os.getpid():
                yield int(entry.name)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
