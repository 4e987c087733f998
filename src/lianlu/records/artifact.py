"""Names for what runs leave behind. The files themselves are the store's business."""

from __future__ import annotations

from typing import Any, Literal, get_args

import msgspec

from lianlu.records.document import Source

__all__ = ["ARTIFACT_KINDS", "Artifact", "ArtifactFile", "ArtifactKind", "Ref", "StepStamp"]

ArtifactKind = Literal[
    "documents",
    "conversations",
    "preferences",
    "samples",
    "predictions",
    "scores",
    "weights",
    "adapter",
    "tokenizer",
    "index",
    "prompt",
    "report",
]
ARTIFACT_KINDS: tuple[str, ...] = get_args(ArtifactKind)


class ArtifactFile(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A file of an artifact. `path` is set when the bytes stay where the user has them (files first, weights > 1 GB)."""

    name: str
    sha256: str
    size: int
    path: str = ""


class StepStamp(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Which step made an artifact: `key` is the cache key, `output` the name the step gives this output."""

    name: str
    version: int
    key: str
    output: str
    recipe: dict[str, Any] = {}


class Artifact(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An immutable manifest: id = hash(kind, format version, file names + sha256, parent ids, step key).

    `sources` are the outside files this artifact was made from directly; those of its parents are found through
    `parents`. Their absolute paths are for finding them again and do not enter the id.
    """

    id: str
    kind: ArtifactKind
    format_version: int
    files: tuple[ArtifactFile, ...]
    parents: tuple[str, ...] = ()
    step: StepStamp | None = None
    sources: tuple[Source, ...] = ()
    sources_root: str = ""
    volatile: bool = False


class Ref(msgspec.Struct, frozen=True, kw_only=True):
    """A human name and the artifact it points to now; `set_at` is ISO 8601 in UTC."""

    name: str
    artifact_id: str
    set_at: str
