"""A knowledge base as its users see it: search, and keep up with the files it was built from.

The truth is one SQLite file (`rag.truth`); this class adds what is derived (the indexes with their sidecars) and what is
outside (what stands at the remembered roots). A reader that finds the base changed by another process takes up the new
chunks before it answers, so an answer is always that of one whole state.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from lianlu.core.errors import DataError, LimitError, UsageError
from lianlu.core.hashing import canonical_json
from lianlu.core.i18n import Text, suggest
from lianlu.core.job import Job
from lianlu.rag.answer import Passage
from lianlu.rag.changes import Changes, gone, has_anything, looked, nothing_read, only_new, read_listings
from lianlu.rag.config import BaseConfig
from lianlu.rag.extractive import Found
from lianlu.rag.filters import Filters
from lianlu.rag.fusion import candidates, fuse
from lianlu.rag.indexes import LEXICAL, VECTORS, Indexes, sidecar_files, space_of_base
from lianlu.rag.intake import current_space, prepared, take_in
from lianlu.rag.lexical import LexicalIndex
from lianlu.rag.listing import Listing, list_root, scratch_folder
from lianlu.rag.place import cite
from lianlu.rag.question import Question, read_question
from lianlu.rag.refusal import CALIBRATION, CALIBRATION_META, SHIPPED, Calibration, Refusal, calibration_or_note
from lianlu.rag.sources import Named, Root, root_texts
from lianlu.rag.status import Status, status_of
from lianlu.rag.truth import Truth
from lianlu.records import Document
from lianlu.text.language import language_of
from lianlu.text.normalise import is_cjk

if TYPE_CHECKING:
    from lianlu.rag.calibration import LanguageWeight
    from lianlu.rag.dense import DenseIndex
    from lianlu.rag.embedding import Floats, Prepared, Space

__all__ = ["CACHE", "KnowledgeBase", "remove_files"]

CACHE = "embeddings.cache"
_KEPT_DOCUMENTS = 64
_RECALIBRATED_AT = 0.2  # share of chunks that changed


class KnowledgeBase:
    """An open base. Close it, or use it in a `with` block."""

    def __init__(
        self,
        truth: Truth,
        *,
        is_snapshot: bool = False,
        lexical: Path | None = None,
        vectors: Path | None = None,
        cache: Path | None = None,
    ) -> None:
        """Use `open_base`, `build` or `open_snapshot`.

        Args:
            lexical, vectors: files of the indexes, if not beside the base.
            cache: file of the embeddings computed before, if not beside the base.
        """
        self.truth = truth
        self.is_snapshot = is_snapshot
        self._indexes = Indexes(
            truth,
            lexical or truth.path.with_suffix(LEXICAL),
            vectors or truth.path.with_suffix(VECTORS),
            is_snapshot=is_snapshot,
        )
        self.cache_path = None if is_snapshot else cache or truth.path.with_name(CACHE)
        self._documents: dict[int, Document] = {}
        self._calibration: tuple[tuple[int, int, int] | None, tuple[Calibration | None, Text | None]] | None = None

    @classmethod
    def open_snapshot(cls, path: Path, lexical: Path | None = None, vectors: Path | None = None) -> KnowledgeBase:
        """Open a base that never changes, such as a chain's `index` artifact, with its indexes if not beside it.

        Raises:
            DataError: rag.corrupt, rag.format
        """
        return cls(Truth.open_snapshot(path), is_snapshot=True, lexical=lexical, vectors=vectors)

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
        return self._indexes.lexical

    def find(
        self,
        question: Question | str,
        limit: int = 10,
        *,
        vector: Floats | None = None,
        filters: Filters | None = None,
    ) -> list[Found]:
        """The best chunks for a question, best first.

        Args:
            vector: of the question, of length one; without it words alone are compared.

        Raises:
            UsageError: rag.empty-question, rag.long-question
        """
        text = question if isinstance(question, str) else question.text
        with self.truth.reading():
            self._refresh()
            allowed = None if filters is None or filters.is_empty else self.truth.chunks_matching(filters)
            weight = self.weight_for(text) if vector is not None and self._indexes.vectors is not None else 0.0
            if not weight:
                hits = self._indexes.lexical.search(text, limit, allowed)
                rows = self.truth.chunks([row for row, _ in hits])
                return [Found(rows[row], score, lexical=score) for row, score in hits if row in rows]
            assert vector is not None
            assert self._indexes.vectors is not None
            scored = candidates(self._indexes.lexical, self._indexes.vectors, text, vector, allowed)
            hits = fuse(scored.rows, scored.lexical, scored.dense, weight)[:limit]
            lexical = dict(zip(scored.rows, scored.lexical, strict=True))
            dense = dict(zip(scored.rows, scored.dense, strict=True))
            rows = self.truth.chunks([row for row, _ in hits])
        return [Found(rows[row], score, lexical=lexical[row], dense=dense[row]) for row, score in hits if row in rows]

    def search(self, question: str, top: int = 5, filters: Filters | None = None) -> list[Passage]:
        """The best passages with their places.

        Raises:
            UsageError: rag.empty-question, rag.long-question
        """
        from lianlu.rag.retrieval import retrieve_now

        with self.truth.reading():
            found = retrieve_now(self, read_question(question), top, filters).found
            return [self.passage(each) for each in found]

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
            if len(self._documents) >= _KEPT_DOCUMENTS:
                self._documents.clear()
            self._documents[row] = self.truth.document(row)
        return self._documents[row]

    def status(self) -> Status:
        return status_of(self)

    def check(self) -> None:
        """Read the whole base for damage.

        Raises:
            DataError: rag.corrupt
        """
        self.truth.check()

    @property
    def config(self) -> BaseConfig:
        """How this base cuts its documents, and the models it names."""
        written = self.truth.meta("config")
        return msgspec.json.decode(written, type=BaseConfig) if written else BaseConfig()

    @property
    def space(self) -> Space | None:
        """What its vectors live in; None for a base that is searched by words."""
        return space_of_base(self.truth)

    @property
    def weights(self) -> dict[str, LanguageWeight]:
        """How much vectors count beside words, by language."""
        written = self.truth.meta("weights")
        if not written:
            return {}
        from lianlu.rag.calibration import LanguageWeight

        return msgspec.json.decode(written, type=dict[str, LanguageWeight])

    @property
    def calibration_path(self) -> Path:
        """Where the calibration of refusal lies, if there is one: see `rag.refusal`."""
        return self.truth.path.with_suffix(CALIBRATION)

    @property
    def calibration(self) -> Calibration | None:
        """Its own calibration of refusal, if it has one that can be used."""
        return self._found_calibration()[0]

    @property
    def refusal(self) -> Refusal:
        """What it judges by whether its documents answer a question."""
        calibration = self.calibration
        return SHIPPED if calibration is None else calibration.refusal

    @property
    def refusal_notes(self) -> tuple[Text, ...]:
        """Why its own calibration of refusal cannot be used, if it has one that cannot."""
        note = self._found_calibration()[1]
        return () if note is None else (note,)

    def _found_calibration(self) -> tuple[Calibration | None, Text | None]:
        """Read again only when the file is another one: a server is asked many times."""
        try:
            status = self.calibration_path.stat()
            stamp = (status.st_mtime_ns, status.st_size, status.st_ino)
        except OSError:
            stamp = None
        if self._calibration is None or self._calibration[0] != stamp:
            found = calibration_or_note(self.calibration_path, self.truth.meta(CALIBRATION_META))
            self._calibration = (stamp, found)
        return self._calibration[1]

    def weight_for(self, question: str) -> float:
        """The weight of vectors for a question. One in a language that no document has gets the best one there is."""
        weights = self.weights
        language = language_of(question)
        if language not in weights and any(map(is_cjk, question)):
            language = "zh"  # a few characters with names and commands between them
        if language in weights:
            return weights[language].weight
        return max((each.weight for each in weights.values()), default=0.0)

    # ------------------------------------------------------------------ changing

    def put(self, documents: Iterable[Document], *, root: int = 0) -> None:
        """Add or replace documents, each in a transaction of its own."""
        self._take_in([(root, document) for document in documents], Job("rag"))
        self._save()

    def add(self, paths: Sequence[Named], job: Job | None = None) -> Changes:
        """Read files, folders, addresses and queries and remember them; what did not change is not read again.

        Raises:
            UsageError: file.missing, rag.bad-address, rag.no-paths, rag.nothing-to-read
            DataError: rag.nothing-read: none of the files can be read; `status` lists them from then on
            BackendError: the embedder failed; the documents before are kept
            LimitError: rag.busy, file.disk-full
        """
        if not paths:
            raise UsageError("rag.no-paths", verb="add", name=self.name)
        texts = root_texts(paths)
        job = job or Job("rag")
        if not any(has_anything(Root(text)) for text in texts):
            raise UsageError("rag.nothing-to-read", paths=", ".join(texts))
        changes = self._follow([self.truth.root(text) for text in texts], job)
        if changes.failed and changes.is_nothing:
            raise nothing_read(changes.failed)
        return changes

    def update(self, paths: Sequence[Named] = (), job: Job | None = None) -> Changes:
        """Read again what changed at the remembered roots (or at those named, which are then remembered).

        Raises:
            UsageError: file.missing, rag.nothing-to-read
            BackendError: the embedder failed; the documents before are kept
            LimitError: rag.busy, file.disk-full
        """
        job = job or Job("rag")
        if paths:
            return self.add(paths, job)
        return self._follow(list(self.truth.roots()), job)

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

    def rebuild(self, paths: Sequence[Named], config: BaseConfig, job: Job) -> Changes:
        """Replace everything by what stands at `paths` now, in one transaction: readers see the old base or the new."""
        texts = root_texts(paths)
        with scratch_folder() as scratch:
            listings = {number: looked(number, text, scratch, job) for number, text in enumerate(texts, start=1)}
            reading = read_listings(listings, job)
        if not reading.documents and not reading.failures:
            raise UsageError("rag.nothing-to-read", paths=", ".join(texts))
        if not reading.documents:
            raise nothing_read([failure for _, failure in reading.failures])
        ready, space = prepared(reading.documents, config, self.cache_path, job)
        with self.truth.writing():
            self.truth.clear()
            self.configure(config, space)
            numbers = {number: self.truth.root(text) for number, text in enumerate(texts, start=1)}
            for each in ready:
                self.truth.put(each.document, each.chunks, root=numbers[each.root], vectors=each.vectors)
            for root, failure in reading.failures:
                self.truth.put_failure(failure, root=numbers[root])
        self._save()
        self.calibrate(job)
        return Changes(
            added=[document.source.uri for _, document in reading.documents],
            failed=[failure for _, failure in reading.failures],
        )

    def reconfigure(self, config: BaseConfig, job: Job) -> bool:
        """Cut all documents anew and give them new vectors, in one transaction; until then the old ones serve.

        Returns whether there was anything to do: the settings differ, or the embedder is no longer the same.

        Raises:
            BackendError: the embedder failed; the base stays as it was, and the next try goes on from the cache
        """
        space = current_space(config, job)
        if config == self.config and space == self.space:
            return False
        with self.truth.reading():
            rows = self.truth.documents()
            documents = [(each.row, self.truth.document(each.row)) for each in rows]
        ready, space = prepared(documents, config, self.cache_path, job)
        with self.truth.writing():
            still = {(each.row, each.document_id) for each in self.truth.documents()}
            if still != {(each.row, each.document_id) for each in rows}:
                raise LimitError("rag.changed-meanwhile", name=self.name)
            self.configure(config, space)
            for each in ready:
                self.truth.recut(each.root, each.chunks, each.vectors)
        self._save()
        self.calibrate(job)
        return True

    def _follow(self, roots: Sequence[int], job: Job) -> Changes:
        """Bring the base in line with what stands at some roots. Each document is kept as soon as it is read."""
        texts = self.truth.roots()
        broken = {(root, failure.uri): failure for root, failure in self.truth.failures()}
        changes = Changes()
        with scratch_folder() as scratch:
            listings: dict[int, Listing] = {}
            for root in roots:
                known = self.truth.known(root)
                listing = list_root(root, Root(texts[root]), scratch, job, known_count=len(known))
                for uri in gone(known, listing):
                    self.truth.remove(root, uri)
                    changes.removed.append(uri)
                changes.failed += [each for each in listing.failures if each.uri in known or not listing.is_complete]
                listings[root] = only_new(root, known, listing, broken, changes)
            reading = read_listings(listings, job)
        try:
            self._take_in(reading.documents, job)
            for root, failure in reading.failures:
                self.truth.put_failure(failure, root=root)
        finally:
            self._save()
        told = {failure.uri for failure in changes.failed}
        changes.failed += [failure for _, failure in reading.failures if failure.uri not in told]
        failed = {failure.uri for failure in changes.failed}
        changes.added = [uri for uri in changes.added if uri not in failed]
        changes.changed = [uri for uri in changes.changed if uri not in failed]
        self.calibrate(job)
        return changes

    def _take_in(self, documents: Sequence[tuple[int, Document]], job: Job) -> None:
        """Keep documents, each in a transaction of its own, as soon as it is ready."""
        if not documents:
            return
        config = self.config

        def keep(each: Prepared) -> None:
            self.truth.put(each.document, each.chunks, root=each.root, vectors=each.vectors)

        def check(space: Space | None) -> None:
            if space != self.space:
                raise UsageError("rag.other-embedder", name=self.name, ref=config.embed)

        take_in(documents, config, self.cache_path, job, keep, check)

    def configure(self, config: BaseConfig, space: Space | None) -> None:
        """Set how an empty base is made, and what its vectors live in."""
        self.truth.set_meta("config", canonical_json(config).decode())
        self.truth.set_meta("space", canonical_json(space).decode() if space else "")
        self.truth.set_meta("weights", "")

    def calibrate(self, job: Job | None = None, *, is_forced: bool = False) -> None:
        """Measure how much vectors may say, where the base has any and a fifth of it changed since the last time."""
        space = self.space
        if space is None or self.is_snapshot:
            return
        chunks = self.truth.chunk_count()
        measured = int(self.truth.meta("weights_at") or 0)
        if not is_forced and self.weights and abs(chunks - measured) <= _RECALIBRATED_AT * max(measured, 1):
            return
        from lianlu.core import aio
        from lianlu.rag.probing import weights_of

        weights = aio.run(lambda: weights_of(self, space), job)
        with self.truth.writing():
            self.truth.set_meta("weights", canonical_json(msgspec.to_builtins(weights)).decode())
            self.truth.set_meta("weights_at", str(chunks))
        self._save()

    # ------------------------------------------------------------------ what is derived

    @property
    def vectors(self) -> DenseIndex | None:
        """The vectors of the state that is read now; None for a base that is searched by words."""
        with self.truth.reading():
            self._refresh()
        return self._indexes.vectors

    def _refresh(self) -> None:
        if self._indexes.refresh():
            self._documents.clear()

    def _save(self) -> None:
        """Write the sidecars of the new state, so that the next reader need not."""
        with self.truth.reading():
            self._refresh()


def remove_files(path: Path, *, keeps_calibration: bool = False) -> None:
    """Delete a base with all that was derived from it, and with its calibration of refusal unless that is kept."""
    own = () if keeps_calibration else (path.with_suffix(CALIBRATION),)
    for each in (path, Path(f"{path}-wal"), Path(f"{path}-shm"), *sidecar_files(path), *own):
        each.unlink(missing_ok=True)
