"""The store: one folder of artifacts, what was done, names for it, and places to work. The face of this room.

What a caller was told is on the disk: every method that writes returns after the rename is durable. Bytes come first,
the manifest last, so an artifact that can be seen is whole; killed in between, only unnamed blobs stay, for `gc`.
Writers hold the in-use lock shared and `gc` holds it alone.
"""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import msgspec

from lianlu.core.errors import DataError, UsageError
from lianlu.core.files import Files, as_lianlu_error
from lianlu.core.hashing import sha256_file
from lianlu.core.i18n import Text, suggest
from lianlu.core.job import Job
from lianlu.records import ARTIFACT_KINDS, Artifact, ArtifactFile, Ref, Source, StepStamp
from lianlu.store import verify as checking
from lianlu.store.blobs import Blobs, readable_size
from lianlu.store.catalogue import Catalogue
from lianlu.store.collect import Garbage, find_garbage, remove_garbage
from lianlu.store.difference import Difference, compare
from lianlu.store.export import export
from lianlu.store.layout import Layout
from lianlu.store.lineage import Graph, Lineage, made_files, trace
from lianlu.store.locks import held
from lianlu.store.manifests import Manifests, artifact_id, is_id
from lianlu.store.names import check_file_names, check_name, check_part
from lianlu.store.refs import Refs
from lianlu.store.steps import StepRecord, Steps
from lianlu.store.verify import Verification
from lianlu.store.workspace import workspace

__all__ = ["KEEP_DAYS", "RunFolder", "Store", "check_kind"]

KEEP_DAYS = 14
_LEAST_PREFIX = 6
_PREFIX = re.compile(rf"[0-9a-f]{{{_LEAST_PREFIX},}}")
_RUN, _LOCK = Text("run", "运行编号"), Text("lock", "锁名")
EnteredT = TypeVar("EnteredT")
_SCRATCH, _STATE = Text("scratch key", "临时目录键"), Text("state file", "状态文件名")


class RunFolder(msgspec.Struct, frozen=True, kw_only=True):
    """A run that left its folder; `changed_at` is seconds since the epoch."""

    id: str
    folder: Path
    changed_at: float


