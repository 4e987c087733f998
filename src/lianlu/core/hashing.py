"""Content hashes: of bytes, files, values and source code. All are SHA-256; ids show the first 24 hex digits.

Values are hashed as canonical JSON (sorted keys), parts of a digest with their lengths before them, so that no two
different lists of parts read the same.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.util
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import Any

import msgspec

__all__ = ["ID_LENGTH", "canonical_json", "code_fingerprint", "digest", "sha256_bytes", "sha256_file", "short_id"]

ID_LENGTH = 24
_BLOCK_BYTES = 1 << 20
_SHARED_ROOMS = ("core", "store", "cli", "builtins")  # how things are run and kept, not what a step computes


def sha256_bytes(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def sha256_file(path: Path) -> str:
    """Hash of a file's bytes, read in blocks of 1 MiB."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def canonical_json(value: Any) -> bytes:
    """JSON with sorted keys and no spaces: equal values give equal bytes.

    >>> canonical_json({"b": 1, "a": [True, None]})
    b'{"a":[true,null],"b":1}'
    """
    return msgspec.json.encode(value, order="deterministic")


def digest(*parts: str | bytes) -> str:
    """SHA-256 over length-prefixed parts.

    >>> digest("ab", "c") == digest("a", "bc")
    False
    """
    running = hashlib.sha256()
    for part in parts:
        content = part.encode() if isinstance(part, str) else part
        running.update(len(content).to_bytes(8, "big"))
        running.update(content)
    return running.hexdigest()


def short_id(*parts: str | bytes) -> str:
    return digest(*parts)[:ID_LENGTH]


@lru_cache(maxsize=256)
def code_fingerprint(module: str) -> str:
    """Hash of the sources of the room of `module` and of all that they reach by imports inside lianlu.

    The whole room, because a step finds some of it by name (readers, frameworks), which no import shows.
    Rooms that only run and keep things (core, store, cli) are left out: a new progress bar must not make last week's
    results stale. Imports inside functions count. A module outside lianlu is hashed alone.
    """
    sources = {name: sha256_file(path) for name, path in sorted(_reach(module).items())}
    return digest(canonical_json(sources))


def _reach(start: str) -> dict[str, Path]:
    found: dict[str, Path] = {}
    waiting = [start, *_room_of(start)]
    while waiting:
        name = waiting.pop()
        path = _source_of(name)
        if name in found or path is None:
            continue
        found[name] = path
        if name.split(".")[0] == "lianlu":
            waiting.extend(_imports_of(path))
    return found


def _room_of(module: str) -> list[str]:
    """All modules of a room of lianlu; none for a module outside."""
    rooms = list(_of_interest([module]))
    room = _source_of(".".join(rooms[0].split(".")[:2])) if rooms else None
    if room is None or room.name != "__init__.py":
        return []
    paths = (path.relative_to(room.parents[1]).with_suffix("") for path in room.parent.rglob("*.py"))
    return sorted(".".join(("lianlu", *path.parts)).removesuffix(".__init__") for path in paths)


@lru_cache(maxsize=1024)
def _source_of(name: str) -> Path | None:
    if name.split(".")[0] == "lianlu":
        return _own_source_of(name)
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, ValueError):
        return None
    if spec is None or spec.origin is None or not spec.origin.endswith(".py"):
        return None
    return Path(spec.origin)


def _own_source_of(name: str) -> Path | None:
    """Looked up on disk: to find a spec is to import its parents, and those of a heavy room import torch (2.6 s)."""
    place = Path(__file__).resolve().parents[1].joinpath(*name.split(".")[1:])
    return next((path for path in (place / "__init__.py", place.with_suffix(".py")) if path.is_file()), None)


@lru_cache(maxsize=1024)
def _imports_of(path: Path) -> tuple[str, ...]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names.add(node.module)
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return tuple(sorted(_of_interest(names)))


def _of_interest(names: Iterable[str]) -> Iterable[str]:
    for name in names:
        parts = name.split(".")
        if parts[0] == "lianlu" and len(parts) > 1 and parts[1] not in _SHARED_ROOMS:
            yield name
