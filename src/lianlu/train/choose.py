"""Which step with which recipe a command line means: a recipe file, flags on top, or flags alone. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lianlu.core import registry
from lianlu.core.errors import UsageError
from lianlu.core.recipe import Recipe, Tree, check, parse_tree, read_tree, shipped
from lianlu.core.step import Step
from lianlu.train.from_xtuner import refuse_config

__all__ = ["METHODS", "OBJECTIVES", "STEPS", "Chosen", "choose"]

OBJECTIVES = ("sft", "pretrain", "dpo", "orpo", "simpo", "kto", "reward")
STEPS = (*(f"train.{each}" for each in OBJECTIVES), "train.lora", "train.tokenizer")
_FILE_KEYS = ("kind", "version", "title", "name")
_FROZEN = {"train_layers": 2}
_ADAPTERS: dict[str, dict[str, Any]] = {
    "lora": {},
    "qlora": {"quantize": "nf4"},
    "dora": {"variant": "dora"},
    "rslora": {"variant": "rslora"},
    "lora+": {"b_rate": 16},
}
METHODS = ("full", "freeze", *_ADAPTERS)


@dataclass(frozen=True)
class Chosen:
    """What is run, and a name for it."""

    step: Step
    recipe: Recipe
    name: str


def choose(
    given: tuple[str, ...], flags: Mapping[str, Any], *, objective: str | None = None, method: str | None = None
) -> Chosen:
    """From `[RECIPE] [KEY=VALUE]...` and flags; what a flag says is stronger than the file, `key=value` than a method.

    Raises:
        UsageError: recipe.*, train.nothing-named, train.not-a-training, train.no-such-method, train.xtuner-config,
            file.missing
    """
    files = [each for each in given if "=" not in each]
    overrides = [each for each in given if "=" in each]
    if len(files) > 1:
        raise UsageError("recipe.bad-override", override=files[1])
    if not files and not flags.get("data") and not overrides:
        raise UsageError("train.nothing-named")
    if files:
        refuse_config(Path(files[0]))
    tree = read_tree(_path_of(files[0]), overrides) if files else parse_tree("{}", "--data", overrides)
    values = {**tree.values, **{key: value for key, value in flags.items() if value is not None}}
    kind = str(values.get("kind", "train.sft"))
    if kind not in STEPS:
        raise UsageError("train.not-a-training", at=tree.at(("kind",)), kind=kind, known=", ".join(STEPS))
    kind, values = _applied(kind, values, objective, method)
    step: Step = registry.find("step", kind)
    own = {key: value for key, value in values.items() if key not in _FILE_KEYS}
    settings = check(Tree(own, tree.places, tree.origin), step.recipe, kind)
    assert isinstance(settings, Recipe)
    named = files[0] if files else next(iter(settings.model_dump().get("data", [])), "model")
    return Chosen(step, settings, str(values.get("name") or Path(named).resolve().stem))


def _applied(
    kind: str, values: dict[str, Any], objective: str | None, method: str | None
) -> tuple[str, dict[str, Any]]:
    """Kind and keys with the objective and the method that flags name."""
    is_adapter = (method in _ADAPTERS) if method is not None else kind == "train.lora"
    before = str(values.get("objective", "sft")) if kind == "train.lora" else kind.removeprefix("train.")
    wanted = objective or before
    if not is_adapter:
        own = {key: value for key, value in values.items() if key != "objective" or kind != "train.lora"}
        extra = _FROZEN if method == "freeze" else {}
        return (kind if wanted == "tokenizer" else f"train.{wanted}"), {**extra, **own}
    if wanted in ("reward", "tokenizer"):
        raise UsageError("train.no-such-method", method=method or "lora", objective=wanted)
    extra = _ADAPTERS[method] if method is not None else {}
    return "train.lora", {**extra, **values, "objective": wanted}


def _path_of(name: str) -> Path:
    path = Path(name)
    return path if path.exists() else shipped().get(name.removesuffix(".yaml"), path)
