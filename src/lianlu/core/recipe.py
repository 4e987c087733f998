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
from types import UnionType
from typing import TYPE_CHECKING, Any, TypeVar, Union, cast

from pydantic import BaseModel, ConfigDict, ValidationError

from lianlu.core import registry
from lianlu.core.errors import LimitError, UsageError
from lianlu.core.i18n import Text, suggest

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo
    from pydantic_core import ErrorDetails

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
]

COMMAND_LINE = "command line"
_MOST_BYTES = 1 << 20
_MOST_VALUES = 100_000
_DEEPEST = 64
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
    resolved = Path(os.path.realpath(path))
    if resolved in seen:
        raise UsageError("recipe.extends-loop", at=str(seen[-1]), path=str(path))
    tree = _parse(_read_text(path), str(path))
    base = tree.values.pop("extends", None)
    if base is None:
        return tree
    if not isinstance(base, str) or not base or "\0" in base:
        raise _bad_value(tree, ("extends",), base, Text("the path of another recipe", "应为另一个配方的路径"), "recipe")
    below = _read_extended(path.parent / base, (*seen, resolved))
    return Tree(_merge(below.values, tree.values), {**below.places, **tree.places}, tree.origin)


def _read_text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(_MOST_BYTES + 1)
    except FileNotFoundError:
        raise UsageError("file.missing", path=str(path)) from None
    except OSError as error:
        raise UsageError("file.unreadable", path=str(path), why=error.strerror or str(error)) from None
    if len(content) > _MOST_BYTES:
        raise LimitError("recipe.too-large", at=str(path), limit=f"{_MOST_BYTES:,} bytes")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise UsageError("recipe.not-yaml", at=f"{path}:{line}", why="not UTF-8 text") from None


def _parse(text: str, origin: str) -> Tree:
    places: dict[KeyPath, str] = {(): f"{origin}:1"}
    values = _Reading(origin, places).plain(_compose(text, origin))
    if values is None:
        values = {}
    if not isinstance(values, dict):
        raise UsageError("recipe.not-a-map", at=f"{origin}:1", found=type(values).__name__)
    return Tree(values, places, origin)


def _compose(text: str, origin: str) -> Any:
    """The node graph of one YAML document; values are made from it by `_Reading`."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    try:
        return YAML(typ="safe", pure=True).compose(StringIO(text))
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        at = f"{origin}:{mark.line + 1}" if mark else origin
        raise UsageError("recipe.not-yaml", at=at, why=error.problem or str(error)) from None
    except (YAMLError, ValueError) as error:
        raise UsageError("recipe.not-yaml", at=origin, why=str(error).splitlines()[0]) from None
    except RecursionError:
        raise UsageError("recipe.not-yaml", at=origin, why="nested too deeply") from None


class _Reading:
    """Make plain Python values of YAML nodes, noting the line of every key and item.

    Done by hand rather than by a YAML constructor, because a recipe is JSON in spirit: dates stay as they were written,
    keys are text, tags are refused, and a bomb of aliases ends at a count instead of filling the memory.
    """

    def __init__(self, origin: str, places: dict[KeyPath, str]) -> None:
        self._origin = origin
        self._places = places
        self._values = 0

    def plain(self, node: Any, path: KeyPath = ()) -> Any:
        if node is None:
            return None
        self._values += 1
        if self._values > _MOST_VALUES:
            raise LimitError("recipe.too-large", at=self._origin, limit=f"{_MOST_VALUES:,} values, aliases included")
        if len(path) > _DEEPEST:
            raise self._refused(node, "nested too deeply")
        if node.id == "mapping":
            return self._map(node, path)
        if node.id == "sequence":
            return [self._item(each, (*path, index)) for index, each in enumerate(node.value)]
        return self._scalar(node)

    def _item(self, node: Any, path: KeyPath) -> Any:
        self._places[path] = self._line(node)
        return self.plain(node, path)

    def _map(self, node: Any, path: KeyPath) -> dict[str, Any]:
        written: dict[str, Any] = {}
        merged: dict[str, Any] = {}
        for key, value in node.value:
            if str(key.tag).endswith(":merge"):
                merged |= self._merged(value, path)
                continue
            name = self._name(key)
            if name in written:
                raise UsageError("recipe.duplicate-key", at=self._line(key), key=name)
            written[name] = self.plain(value, (*path, name))
            self._places[(*path, name)] = self._line(key)
        return merged | written

    def _name(self, key: Any) -> str:
        if key.id != "scalar":
            raise self._refused(key, "a key must be text")
        try:
            return _characters(key.value)
        except ValueError:
            raise self._refused(key, f"{key.value!r} is not text") from None

    def _merged(self, node: Any, path: KeyPath) -> dict[str, Any]:
        """What `<<: *anchor` brings, the first of several anchors winning."""
        bases = node.value if node.id == "sequence" else [node]
        found: dict[str, Any] = {}
        for base in reversed(bases):
            if base.id != "mapping":
                raise self._refused(base, "`<<` takes maps only")
            found |= self.plain(base, path)
        return found

    def _scalar(self, node: Any) -> Any:
        kind = str(node.tag).rpartition(":")[2]
        text = str(node.value)
        try:
            text = _characters(text)
            if kind in ("str", "timestamp"):
                return text
            if kind == "null":
                return None
            if kind == "bool":
                return text.lower() in ("true", "yes", "on")
            if kind in ("int", "float"):
                return _number(text, kind)
        except ValueError:
            raise self._refused(node, f"{text[:40]!r} cannot be read as {kind}") from None
        raise self._refused(node, f"the tag {node.tag} is not known")

    def _line(self, node: Any) -> str:
        return f"{self._origin}:{node.start_mark.line + 1}"

    def _refused(self, node: Any, why: str) -> UsageError:
        return UsageError("recipe.not-yaml", at=self._line(node), why=why)


def _characters(text: str) -> str:
    """JSON writes one character as two halves (`\\ud83d\\ude00`); a half alone is a ValueError: nothing could write it."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16")


