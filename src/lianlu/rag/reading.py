"""From files to Documents, reading only those that changed.

Documents come from the registry's `source` of files: this room does not know how a file is read. Files of several roots
are read in one go, under uris that begin with the number of their root.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from lianlu.core import registry
from lianlu.core.errors import DataError, LianluError, UsageError
from lianlu.core.files import walk
from lianlu.core.hashing import sha256_file, short_id
from lianlu.core.job import Job
from lianlu.records import Document, Failure

__all__ = ["FoundFile", "Reading", "failure_of", "find_files", "read_files"]

ReadNamed = Callable[[Sequence[tuple[Path, str]], Job], tuple[list[Document], list[Failure]]]
"""Reads files under the uris given for them; what fails is told, not raised."""


@dataclass(frozen=True)
class FoundFile:
    """A file below a root: `uri` is its path there, `sha256` empty when it cannot be read.

    `staged` is the path it is read under, when its uri is none; `leads_outside` marks a link out of its root.
    """

    root: int
    path: Path
    uri: str
    sha256: str
    size: int
    staged: str = ""
    leads_outside: bool = False

    @property
    def below(self) -> str:
        return self.staged or self.uri


@dataclass(frozen=True)
class Reading:
    """What came of reading some files; each with the number of its root."""

    documents: tuple[tuple[int, Document], ...] = ()
    failures: tuple[tuple[int, Failure], ...] = ()


def find_files(path: Path, root: int) -> list[FoundFile]:
    """The files of a root, which may be a file itself, in order of their uris. Links that lead outside have no sha256.

    Raises:
        UsageError: file.missing
    """
    return [_found(each, path, root) for each in walk(path)]


def read_files(files: Sequence[FoundFile], job: Job) -> Reading:
    """Read files into documents whose uris are those of `files`.

    Raises:
        LimitError: file.disk-full
    """
    refused = [(file.root, why) for file in files if (why := _refusal(file))]
    named = {f"{file.root}/{file.below}": file for file in files if not _refusal(file)}
    if not named:
        return Reading(failures=tuple(refused))
    read: ReadNamed = registry.find("source", "files")
    with job.child("read") as inner:
        documents, failures = read([(file.path, uri) for uri, file in named.items()], inner)
    return Reading(
        documents=tuple(_renamed(document, named[document.source.uri]) for document in documents),
        failures=(*(_failed(failure, named[failure.uri]) for failure in failures), *refused),
    )


def _found(path: Path, root_path: Path, root: int) -> FoundFile:
    below = path.name if path == root_path else path.relative_to(root_path).as_posix()
    uri = os.fsencode(below).decode("utf-8", "replace")
    leads_outside = not _stays_inside(path, root_path)
    try:
        if not leads_outside:
            return FoundFile(root, path, uri, sha256_file(path), path.stat().st_size)
    except OSError:
        pass  # said when it is read
    return FoundFile(root, path, uri, "", 0, leads_outside=leads_outside)


def _stays_inside(path: Path, root: Path) -> bool:
    return path == root or not path.is_symlink() or path.resolve().is_relative_to(root.resolve())


def _refusal(file: FoundFile) -> Failure | None:
    """Why a file is not even tried: it is another's, or may not be read."""
    if file.leads_outside:
        return failure_of(DataError("extract.link-outside"), file.uri)
    if file.path.exists() and not os.access(file.path, os.R_OK):
        return failure_of(UsageError("file.unreadable", path=file.uri, why="Permission denied"), file.uri)
    return None


def failure_of(error: LianluError, uri: str) -> Failure:
    """An error as what is kept of a document that could not be read."""
    facts: dict[str, str | int | float] = {name: str(fact) for name, fact in error.facts.items()}
    return Failure(uri=uri, code=error.code, reason=error.message("en"), hint=error.hint("en"), facts=facts)


def _renamed(document: Document, file: FoundFile) -> tuple[int, Document]:
    """The document under the uri of its own root."""
    source = msgspec.structs.replace(document.source, uri=file.uri)
    return file.root, msgspec.structs.replace(document, id=short_id(file.uri, source.sha256), source=source)


def _failed(failure: Failure, file: FoundFile) -> tuple[int, Failure]:
    """The failure with the hash of its file, so that an update knows that it was tried."""
    return file.root, msgspec.structs.replace(failure, uri=file.uri, sha256=file.sha256, size=file.size)
