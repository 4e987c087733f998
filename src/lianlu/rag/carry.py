"""Carry a base to another machine in one file, and take one in that came from elsewhere.

The file is a snapshot: documents, chunks, vectors, settings and the calibration of refusal, without the paths of the machine it was made on. Of a
file from a stranger nothing is run: one with other tables, views or triggers than ours is refused, and each document is
decoded, its chunks are compared with its text, and all is written anew.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

from lianlu.core.errors import DataError, UsageError
from lianlu.core.files import sync_folder
from lianlu.core.job import Job
from lianlu.core.settings import Settings
from lianlu.rag.base import KnowledgeBase, remove_files
from lianlu.rag.indexes import space_of_base
from lianlu.rag.refusal import CALIBRATION, CALIBRATION_META, Calibration, decoded, encoded, write_calibration
from lianlu.rag.shelf import base_path, names, open_base, publish
from lianlu.rag.sources import imported_root
from lianlu.rag.truth import DocumentRow, Truth, Vectors, write_snapshot
from lianlu.rag.truth_schema import expected_schema
from lianlu.records import Chunk, Document
from lianlu.store import open_store

__all__ = ["carried_calibration", "export_base", "import_base"]

_KEPT_META = ("space", "weights", "weights_at")


def export_base(base: KnowledgeBase, path: Path, job: Job | None = None) -> Path:
    """Write a base into one file. The same documents give the same bytes.

    Raises:
        LimitError: file.disk-full
        UsageError: file.unwritable
    """
    truth = base.truth
    draft = path.with_name(f".tmp-{path.name}")
    with truth.reading():
        rows = truth.documents()
        parts = [_document(truth, row) for row in (job or Job("export")).track(rows, "documents")]
        meta = {key: truth.meta(key) for key in _KEPT_META if truth.meta(key)} | carried_calibration(base)
        failures = [failure for _, failure in truth.failures()]
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            documents = [(document, chunks) for document, chunks, _ in parts]
            vectors = [vector for _, _, vector in parts]
            write_snapshot(draft, documents, failures, truth.meta("config"), vectors=vectors, meta=meta)
            draft.replace(path)
            sync_folder(path.parent)
        finally:
            draft.unlink(missing_ok=True)
    return path


def import_base(
    name: str,
    path: Path,
    *,
    replaces: bool = False,
    job: Job | None = None,
    root: Path | None = None,
    settings: Settings | None = None,
) -> KnowledgeBase:
    """Take in a base from a file that `export_base` wrote, under a name.

    Raises:
        UsageError: rag.bad-name, rag.exists, file.missing
        DataError: rag.import-broken: the file is damaged, or no knowledge base
    """
    target = base_path(name, root=root, settings=settings)
    if name in names(root=root, settings=settings) and not replaces:
        raise UsageError("rag.exists", name=name)
    if not path.is_file():
        raise UsageError("file.missing", path=str(path))
    with open_store(root, settings=settings).workspace() as place:
        draft = place / target.name
        try:
            _check_schema(path)
            with Truth.open_snapshot(path) as foreign, KnowledgeBase(Truth.create(draft, name)) as new:
                foreign.check()
                calibration = _calibration(foreign)
                _take_over(foreign, new, job or Job("import"))
        except (DataError, ValueError) as error:
            why = error.message() if isinstance(error, DataError) else str(error).splitlines()[0]
            raise DataError("rag.import-broken", path=str(path), why=why) from error
        if replaces:
            remove_files(target)
        if not publish(draft, target):
            raise UsageError("rag.exists", name=name)
        if calibration is not None:
            write_calibration(target.with_suffix(CALIBRATION), calibration)
    return open_base(name, root=root, settings=settings)


def carried_calibration(base: KnowledgeBase) -> dict[str, str]:
    """The calibration of refusal as a base that is one file carries it: its key and its text, if there is one."""
    calibration = base.calibration
    return {} if calibration is None else {CALIBRATION_META: encoded(calibration).decode()}


def _calibration(foreign: Truth) -> Calibration | None:
    """What the file brings along; nothing if it is of another version.

    Raises:
        DataError: rag.calibration-broken
    """
    try:
        content = foreign.meta(CALIBRATION_META)
        return decoded(content, str(foreign.path)) if content else None
    except DataError as error:
        if error.code != "rag.calibration-other":
            raise
        return None


def _check_schema(path: Path) -> None:
    """Raises DataError rag.corrupt for a file that holds anything but our own tables."""
    try:
        connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro&immutable=1", uri=True)
        try:
            connection.execute("PRAGMA trusted_schema = OFF")
            found = dict(connection.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL"))
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise DataError("rag.corrupt", path=str(path), name=path.name, why=str(error)) from error
    expected = expected_schema()
    strange = sorted(name for name, sql in found.items() if expected.get(name) != sql)
    if strange or set(expected) - set(found):
        why = f"not the tables of a knowledge base: {', '.join(strange or sorted(set(expected) - set(found)))[:200]}"
        raise DataError("rag.corrupt", path=str(path), name=path.name, why=why)


def _take_over(foreign: Truth, new: KnowledgeBase, job: Job) -> None:
    truth = new.truth
    with truth.writing():
        truth.set_meta("config", foreign.meta("config"))
        _ = new.config  # said here if it cannot be read
        for key in _KEPT_META:
            truth.set_meta(key, foreign.meta(key))
        _ = new.weights
        roots: dict[int, int] = {}
        for row in job.track(foreign.documents(), "documents"):
            document, chunks, vectors = _document(foreign, row)
            _check_chunks(foreign, document, chunks)
            number = roots.setdefault(row.root, 0) or truth.root(imported_root(len(roots)))
            roots[row.root] = number
            truth.put(document, chunks, root=number, vectors=vectors)
        for root, failure in foreign.failures():
            number = roots.setdefault(root, 0) or truth.root(imported_root(len(roots)))
            roots[root] = number
            truth.put_failure(failure, root=number)
    _ = new.index


def _check_chunks(truth: Truth, document: Document, chunks: list[Chunk]) -> None:
    markdown = document.markdown
    for chunk in chunks:
        if chunk.span.cut(markdown) != chunk.text:
            why = f"chunk {chunk.ordinal} of {document.source.uri} is no part of it"
            raise DataError("rag.corrupt", path=str(truth.path), name=truth.name, why=why)


def _document(truth: Truth, row: DocumentRow) -> tuple[Document, list[Chunk], list[Vectors] | None]:
    space = space_of_base(truth)
    rows = truth.chunks_of(row.row)
    vectors = [truth.vectors_of(each.row, space.dimensions) for each in rows] if space else None
    return truth.document(row.row), [each.chunk for each in rows], vectors
