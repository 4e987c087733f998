"""Freeing what nothing reaches. The caller holds the store alone, so no run can be between a look and a write.

Kept: what a ref names or ever named, what a run or a finished step of the kept days mentions, what was registered by
reference and still lies where it was (forgetting it frees nothing and loses its lineage), and all parents of those.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import msgspec

from lianlu.core.hashing import ID_LENGTH
from lianlu.records import Artifact
from lianlu.store.blobs import Blobs
from lianlu.store.layout import Layout
from lianlu.store.manifests import Manifests
from lianlu.store.refs import Refs
from lianlu.store.steps import Steps

__all__ = ["GRACE_SECONDS", "Garbage", "find_garbage", "remove_garbage"]

GRACE_SECONDS = 3600.0
_DAY_SECONDS = 86400.0
_MENTION = re.compile(rb"(?<![0-9a-f])[0-9a-f]{%d}(?![0-9a-f])" % ID_LENGTH)


class Garbage(msgspec.Struct, frozen=True, kw_only=True):
    """What can go, in the order in which it goes; `size` is the bytes of the blobs."""

    artifacts: tuple[str, ...]
    steps: tuple[str, ...]
    blobs: tuple[str, ...]
    scratch: tuple[str, ...]
    leftovers: tuple[str, ...]
    size: int


def find_garbage(layout: Layout, *, keep_days: float, now: float) -> Garbage:
    """Look, and change nothing.

    Args:
        now: seconds since the epoch.

    Raises:
        DataError: store.bad-manifest: what an unreadable manifest refers to is not known, so nothing may go
        UsageError: store.newer-format
    """
    manifests, blobs = Manifests(layout.artifacts), Blobs(layout.blobs)
    known = _all_artifacts(manifests)
    since = now - max(keep_days * _DAY_SECONDS, GRACE_SECONDS)
    kept = _reached(known, _roots(layout, known, since, now))
    needed, owned = _blobs_of(kept.values()), _blobs_of(known.values())
    unused = [sha256 for sha256 in blobs.all() if sha256 not in needed]
    going = [each for each in unused if each in owned or _age(blobs.path(each), now) > GRACE_SECONDS]
    steps = [record.key for record, _ in Steps(layout.steps).all() if not kept.keys() >= set(record.outputs.values())]
    scratch = [place.name for place in layout.work.glob("*") if _changed_at(place) < since]
    leftovers = [place for place in _passing(layout) if _age(place, now) > GRACE_SECONDS]
    return Garbage(
        artifacts=tuple(_children_first({id_: known[id_] for id_ in sorted(known.keys() - kept.keys())})),
        steps=tuple(steps),
        blobs=tuple(going),
        scratch=tuple(sorted(scratch)),
        leftovers=tuple(sorted(place.relative_to(layout.root).as_posix() for place in leftovers)),
        size=sum(blobs.size(each) or 0 for each in going),
    )


def remove_garbage(layout: Layout, garbage: Garbage) -> None:
    """Remove steps first, then children before parents, blobs last: killed at any moment, all that is left is whole."""
    manifests, blobs, steps = Manifests(layout.artifacts), Blobs(layout.blobs), Steps(layout.steps)
    for key in garbage.steps:
        steps.remove(key)
    for artifact_id in garbage.artifacts:
        manifests.remove(artifact_id)
    for sha256 in garbage.blobs:
        blobs.remove(sha256)
    for name in garbage.scratch:
        shutil.rmtree(layout.work / name, ignore_errors=True)
    for name in garbage.leftovers:
        (layout.root / name).unlink(missing_ok=True)


def _all_artifacts(manifests: Manifests) -> dict[str, Artifact]:
    found: dict[str, Artifact] = {}
    for artifact_id in manifests.ids():
        artifact = manifests.read(artifact_id)
        if artifact is not None:
            found[artifact_id] = artifact
    return found


def _roots(layout: Layout, known: Mapping[str, Artifact], since: float, now: float) -> set[str]:
    refs = Refs(layout.refs)
    roots = {ref.artifact_id for name in refs.names() for ref in refs.history(name)}
    for run in layout.runs.glob("*"):
        if _changed_at(run) >= since:
            roots |= _mentioned(run)
    for record, written_at in Steps(layout.steps).all():
        if written_at >= min(since, now - GRACE_SECONDS):
            roots.update(record.outputs.values())
    return roots | {artifact.id for artifact in known.values() if _still_lies_outside(artifact)}


def _mentioned(run: Path) -> set[str]:
    """Ids in the files of a run, whatever their form: keeping too much is the safe mistake."""
    files = [run] if run.is_file() else [place for place in run.iterdir() if place.is_file()]
    return {match.decode() for file in files for match in _MENTION.findall(file.read_bytes())}


def _still_lies_outside(artifact: Artifact) -> bool:
    return any(file.path and Path(file.path).is_file() for file in artifact.files)


def _reached(known: Mapping[str, Artifact], roots: Iterable[str]) -> dict[str, Artifact]:
    kept: dict[str, Artifact] = {}
    waiting = [root for root in roots if root in known]
    while waiting:
        artifact = known[waiting.pop()]
        if artifact.id not in kept:
            kept[artifact.id] = artifact
            waiting.extend(parent for parent in artifact.parents if parent in known)
    return kept


def _passing(layout: Layout) -> Iterator[Path]:
    """Drafts of killed writers, and lock files: whoever takes a named lock holds the store, so none is taken now."""
    for folder in (layout.artifacts, layout.steps, layout.refs):
        yield from folder.rglob(".tmp-*")
    yield from (place for place in layout.locks.rglob("*.lock") if not place.name.startswith("."))


def _children_first(going: Mapping[str, Artifact]) -> list[str]:
    children_left = dict.fromkeys(going, 0)
    for artifact in going.values():
        for parent in artifact.parents:
            if parent in children_left:
                children_left[parent] += 1
    order = [id_ for id_, count in children_left.items() if count == 0]
    for id_ in order:  # grows while it is walked
        for parent in going[id_].parents:
            if parent in children_left:
                children_left[parent] -= 1
                if children_left[parent] == 0:
                    order.append(parent)
    return order


def _blobs_of(artifacts: Iterable[Artifact]) -> set[str]:
    return {file.sha256 for artifact in artifacts for file in artifact.files if not file.path}


def _changed_at(place: Path) -> float:
    """The newest change of a folder or of what lies in it."""
    inside = list(place.iterdir()) if place.is_dir() else []
    return max(each.lstat().st_mtime for each in (place, *inside))


def _age(place: Path, now: float) -> float:
    return now - place.lstat().st_mtime
