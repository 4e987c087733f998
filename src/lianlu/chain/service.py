"""Start the programs a chain needs, wait until they answer, stop them with everything they started.

Each stands under a guard (`guard.py`): a chain that was killed with -9 leaves no server behind.
"""

from __future__ import annotations

import http.client
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from lianlu.chain import guard
from lianlu.chain.plan import PlannedService
from lianlu.core.errors import BackendError, UsageError
from lianlu.core.job import Job

__all__ = ["Services"]

_LOOK_EVERY_SECONDS = 0.1
_TAIL_CHARACTERS = 300


class Services:
    """The services of one run: started when a step first needs them, all stopped at the end of the `with` block.

    A port that the recipe names and that is taken is an error on entering, before any work.
    """

    def __init__(
        self, planned: Mapping[str, PlannedService], log_folder: Path, environment: Mapping[str, str] = os.environ
    ) -> None:
        self._planned = planned
        self._log_folder = log_folder
        self._environment = environment
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> Self:
        for planned in self._planned.values():
            _check_free(planned)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        guard.stop(*self._running.values())

    def start(self, planned: PlannedService, job: Job) -> None:
        """Start a service, its artifacts known, if it is not up, and wait until it answers.

        Raises:
            UsageError: chain.port-in-use, chain.service-command
            BackendError: chain.service-died, chain.service-slow
        """
        name = planned.name
        process = self._running.get(name)
        if process is not None and process.poll() is None:
            return
        _check_free(planned)  # again: whoever answers there now would be taken for the service
        log = self._log_folder / f"service-{name}.log"
        self._running[name] = _spawn(planned, log, self._environment)
        _wait(planned, self._running[name], log, job)
        job.note(f"service {name} is up at {planned.url}")


def _check_free(planned: PlannedService) -> None:
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", planned.port))
        except OSError as error:
            raise UsageError("chain.port-in-use", name=planned.name, port=planned.port) from error


def _spawn(planned: PlannedService, log: Path, environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    program, *arguments = planned.command
    command = [sys.executable if program == "python" else program, *arguments]
    with log.open("ab") as output:
        try:
            return guard.start(
                command, output=output, errors=subprocess.STDOUT, environment={**environment, **planned.environment}
            )
        except (OSError, ValueError) as error:
            raise UsageError("chain.service-command", name=planned.name, why=str(error)) from error


def _wait(planned: PlannedService, process: subprocess.Popen[bytes], log: Path, job: Job) -> None:
    began = time.monotonic()
    limit = planned.recipe.timeout_seconds
    while True:
        job.check()
        is_up = _answers(planned.health)
        status = process.poll()
        if status is not None:
            tail = log.read_text("utf-8", "replace")[-_TAIL_CHARACTERS:].strip()
            raise BackendError("chain.service-died", name=planned.name, status=status, tail=tail, log=str(log))
        if is_up:
            return
        if time.monotonic() - began > limit:
            raise BackendError("chain.service-slow", name=planned.name, url=planned.health, seconds=limit, log=str(log))
        time.sleep(_LOOK_EVERY_SECONDS)


def _answers(url: str) -> bool:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=2) as response:
            return 200 <= response.status < 300
    except (urllib.error.URLError, http.client.HTTPException, OSError, ValueError):
        return False
