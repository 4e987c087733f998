"""From a recipe file to an ordered list of steps that fit together. Runs nothing and opens no store.

Every mistake that can be found without running is found here, with file and line, before any work begins.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from lianlu.chain.recipe import ChainRecipe, ServiceRecipe
from lianlu.chain.variables import Beside, examples_root, fill
from lianlu.core import registry
from lianlu.core.errors import UsageError
from lianlu.core.i18n import suggest
from lianlu.core.recipe import COMMAND_LINE, Tree, check, config_of, read_tree, shipped
from lianlu.core.step import ANY, Step

__all__ = [
    "RUN_INPUT",
    "Plan",
    "PlannedService",
    "PlannedStep",
    "Source",
    "check_kind",
    "needed_by",
    "plan_chain",
    "plan_tree",
]

RUN_INPUT = "run"
"""A step that declares the input `run` receives `run.json`: what the run has done so far. It enters no cache key."""
_HEAD = ("kind", "version", "title", "name")  # what any recipe file may say besides the settings of its step
_TAKEN_RESULTS = ("chain", "run", "seconds", "steps", "store")  # what the JSON of a run says of itself


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
    """A service with its port.

    Attributes:
        identity: its recipe without the paths of this machine, as cache keys have it.
        inputs: where the artifacts come from that it works with.
        artifacts: their ids by name of input, known once the steps that make them are done.
    """

    name: str
    recipe: ServiceRecipe
    identity: ServiceRecipe
    port: int
    inputs: Mapping[str, Source] = field(default_factory=dict[str, Source])
    artifacts: Mapping[str, str] = field(default_factory=dict[str, str])

    def with_artifacts(self, ids: Mapping[str, str]) -> PlannedService:
        """The same with its artifacts known."""
        return replace(self, artifacts=dict(ids))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def command(self) -> list[str]:
        return [self._with_artifacts(self._with_port(part)) for part in self.recipe.command]

    @property
    def health(self) -> str:
        return self._with_port(self.recipe.health)

    @property
    def environment(self) -> dict[str, str]:
        return {name: self._with_port(value) for name, value in self.recipe.env.items()}

    def _with_port(self, text: str) -> str:
        return text.replace("{port}", str(self.port))

    def _with_artifacts(self, text: str) -> str:
        for name, artifact_id in self.artifacts.items():
            text = text.replace(f"{{inputs.{name}}}", f"@{artifact_id}")
        return text


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
        UsageError: file.missing, recipe.unknown-name, any recipe.*, chain.* that says what does not fit and where
    """
    path = _found(name_or_path)
    written = read_tree(path)
    return plan_tree(read_tree(path, [_pointed(override, written) for override in overrides]))


def plan_tree(tree: Tree) -> Plan:
    """The same for a tree at hand."""
    tree = _as_chain(tree)
    recipe = check(tree, ChainRecipe, "chain")
    values = _parameters(tree, {"examples": str(examples_root()), "recipe": Beside(Path(tree.origin).parent)})
    services = _services(recipe, tree, values)
    for name, service in services.items():
        values |= {f"services.{name}.url": service.url, f"services.{name}.port": service.port}
    steps = {name: _step(name, recipe, tree, values) for name in recipe.steps}
    for step in steps.values():
        _check_inputs(step, steps, tree)
    _check_service_inputs(services, steps, tree)
    _check_results(recipe, steps, tree)
    return Plan(recipe, _in_order(steps, services, tree), services, tree)


def _found(name_or_path: str) -> Path:
    path = Path(name_or_path)
    if path.is_file():
        return path
    known = shipped()
    if name_or_path in known:
        return known[name_or_path]
    if name_or_path and (path.exists() or path.suffix or "/" in name_or_path):
        return path  # reading it says what is wrong
    raise UsageError("recipe.unknown-name", name=name_or_path, suggestion=suggest(name_or_path, known))


