"""Run one step in a process of its own (`isolate: true`): a crash, a leak or a stuck library ends the child, not the run.

The work goes in as a JSON file; events and the result come back as JSON lines on a pipe. The parent is the only one who
touches the store.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from lianlu.core import errors
from lianlu.core.errors import BackendError, LianluError
from lianlu.core.events import Event
from lianlu.core.files import Files
from lianlu.core.job import Job
from lianlu.core.registry import find
from lianlu.core.step import Step, Summary

__all__ = ["main", "run_isolated"]


class _GivenFiles(msgspec.Struct, frozen=True, kw_only=True):
    kind: str
    artifact_id: str
    paths: dict[str, str]


class _Work(msgspec.Struct, frozen=True, kw_only=True):
    step: str
    recipe: dict[str, Any]
    inputs: dict[str, _GivenFiles]
    job: str
    seed: int
    outputs: str
    scratch: str


class _Line(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line from the child: an event, the summary, or the error that ended the step."""

    event: Event | None = None
    summary: dict[str, Any] | None = None
    family: str = ""
    code: str = ""
    facts: dict[str, Any] = {}


def run_isolated(
    step: Step, recipe: Any, inputs: Mapping[str, Files], job: Job, *, outputs: Path, scratch: Path
) -> Summary:
    """Run a step in a child process and pass its events on.

    Raises:
        LianluError: what the step raised, rebuilt
        BackendError: chain.child-died
    """
    work = _Work(
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
    command = [sys.executable, "-m", "lianlu.chain.child", str(order)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        return _follow(process, step.name, job)
    finally:
        order.unlink(missing_ok=True)
        if process.poll() is None:
            process.kill()
        process.wait()


def _given(files: Files) -> _GivenFiles:
    paths = {name: str(path) for name, path in files.items()}
    return _GivenFiles(kind=files.kind, artifact_id=files.artifact_id, paths=paths)


def _follow(process: subprocess.Popen[bytes], step: str, job: Job) -> Summary:
    assert process.stdout is not None
    decoder = msgspec.json.Decoder(_Line)
    for raw in process.stdout:
        line = decoder.decode(raw)
        if line.event is not None:
            job.emit(line.event)
            job.check()
        elif line.code:
            raise getattr(errors, line.family)(line.code, **line.facts)
        elif line.summary is not None:
            return line.summary
    raise BackendError("chain.child-died", step=step, status=process.wait())


def main(order: str) -> int:
    """The child's side. Standard output belongs to the protocol, so what the step prints goes to stderr."""
    work = msgspec.json.decode(Path(order).read_bytes(), type=_Work)
    pipe = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)

    def send(line: _Line) -> None:
        pipe.write(msgspec.json.encode(line) + b"\n")
        pipe.flush()

    step: Step = find("step", work.step)
    inputs = {
        name: Files(
            {key: Path(path) for key, path in given.paths.items()}, kind=given.kind, artifact_id=given.artifact_id
        )
        for name, given in work.inputs.items()
    }
    job = Job(
        work.job,
        lambda event: send(_Line(event=event)),
        seed=work.seed,
        outputs=Path(work.outputs),
        scratch=Path(work.scratch),
    )
    try:
        send(_Line(summary=dict(step.run(step.recipe.model_validate(work.recipe), inputs, job))))
    except LianluError as error:
        facts = {name: str(fact) for name, fact in error.facts.items()}
        send(_Line(family=type(error).__name__, code=error.code, facts=facts))
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
