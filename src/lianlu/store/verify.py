"""Is every byte still what its name says? Reads everything, and says who is hurt by what is damaged."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import msgspec

from lianlu.core.errors import DataError
from lianlu.core.hashing import sha256_file
from lianlu.core.job import Job
from lianlu.records import Artifact
from lianlu.store.blobs import Blobs
from lianlu.store.manifests import Manifests, id_of
from lianlu.store.refs import Refs

__all__ = ["Finding", "Verification", "verify"]

Problem = Literal[
    "blob-corrupt", "blob-missing", "manifest-unreadable", "manifest-changed", "parent-missing", "ref-dangling"
]
Drift = Literal["file-changed", "file-gone"]


class Finding(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Something that is not as it was kept, with the artifacts and refs that use it."""

    problem: Problem | Drift
    path: str
    sha256: str = ""
    artifacts: tuple[str, ...] = ()
    refs: tuple[str, ...] = ()


class Verification(msgspec.Struct, frozen=True, kw_only=True):
    """`findings` are damage of the store; `drifted` are files outside it that changed since they were registered."""

    blobs: int
    size: int
    artifacts: int
    findings: tuple[Finding, ...]
    drifted: tuple[Finding, ...]

    @property
    def is_sound(self) -> bool:
        return not self.findings


def verify(manifests: Manifests, blobs: Blobs, refs: Refs, job: Job) -> Verification:
    """Hash every blob and check every manifest and ref.

    Raises:
        UsageError: store.newer-format
        Cancelled: the job was cancelled
    """
    artifacts, findings = _read_all(manifests)
    users = _Users(artifacts, refs)
    present = list(blobs.all())
    size = 0
    for sha256 in job.track(present, "blobs"):
        size += blobs.size(sha256) or 0
        if _hash_now(blobs.path(sha256)) != sha256:
            findings.append(users.hurt("blob-corrupt", blobs.path(sha256), sha256))
    for sha256 in sorted(users.artifacts_of.keys() - set(present)):
        findings.append(users.hurt("blob-missing", blobs.path(sha256), sha256))
    findings += _broken_edges(artifacts, manifests, refs)
    return Verification(
        blobs=len(present),
        size=size,
        artifacts=len(artifacts),
        findings=tuple(findings),
        drifted=tuple(_drifted(artifacts, users, job)),
    )


class _Users:
    """Who uses a blob: artifacts by SHA-256, refs by artifact."""

    def __init__(self, artifacts: list[Artifact], refs: Refs) -> None:
        self.artifacts_of: dict[str, set[str]] = {}
        self.refs_of: dict[str, set[str]] = {}
        for artifact in artifacts:
            for file in artifact.files:
                if not file.path:
                    self.artifacts_of.setdefault(file.sha256, set()).add(artifact.id)
        for ref in refs.all():
            self.refs_of.setdefault(ref.artifact_id, set()).add(ref.name)

    def hurt(self, problem: Problem, path: Path, sha256: str) -> Finding:
        ids = tuple(sorted(self.artifacts_of.get(sha256, ())))
        return Finding(problem=problem, path=str(path), sha256=sha256, artifacts=ids, refs=self.names(*ids))

    def names(self, *ids: str) -> tuple[str, ...]:
        return tuple(sorted({name for id_ in ids for name in self.refs_of.get(id_, ())}))


def _read_all(manifests: Manifests) -> tuple[list[Artifact], list[Finding]]:
    artifacts: list[Artifact] = []
    findings: list[Finding] = []
    for id_ in sorted(manifests.ids()):
        path = str(manifests.path(id_))
        try:
            artifact = manifests.read(id_)
        except DataError:
            findings.append(Finding(problem="manifest-unreadable", path=path, artifacts=(id_,)))
            continue
        if artifact is None:
            continue
        artifacts.append(artifact)
        if id_of(artifact) != id_:
            findings.append(Finding(problem="manifest-changed", path=path, artifacts=(id_,)))
    return artifacts, findings


def _broken_edges(artifacts: list[Artifact], manifests: Manifests, refs: Refs) -> Iterator[Finding]:
    for artifact in artifacts:
        for parent in artifact.parents:
            if parent not in manifests:
                yield Finding(problem="parent-missing", path=str(manifests.path(parent)), artifacts=(artifact.id,))
    for ref in refs.all():
        if ref.artifact_id not in manifests:
            path = str(manifests.path(ref.artifact_id))
            yield Finding(problem="ref-dangling", path=path, artifacts=(ref.artifact_id,), refs=(ref.name,))


def _drifted(artifacts: list[Artifact], users: _Users, job: Job) -> Iterator[Finding]:
    outside = [(artifact.id, file) for artifact in artifacts for file in artifact.files if file.path]
    for id_, file in job.track(outside, "files outside"):
        now = _hash_now(Path(file.path))
        if now != file.sha256:
            drift: Drift = "file-gone" if now is None else "file-changed"
            refs = users.names(id_)
            yield Finding(problem=drift, path=file.path, sha256=file.sha256, artifacts=(id_,), refs=refs)


def _hash_now(path: Path) -> str | None:
    """The hash of what can be read now; None where nothing can, as on a failing disk."""
    try:
        return sha256_file(path)
    except OSError:
        return None
