"""From a recipe file to an ordered list of steps that fit together. Runs nothing and opens no store.

Every mistake that can be found without running is found here, with file and line, before any work begins.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from lianlu.chain.recipe import ChainRecipe, ServiceRecipe
from lianlu.chain.variables import examples_root, fill
from lianlu.core import registry
from lianlu.core.errors import UsageError
from lianlu.core.i18n import suggest
from lianlu.core.recipe import Tree, check, config_of, read_tree, shipped
from lianlu.core.step import ANY, Step

__all__ = ["RUN_INPUT", "Plan", "PlannedService", "PlannedStep", "Source", "plan_chain", "plan_tree"]

RUN_INPUT = "run"
"""A step that declares the input `run` receives `run.json`: what the run has done so far. It enters no cache key."""


@dataclass(frozen=True)
class Source:
    """Where an input comes from: an output of a step, or an artifact that is in the store already."""

    step: str = ""
    output: str = ""
    ref: str = ""


@dataclass(frozen=True)
class PlannedStep:
    name: str
    step: Step
    recipe: BaseModel
    inputs: Mapping[str, Source]
    services: tuple[str, ...]
    isolate: bool


@dataclass(frozen=True)
class PlannedService:
    name: str
    recipe: ServiceRecipe
    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def command(self) -> list[str]:
        return [part.replace("{port}", str(self.port)) for part in self.recipe.command]

    @property
    def health(self) -> str:
        return self.recipe.health.replace("{port}", str(self.port))


@dataclass(frozen=True)
class Plan:
    """A chain whose steps fit together, in an order in which they can run."""

    recipe: ChainRecipe
    steps: tuple[PlannedStep, ...]
    services: Mapping[str, PlannedService]
    tree: Tree


def plan_chain(name_or_path: str, overrides: Sequence[str] = ()) -> Plan:
    """Read a chain file or a shipped recipe by name. A recipe of a single step becomes a chain of that step.

    An override whose first key is a parameter sets the parameter: `documents=folder`.

    Raises:
        UsageError: recipe.unknown-name, any recipe.*, chain.* that says what does not fit and where
    """
    path = Path(name_or_path)
    if not path.is_file():
        found = shipped().get(name_or_path)
        if found is None and (path.suffix or "/" in name_or_path):
            raise UsageError("file.missing", path=name_or_path)
        if found is None:
            raise UsageError("recipe.unknown-name", name=name_or_path, suggestion=suggest(name_or_path, shipped()))
        path = found
    params = read_tree(path).values.get("params")
    known = set(params) if isinstance(params, dict) else set[str]()
    pointed = [f"params.{each}" if each.split("=")[0].split(".")[0] in known else each for each in overrides]
    return plan_tree(read_tree(path, pointed), recipe_folder=path.parent)


def plan_tree(tree: Tree, *, recipe_folder: Path | None = None) -> Plan:
    """The same for a tree at hand."""
    tree = _as_chain(tree)
    recipe = check(tree, ChainRecipe, "chain")
    services = {name: _service(name, each) for name, each in recipe.services.items()}
    places = {"examples": str(examples_root()), "recipe": str(recipe_folder or Path.cwd())}
    params = fill(Tree(recipe.params, {}, tree.origin), places).values
    values: dict[str, Any] = {**places, **params}
    for name, service in services.items():
        values |= {f"services.{name}.url": service.url, f"services.{name}.port": service.port}
    steps = {name: _step(name, recipe, tree, values) for name in recipe.steps}
    for step in steps.values():
        _check_inputs(step, steps, tree)
    _check_results(recipe, steps, tree)
    return Plan(recipe, _in_order(steps, tree), services, tree)


def _as_chain(tree: Tree) -> Tree:
    kind = tree.values.get("kind", "chain")
    if kind == "chain":
        return tree
    config_of(str(kind), tree.at(("kind",)))
    settings = {key: value for key, value in tree.values.items() if key not in ("kind", "version", "title", "name")}
    name = str(tree.values.get("name", str(kind).replace(".", "-")))
    values = {"kind": "chain", "name": name, "steps": {name: {"uses": kind, "with": settings}}}
    places = {("steps", name, "with", *path): place for path, place in tree.places.items() if path}
    return Tree(values, {(): tree.at(()), **places}, tree.origin)


def _service(name: str, recipe: ServiceRecipe) -> PlannedService:
    """Ports are chosen now, so that steps can be told the address; an occupied one is an error before any work."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", recipe.port))
        except OSError:
            raise UsageError("chain.port-in-use", name=name, port=recipe.port) from None
        return PlannedService(name, recipe, listener.getsockname()[1])


