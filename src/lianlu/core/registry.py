"""Find things by group and name: steps, readers, backends, pages. Knows names, never what they do.

Built-ins stand in one static table (`lianlu.builtins`), so that listing names imports nothing. Entry points
`lianlu.<group>` of other packages are scanned only when a name is not built in. A name claimed twice is an error.
"""

from __future__ import annotations

import importlib
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from lianlu.core.errors import LianluError, UsageError
from lianlu.core.extras import pip_command
from lianlu.core.i18n import Text, suggest

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

__all__ = ["claims", "find", "groups", "load_target", "names"]


def _table() -> dict[str, dict[str, str]]:
    return importlib.import_module("lianlu.builtins").BUILTINS


def _offered() -> dict[str, dict[str, str]]:
    return importlib.import_module("lianlu.builtins").OFFERED_BY_EXTRA


@lru_cache(maxsize=64)
def _plugins(group: str) -> tuple[EntryPoint, ...]:
    from importlib.metadata import entry_points  # a tenth of the start of a command that needs no plug-in

    return tuple(entry_points(group=f"lianlu.{group}"))


def groups() -> tuple[str, ...]:
    return tuple(_table())


def names(group: str) -> list[str]:
    """All names of a group, plug-ins included, sorted."""
    return sorted({*_table().get(group, {}), *(point.name for point in _plugins(group))})


def claims(group: str) -> dict[str, list[str]]:
    """name -> every target that claims it; more than one is what `doctor` warns of."""
    found: dict[str, list[str]] = {name: [target] for name, target in _table().get(group, {}).items()}
    for point in _plugins(group):
        found.setdefault(point.name, []).append(point.value)
    return found


def find(group: str, name: str) -> Any:
    """The thing registered as `name` in `group`, imported now.

    Raises:
        UsageError: registry.unknown-name, with the nearest names or the pip command of the extra that has it;
            registry.claimed-twice; registry.broken-plugin
    """
    target = _table().get(group, {}).get(name)
    if target is not None:
        return load_target(target)
    targets = [point.value for point in _plugins(group) if point.name == name]
    if len(targets) > 1:
        raise UsageError("registry.claimed-twice", group=group, name=name, first=targets[0], second=targets[1])
    if not targets:
        raise _unknown(group, name)
    try:
        return load_target(targets[0])
    except LianluError:
        raise
    except Exception as error:
        raise UsageError(
            "registry.broken-plugin", group=group, name=name, target=targets[0], why=f"{type(error).__name__}: {error}"
        ) from error


def load_target(target: str) -> Any:
    """Import `module:attribute`."""
    module, _, attribute = target.partition(":")
    return getattr(importlib.import_module(module), attribute)


def _unknown(group: str, name: str) -> UsageError:
    extra = _offered().get(group, {}).get(name)
    if extra is not None:
        command = pip_command(extra)
        return UsageError("registry.unknown-name", group=group, name=name, suggestion=Text(command, command))
    return UsageError("registry.unknown-name", group=group, name=name, suggestion=suggest(name, names(group)))
