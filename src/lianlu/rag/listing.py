"""What stands at a root now: the files of a folder, the page of an address, the rows of a query. Reads no format itself.

Looking may fail where nothing is gone: a disk is not mounted, a server is down. Such a listing is not complete, and what
is missing from it must not be dropped from a base.
"""

from __future__ import annotations

import tempfile
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from lianlu.core import registry
from lianlu.core.errors import LianluError, UsageError
from lianlu.core.files import Files
from lianlu.core.hashing import sha256_file
from lianlu.core.job import Job
from lianlu.core.step import Step
from lianlu.rag.reading import FoundFile, failure_of, find_files
from lianlu.rag.sources import Root
from lianlu.rag.web import fetch
from lianlu.records import Document, Failure
from lianlu.text.documents import load_documents, load_failures

__all__ = ["Listing", "list_root", "scratch_folder"]


@dataclass(frozen=True)
class Listing:
    """What stands at a root.

    Attributes:
        files: to be read.
        documents: read already, because they are no files.
        failures: what is there and cannot be read.
        is_complete: whether what is not listed is gone.
    """

    files: Sequence[FoundFile] = ()
    documents: Sequence[Document] = ()
    failures: Sequence[Failure] = field(default_factory=tuple)
    is_complete: bool = True


@contextmanager
def scratch_folder() -> Generator[Path]:
    """Where what is fetched lies until it is read."""
    with tempfile.TemporaryDirectory(prefix="lianlu-rag-") as folder:
        yield Path(folder)


def list_root(number: int, root: Root, scratch: Path, job: Job, *, known_count: int = 0) -> Listing:
    """Look at a root.

    Args:
        number: of the root in its base.
        scratch: a folder for what is fetched, kept until all is read.
        known_count: how many documents the base has from there: if it has many and the root is missing, it is not
            empty but away.
    """
    if root.kind == "web":
        return _page(number, root, scratch)
    if root.kind == "sql":
        return _rows(root, scratch / f"rows-{number}", job)
    if root.kind == "imported":
        return Listing(is_complete=False)
    path = root.path
    if not path.parent.exists() or (known_count > 1 and not path.exists()):
        missing = UsageError("file.missing", path=str(path))
        return Listing(failures=[failure_of(missing, str(path))], is_complete=False)
    return Listing(find_files(path, number) if path.exists() else ())


def _page(number: int, root: Root, scratch: Path) -> Listing:
    folder = scratch / f"web-{number}"
    folder.mkdir(parents=True, exist_ok=True)
    got = fetch(root.text, folder)
    if got.path is None:
        assert got.error is not None
        return Listing(failures=[failure_of(got.error, root.text)], is_complete=got.is_gone)
    size = got.path.stat().st_size
    file = FoundFile(number, got.path, root.text, sha256_file(got.path), size, staged=got.path.name)
    return Listing([file])


def _rows(root: Root, outputs: Path, job: Job) -> Listing:
    """Rows come from the step `extract.sql`, found by name: this room opens no foreign database."""
    step: Step = registry.find("step", "extract.sql")
    given = {name: value for name, value in msgspec.to_builtins(root.sql).items() if value}
    try:
        with job.child("rows", outputs=outputs) as inner:
            step.run(step.recipe.model_validate(given), {}, inner)
    except LianluError as error:
        return Listing(failures=[failure_of(error, root.sql.database)], is_complete=False)
    files = Files.of_folder(outputs / "documents", kind="documents")
    return Listing(documents=list(load_documents(files)), failures=load_failures(files))
