"""Everything built in can be imported and is what its group says."""

from __future__ import annotations

import inspect
from typing import Any

import pytest
from pydantic import BaseModel

from lianlu.builtins import BUILTINS
from lianlu.core.recipe import config_of
from lianlu.core.registry import load_target
from lianlu.core.step import ANY
from lianlu.records import ARTIFACT_KINDS
from reference import GROUPS

EVERY = [(group, name) for group, table in BUILTINS.items() for name in table]
STEPS = list(BUILTINS["step"])


def loaded(group: str, name: str) -> Any:
    return load_target(BUILTINS[group][name])


def shape(function: Any) -> list[tuple[str, Any]]:
    return [(each.name, each.kind) for each in inspect.signature(function).parameters.values() if each.name != "self"]


def test_every_group_has_its_protocol_and_its_docs() -> None:
    assert set(GROUPS) == set(BUILTINS)


@pytest.mark.parametrize(("group", "name"), EVERY, ids=lambda value: value)
def test_a_built_in_fits_the_protocol_of_its_group(group: str, name: str) -> None:
    found = loaded(group, name)
    protocol = load_target(GROUPS[group].protocol)
    if issubclass(protocol, BaseModel):
        assert issubclass(found, protocol)
    elif "__call__" in vars(protocol):
        assert shape(found) == shape(vars(protocol)["__call__"])
    else:
        assert isinstance(found, protocol)
        methods = [each for each, member in vars(protocol).items() if inspect.isfunction(member) and each[0] != "_"]
        assert [each for each in methods if shape(getattr(found, each)) != shape(getattr(protocol, each))] == []


@pytest.mark.parametrize("name", STEPS)
def test_a_step_declares_what_it_takes_and_makes(name: str) -> None:
    step = loaded("step", name)
    kinds = {
        *ARTIFACT_KINDS,
        ANY,
        "run",
    }  # `run` is what a chain tells of itself: no artifact, but an input of `report`
    assert (step.name, step.version >= 1) == (name, True)
    assert {kind for each in (*step.inputs.values(), *step.outputs.values()) for kind in each.split("|")} <= kinds
    assert set(step.found_in) <= set(BUILTINS)


@pytest.mark.parametrize("kind", sorted({*BUILTINS["recipe"], *STEPS}))
def test_every_key_of_a_recipe_is_described_and_no_other_is_taken(kind: str) -> None:
    loaded("recipe" if kind in BUILTINS["recipe"] else "step", kind)
    waiting, seen = [config_of(kind)], set[type[BaseModel]]()
    while waiting:
        model = waiting.pop()
        seen.add(model)
        assert model.model_config.get("extra") == "forbid", model
        assert model.model_config.get("frozen"), model
        assert [key for key, field in model.model_fields.items() if not field.description] == []
        inner = {each for field in model.model_fields.values() for each in models_in(field.annotation)}
        waiting.extend(inner - seen)


def models_in(annotation: Any) -> set[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return {annotation}
    return {found for each in getattr(annotation, "__args__", ()) for found in models_in(each)}