class Store:
    """One store. Open it with `open_store`, which makes the layout and sweeps what dead processes left.

    Args:
        clock: seconds since the epoch.
    """

    def __init__(self, layout: Layout, *, clock: Callable[[], float] = time.time) -> None:
        self.root = layout.root
        self._layout = layout
        self._clock = clock
        self._blobs = Blobs(layout.blobs)
        self._manifests = Manifests(layout.artifacts)
        self._refs = Refs(layout.refs)
        self._steps = Steps(layout.steps)
        self._catalogue = Catalogue(layout.catalogue, self._manifests)

    # ------------------------------------------------------------------ artifacts

    def put(
        self,
        files: Mapping[str, Path],
        *,
        kind: str,
        format_version: int = 1,
        parents: Sequence[str] = (),
        step: StepStamp | None = None,
        sources: Sequence[Source] = (),
        sources_root: str | Path = "",
        volatile: bool = False,
        move: bool = False,
        by_reference: bool = False,
    ) -> Artifact:
        """Keep files as an artifact; the same contents again give the same artifact and write nothing.

        Args:
            files: name (relative posix path) -> where the file lies now.
            parents: ids of artifacts this one was made from.
            sources: outside files it was made from, with uris relative to `sources_root`.
            move: take the files away instead of copying them: for a workspace of this store.
            by_reference: leave the bytes where they are and remember path, size and hash.

        Raises:
            UsageError: store.bad-file-name, store.unknown-kind, store.unknown-artifact (a parent), file.missing,
                file.unreadable, file.unwritable
            LimitError: file.disk-full
        """
        check_kind(kind)
        check_file_names(files)
        with self._writing():
            for parent in parents:
                self._known(parent)
            kept = self._referred(files) if by_reference else self._taken(files, move=move)
            key = step.key if step else ""
            artifact = Artifact(
                id=artifact_id(kind, format_version, kept, parents, key),
                kind=kind,  # type: ignore[arg-type]  # checked above
                format_version=format_version,
                files=kept,
                parents=tuple(parents),
                step=step,
                sources=tuple(sources),
                sources_root=os.path.abspath(sources_root) if sources_root else "",  # noqa: PTH100 - links stay
                volatile=volatile,
            )
            return self._write_manifest(artifact)

    def get(self, name: str) -> Artifact:
        """An artifact by id, beginning of an id (6 characters or more), or ref; a leading '@' is dropped.

        Raises:
            UsageError: store.unknown-artifact, store.ambiguous-id, store.newer-format
            DataError: store.bad-manifest
        """
        artifact = self._manifests.read(self._resolve(name.removeprefix("@")))
        if artifact is None:
            raise self._unknown(name)
        return artifact

    def artifacts(self, kind: str | None = None) -> list[Artifact]:
        """All readable artifacts (of one kind), newest first.

        Raises:
            UsageError: store.unknown-kind, store.newer-format
        """
        if kind is not None:
            check_kind(kind)
        return [listed.artifact for listed in self._catalogue.artifacts(kind)]

    def made_at(self, artifact: Artifact) -> datetime:
        """When its manifest was written. Raises UsageError store.unknown-artifact when it is gone meanwhile."""
        try:
            return datetime.fromtimestamp(self._manifests.path(artifact.id).stat().st_mtime, UTC)
        except FileNotFoundError:
            raise self._unknown(artifact.id) from None

    def files(self, artifact: Artifact) -> Files:
        """Where the files of an artifact lie now.

        Raises:
            DataError: store.blob-gone, store.file-gone, store.file-changed
        """
        paths = {file.name: self._checked_place(file, artifact) for file in artifact.files}
        return Files(paths, kind=artifact.kind, artifact_id=artifact.id)

    def place(self, file: ArtifactFile) -> Path:
        """Where the bytes of a file should lie, looked at or not."""
        return Path(file.path) if file.path else self._blobs.path(file.sha256)

    # ------------------------------------------------------------------ what was done

    def finished_step(self, key: str) -> StepRecord | None:
        """The record of a step with this cache key; None when it was not finished or anything it made is not whole."""
        record = self._steps.read(key)
        if record is None or not all(self._is_whole(id_) for id_ in record.outputs.values()):
            return None
        return record

    def finish_step(self, record: StepRecord) -> None:
        """Remember that a step is done.

        Raises:
            UsageError: store.bad-name, store.unknown-artifact (an output), file.unwritable
            LimitError: file.disk-full
        """
        with self._writing():
            for output in record.outputs.values():
                self._known(output)
            self._steps.write(record)

    # ------------------------------------------------------------------ names

    def set_ref(self, name: str, artifact_id: str) -> Ref:
        """Give an artifact a name; a name that means it already is left alone.

        Raises:
            UsageError: store.bad-name, store.unknown-artifact, file.unwritable
            LimitError: file.disk-full
        """
        with self._writing():
            current = self._refs.current(name)
            self._known(artifact_id)
            if current is not None and current.artifact_id == artifact_id:
                return current
            set_at = datetime.fromtimestamp(self._clock(), UTC).isoformat(timespec="milliseconds")
            ref = Ref(name=name, artifact_id=artifact_id, set_at=set_at.replace("+00:00", "Z"))
            self._refs.append(ref)
            return ref

    def ref(self, name: str) -> Ref | None:
        """What a name means now. Raises UsageError store.bad-name."""
        return self._refs.current(name)

    def refs(self) -> list[Ref]:
        return self._refs.all()

    def ref_history(self, name: str) -> list[Ref]:
        """What a name meant, oldest first. Raises UsageError store.bad-name."""
        return self._refs.history(name)

    def names_of(self) -> dict[str, list[str]]:
        """Artifact id -> the refs that mean it now."""
        found: dict[str, list[str]] = {}
        for ref in self.refs():
            found.setdefault(ref.artifact_id, []).append(ref.name)
        return found

    # ------------------------------------------------------------------ places to work

    @contextmanager
    def lock(self, name: str, on_wait: Callable[[], None] | None = None) -> Generator[None]:
        """Hold a named lock against every other thread and process on this store; `gc` waits too.

        Args:
            on_wait: called once when somebody else holds it.

        Raises:
            UsageError: store.bad-name, file.unwritable
        """
        path = self._layout.locks / f"{check_name(name, what=_LOCK)}.lock"
        with self.in_use(), _entered(held(path, on_wait=on_wait), path):
            yield

    @contextmanager
    def in_use(self) -> Generator[None]:
        """Keep `gc` away during the block: hold it for a whole run, so that what the run found stays."""
        with _entered(held(self._layout.in_use, shared=True), self._layout.in_use):
            yield

    @contextmanager
    def workspace(self) -> Generator[Path]:
        """A fresh folder on the store's file system, removed afterwards, and by the next opening after a kill."""
        with _entered(workspace(self._layout.tmp, self._layout.sweep_turn), self._layout.tmp) as place:
            yield place

    def scratch(self, key: str) -> Path:
        """A folder for the checkpoints of one piece of work, which the next try finds again."""
        place = self._layout.work / check_name(key, what=_SCRATCH, nested=False)
        try:
            place.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise as_lianlu_error(error, place) from error
        return place

    def drop_scratch(self, key: str) -> None:
        """Remove it, now that the work is finished."""
        shutil.rmtree(self._layout.work / check_name(key, what=_SCRATCH, nested=False), ignore_errors=True)

    def run_folder(self, run_id: str) -> Path:
        """The folder of one run: recipe.yaml, events.jsonl, run.json."""
        place = self._layout.runs / check_name(run_id, what=_RUN, nested=False)
        try:
            place.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise as_lianlu_error(error, place) from error
        return place

    def runs(self) -> list[RunFolder]:
        """All runs, the last one first."""
        found = [
            RunFolder(id=place.name, folder=place, changed_at=place.stat().st_mtime)
            for place in self._layout.runs.glob("*")
            if place.is_dir()
        ]
        return sorted(found, key=lambda run: (-run.changed_at, run.id))

    def state(self, *parts: str) -> Path:
        """The path of mutable state (`state("kb", "handbook.sqlite")`); its folder is made, the file is the caller's."""
        path = self._layout.state.joinpath(*(check_part(part, what=_STATE) for part in parts))
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise as_lianlu_error(error, path) from error
        return path

    # ------------------------------------------------------------------ looking

    def why(self, name: str) -> Lineage:
        """All that an artifact came from, with the hash that each outside file has on disk now. Raises as `get`."""
        made = made_files(self.artifacts())
        return trace(self.get(name), self._manifests.try_read, made)

    def graph(self, name: str) -> Graph:
        """The same as nodes and edges. Raises as `get`."""
        return self.why(name).graph()

    def diff(self, a: str, b: str) -> Difference:
        """What differs between two artifacts and in what they were made from. Raises as `get`."""
        return compare(self.why(a), self.why(b), self.place)

    def export(self, name: str, folder: Path) -> Path:
        """Write an artifact with manifest and lineage to an empty or new folder.

        Raises:
            UsageError: store.export-target, and as `get`
            DataError: store.corrupt-file, and as `files`
            LimitError: file.disk-full
        """
        lineage = self.why(name)
        self.files(lineage.artifact)
        names = {id_: ", ".join(refs) for id_, refs in self.names_of().items()}
        shown = {artifact.id: names[artifact.id] for artifact in lineage.artifacts if artifact.id in names}
        return export(lineage, shown, folder, self.place)

    def verify(self, job: Job | None = None, *, drop: bool = False) -> Verification:
        """Hash everything again.

        Args:
            drop: remove damaged blobs, so that the next run makes them anew.
        """
        with self._looking():
            found = checking.verify(self._manifests, self._blobs, self._refs, job or Job("verify"))
        for finding in found.findings if drop else ():
            if finding.problem == "blob-corrupt":
                with self._writing():
                    self._blobs.remove(finding.sha256)
        return found

    def gc(
        self,
        *,
        keep_days: float = KEEP_DAYS,
        dry_run: bool = False,
        on_wait: Callable[[], None] | None = None,
    ) -> Garbage:
        """Remove what no ref, no run of the last `keep_days` and no kept artifact reaches; waits for running work.

        Raises:
            DataError: store.bad-manifest
            UsageError: store.newer-format, file.unwritable
        """
        if dry_run:
            return find_garbage(self._layout, keep_days=keep_days, now=self._clock())
        try:
            with held(self._layout.in_use, on_wait=on_wait):
                garbage = find_garbage(self._layout, keep_days=keep_days, now=self._clock())
                remove_garbage(self._layout, garbage)
                return garbage
        except OSError as error:
            raise as_lianlu_error(error, self.root) from error

    # ------------------------------------------------------------------ inside

    @contextmanager
    def _writing(self) -> Generator[None]:
        """Hold the store for a short write; what the operating system refuses becomes an error of ours."""
        try:
            with self.in_use():
                yield
        except OSError as error:
            raise as_lianlu_error(error, self.root) from error

    @contextmanager
    def _looking(self) -> Generator[None]:
        """Keep `gc` away during a long look, where the store can be written at all."""
        with ExitStack() as stack:
            with suppress(OSError):
                stack.enter_context(held(self._layout.in_use, shared=True))
            yield

    def _taken(self, files: Mapping[str, Path], *, move: bool) -> tuple[ArtifactFile, ...]:
        kept: list[ArtifactFile] = []
        with workspace(self._layout.tmp, self._layout.sweep_turn) as place:
            for name, path in sorted(files.items()):
                sha256, size = self._blobs.add(path, place, move=move)
                kept.append(ArtifactFile(name=name, sha256=sha256, size=size))
        self._blobs.flush({file.sha256 for file in kept})
        return tuple(kept)

    def _referred(self, files: Mapping[str, Path]) -> tuple[ArtifactFile, ...]:
        kept: list[ArtifactFile] = []
        for name, path in sorted(files.items()):
            size = readable_size(path)
            where = os.path.abspath(path)  # noqa: PTH100 - the name the user knows; links stay
            check_file_names([where.lstrip("/")])
            try:
                kept.append(ArtifactFile(name=name, sha256=sha256_file(path), size=size, path=where))
            except OSError as error:
                raise UsageError("file.unreadable", path=where, why=error.strerror or str(error)) from error
        return tuple(kept)

    def _write_manifest(self, artifact: Artifact) -> Artifact:
        """Write what is new; the same artifact again changes only where things lie, and never lets go of a blob."""
        known = self._manifests.try_read(artifact.id)
        if known is not None:
            artifact = self._joined(known, artifact)
        if known != artifact:
            self._manifests.write(artifact)
        return artifact

    def _joined(self, known: Artifact, again: Artifact) -> Artifact:
        """`known` with the newer places: a file stays a blob where it is one, and becomes one where it was not."""
        blobs = {file.name: file for file in known.files if not file.path and self._has_blob(file)}
        files = tuple(blobs.get(file.name, file) if file.path else file for file in again.files)
        same_place = known.sources_root == again.sources_root
        where = known if same_place else again
        return msgspec.structs.replace(known, files=files, sources=where.sources, sources_root=where.sources_root)

    def _known(self, id_: str) -> None:
        if not is_id(id_) or id_ not in self._manifests:
            raise self._unknown(id_)

    def _resolve(self, name: str) -> str:
        """The id that a full id, a ref or the beginning of an id means."""
        if is_id(name) and name in self._manifests:
            return name
        refs = {ref.name: ref.artifact_id for ref in self.refs()}
        if name in refs:
            return refs[name]
        if _PREFIX.fullmatch(name):
            found = sorted(id_ for id_ in self._manifests.ids() if id_.startswith(name))
            if len(found) > 1:
                raise UsageError("store.ambiguous-id", name=name, ids=", ".join(found[:4]))
            if found:
                return found[0]
        raise self._unknown(name)

    def _unknown(self, name: str) -> UsageError:
        choices = [ref.name for ref in self.refs()] or [artifact.id for artifact in self.artifacts()]
        return UsageError("store.unknown-artifact", name=name, suggestion=suggest(name, choices))

    def _has_blob(self, file: ArtifactFile) -> bool:
        return self._blobs.size(file.sha256) == file.size

    def _is_whole(self, id_: str) -> bool:
        artifact = self._manifests.try_read(id_) if is_id(id_) else None
        if artifact is None:
            return False
        try:
            self.files(artifact)
        except DataError:
            return False
        return True

    def _checked_place(self, file: ArtifactFile, artifact: Artifact) -> Path:
        if not file.path:
            if not self._has_blob(file):
                raise DataError("store.blob-gone", name=file.name, artifact=artifact.id, sha256=file.sha256)
            return self._blobs.path(file.sha256)
        path = Path(file.path)
        try:
            same = path.stat().st_size == file.size and self._catalogue.sha256_of(path) == file.sha256
        except OSError:
            raise DataError("store.file-gone", path=file.path, artifact=artifact.id) from None
        if not same:
            raise DataError("store.file-changed", path=file.path, artifact=artifact.id)
        return path


@contextmanager
def _entered(context: AbstractContextManager[EnteredT], path: Path) -> Generator[EnteredT]:
    """Enter `context` with our errors; what the block raises is its own business and passes unchanged."""
    with ExitStack() as stack:
        try:
            entered = stack.enter_context(context)
        except OSError as error:
            raise as_lianlu_error(error, path) from error
        yield entered


def check_kind(kind: str) -> None:
    """Raises UsageError store.unknown-kind, with the nearest kinds."""
    if kind not in ARTIFACT_KINDS:
        raise UsageError("store.unknown-kind", kind=kind, suggestion=suggest(kind, ARTIFACT_KINDS))
