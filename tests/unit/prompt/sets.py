"""Where the real prompts lie, outside the repository."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

__all__ = ["seed", "set_folder"]


def set_folder(name: str) -> Path:
    """A set of LIANLU_TEST_DATA; the test is skipped where it is absent."""
    root = os.environ.get("LIANLU_TEST_DATA")
    if not root or not (Path(root) / name).is_dir():
        pytest.skip(f"LIANLU_TEST_DATA holds no {name}")
    return Path(root) / name


def seed(name: str) -> str:
    return (set_folder("seed_prompts") / name).read_text(encoding="utf-8")
