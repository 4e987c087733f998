"""Fill `${name}` in a chain: parameters, places (`${examples}`, `${recipe}`) and `${services.NAME.url}`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lianlu.core.errors import UsageError
from lianlu.core.i18n import suggest
from lianlu.core.recipe import Tree

__all__ = ["examples_root", "fill"]

_VARIABLE = re.compile(r"\$\{(?P<name>[A-Za-z_][A-Za-z0-9_.-]*)\}")


def fill(tree: Tree, values: Mapping[str, Any]) -> Tree:
    """Replace variables in all values of a tree. A value that is one variable takes its type; inside text it is written out.

    Raises:
        UsageError: chain.unknown-variable, naming file and line
    """
    return Tree(_filled(tree.values, (), tree, values), tree.places, tree.origin)


def _filled(value: Any, path: tuple[str | int, ...], tree: Tree, values: Mapping[str, Any]) -> Any:
    if isinstance(value, dict):
        return {key: _filled(each, (*path, key), tree, values) for key, each in value.items()}
    if isinstance(value, list):
        return [_filled(each, (*path, index), tree, values) for index, each in enumerate(value)]
    if not isinstance(value, str):
        return value

    def look_up(name: str) -> Any:
        if name not in values:
            raise UsageError("chain.unknown-variable", at=tree.at(path), name=name, suggestion=suggest(name, values))
        return values[name]

    whole = _VARIABLE.fullmatch(value)
    if whole:
        return look_up(whole["name"])
    return _VARIABLE.sub(lambda match: str(look_up(match["name"])), value)


def examples_root() -> Path:
    """The examples shipped in the package, or those of the source checkout."""
    package = Path(__file__).resolve().parents[1]
    shipped = package / "_examples"
    return shipped if shipped.is_dir() else package.parents[1] / "examples"
