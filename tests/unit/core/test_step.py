"""The contract of a step: what the least step must have, and what it need not say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from lianlu.core.files import Files
from lianlu.core.job import Job
from lianlu.core.step import Step


@dataclass(frozen=True)
class Least(Step):
    name: str = "least"
    version: int = 1
    recipe: type[BaseModel] = BaseModel
    inputs: Mapping[str, str] = None  # type: ignore[assignment]
    outputs: Mapping[str, str] = None  # type: ignore[assignment]

    def run(self, recipe: Any, inputs: Mapping[str, Files], job: Job) -> Mapping[str, Any]:
        return {"files": len(inputs)}


def test_the_least_step_fits_and_reads_nothing_outside() -> None:
    step = Least()
    assert isinstance(step, Step)
    assert (list(step.outside(None)), step.numeric, step.volatile) == ([], False, False)
    assert step.run(None, {}, Job()) == {"files": 0}


def test_something_without_a_run_is_no_step() -> None:
    assert not isinstance(object(), Step)
