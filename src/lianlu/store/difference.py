"""What differs between two artifacts: their files, the text of small ones, and why: recipes, sources and step keys."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from itertools import zip_longest
from pathlib import Path
from typing import Any

import msgspec

from lianlu.records import ArtifactFile, StepStamp
from lianlu.store.lineage import Lineage

__all__ = ["Difference", "RecipeDifference", "SourceDifference", "compare"]

_LARGEST_TEXT_BYTES = 64 * 1024
_MOST_LINES = 2000


class RecipeDifference(msgspec.Struct, frozen=True, kw_only=True):
    """A recipe key of a step that has two values; a side without it, or without the step, has None.

    `key` is empty where only the step key differs: its code, its environment or its inputs.
    """

    step: str
    key: str
    a: Any
    b: Any


class SourceDifference(msgspec.Struct, frozen=True, kw_only=True):
    """A source file by uri with its recorded SHA-256 on both sides, None where that side has it not."""

    uri: str
    a: str | None
    b: str | None


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """`texts` holds a unified diff for each changed file that is small text."""

    a: str
    b: str
    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: tuple[str, ...]
    texts: dict[str, str]
    recipe: tuple[RecipeDifference, ...]
    sources: tuple[SourceDifference, ...]

    @property
    def is_empty(self) -> bool:
        return not (self.added or self.removed or self.changed or self.recipe or self.sources)


def compare(a: Lineage, b: Lineage, place: Callable[[ArtifactFile], Path]) -> Difference:
    """Compare two artifacts and what they were made from.

    Args:
        place: where the bytes of a file lie.
    """
    files_a = {file.name: file for file in a.artifact.files}
    files_b = {file.name: file for file in b.artifact.files}
    both = sorted(files_a.keys() & files_b.keys())
    changed = tuple(name for name in both if files_a[name].sha256 != files_b[name].sha256)
    texts = {name: _text_difference(name, files_a[name], files_b[name], place) for name in changed}
    return Difference(
        a=a.artifact.id,
        b=b.artifact.id,
        added=tuple(sorted(files_b.keys() - files_a.keys())),
        removed=tuple(sorted(files_a.keys() - files_b.keys())),
        changed=changed,
        texts={name: text for name, text in texts.items() if text},
        recipe=tuple(_recipe_differences(a, b)),
        sources=tuple(_source_differences(a, b)),
    )


def _text_difference(name: str, a: ArtifactFile, b: ArtifactFile, place: Callable[[ArtifactFile], Path]) -> str:
    lines_a, lines_b = _small_text(a, place), _small_text(b, place)
    if lines_a is None or lines_b is None:
        return ""
    return "\n".join(difflib.unified_diff(lines_a, lines_b, f"a/{name}", f"b/{name}", lineterm=""))


def _small_text(file: ArtifactFile, place: Callable[[ArtifactFile], Path]) -> list[str] | None:
    if file.size > _LARGEST_TEXT_BYTES:
        return None
    try:
        text = place(file).read_bytes().decode()
    except (OSError, UnicodeDecodeError):
        return None
    lines = text.splitlines()
    return lines if len(lines) <= _MOST_LINES and "\0" not in text else None


def _recipe_differences(a: Lineage, b: Lineage) -> list[RecipeDifference]:
    steps_a, steps_b = _steps(a), _steps(b)
    found: list[RecipeDifference] = []
    for name in sorted(steps_a.keys() | steps_b.keys()):
        for stamp_a, stamp_b in zip_longest(steps_a.get(name, []), steps_b.get(name, [])):
            found.extend(_stamp_differences(name, stamp_a, stamp_b))
    return found


def _steps(lineage: Lineage) -> dict[str, list[StepStamp]]:
    """The steps of a lineage by name, those of the same name in the order of their recipes."""
    stamps: dict[str, StepStamp] = {each.step.key: each.step for each in lineage.artifacts if each.step}
    found: dict[str, list[StepStamp]] = {}
    for stamp in sorted(stamps.values(), key=lambda stamp: msgspec.json.encode(stamp.recipe, order="deterministic")):
        found.setdefault(stamp.name, []).append(stamp)
    return found


def _stamp_differences(name: str, a: StepStamp | None, b: StepStamp | None) -> list[RecipeDifference]:
    if a is None or b is None:
        return [RecipeDifference(step=name, key="", a=a.key if a else None, b=b.key if b else None)]
    if a.key == b.key:
        return []
    flat_a, flat_b = _flat(a.recipe), _flat(b.recipe)
    keys = [key for key in sorted(flat_a.keys() | flat_b.keys()) if flat_a.get(key) != flat_b.get(key)]
    if not keys:
        return [RecipeDifference(step=name, key="", a=a.key, b=b.key)]
    return [RecipeDifference(step=name, key=key, a=flat_a.get(key), b=flat_b.get(key)) for key in keys]


def _flat(recipe: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in recipe.items():
        if isinstance(value, Mapping) and value:
            found.update(_flat(value, f"{prefix}{key}."))
        else:
            found[f"{prefix}{key}"] = value
    return found


def _source_differences(a: Lineage, b: Lineage) -> list[SourceDifference]:
    recorded_a, recorded_b = _recorded(a), _recorded(b)
    return [
        SourceDifference(uri=uri, a=recorded_a.get(uri), b=recorded_b.get(uri))
        for uri in sorted(recorded_a.keys() | recorded_b.keys())
        if recorded_a.get(uri) != recorded_b.get(uri)
    ]


def _recorded(lineage: Lineage) -> dict[str, str]:
    """uri -> hash; a uri that two folders have gets both hashes."""
    found: dict[str, set[str]] = {}
    for source in lineage.sources:
        found.setdefault(source.uri, set()).add(source.recorded)
    return {uri: " ".join(sorted(hashes)) for uri, hashes in found.items()}
