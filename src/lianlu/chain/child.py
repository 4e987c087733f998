"""The child's side of `isolate.py`: run one step as told, send events and the result as JSON lines on standard output.

This is one of the five places where any exception is caught (the worker loop): the parent decides what to make of a bug.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import get_args

import msgspec

from lianlu.chain.isolate import Fact, GivenFiles, Line, Work
from lianlu.core import errors
from lianlu.core.errors import LianluError
from lianlu.core.files import Files, refused
from lianlu.core.job import Job
from lianlu.core.registry import find
from lianlu.core.step import Step, Summary

__all__ = ["main"]


def main(order: str) -> int:
    """Do the work described in the file `order`."""
    pipe = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # standard output belongs to the protocol; what the step prints goes to stderr

    def send(line: Line) -> None:
        pipe.write(msgspec.json.encode(line) + b"\n")
        pipe.flush()

    line = _done(msgspec.json.decode(Path(order).read_bytes(), type=Work), send)
    send(line)
    return 0 if line.summary is not None else 1


def _done(work: Work, send: Callable[[Line], None]) -> Line:
    try:
        return Line(summary=dict(_run(work, send)))
    except LianluError as error:
        return _failed(error)
    except OSError as error:
        known = refused(error)
        return _failed(known) if known else Line(bug=traceback.format_exc())
    except Exception:  # noqa: BLE001 - the worker loop's boundary of design.md §4
        return Line(bug=traceback.format_exc())


def _run(work: Work, send: Callable[[Line], None]) -> Summary:
    step: Step = find("step", work.step)
    job = Job(
        work.job,
        lambda event: send(Line(event=event)),
        seed=work.seed,
        outputs=Path(work.outputs),
        scratch=Path(work.scratch),
    )
    inputs = {name: _files(given) for name, given in work.inputs.items()}
    return step.run(step.recipe.model_validate(work.recipe), inputs, job)


def _files(given: GivenFiles) -> Files:
    paths = {name: Path(path) for name, path in given.paths.items()}
    return Files(paths, kind=given.kind, artifact_id=given.artifact_id)


def _failed(error: LianluError) -> Line:
    family = next(each.__name__ for each in type(error).__mro__ if each.__module__ == errors.__name__)
    facts: dict[str, Fact] = {
        name: fact if isinstance(fact, get_args(Fact)) else str(fact) for name, fact in error.facts.items()
    }
    return Line(family=family, code=error.code, facts=facts)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