def _number(text: str, kind: str) -> int | float:
    text = text.lower().replace("_", "")
    if kind == "int":
        return int(text, 0) if text.lstrip("+-").startswith(("0x", "0o", "0b")) else int(text)
    return float(text.replace(".inf", "inf").replace(".nan", "nan"))


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
    """Read a value from the command line or the environment.

    Numbers, true, false, null, quoted text, [lists] and {maps} are read as YAML would; anything else is the text itself:
    a question with a colon or a `#` in it must arrive as it was typed.
    """
    bare = text.strip()
    try:
        value = _Reading(COMMAND_LINE, {}).plain(_compose(bare, COMMAND_LINE))
    except UsageError:
        return text
    if isinstance(value, bool | int | float) or bare.lower() in ("null", "~") or bare[:1] in ("[", "{", '"', "'"):
        return value
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
        if isinstance(node, dict) and step not in node:
            node[step] = {}
            places[path] = COMMAND_LINE
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
    if isinstance(node, list) and key.isdecimal() and int(key) < len(cast("list[Any]", node)):
        return int(key)
    raise UsageError("recipe.bad-override", override=override)


def _bad_value(tree: Tree, path: KeyPath, value: Any, expected: Text, recipe: str) -> UsageError:
    shown = repr(value) if len(repr(value)) <= 80 else repr(value)[:77] + "…"
    key = ".".join(map(str, path)) or recipe
    return UsageError("recipe.bad-value", at=tree.at(path), key=key, value=shown, expected=expected, recipe=recipe)


def _first_problem(error: ValidationError, tree: Tree, model: type[BaseModel], name: str) -> UsageError:
    def rank(problem: ErrorDetails) -> int:
        """An unknown key first: a misspelt required key is reported twice, and the misspelling is the cause."""
        if problem["type"] == "extra_forbidden":
            *above, key = _path_in(tree.values, problem["loc"])
            return 0 if key not in _fields_at(model, tuple(above)) else 3  # 3: known to another member of a union
        return 2 if problem["type"] == "missing" else 1

    problem = min(error.errors(), key=rank)
    path = _path_in(tree.values, problem["loc"])
    shown = ".".join(map(str, path))
    if problem["type"] == "extra_forbidden":
        inside = name if len(path) == 1 else f"{name}.{'.'.join(map(str, path[:-1]))}"
        suggestion = suggest(str(path[-1]), _fields_at(model, path[:-1]))
        return UsageError(
            "recipe.unknown-key", at=tree.at(path), recipe=inside, key=str(path[-1]), suggestion=suggestion
        )
    if problem["type"] == "missing":
        found = _fields_at(model, path[:-1]).get(str(path[-1]))
        expected = (found.description if found else "") or str(problem["msg"])
        return UsageError("recipe.missing-key", at=tree.at(path), recipe=name, key=shown, expected=expected)
    expected = Text(str(problem["msg"]), f"不符合要求（{problem['msg']}）")
    return _bad_value(tree, path, problem["input"], expected, name)


def _path_in(values: Any, location: tuple[str | int, ...]) -> KeyPath:
    """pydantic's location without the parts that name no key: classes of a union, `[key]`, function names."""
    path: KeyPath = ()
    node = values
    for place, part in enumerate(location):
        if isinstance(node, dict) and part in node:
            node = cast("dict[Any, Any]", node)[part]
        elif isinstance(node, list) and isinstance(part, int) and part < len(cast("list[Any]", node)):
            node = cast("list[Any]", node)[part]
        elif not (isinstance(node, dict) and place == len(location) - 1 and part != "[key]"):
            continue
        path = (*path, part)
    return path


def _fields_at(model: type[BaseModel], path: KeyPath) -> dict[str, FieldInfo]:
    """The fields of the class (or classes of a union) at a key path, through lists, maps and optional values."""
    annotations: list[Any] = [model]
    for part in path:
        annotations = [below for each in annotations for below in _below(each, part)]
    found: dict[str, FieldInfo] = {}
    for each in (alternative for annotation in annotations for alternative in _alternatives(annotation)):
        if isinstance(each, type) and issubclass(each, BaseModel):
            found = _fields(each) | found
    return found


def _below(annotation: Any, part: str | int) -> list[Any]:
    """The annotations of what stands at `part` inside a value of this annotation."""
    found: list[Any] = []
    for each in _alternatives(annotation):
        inner = getattr(each, "__args__", ())
        if isinstance(each, type) and issubclass(each, BaseModel):
            field = _fields(each).get(str(part))
            found += [field.annotation] if field is not None else []
        elif inner:
            found.append(inner[-1] if isinstance(part, str) or inner[-1] is not ... else inner[0])
    return found


def _alternatives(annotation: Any) -> list[Any]:
    """The members of a union, however deep; anything else is itself."""
    origin = getattr(annotation, "__origin__", None)
    if isinstance(annotation, UnionType) or origin is Union:
        return [below for each in annotation.__args__ for below in _alternatives(each)]
    if hasattr(annotation, "__metadata__"):
        return _alternatives(origin)
    return [annotation]


def _fields(model: type[BaseModel]) -> dict[str, FieldInfo]:
    """The fields by the key they have in a recipe."""
    return {field.alias or name: field for name, field in model.model_fields.items()}
