"""Run one step in a process of its own (`isolate: true`): a crash, a leak or a stuck library ends the child, not the run.

The work goes in as a JSON file; events and the result come back as JSON lines on a pipe. The parent is the only one who
touches the store. The child (`child.py`) stands under a guard, so a run that is killed leaves no step at work behind.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from lianlu.chain import guard
from lianlu.core import errors
from lianlu.core.errors import BackendError, LianluError
from lianlu.core.events import Event
from lianlu.core.files import Files
from lianlu.core.i18n import Text
from lianlu.core.job import Job
from lianlu.core.step import Step, Summary

__all__ = ["Fact", "GivenFiles", "Line", "Work", "run_isolated"]

Fact = bool | int | float | str | Text | None


class GivenFiles(msgspec.Struct, frozen=True, kw_only=True):
    """An input artifact: `core.files.Files` as plain values."""

    kind: str
    artifact_id: str
    paths: dict[str, str]


class Work(msgspec.Struct, frozen=True, kw_only=True):
    """All that the child needs to know."""

    step: str
    recipe: dict[str, Any]
    inputs: dict[str, GivenFiles]
    job: str
    seed: int
    outputs: str
    scratch: str


class Line(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line from the child: an event, the summary, the error that ended the step, or the traceback of a bug."""

    event: Event | None = None
    summary: dict[str, Any] | None = None
    family: str = ""
    code: str = ""
    facts: dict[str, Fact] = {}
    bug: str = ""


def run_isolated(
    step: Step, recipe: Any, inputs: Mapping[str, Files], job: Job, *, outputs: Path, scratch: Path
) -> Summary:
    """Run a step in a child process and pass its events on.

    Raises:
        LianluError: what the step raised, rebuilt
        BackendError: chain.child-died
        RuntimeError: a bug in the step, with the child's traceback as its note
    """
    work = Work(
        step=step.name,
        recipe=recipe.model_dump(mode="json", by_alias=True),
        inputs={name: _given(files) for name, files in inputs.items()},
        job=job.name,
        seed=job.seed,
        outputs=str(outputs),
        scratch=str(scratch),
    )
    order = outputs / ".work.json"
    order.write_bytes(msgspec.json.encode(work))
    process = guard.start([sys.executable, "-m", "lianlu.chain.child", str(order)], output=subprocess.PIPE)
    try:
        return _follow(process, step.name, job)
    finally:
        guard.stop(process)
        order.unlink(missing_ok=True)


def _given(files: Files) -> GivenFiles:
    paths = {name: str(path) for name, path in files.items()}
    return GivenFiles(kind=files.kind, artifact_id=files.artifact_id, paths=paths)


def _follow(process: subprocess.Popen[bytes], step: str, job: Job) -> Summary:
    assert process.stdout is not None
    decoder = msgspec.json.Decoder(Line)
    for raw in process.stdout:
        try:
            line = decoder.decode(raw)
        except msgspec.DecodeError:
            break  # half a line: killed while it wrote
        if line.event is not None:
            job.emit(line.event)
            job.check()
        elif line.summary is not None:
            return line.summary
        else:
            raise _error(line, step)
    raise BackendError("chain.child-died", step=step, status=process.wait())


def _error(line: Line, step: str) -> Exception:
    if line.code:
        family: type[LianluError] = getattr(errors, line.family)
        facts: dict[str, Any] = dict(line.facts)
        return family(line.code, **facts)
    bug = RuntimeError(f"in the process of step {step}: {line.bug.strip().splitlines()[-1]}")
    bug.add_note(line.bug)
    return bug
