"""Recipes: YAML files that say what to do, checked against one schema, with errors that name the line.

Reads YAML 1.2 (`1e-4` is a number), refuses duplicate keys, merges `extends:`, fills `${env:NAME:default}`, applies
dotted overrides, and remembers for every key where it was written. Knows no step: a kind is looked up in the registry.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from typing import Any, TypeVar, cast

from pydantic import BaseModel, ConfigDict, ValidationError

from lianlu.core import registry
from lianlu.core.errors import UsageError
from lianlu.core.i18n import Text, suggest

__all__ = [
    "COMMAND_LINE",
    "Recipe",
    "Tree",
    "check",
    "config_of",
    "kinds",
    "parse_tree",
    "read_tree",
    "recipe_roots",
    "shipped",
    "to_plain",
]

COMMAND_LINE = "command line"
_ENVIRONMENT = re.compile(r"\$\{env:(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::(?P<default>[^}]*))?\}")
KeyPath = tuple[str | int, ...]
RecipeT = TypeVar("RecipeT", bound=BaseModel)


class Recipe(BaseModel):
    """Base of all recipe classes: frozen, unknown keys forbidden. Sub-classes stand beside the step they configure."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=False)


@dataclass(frozen=True)
class Tree:
    """Plain maps, lists and scalars of a recipe file, and where each key was written (`file:line`)."""

    values: dict[str, Any]
    places: dict[KeyPath, str] = field(default_factory=dict)
    origin: str = COMMAND_LINE

    def at(self, path: KeyPath) -> str:
        """The place of a key, else of the nearest key above it."""
        for length in range(len(path), -1, -1):
            place = self.places.get(path[:length])
            if place is not None:
                return place
        return self.origin

    def sub(self, *path: str | int) -> Tree:
        """The part below `path`, which must be a map."""
        values: Any = self.values
        for key in path:
            values = values[key]
        places = {key[len(path) :]: place for key, place in self.places.items() if key[: len(path)] == path}
        return Tree(values, places, self.at(path))


def read_tree(path: Path, overrides: Iterable[str] = (), environment: Mapping[str, str] = os.environ) -> Tree:
    """Read a recipe file with everything it extends, then the environment, then the overrides.

    Raises:
        UsageError: file.missing, file.unreadable, recipe.not-yaml, recipe.not-a-map, recipe.duplicate-key,
            recipe.extends-loop, recipe.env-unset, recipe.bad-override
    """
    return _finish(_read_extended(path, ()), overrides, environment)


def parse_tree(
    text: str, origin: str, overrides: Iterable[str] = (), environment: Mapping[str, str] = os.environ
) -> Tree:
    """The same for YAML text at hand; `origin` stands where the file name would."""
    return _finish(_parse(text, origin), overrides, environment)


def check(tree: Tree, model: type[RecipeT], name: str) -> RecipeT:
    """Build `model` from a tree.

    Args:
        name: what the messages call the recipe (its kind).

    Raises:
        UsageError: recipe.unknown-key, recipe.missing-key, recipe.bad-value; each names file, line, key and what was
            expected. The first one is raised: people mend one thing at a time.
    """
    try:
        return model.model_validate(tree.values)
    except ValidationError as error:
        raise _first_problem(error, tree, model, name) from None


def config_of(kind: str, at: str = COMMAND_LINE) -> type[BaseModel]:
    """The recipe class of a kind: `chain`, or the name of a step.

    Raises:
        UsageError: recipe.unknown-kind
    """
    if kind in registry.names("recipe"):
        return registry.find("recipe", kind)
    if kind in registry.names("step"):
        return registry.find("step", kind).recipe
    raise UsageError("recipe.unknown-kind", at=at, kind=kind, suggestion=suggest(kind, kinds()))


def kinds() -> list[str]:
    return sorted({*registry.names("recipe"), *registry.names("step")})


def recipe_roots() -> list[Path]:
    """Folders with ready recipes: those shipped in the package, or those of the source checkout."""
    package = Path(__file__).resolve().parents[1]
    return [root for root in (package / "_recipes", package.parents[1] / "recipes") if root.is_dir()][:1]


def shipped() -> dict[str, Path]:
    """Ready recipes by name: their path below `recipes/` without the ending."""
    found: dict[str, Path] = {}
    for root in recipe_roots():
        for path in sorted(root.rglob("*.yaml")):
            found[path.relative_to(root).with_suffix("").as_posix()] = path
    return found


