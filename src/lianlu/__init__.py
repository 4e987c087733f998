"""lianlu (链路): from a team's own files to an assistant it can trust, as one Python toolkit.

`import lianlu as ll` is light; what a name stands for is imported when it is first used:
`ll.open(ref)` a model, `ll.read(paths)` documents, `ll.run(chain)` a chain, `ll.rag` and `ll.store` the rooms.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_FUNCTIONS = {
    "open": "lianlu.llm:open_backend",
    "read": "lianlu.extract:read_files",
    "run": "lianlu.chain:run_chain",
}
_ROOMS = ("prompt", "rag", "records", "store")


def __getattr__(name: str) -> Any:
    if name in _ROOMS:
        return import_module(f"lianlu.{name}")
    target = _FUNCTIONS.get(name)
    if target is None:
        raise AttributeError(f"module 'lianlu' has no attribute {name!r}")
    module, _, attribute = target.partition(":")
    return getattr(import_module(module), attribute)


def __dir__() -> list[str]:
    return sorted((*_FUNCTIONS, *_ROOMS, "__version__"))
