"""What came of a run, as `lianlu run --json` prints it and `run.json` keeps it."""

from __future__ import annotations

from typing import Any

import msgspec

__all__ = ["MadeArtifact", "RunResult", "StepResult"]


class MadeArtifact(msgspec.Struct, frozen=True, kw_only=True):
    """An artifact of a step, with the ref that now names it."""

    kind: str
    id: str
    name: str


class StepResult(msgspec.Struct, frozen=True, kw_only=True):
    """What came of one step. `state` is done, cached, or, in a dry run, planned."""

    name: str
    uses: str
    state: str
    seconds: float
    cached: bool
    artifacts: tuple[MadeArtifact, ...] = ()
    summary: dict[str, Any] = {}


class RunResult(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a run; a dry run has no id. `results` holds what the chain's `results:` names."""

    run: str
    chain: str
    store: str
    seconds: float
    steps: tuple[StepResult, ...]
    results: dict[str, Any] = {}

    def as_json(self) -> dict[str, Any]:
        """The object `lianlu run --json` prints: the results stand at the top level."""
        built: dict[str, Any] = msgspec.to_builtins(self)
        return {**{key: value for key, value in built.items() if key != "results"}, **built["results"]}