def _read_extended(path: Path, seen: tuple[Path, ...]) -> Tree:
    resolved = path.resolve()
    if resolved in seen:
        raise UsageError("recipe.extends-loop", at=str(seen[-1]), path=str(path))
    tree = _parse(_read_text(path), str(path))
    base = tree.values.pop("extends", None)
    if base is None:
        return tree
    if not isinstance(base, str):
        raise _bad_value(tree, ("extends",), base, Text("the path of another recipe", "应为另一个配方的路径"), "recipe")
    below = _read_extended(path.parent / base, (*seen, resolved))
    return Tree(_merge(below.values, tree.values), {**below.places, **tree.places}, tree.origin)


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise UsageError("file.missing", path=str(path)) from None
    except UnicodeDecodeError as error:
        raise UsageError("recipe.not-yaml", at=str(path), why=f"not UTF-8 text: {error.reason}") from None
    except OSError as error:
        raise UsageError("file.unreadable", path=str(path), why=error.strerror or str(error)) from None


def _parse(text: str, origin: str) -> Tree:
    from ruamel.yaml import YAML
    from ruamel.yaml.constructor import DuplicateKeyError
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    try:
        loaded = YAML(typ="rt", pure=True).load(StringIO(text))
    except DuplicateKeyError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        key = re.search(r'duplicate key "?([^"]*)"? with', error.problem or "")
        raise UsageError("recipe.duplicate-key", at=f"{origin}:{line}", key=key.group(1) if key else "?") from None
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        at = f"{origin}:{mark.line + 1}" if mark else origin
        raise UsageError("recipe.not-yaml", at=at, why=error.problem or str(error)) from None
    except (YAMLError, ValueError) as error:
        raise UsageError("recipe.not-yaml", at=origin, why=str(error).splitlines()[0]) from None
    places: dict[KeyPath, str] = {(): f"{origin}:1"}
    values = _plain(loaded, (), places, origin)
    if values is None:
        values = {}
    if not isinstance(values, dict):
        raise UsageError("recipe.not-a-map", at=f"{origin}:1", found=type(values).__name__)
    return Tree(values, places, origin)


def _plain(node: Any, path: KeyPath, places: dict[KeyPath, str], origin: str) -> Any:
    """Plain Python values of a round-trip YAML node, noting the line of every key and item on the way."""
    from ruamel.yaml.comments import CommentedMap, CommentedSeq

    if isinstance(node, CommentedMap):
        result: dict[str, Any] = {}
        for key, value in node.items():
            below = (*path, str(key))
            places[below] = f"{origin}:{node.lc.key(key)[0] + 1}" if key in (node.lc.data or {}) else origin
            result[str(key)] = _plain(value, below, places, origin)
        return result
    if isinstance(node, CommentedSeq):
        items: list[Any] = []
        for index, value in enumerate(node):
            below = (*path, index)
            places[below] = f"{origin}:{node.lc.item(index)[0] + 1}"
            items.append(_plain(value, below, places, origin))
        return items
    return to_plain(node)


def to_plain(scalar: Any) -> Any:
    """A scalar without ruamel's formatting types; dates become text, as JSON has none."""
    if scalar is None or isinstance(scalar, bool):
        return scalar
    for kind in (int, float, str):
        if isinstance(scalar, kind):
            return kind(scalar)
    return str(scalar)


