"""A model named by its hub id that other tools have fetched before: where it lies in the hub's cache. Fetches nothing.

The layout is huggingface_hub's: models--OWNER--NAME with refs/main, which names a folder below snapshots.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from lianlu.core.files import named_path

__all__ = ["model_path"]

_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
_REVISION = re.compile(r"[0-9a-f]{7,64}")


def model_path(rest: str, environment: Mapping[str, str]) -> Path:
    """The folder that is named; where there is none of that name and it reads as a hub id, the cached one."""
    path = named_path(rest)
    if path.exists() or not _HUB_ID.fullmatch(rest):
        return path
    return _cached(rest, _cache(environment)) or path


def _cache(environment: Mapping[str, str]) -> Path:
    if environment.get("HF_HUB_CACHE"):
        return Path(environment["HF_HUB_CACHE"]).expanduser()
    home = environment.get("HF_HOME") or Path(environment.get("XDG_CACHE_HOME") or "~/.cache") / "huggingface"
    return Path(home).expanduser() / "hub"


def _cached(hub_id: str, cache: Path) -> Path | None:
    place = cache / f"models--{hub_id.replace('/', '--')}"
    try:
        revision = (place / "refs" / "main").read_text(encoding="utf-8").strip()
    except (OSError, ValueError):
        return None
    found = place / "snapshots" / revision
    return found if _REVISION.fullmatch(revision) and found.is_dir() else None
