"""The benchmarks that come with lianlu: one YAML file each, and the samples of those whose data is ours to give.

A member of the registry group `benchmark` says where its file lies; packages of others add theirs the same way.
"""

from __future__ import annotations

from pathlib import Path
from typing import Protocol, runtime_checkable

__all__ = ["BenchmarkPlace", "arithmetic", "cloze", "identity", "letters", "zh_choice"]

_HERE = Path(__file__).parent


@runtime_checkable
class BenchmarkPlace(Protocol):
    """A member of the registry group `benchmark`."""

    def __call__(self) -> Path:
        """Where the YAML file of the benchmark lies."""
        ...


def arithmetic() -> Path:
    return _HERE / "arithmetic.yaml"


def cloze() -> Path:
    return _HERE / "cloze.yaml"


def identity() -> Path:
    return _HERE / "identity.yaml"


def letters() -> Path:
    return _HERE / "letters.yaml"


def zh_choice() -> Path:
    return _HERE / "zh-choice.yaml"