def _pointed(override: str, written: Tree) -> str:
    """The override with the full path of a parameter. What would set nothing that the chain reads is refused."""
    if "=" not in override or written.values.get("kind", "chain") != "chain":
        return override
    params, steps = _names(written, "params"), _names(written, "steps")
    first, second, *_ = [*(key.strip() for key in override.partition("=")[0].split(".")), ""]
    if first in params:
        return f"params.{override.lstrip()}"
    if first == "steps" and second and second not in steps:
        raise UsageError("chain.unknown-step", at=COMMAND_LINE, name=second, suggestion=suggest(second, steps))
    name, known = (second, params) if first == "params" and second else (first, list(ChainRecipe.model_fields))
    if name and name not in known:
        raise UsageError("chain.unknown-parameter", name=name, suggestion=suggest(name, params))
    return override


def _names(tree: Tree, key: str) -> list[str]:
    found = tree.values.get(key)
    return list(found) if isinstance(found, dict) else []


def _as_chain(tree: Tree) -> Tree:
    """A recipe of one step becomes a chain whose results are all that the step makes."""
    kind = tree.values.get("kind", "chain")
    if kind == "chain":
        return tree
    fields = config_of(str(kind), tree.at(("kind",))).model_fields
    head = {key: value for key, value in tree.values.items() if key in _HEAD and key not in fields}
    settings = {key: value for key, value in tree.values.items() if key not in head}
    name = str(head.get("name", str(kind).replace(".", "-")))
    outputs: Mapping[str, str] = registry.find("step", str(kind)).outputs
    values = {
        "kind": "chain",
        "version": head.get("version", 1),
        "name": name,
        "steps": {name: {"uses": kind, "with": settings}},
        "results": {output: f"{name}.{output}" if len(outputs) > 1 else name for output in outputs},
    }
    places = {("steps", name, "with", *path): place for path, place in tree.places.items() if path}
    own = {(key,): tree.at((key,)) for key in head}
    return Tree(values, {(): tree.at(()), **own, **places}, tree.origin)


def _parameters(tree: Tree, places: Mapping[str, Any]) -> dict[str, Any]:
    """What `${name}` stands for. A parameter may use the places and the parameters above it."""
    values = dict(places)
    if "params" in tree.values:
        params = tree.sub("params")
        for name, value in params.values.items():
            values |= fill(Tree({name: value}, params.places, params.origin), values).values
    return values


def _services(recipe: ChainRecipe, tree: Tree, values: Mapping[str, Any]) -> dict[str, PlannedService]:
    """Ports are chosen now, so that steps can be told the address."""
    by_name = _parameters(tree, {name: f"${{{name}}}" for name in ("examples", "recipe")})
    planned: dict[str, PlannedService] = {}
    for name, written in recipe.services.items():
        below = tree.sub("services", name)
        filled, identity = (check(fill(below, each), ServiceRecipe, "chain") for each in (values, by_name))
        taken = [service.port for service in planned.values()]
        if written.port in taken:
            raise UsageError("chain.port-in-use", name=name, port=written.port)
        at = ("services", name, "inputs")
        inputs = {key: _source(value, recipe, tree, (*at, key)) for key, value in written.inputs.items()}
        planned[name] = PlannedService(name, filled, identity, written.port or _free_port(taken), inputs)
    return planned


def _free_port(taken: Sequence[int]) -> int:
    while True:
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            port: int = listener.getsockname()[1]
        if port not in taken:
            return port


def _step(name: str, recipe: ChainRecipe, tree: Tree, values: Mapping[str, Any]) -> PlannedStep:
    written = recipe.steps[name]
    at = ("steps", name)
    step = _kind(written.uses, tree.at((*at, "uses")))
    below = tree.sub(*at)
    settings = fill(below.sub("with") if "with" in below.values else Tree({}, {}, tree.at(at)), values)
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


