"""A folder of three notes and a chain over it: read -> join -> clock."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

PLUGINS = Path(__file__).resolve().parents[2] / "plugins"

CHAIN = """\
kind: chain
version: 1
name: small
params:
  folder: {folder}
  seconds: 0
steps:
  read: {{uses: test.read, with: {{folder: "${{folder}}"}}}}
  other: {{uses: test.join, with: {{separator: "-", run_log: {log}}}}}
  join:
    uses: test.join
    inputs: {{documents: read}}
    with: {{seconds: "${{seconds}}", run_log: {log}}}
  clock: {{uses: test.clock, inputs: {{joined: join, other: other}}}}
results:
  characters: join.characters
  report: clock
"""


class Small:
    """The chain's file, its notes, and the log of real runs of its join steps."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.notes = root / "notes"
        self.notes.mkdir()
        for name in ("a", "b", "c"):
            (self.notes / f"{name}.txt").write_text(f"note {name}\n")
        self.log = root / "runs.log"
        self.path = root / "chain.yaml"
        self.path.write_text(CHAIN.format(folder=self.notes, log=self.log))

    def runs(self) -> list[str]:
        return [line.split()[0] for line in self.log.read_text().splitlines()] if self.log.exists() else []

    def start(self, store: Path, *arguments: str) -> subprocess.Popen[bytes]:
        """`lianlu run` in a process of its own, which a test can kill."""
        return subprocess.Popen(
            [sys.executable, "-m", "lianlu", "run", str(self.path), "--store", str(store), "--json", *arguments],
            cwd=self.root,
            env={**os.environ, "PYTHONPATH": str(PLUGINS), "LIANLU_LANG": "en"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )


@pytest.fixture
def small(tmp_path: Path) -> Small:
    return Small(tmp_path)