def _step(name: str, recipe: ChainRecipe, tree: Tree, values: Mapping[str, Any]) -> PlannedStep:
    written = recipe.steps[name]
    at = ("steps", name)
    if written.uses not in registry.names("step"):
        raise UsageError(
            "recipe.unknown-kind",
            at=tree.at((*at, "uses")),
            kind=written.uses,
            suggestion=suggest(written.uses, registry.names("step")),
        )
    step: Step = registry.find("step", written.uses)
    settings = fill(Tree(written.with_, tree.sub(*at).places, tree.at(at)), values)
    if "with" in tree.values["steps"][name]:
        settings = fill(tree.sub(*at, "with"), values)
    for service in written.services:
        if service not in recipe.services:
            raise UsageError(
                "chain.unknown-service",
                at=tree.at((*at, "services")),
                step=name,
                name=service,
                suggestion=suggest(service, recipe.services),
            )
    inputs = {key: _source(value, recipe, tree, (*at, "inputs", key)) for key, value in written.inputs.items()}
    config = check(settings, step.recipe, written.uses)
    return PlannedStep(name, step, config, inputs, tuple(written.services), written.isolate)


def _source(written: str, recipe: ChainRecipe, tree: Tree, at: tuple[str, ...]) -> Source:
    if written.startswith("@"):
        return Source(ref=written[1:])
    step, _, output = written.partition(".")
    if step not in recipe.steps:
        raise UsageError("chain.unknown-step", at=tree.at(at), name=step, suggestion=suggest(step, recipe.steps))
    return Source(step=step, output=output)


def _check_inputs(planned: PlannedStep, steps: Mapping[str, PlannedStep], tree: Tree) -> None:
    declared = {name.rstrip("?"): kind for name, kind in planned.step.inputs.items()}
    for name, source in planned.inputs.items():
        at = tree.at(("steps", planned.name, "inputs", name))
        if name not in declared and ANY not in declared:
            raise UsageError(
                "chain.unknown-input", at=at, step=planned.name, name=name, suggestion=suggest(name, declared)
            )
        if source.step:
            given = _kind_of(source, steps[source.step], at)
            wanted = declared.get(name, ANY)
            if wanted not in (ANY, given):
                raise UsageError(
                    "chain.wrong-kind",
                    at=at,
                    name=name,
                    step=planned.name,
                    wanted=wanted,
                    source=source.step,
                    given=given,
                )
    for name, kind in planned.step.inputs.items():
        if name not in planned.inputs and not name.endswith("?") and name not in (ANY, RUN_INPUT):
            at = tree.at(("steps", planned.name))
            uses = planned.step.name
            raise UsageError("chain.missing-input", at=at, step=planned.name, uses=uses, name=name, kind=kind)


def _kind_of(source: Source, maker: PlannedStep, at: str) -> str:
    outputs = maker.step.outputs
    name = source.output or (next(iter(outputs)) if len(outputs) == 1 else "")
    if name not in outputs:
        raise UsageError(
            "chain.which-output",
            at=at,
            name=maker.name,
            outputs=", ".join(outputs),
            wanted=name,
            example=next(iter(outputs)),
        )
    return outputs[name]


def _check_results(recipe: ChainRecipe, steps: Mapping[str, PlannedStep], tree: Tree) -> None:
    for name, target in recipe.results.items():
        if target.split(".")[0] not in steps:
            at = tree.at(("results", name))
            raise UsageError("chain.unknown-result", at=at, name=name, target=target, known=", ".join(steps))


def _in_order(steps: Mapping[str, PlannedStep], tree: Tree) -> tuple[PlannedStep, ...]:
    """Topological order that keeps the order of the file where it can."""
    ordered: list[PlannedStep] = []
    waiting = dict(steps)
    while waiting:
        ready = [
            name for name, each in waiting.items() if not any(source.step in waiting for source in each.inputs.values())
        ]
        if not ready:
            raise UsageError("chain.loop", at=tree.at(("steps",)), steps=", ".join(waiting))
        ordered.append(waiting.pop(ready[0]))
    return tuple(ordered)
