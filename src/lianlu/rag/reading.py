"""From the paths a person names to Documents, reading only the files that changed.

Documents come from the step `extract`, found by name: this room does not know how a file is read. Changed files are laid
out in a temporary folder under the uris they shall have (hard links where possible), so that one run of the step reads
all of them, of all roots, in its limited child processes.
"""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from lianlu.core import registry
from lianlu.core.errors import DataError, LianluError, UsageError
from lianlu.core.files import Files, named_path, walk
from lianlu.core.hashing import sha256_file, short_id
from lianlu.core.job import Job
from lianlu.core.step import Step
from lianlu.records import Document, Failure
from lianlu.text.documents import load_documents, load_failures

__all__ = ["FoundFile", "Reading", "absolute_paths", "find_files", "read_files"]

_OUTPUT = "documents"


@dataclass(frozen=True)
class FoundFile:
    """A file below a root: `uri` is its path there, `sha256` empty when it cannot be read."""

    root: int
    path: Path
    uri: str
    sha256: str
    size: int


@dataclass(frozen=True)
class Reading:
    """What came of reading some files; each with the number of its root."""

    documents: tuple[tuple[int, Document], ...] = ()
    failures: tuple[tuple[int, Failure], ...] = ()


def absolute_paths(paths: Iterable[Path | str]) -> list[Path]:
    """Paths made absolute (links kept), each once, in the order they were named."""
    return list(dict.fromkeys(Path(os.path.abspath(named_path(path))) for path in paths))  # noqa: PTH100


def find_files(path: Path, root: int) -> list[FoundFile]:
    """The files of a root, which may be a file itself, in order of their uris. Links that lead outside have no sha256.

    Raises:
        UsageError: file.missing
    """
    return [_found(each, path, root) for each in walk(path)]


def read_files(files: Sequence[FoundFile], roots: Mapping[int, Path], job: Job) -> Reading:
    """Read files into documents whose uris are those of `files`.

    Raises:
        LimitError: file.disk-full
    """
    if not files:
        return Reading()
    with tempfile.TemporaryDirectory(prefix="lianlu-rag-") as temporary:
        stage = Path(temporary, "files")
        folders = _folders({file.root for file in files}, roots)
        unreadable = [
            each for each in (_staged(file, stage / folders[file.root], roots[file.root]) for file in files) if each
        ]
        if len(unreadable) == len(files):
            return Reading(failures=tuple(unreadable))
        only = stage / next(iter(folders.values())) if len(folders) == 1 else stage
        documents, failures = _extracted(only, Path(temporary, "out"), job)
    prefixed = {_staged_uri(file, folders): file for file in files}
    return Reading(
        documents=tuple(_renamed(document, prefixed) for document in documents),
        failures=(*(_failed(failure, prefixed) for failure in failures), *unreadable),
    )


def _found(path: Path, root_path: Path, root: int) -> FoundFile:
    below = path.name if path == root_path else path.relative_to(root_path).as_posix()
    uri = os.fsencode(below).decode("utf-8", "replace")
    try:
        if _stays_inside(path, root_path):
            return FoundFile(root, path, uri, sha256_file(path), path.stat().st_size)
    except OSError:
        pass  # said when it is read
    return FoundFile(root, path, uri, "", 0)


def _stays_inside(path: Path, root: Path) -> bool:
    return path == root or not path.is_symlink() or path.resolve().is_relative_to(root.resolve())


def _folders(numbers: set[int], roots: Mapping[int, Path]) -> dict[int, str]:
    """A folder name for each root: its own name, made unique."""
    names: dict[int, str] = {}
    for number in sorted(numbers):
        name = os.fsencode(roots[number].name).decode("utf-8", "replace").lstrip(".") or "root"
        names[number] = name if name not in names.values() else f"{name}-{number}"
    return names


def _staged_uri(file: FoundFile, folders: Mapping[int, str]) -> str:
    return file.uri if len(folders) == 1 else f"{folders[file.root]}/{file.uri}"


def _staged(file: FoundFile, folder: Path, root: Path) -> tuple[int, Failure] | None:
    place = folder.joinpath(*file.uri.split("/"))
    if not _stays_inside(file.path, root):
        return file.root, _refusal(file, DataError("extract.link-outside"))
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        _link_or_copy(file.path, place)
    except OSError as error:
        why = error.strerror or str(error)
        return file.root, _refusal(file, UsageError("file.unreadable", path=file.uri, why=why))
    return None


def _refusal(file: FoundFile, error: LianluError) -> Failure:
    facts: dict[str, str | int | float] = {name: str(fact) for name, fact in error.facts.items()}
    return Failure(uri=file.uri, code=error.code, reason=error.message("en"), hint=error.hint("en"), facts=facts)


def _link_or_copy(source: Path, place: Path) -> None:
    if not os.access(source, os.R_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    try:
        os.link(source.resolve(), place)
    except OSError:
        shutil.copyfile(source, place)


def _extracted(stage: Path, outputs: Path, job: Job) -> tuple[list[Document], list[Failure]]:
    step: Step = registry.find("step", "extract")
    recipe = step.recipe.model_validate({"files": [str(stage)]})
    folder = outputs / _OUTPUT
    try:
        with job.child("extract", outputs=outputs) as inner:
            step.run(recipe, {}, inner)
    except DataError as error:
        if error.code != "extract.all-failed" or not folder.is_dir():
            raise
    files = Files.of_folder(folder, kind="documents")
    return list(load_documents(files)), load_failures(files)


def _renamed(document: Document, files: Mapping[str, FoundFile]) -> tuple[int, Document]:
    """The document under the uri of its own root."""
    file = files[document.source.uri]
    source = msgspec.structs.replace(document.source, uri=file.uri)
    return file.root, msgspec.structs.replace(document, id=short_id(file.uri, source.sha256), source=source)


def _failed(failure: Failure, files: Mapping[str, FoundFile]) -> tuple[int, Failure]:
    """The failure with the hash of its file, so that an update knows that it was tried."""
    file = files[failure.uri]
    return file.root, msgspec.structs.replace(failure, uri=file.uri, sha256=file.sha256, size=file.size)
