"""Optional dependencies: say which extra is missing and how to get it, before anything half works."""

from __future__ import annotations

import importlib
import importlib.util
from types import ModuleType

from lianlu.core.errors import UsageError

__all__ = ["need", "pip_command", "require"]


def pip_command(extra: str) -> str:
    return f"pip install 'lianlu[{extra}]'"


def require(module: str, extra: str) -> ModuleType:
    """Import `module`, which the extra brings.

    Raises:
        UsageError: extra.missing, with the pip command
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        root = module.split(".", 1)[0]
        if importlib.util.find_spec(root) is not None and error.name != root:
            raise
        raise UsageError("extra.missing", need=root, extra=extra, command=pip_command(extra)) from error


def need(extra: str, *modules: str) -> None:
    """Say that an extra is missing before anything is begun; nothing is imported.

    Raises:
        UsageError: extra.missing, with the pip command
    """
    for module in modules:
        if importlib.util.find_spec(module) is None:
            raise UsageError("extra.missing", need=module, extra=extra, command=pip_command(extra))