def _kind(name: str, at: str) -> Step:
    try:
        return registry.find("step", name)
    except UsageError as error:
        if error.code != "registry.unknown-name":
            raise
        raise UsageError("recipe.unknown-kind", at=at, kind=name, suggestion=error.facts["suggestion"]) from None


def _source(written: str, recipe: ChainRecipe, tree: Tree, at: tuple[str, ...]) -> Source:
    if written.startswith("@") and len(written) > 1:
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
            check_kind(planned, name, _kind_of(source, steps[source.step], at), at)
    for name, kind in planned.step.inputs.items():
        if name not in planned.inputs and not name.endswith("?") and name not in (ANY, RUN_INPUT):
            at = tree.at(("steps", planned.name))
            uses = planned.step.name
            raise UsageError("chain.missing-input", at=at, step=planned.name, uses=uses, name=name, kind=kind)


def _check_service_inputs(services: Mapping[str, PlannedService], steps: Mapping[str, PlannedStep], tree: Tree) -> None:
    for name, service in services.items():
        for key, source in service.inputs.items():
            if source.step:
                _kind_of(source, steps[source.step], tree.at(("services", name, "inputs", key)))


def check_kind(planned: PlannedStep, name: str, given: str, at: str) -> None:
    """Whether an input takes an artifact of this kind.

    Raises:
        UsageError: chain.wrong-kind
    """
    wanted = next((kind for key, kind in planned.step.inputs.items() if key.rstrip("?") == name), ANY)
    if wanted not in (ANY, given):
        source = planned.inputs[name]
        raise UsageError(
            "chain.wrong-kind",
            at=at,
            name=name,
            step=planned.name,
            wanted=wanted,
            source=source.step or f"@{source.ref}",
            given=given,
        )


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
    """What can be told before any work; whether a summary has a key is known when its step is done."""
    for name, target in recipe.results.items():
        at = tree.at(("results", name))
        step, _, key = target.partition(".")
        if name in _TAKEN_RESULTS:
            raise UsageError("chain.taken-result", at=at, name=name, taken=", ".join(_TAKEN_RESULTS))
        if step not in steps:
            raise UsageError("chain.unknown-result", at=at, name=name, target=target, known=", ".join(steps))
        if not key:
            _kind_of(Source(step=step), steps[step], at)


def needed_by(planned: PlannedStep, services: Mapping[str, PlannedService]) -> list[Source]:
    """What must be there before a step can run: its inputs, and what its services work with."""
    behind = [source for name in planned.services for source in services[name].inputs.values()]
    return [*planned.inputs.values(), *behind]


def _in_order(
    steps: Mapping[str, PlannedStep], services: Mapping[str, PlannedService], tree: Tree
) -> tuple[PlannedStep, ...]:
    """Topological order that keeps the order of the file where it can."""
    needed = {name: [source.step for source in needed_by(each, services)] for name, each in steps.items()}
    ordered: list[PlannedStep] = []
    waiting = dict(steps)
    while waiting:
        ready = next((name for name in waiting if _next_needed(needed[name], waiting) is None), None)
        if ready is None:
            loop = _loop(waiting, needed)
            raise UsageError("chain.loop", at=tree.at(("steps", loop[0])), steps=" → ".join(loop))
        ordered.append(waiting.pop(ready))
    return tuple(ordered)


def _next_needed(needed: Sequence[str], waiting: Mapping[str, PlannedStep]) -> str | None:
    return next((step for step in needed if step in waiting), None)


def _loop(waiting: Mapping[str, PlannedStep], needed: Mapping[str, Sequence[str]]) -> list[str]:
    """Steps that need each other, the first one again at the end."""
    walked: list[str] = []
    name: str | None = next(iter(waiting))
    while name is not None and name not in walked:
        walked.append(name)
        name = _next_needed(needed[name], waiting)
    assert name is not None, "a step that needs none of the waiting would have been ready"
    return [*walked[walked.index(name) :], name]
