"""`lianlu` as a user runs it: the real command in a process and a home of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest


@dataclass(frozen=True)
class Finished:
    """What a command left: exit code, both outputs, and the JSON object where there is one."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Command = Callable[..., Finished]


@pytest.fixture
def lianlu(tmp_path: Path) -> Command:
    """Run `lianlu …` in an empty folder with an empty home, in English, with the network proxied into a closed port."""
    return command_in(tmp_path)


def command_in(tmp_path: Path) -> Command:
    """The same for a folder at hand."""
    home = tmp_path / "home"
    home.mkdir()

    def command(
        *arguments: str, lang: str = "en", cwd: Path | None = None, timeout: float = 120, **environment: str
    ) -> Finished:
        kept = {name: os.environ[name] for name in ("PATH", "LIANLU_TEST_DATA") if name in os.environ}
        done = subprocess.run(
            [sys.executable, "-m", "lianlu", *arguments],
            cwd=cwd or tmp_path,
            env={
                **kept,
                "HOME": str(home),
                "LIANLU_STORE": str(tmp_path / "store"),
                "LIANLU_LANG": lang,
                "PYTHONIOENCODING": "utf-8",
                **environment,
            },
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=timeout,
            check=False,
            stdin=subprocess.DEVNULL,
        )
        return Finished(done.returncode, done.stdout, done.stderr)

    return command


def assert_clear_error(done: Finished, code: int) -> None:
    """One error with a hint, the documented exit code, and no traceback."""
    assert done.code == code, done.err
    assert "Traceback" not in done.err + done.out
    lines = [line for line in done.err.splitlines() if line.startswith(("error: ", "hint: "))]
    assert [line.split(":")[0] for line in lines] == ["error", "hint"], done.err
