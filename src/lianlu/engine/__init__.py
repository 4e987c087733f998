"""Generation and scoring in process: scheduler, key-value rows, sampler, shared prefixes. Importing it imports no torch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lianlu.engine.backend import LocalBackend, open_backend

if TYPE_CHECKING:
    from lianlu.engine.samples import sample

__all__ = ["LocalBackend", "open_backend", "sample"]


def __getattr__(name: str) -> Any:
    if name == "sample":
        from lianlu.engine.samples import sample

        return sample
    raise AttributeError(name)
