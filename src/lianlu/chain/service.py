"""Start the programs a chain needs, wait until they answer, stop them with everything they started.

A service is watched by a small guard process (`guard.py`) that ends it when this process dies, however it dies: a chain
that was killed with -9 leaves no server behind.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from lianlu.chain.plan import PlannedService
from lianlu.core.errors import BackendError, LianluError, UsageError
from lianlu.core.job import Job

__all__ = ["Services"]

_LOOK_EVERY_SECONDS = 0.1
_STOP_SECONDS = 10.0
_TAIL_CHARACTERS = 300


class Services:
    """The services of one run: started when a step first needs them, all stopped at the end of the `with` block."""

    def __init__(self, planned: Mapping[str, PlannedService], log_folder: Path) -> None:
        self._planned = planned
        self._log_folder = log_folder
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for name in list(self._running):
            self.stop(name)

    def start(self, name: str, job: Job) -> None:
        """Start a service if it is not up, and wait until it answers.

        Raises:
            UsageError: chain.service-command
            BackendError: chain.service-died, chain.service-slow
        """
        process = self._running.get(name)
        if process is not None and process.poll() is None:
            return
        planned = self._planned[name]
        log = self._log_folder / f"service-{name}.log"
        self._running[name] = _spawn(planned, log)
        try:
            self._wait(planned, self._running[name], log, job)
        except LianluError:
            self.stop(name)
            raise

    def stop(self, name: str) -> None:
        """End a service: asked first, then made to."""
        process = self._running.pop(name)
        if process.stdin is not None:
            process.stdin.close()  # the guard ends the service when its standard input closes
        try:
            process.wait(_STOP_SECONDS + 2)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def _wait(self, planned: PlannedService, process: subprocess.Popen[bytes], log: Path, job: Job) -> None:
        began = time.monotonic()
        limit = planned.recipe.timeout_seconds
        while not _answers(planned.health):
            job.check()
            status = process.poll()
            if status is not None:
                tail = log.read_text("utf-8", "replace")[-_TAIL_CHARACTERS:].strip()
                raise BackendError("chain.service-died", name=planned.name, status=status, tail=tail, log=str(log))
            if time.monotonic() - began > limit:
                raise BackendError(
                    "chain.service-slow", name=planned.name, url=planned.health, seconds=limit, log=str(log)
                )
            time.sleep(_LOOK_EVERY_SECONDS)
        job.note(f"service {planned.name} is up at {planned.url}")


def _spawn(planned: PlannedService, log: Path) -> subprocess.Popen[bytes]:
    log.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable if part == "python" else part for part in planned.command]
    with log.open("ab") as output:
        try:
            return subprocess.Popen(
                [sys.executable, "-m", "lianlu.chain.guard", str(_STOP_SECONDS), *command],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, **planned.recipe.env},
                start_new_session=True,
            )
        except OSError as error:
            raise UsageError("chain.service-command", name=planned.name, why=str(error)) from error


def _answers(url: str) -> bool:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=2) as response:
            return 200 <= response.status < 300
    except (urllib.error.URLError, OSError, ValueError):
        return False
