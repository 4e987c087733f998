"""What a chain file may say. Only its form: whether the steps fit together is `plan.py`'s business."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from lianlu.core.recipe import Recipe

__all__ = ["ChainRecipe", "Name", "ServiceRecipe", "StepRecipe"]

Name = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_-]*$", max_length=80)]
"""A name that becomes part of refs, variables and file names."""


class StepRecipe(Recipe):
    """One step of a chain."""

    uses: str = Field(description="name of the step, as `lianlu recipe list` shows it")
    inputs: dict[str, str] = Field({}, description="input name: STEP, STEP.OUTPUT, or @REF of an artifact in the store")
    with_: dict[str, Any] = Field({}, alias="with", description="the step's own recipe")
    services: list[str] = Field([], description="services that must be up while the step runs")
    isolate: bool = Field(False, description="run the step in a process of its own")


class ServiceRecipe(Recipe):
    """A program that runs while the steps that use it run."""

    command: list[str] = Field(
        min_length=1,
        description="program and arguments; it stays in the foreground; {port} and {inputs.NAME} are replaced",
    )
    inputs: dict[Name, str] = Field(
        {}, description="artifacts it works with: STEP, STEP.OUTPUT, or @REF; {inputs.NAME} is the artifact's @id"
    )
    health: str = Field(
        "http://127.0.0.1:{port}/health",
        pattern="^https?://",
        description="address that answers 200 when it is ready",
    )
    port: int = Field(0, ge=0, le=65535, description="port to listen on; 0 takes a free one")
    env: dict[str, str] = Field({}, description="environment variables to add; {port} is replaced")
    timeout_seconds: float = Field(60.0, gt=0, description="how long it may take to become ready")


class ChainRecipe(Recipe):
    """A graph of steps."""

    kind: Literal["chain"] = Field("chain", description="always `chain`")
    version: Literal[1] = Field(1, description="version of this file format")
    name: Name = Field("chain", description="name of the chain; refs of its artifacts begin with it")
    title: dict[Literal["en", "zh"], str] = Field({}, description="what the chain does, in both languages")
    params: dict[Name, Any] = Field({}, description="values that may be given on the command line; used as ${name}")
    services: dict[Name, ServiceRecipe] = Field({}, description="programs the steps need, by name")
    steps: dict[Name, StepRecipe] = Field(min_length=1, description="the steps, by name, in any order")
    results: dict[Name, str] = Field(
        {}, description="what to show at the end: name: STEP (its file or folder) or STEP.KEY of its summary"
    )