def _merge(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    """Maps merge key by key; anything else is replaced."""
    merged = dict(below)
    for key, value in above.items():
        under = merged.get(key)
        merged[key] = _merge(under, value) if isinstance(under, dict) and isinstance(value, dict) else value
    return merged


def _finish(tree: Tree, overrides: Iterable[str], environment: Mapping[str, str]) -> Tree:
    places = dict(tree.places)
    values = _filled(tree.values, (), tree, environment)
    for override in overrides:
        _override(values, places, override)
    return Tree(values, places, tree.origin)


def _filled(value: Any, path: KeyPath, tree: Tree, environment: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: _filled(each, (*path, key), tree, environment) for key, each in value.items()}
    if isinstance(value, list):
        return [_filled(each, (*path, index), tree, environment) for index, each in enumerate(value)]
    if not isinstance(value, str) or "${env:" not in value:
        return value

    def fill(match: re.Match[str]) -> str:
        name, default = match.group("name", "default")
        if name not in environment and match.start("default") < 0:
            raise UsageError("recipe.env-unset", at=tree.at(path), variable=name)
        return environment.get(name, default)

    whole = _ENVIRONMENT.fullmatch(value)
    text = _ENVIRONMENT.sub(fill, value)
    return _scalar(text) if whole else text


def _scalar(text: str) -> Any:
    """Read a value from the command line or the environment as YAML would; what is not YAML is text."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        return _plain(YAML(typ="rt", pure=True).load(StringIO(text)), (), {}, COMMAND_LINE)
    except (YAMLError, ValueError):
        return text


def _override(values: dict[str, Any], places: dict[KeyPath, str], override: str) -> None:
    name, equals, text = override.partition("=")
    keys = name.strip().split(".")
    if not equals or not all(keys):
        raise UsageError("recipe.bad-override", override=override)
    node: Any = values
    path: KeyPath = ()
    for key in keys[:-1]:
        step = _step_into(node, key, override)
        path = (*path, step)
        if isinstance(node, dict):
            node.setdefault(step, {})
        node = node[step]
    last = _step_into(node, keys[-1], override)
    node[last] = _scalar(text)
    path = (*path, last)
    for known in [known for known in places if known[: len(path)] == path]:
        del places[known]
    places[path] = COMMAND_LINE


def _step_into(node: Any, key: str, override: str) -> str | int:
    """The key as `node` takes it: an index of a list, a name of a map."""
    if isinstance(node, dict):
        return key
    if isinstance(node, list) and key.isdigit() and int(key) < len(cast("list[Any]", node)):
        return int(key)
    raise UsageError("recipe.bad-override", override=override)


def _bad_value(tree: Tree, path: KeyPath, value: Any, expected: Text, recipe: str) -> UsageError:
    shown = repr(value) if len(repr(value)) <= 80 else repr(value)[:77] + "…"
    key = ".".join(map(str, path)) or recipe
    return UsageError("recipe.bad-value", at=tree.at(path), key=key, value=shown, expected=expected, recipe=recipe)


def _first_problem(error: ValidationError, tree: Tree, model: type[BaseModel], name: str) -> UsageError:
    # An unknown key first: a misspelt required key is reported twice, and the misspelling is the cause.
    problems = sorted(error.errors(), key=lambda problem: problem["type"] != "extra_forbidden")
    problem = problems[0]
    path: KeyPath = tuple(part for part in problem["loc"] if _in_tree(part))
    shown = ".".join(map(str, path))
    if problem["type"] == "extra_forbidden":
        owner = _model_at(model, path[:-1]) or model
        inside = name if len(path) == 1 else f"{name}.{'.'.join(map(str, path[:-1]))}"
        suggestion = suggest(str(path[-1]), owner.model_fields)
        return UsageError(
            "recipe.unknown-key", at=tree.at(path), recipe=inside, key=str(path[-1]), suggestion=suggestion
        )
    if problem["type"] == "missing":
        owner = _model_at(model, path[:-1]) or model
        found = owner.model_fields.get(str(path[-1]))
        expected = (found.description if found else "") or str(problem["msg"])
        return UsageError("recipe.missing-key", at=tree.at(path), recipe=name, key=shown, expected=expected)
    expected = Text(str(problem["msg"]), f"不符合要求（{problem['msg']}）")
    return _bad_value(tree, path, problem["input"], expected, name)


def _in_tree(part: str | int) -> bool:
    return not (isinstance(part, str) and (part.startswith("function-") or "[" in part))


def _model_at(model: type[BaseModel], path: KeyPath) -> type[BaseModel] | None:
    """The pydantic class at a key path, through lists, maps and optional values."""
    current: type[BaseModel] | None = model
    pending: Any = None
    for part in path:
        if pending is None:
            if current is None or part not in current.model_fields:
                return None
            pending = current.model_fields[str(part)].annotation
            current = _class_in(pending)
            if current is not None and not _is_container(pending):
                pending = None
        else:  # an index or a key of a map: the class inside is already known
            pending = None
    return current


def _class_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for inner in getattr(annotation, "__args__", ()):
        found = _class_in(inner)
        if found is not None:
            return found
    return None


def _is_container(annotation: Any) -> bool:
    origin = getattr(annotation, "__origin__", None)
    if origin in (list, dict, tuple, set):
        return True
    return any(_is_container(inner) for inner in getattr(annotation, "__args__", ()))
