"""Fill `${name}` in a chain: parameters, places (`${examples}`, `${recipe}`) and `${services.NAME.url}`.

`$${name}` stands for the text `${name}` itself. `${recipe}` is the folder of the file in which it is written, so that a
chain that others extend still finds what lies beside it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lianlu.core.errors import UsageError
from lianlu.core.i18n import suggest
from lianlu.core.recipe import COMMAND_LINE, Tree

__all__ = ["Beside", "examples_root", "fill"]

_VARIABLE = re.compile(r"\$(?P<quoted>\$)?\{(?P<name>[A-Za-z_][A-Za-z0-9_.-]*)\}")


@dataclass(frozen=True)
class Beside:
    """A variable's value: the folder of the file that uses it; `chain` for what is typed on the command line."""

    chain: Path

    def folder(self, place: str) -> str:
        """`place` is `file:line`, as a Tree says it."""
        return str(self.chain if place == COMMAND_LINE else Path(place.rpartition(":")[0]).parent)


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

    def look_up(match: re.Match[str]) -> Any:
        name = match["name"]
        if match["quoted"]:
            return match[0][1:]
        if name not in values:
            raise UsageError("chain.unknown-variable", at=tree.at(path), name=name, suggestion=suggest(name, values))
        found = values[name]
        return found.folder(tree.at(path)) if isinstance(found, Beside) else found

    whole = _VARIABLE.fullmatch(value)
    return look_up(whole) if whole else _VARIABLE.sub(lambda match: str(look_up(match)), value)


def examples_root() -> Path:
    """The examples shipped in the package, or those of the source checkout."""
    package = Path(__file__).resolve().parents[1]
    shipped = package / "_examples"
    return shipped if shipped.is_dir() else package.parents[1] / "examples"
