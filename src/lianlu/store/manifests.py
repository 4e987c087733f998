"""Manifests: what an artifact is, in one small immutable JSON file each. They are the truth; the catalogue is an index.

The id covers what an artifact is, not where things lie: `sources_root` and the paths of files kept by reference may be
written anew when the same artifact is made in another place, and then the newest place is the one most likely to exist.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from lianlu.core.errors import DataError, LianluError, UsageError
from lianlu.core.files import write_bytes
from lianlu.core.hashing import ID_LENGTH, canonical_json, short_id
from lianlu.core.i18n import Text
from lianlu.records import Artifact, ArtifactFile
from lianlu.store.names import file_name_problem, is_sha256

__all__ = ["MANIFEST_VERSION", "Manifests", "Stamp", "artifact_id", "decode", "encode", "id_of", "is_id"]

MANIFEST_VERSION = 1
_ID = re.compile(rf"[0-9a-f]{{{ID_LENGTH}}}")


class _Head(msgspec.Struct, frozen=True, kw_only=True):
    manifest: int


class _Manifest(msgspec.Struct, frozen=True, kw_only=True):
    manifest: int
    artifact: Artifact


class Stamp(msgspec.Struct, frozen=True, kw_only=True):
    """When a manifest was written and how long it is: what tells the catalogue that it has not changed."""

    changed_ns: int
    size: int


def is_id(text: str) -> bool:
    return _ID.fullmatch(text) is not None


def artifact_id(
    kind: str, format_version: int, files: Iterable[ArtifactFile], parents: Sequence[str], step_key: str
) -> str:
    """The id of what has these files, made from these parents by that step (design.md, "Ids and cache")."""
    named = sorted((file.name, file.sha256) for file in files)
    return short_id(canonical_json([kind, format_version, named, list(parents), step_key]))


def id_of(artifact: Artifact) -> str:
    """The id that the contents of a manifest ask for."""
    key = artifact.step.key if artifact.step else ""
    return artifact_id(artifact.kind, artifact.format_version, artifact.files, artifact.parents, key)


class Manifests:
    """The manifests below one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def path(self, artifact_id: str) -> Path:
        return self._folder / f"{artifact_id}.json"

    def __contains__(self, artifact_id: str) -> bool:
        return self.path(artifact_id).is_file()

    def ids(self) -> dict[str, Stamp]:
        """Every id with the stamp of its file."""
        found: dict[str, Stamp] = {}
        for entry in os.scandir(self._folder) if self._folder.is_dir() else ():
            name, _, ending = entry.name.partition(".")
            if ending != "json" or not is_id(name):
                continue
            try:
                status = entry.stat()
            except FileNotFoundError:
                continue  # collected while we looked
            found[name] = Stamp(changed_ns=status.st_mtime_ns, size=status.st_size)
        return found

    def read(self, artifact_id: str) -> Artifact | None:
        """The artifact; None when there is none of this id.

        Raises:
            DataError: store.bad-manifest
            UsageError: store.newer-format
        """
        path = self.path(artifact_id)
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise UsageError("file.unreadable", path=str(path), why=error.strerror or str(error)) from error
        artifact = decode(content, path)
        if artifact.id != artifact_id:
            raise _bad(path, Text("it has the id of another artifact", "其中的编号属于另一个产物"))
        return artifact

    def try_read(self, artifact_id: str) -> Artifact | None:
        """The same, and None for a manifest that cannot be read; `verify` names those."""
        try:
            return self.read(artifact_id)
        except DataError:
            return None

    def write(self, artifact: Artifact) -> None:
        """Raises LimitError file.disk-full, UsageError file.unwritable."""
        write_bytes(self.path(artifact.id), encode(artifact))

    def remove(self, artifact_id: str) -> None:
        self.path(artifact_id).unlink(missing_ok=True)


def encode(artifact: Artifact) -> bytes:
    manifest = _Manifest(manifest=MANIFEST_VERSION, artifact=artifact)
    return msgspec.json.format(msgspec.json.encode(manifest, order="deterministic"), indent=1) + b"\n"


def decode(content: bytes, path: Path) -> Artifact:
    """A manifest's artifact, checked: its names become paths when it is exported, so a foreign manifest is no friend."""
    try:
        found = msgspec.json.decode(content, type=_Head).manifest
        if found > MANIFEST_VERSION:
            raise UsageError("store.newer-format", path=str(path), found=found, known=MANIFEST_VERSION)
        artifact = msgspec.json.decode(content, type=_Manifest).artifact
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _bad(path, Text(str(error), str(error))) from error
    for file in artifact.files:
        problem = file_name_problem(file.name)
        if problem is None and not is_sha256(file.sha256):
            problem = Text("its sha256 is none", "sha256 无效")
        if problem is not None:
            raise _bad(path, Text(f"file {file.name!r}: {problem.en}", f"文件 {file.name!r}：{problem.zh}"))
    return artifact


def _bad(path: Path, why: Text) -> LianluError:
    return DataError("store.bad-manifest", path=str(path), why=why)
