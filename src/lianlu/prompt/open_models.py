"""Models that are opened once and stay open while one grid after another asks them: a local one takes seconds to load."""

from __future__ import annotations

from collections.abc import Callable

from lianlu.llm import Backend
from lianlu.llm.wrapper import Wrapper

__all__ = ["OpenModels"]


class OpenModels:
    """Opens a model by its ref, each once; what it gives back does not close it.

    Args:
        opened: opens a model by its ref.
    """

    def __init__(self, opened: Callable[[str], Backend]) -> None:
        self._opened = opened
        self._open: dict[str, Backend] = {}

    def __call__(self, ref: str) -> Backend:
        if ref not in self._open:
            self._open[ref] = self._opened(ref)
        return _StaysOpen(self._open[ref])

    async def close(self) -> None:
        for backend in self._open.values():
            await backend.close()


class _StaysOpen(Wrapper):
    async def close(self) -> None:
        """Left to `OpenModels`."""
