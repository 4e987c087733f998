"""A knowledge base as its users see it: search, and keep up with the files it was built from.

The truth is one SQLite file (`rag.truth`); this class adds what is derived (the lexical index with its sidecar) and what
is outside (the files below the remembered roots). A reader that finds the base changed by another process takes up the
new chunks before it answers, so an answer is always that of one whole state.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from lianlu.core.errors import DataError, LimitError, UsageError, reasons_text
from lianlu.core.files import sync_folder
from lianlu.core.hashing import canonical_json
from lianlu.core.i18n import suggest
from lianlu.core.job import Job
from lianlu.core.settings import Settings
from lianlu.rag.answer import Passage
from lianlu.rag.extractive import Found, indexed_text
from lianlu.rag.lexical import LexicalIndex, load_sidecar, try_save_sidecar
from lianlu.rag.place import cite
from lianlu.rag.question import Question, read_question
from lianlu.rag.reading import FoundFile, absolute_paths, find_files, read_files
from lianlu.rag.truth import Truth
from lianlu.records import Document, Failure
from lianlu.store import open_store
from lianlu.text.chunks import ChunkConfig, chunk_document
from lianlu.text.language import language_of

__all__ = [
    "Changes",
    "KnowledgeBase",
    "Status",
    "base_path",
    "build",
    "names",
    "open_base",
    "remove_files",
    "with_language",
]

_NAME = re.compile(r"[^\W_][\w.-]*")
_LONGEST_NAME = 64
_SUFFIX = ".sqlite"
_SIDECAR = ".lexical"


@dataclass
class Changes:
    """What an update did, by uri. `failed` names also the files that failed before and did not change."""

    added: list[str] = field(default_factory=list[str])
    changed: list[str] = field(default_factory=list[str])
    removed: list[str] = field(default_factory=list[str])
    failed: list[Failure] = field(default_factory=list[Failure])
    unchanged: int = 0


@dataclass(frozen=True)
class Status:
    """How a base stands."""

    name: str
    path: str
    documents: int
    chunks: int
    generation: int
    languages: dict[str, int]
    uris: tuple[str, ...]
    roots: tuple[str, ...]
    failures: tuple[Failure, ...]


class KnowledgeBase:
    """An open base. Close it, or use it in a `with` block."""

    def __init__(self, truth: Truth, *, is_snapshot: bool = False, sidecar: Path | None = None) -> None:
        self.truth = truth
        self.is_snapshot = is_snapshot
        self._sidecar = sidecar or truth.path.with_suffix(_SIDECAR)
        self._index = LexicalIndex.empty()
        self._generation = -1
        self._documents: dict[int, Document] = {}

    @classmethod
    def open_snapshot(cls, path: Path, sidecar: Path | None = None) -> KnowledgeBase:
        """Open a base that never changes, such as a chain's `index` artifact. `sidecar` is its index, if not beside it.

        Raises:
            DataError: rag.corrupt, rag.format
        """
        return cls(Truth.open_snapshot(path), is_snapshot=True, sidecar=sidecar)

    @property
    def name(self) -> str:
        return self.truth.name

    def close(self) -> None:
        self.truth.close()

    def __enter__(self) -> KnowledgeBase:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # ------------------------------------------------------------------ looking

    @property
    def index(self) -> LexicalIndex:
        """The lexical index of the state that is read now."""
        with self.truth.reading():
            self._refresh()
        return self._index

    def find(self, question: Question | str, limit: int = 10) -> list[Found]:
        """The best chunks for a question, best first.

        Raises:
            UsageError: rag.empty-question, rag.long-question
        """
        text = question if isinstance(question, str) else question.text
        with self.truth.reading():
            self._refresh()
            hits = self._index.search(text, limit)
            rows = self.truth.chunks([row for row, _ in hits])
        return [Found(rows[row], score) for row, score in hits if row in rows]

    def search(self, question: str, top: int = 5) -> list[Passage]:
        """The best passages with their places.

        Raises:
            UsageError: rag.empty-question, rag.long-question
        """
        with self.truth.reading():
            return [self.passage(found) for found in self.find(read_question(question), top)]

    def passage(self, found: Found) -> Passage:
        chunk = found.row.chunk
        place = cite(self.document(found.row.document_row), chunk.span, number=0, chunk=chunk)
        if place.quote != chunk.text:
            why = f"a chunk of {found.row.uri} is no part of it"
            raise DataError("rag.corrupt", path=str(self.truth.path), name=self.name, why=why)
        return Passage(
            document_id=chunk.document_id,
            uri=found.row.uri,
            text=chunk.text,
            span=chunk.span,
            score=round(found.score, 4),
            headings=chunk.headings,
            page=chunk.page,
            first_line=place.first_line,
            last_line=place.last_line,
        )

    def document(self, row: int) -> Document:
        """A document by its row; the last ones are kept."""
        if row not in self._documents:
            if len(self._documents) >= 64:
                self._documents.clear()
            self._documents[row] = self.truth.document(row)
        return self._documents[row]

    def status(self) -> Status:
        with self.truth.reading():
            documents = self.truth.documents()
            return Status(
                name=self.name,
                path=str(self.truth.path),
                documents=len(documents),
                chunks=self.truth.chunk_count(),
                generation=self.truth.state()[1],
                languages=dict(sorted(Counter(each.language or "und" for each in documents).items())),
                uris=tuple(each.uri for each in documents),
                roots=tuple(str(path) for path in self.truth.roots().values()),
                failures=tuple(failure for _, failure in self.truth.failures()),
            )

    # ------------------------------------------------------------------ changing

    def put(self, documents: Iterable[Document], *, root: int = 0) -> None:
        """Add or replace documents, each in a transaction of its own."""
        for document in documents:
            self._put(document, root)

    def add(self, paths: Sequence[Path | str], job: Job | None = None) -> Changes:
        """Read files and folders and remember them as roots; files that did not change are not read again.

        Raises:
            UsageError: file.missing, rag.no-paths, rag.nothing-to-read
            DataError: rag.nothing-read: none of the files can be read; `status` lists them from then on
            LimitError: rag.busy, file.disk-full
        """
        if not paths:
            raise UsageError("rag.no-paths", verb="add", name=self.name)
        named = absolute_paths(paths)
        files = {path: find_files(path, 0) for path in named}
        if not any(files.values()):
            raise UsageError("rag.nothing-to-read", paths=", ".join(str(path) for path in named))
        roots = [self.truth.root(path) for path in named]
        changes = self._follow(roots, job or Job("rag"))
        if changes.failed and not (changes.added or changes.changed or changes.removed or changes.unchanged):
            raise _nothing_read(changes.failed)
        return changes

    def update(self, paths: Sequence[Path | str] = (), job: Job | None = None) -> Changes:
        """Read again what changed below the remembered roots (or below those named, which are then remembered).

        Raises:
            UsageError: file.missing, rag.nothing-to-read
            LimitError: rag.busy, file.disk-full
        """
        if paths:
            return self.add(paths, job)
        return self._follow(list(self.truth.roots()), job or Job("rag"))

    def delete(self) -> None:
        """Drop everything and the files themselves; readers that have it open see an empty base."""
        try:
            self.truth.clear()
        except LimitError as error:
            if error.code != "file.disk-full":
                raise  # on a full disk deleting is the remedy; who reads it now goes on with what was
        self.close()
        remove_files(self.truth.path)

    def remove(self, uris: Sequence[str]) -> list[str]:
        """Drop documents by uri; nothing is dropped if one of them is unknown. Returns what was dropped.

        A later `update` of a folder that still has the file reads it again.

        Raises:
            UsageError: rag.unknown-document
        """
        with self.truth.writing():
            known: dict[str, list[int]] = {}
            for each in self.truth.documents():
                known.setdefault(each.uri, []).append(each.root)
            for root, failure in self.truth.failures():
                known.setdefault(failure.uri, []).append(root)
            for uri in uris:
                if uri not in known:
                    raise UsageError("rag.unknown-document", name=self.name, uri=uri, suggestion=suggest(uri, known))
            for uri in uris:
                for root in known[uri]:
                    self.truth.remove(root, uri)
        self._save()
        return list(uris)

    def rebuild(self, paths: Sequence[Path | str], config: ChunkConfig, job: Job) -> Changes:
        """Replace everything by what stands below `paths` now, in one transaction: readers see the old base or the new."""
        named = absolute_paths(paths)
        roots = dict(enumerate(named, start=1))
        files = [file for number, path in roots.items() for file in find_files(path, number)]
        if not files:
            raise UsageError("rag.nothing-to-read", paths=", ".join(str(path) for path in named))
        reading = read_files(files, roots, job)
        if not reading.documents:
            raise _nothing_read([failure for _, failure in reading.failures])
        with self.truth.writing():
            self.truth.clear()
            self._configure(config)
            numbers = {number: self.truth.root(path) for number, path in roots.items()}
            for root, document in job.track(reading.documents, "documents"):
                self._put(document, numbers[root])
            for root, failure in reading.failures:
                self.truth.put_failure(failure, root=numbers[root])
        self._save()
        return Changes(
            added=[document.source.uri for _, document in reading.documents],
            failed=[failure for _, failure in reading.failures],
        )

    def _follow(self, roots: Sequence[int], job: Job) -> Changes:
        """Bring the base in line with the files below some roots. Each document is kept as soon as it is read."""
        places = self.truth.roots()
        broken = {(root, failure.uri): failure for root, failure in self.truth.failures()}
        changes = Changes()
        waiting: list[FoundFile] = []
        for root in roots:
            known = self.truth.known(root)
            if not places[root].parent.exists() or (len(known) > 1 and not places[root].exists()):
                changes.failed.append(_missing(places[root]))  # an unmounted disk must not empty the base
                continue
            found = find_files(places[root], root) if places[root].exists() else []
            for gone in sorted(set(known) - {file.uri for file in found}):
                self.truth.remove(root, gone)
                changes.removed.append(gone)
            for file in found:
                if known.get(file.uri) == file.sha256 and file.sha256:
                    if (root, file.uri) in broken:
                        changes.failed.append(broken[root, file.uri])
                    else:
                        changes.unchanged += 1
                else:
                    waiting.append(file)
                    (changes.changed if file.uri in known else changes.added).append(file.uri)
        reading = read_files(waiting, places, job)
        for root, document in job.track(reading.documents, "documents"):
            self._put(document, root)
        for root, failure in reading.failures:
            self.truth.put_failure(failure, root=root)
            changes.failed.append(failure)
        failed = {failure.uri for failure in changes.failed}
        changes.added = [uri for uri in changes.added if uri not in failed]
        changes.changed = [uri for uri in changes.changed if uri not in failed]
        self._save()
        return changes

    def _put(self, document: Document, root: int) -> None:
        self.truth.put(with_language(document), chunk_document(document, self._config), root=root)

    @property
    def _config(self) -> ChunkConfig:
        written = self.truth.meta("config")
        return ChunkConfig.model_validate_json(written) if written else ChunkConfig()

    def _configure(self, config: ChunkConfig) -> None:
        self.truth.set_meta("config", canonical_json(config.model_dump()).decode())

    # ------------------------------------------------------------------ what is derived

    def _refresh(self) -> None:
        """Bring the index to the state being read: from memory, the sidecar, or the chunks themselves."""
        if self._generation >= 0 and self.is_snapshot:
            return
        identity, generation = self.truth.state()
        if generation != self._generation:
            self._documents.clear()
            loaded = load_sidecar(self._sidecar, identity)
            if loaded is not None and (self._generation < 0 or loaded[1] == generation):
                self._index = loaded[0]
            if loaded is None or loaded[1] != generation:
                self._index = self._index.changed(self.truth.chunk_ids(), self._texts)
                if not self.is_snapshot:
                    try_save_sidecar(self._sidecar, self._index, identity, generation)
        self._generation = generation

    def _texts(self, rows: Sequence[int]) -> Iterable[str]:
        for start in range(0, len(rows), 500):
            some = rows[start : start + 500]
            found = self.truth.chunks(some)
            for row in some:
                yield indexed_text(found[row])

    def _save(self) -> None:
        """Write the sidecar of the new state, so that the next reader need not."""
        with self.truth.reading():
            self._refresh()


def with_language(document: Document) -> Document:
    """The document with its language, told from the text where nobody has said it."""
    if document.language:
        return document
    return msgspec.structs.replace(document, language=language_of(document.markdown))


def _missing(path: Path) -> Failure:
    error = UsageError("file.missing", path=str(path))
    return Failure(
        uri=str(path),
        code=error.code,
        reason=error.message("en"),
        hint=error.hint("en"),
        facts={"path": str(path)},
    )


def base_path(name: str, *, root: Path | None = None, settings: Settings | None = None, create: bool = True) -> Path:
    """Where a base of this name lies in the store. Without `create` the store may be read-only.

    Raises:
        UsageError: rag.bad-name, store.absent
    """
    _check_name(name)
    return open_store(root, settings=settings, create=create).state("kb", name + _SUFFIX)


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name) or len(name) > _LONGEST_NAME:
        raise UsageError("rag.bad-name", name=name, limit=_LONGEST_NAME)


def names(*, root: Path | None = None, settings: Settings | None = None) -> list[str]:
    """The names of all bases in the store."""
    try:
        folder = base_path("x", root=root, settings=settings, create=False).parent
    except UsageError as error:
        if error.code != "store.absent":
            raise
        return []
    return sorted(path.stem for path in folder.glob(f"*{_SUFFIX}"))


def open_base(name: str, *, root: Path | None = None, settings: Settings | None = None) -> KnowledgeBase:
    """Open a base by name.

    Raises:
        UsageError: rag.unknown-base, with the nearest names; rag.bad-name
        DataError: rag.corrupt, rag.format
    """
    known = names(root=root, settings=settings)
    if name not in known:
        _check_name(name)
        raise UsageError("rag.unknown-base", name=name, suggestion=suggest(name, known))
    path = base_path(name, root=root, settings=settings, create=False)
    return KnowledgeBase(Truth.open(path, name))


def build(
    name: str,
    paths: Path | str | Sequence[Path | str],
    *,
    config: ChunkConfig | None = None,
    job: Job | None = None,
    root: Path | None = None,
    settings: Settings | None = None,
) -> tuple[KnowledgeBase, Changes]:
    """Make a base from files and folders. One that exists is replaced, all at once; a damaged file is replaced too.

    A new base is made aside and appears when it is whole: a build that is stopped or killed leaves none.

    Raises:
        UsageError: file.missing, rag.bad-name, rag.no-paths, rag.nothing-to-read
        DataError: rag.nothing-read; a base of that name stays as it was
        LimitError: rag.busy, file.disk-full
    """
    named = [paths] if isinstance(paths, (str, Path)) else list(paths)
    if not named:
        raise UsageError("rag.no-paths", verb="build", name=name)
    path = base_path(name, root=root, settings=settings)
    how = config or ChunkConfig()
    job = job or Job("rag")
    if not path.exists():
        with open_store(root, settings=settings).workspace() as place:
            draft = place / path.name
            with KnowledgeBase(Truth.create(draft, name)) as new:
                changes = new.rebuild(named, how, job)
            if _published(draft, path):
                return KnowledgeBase(Truth.open(path, name)), changes
    with ExitStack() as until_built:
        base = until_built.enter_context(KnowledgeBase(_opened(path, name)))
        changes = base.rebuild(named, how, job)
        until_built.pop_all()
    return base, changes


def _published(draft: Path, path: Path) -> bool:
    """Whether a new base now stands at its place, whole; not if somebody else has made one of that name meanwhile."""
    try:
        os.link(draft, path)
    except FileExistsError:
        return False
    except OSError:  # a file system without hard links
        draft.replace(path)
    with suppress(OSError):  # what is derived can be made again
        draft.with_suffix(_SIDECAR).replace(path.with_suffix(_SIDECAR))
    sync_folder(path.parent)
    return True


def _nothing_read(failures: Sequence[Failure]) -> DataError:
    """None of the files could be read: an error, and a base of that name stays as it was."""
    return DataError("rag.nothing-read", count=len(failures), reasons=reasons_text(failures))


def _opened(path: Path, name: str) -> Truth:
    try:
        truth = Truth.create(path, name)
    except DataError:
        remove_files(path)
        return Truth.create(path, name)
    return truth


def remove_files(path: Path) -> None:
    """Delete a base with all that was derived from it."""
    for each in (path, Path(f"{path}-wal"), Path(f"{path}-shm"), path.with_suffix(_SIDECAR)):
        each.unlink(missing_ok=True)
