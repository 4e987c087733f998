"""From documents to chunks with vectors, by the embedder that a base names. What was computed once is not computed again.

Chunks, and the pieces of them that get vectors, are cut by the embedder's own tokens, so that nothing is longer than it
reads. The cache is keyed by the model's
fingerprint, the kind of text and the text itself, each with its length before it, so that no two share a key; it is
derived, and a damaged one is begun anew. A killed build finds in it all it has paid for.
"""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeVar

import msgspec
import numpy as np
import numpy.typing as npt

from lianlu.core.errors import BackendError
from lianlu.core.hashing import digest
from lianlu.core.job import Job
from lianlu.rag.config import BaseConfig
from lianlu.rag.dense import MOST_PIECES
from lianlu.rag.truth import Vectors
from lianlu.records import Chunk, Document
from lianlu.text.chunks import ChunkConfig, SizeOf, chunk_document, sizes_by_tokens, text_sizes
from lianlu.text.normalise import text_size
from lianlu.text.sentences import sentences

if TYPE_CHECKING:
    from lianlu.llm import Backend, Identity

__all__ = [
    "EmbeddingCache",
    "Floats",
    "Prepared",
    "Space",
    "embed",
    "embedded_texts",
    "fingerprint_of",
    "prepare",
    "sizes_for",
    "space_of",
    "unit_vectors",
]

_TEXTS_AT_ONCE = 512
_MOST_CACHED = 1_000_000
_PIECE = 100  # tokens: see `rag.dense`
_MOST_HEADINGS = 32
_DEFAULT_WINDOW = 512  # of a server that does not tell how much it reads

Floats = npt.NDArray[np.float32]
ValueT = TypeVar("ValueT")


class Space(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What vectors of a base live in. Two vectors can be compared only if their spaces are equal.

    Attributes:
        fingerprint: of the model; of its address and name where it cannot be pinned.
        window: longest text it reads, in tokens, less its special tokens.
        has_tokens: whether sizes can be counted in its own tokens.
    """

    ref: str
    fingerprint: str
    dimensions: int
    window: int = _DEFAULT_WINDOW
    has_tokens: bool = False

    @property
    def id(self) -> str:
        return digest(self.fingerprint, str(self.dimensions))[:16]

    @property
    def headings_size(self) -> int:
        """How much of the window title and headings may take."""
        return min(_MOST_HEADINGS, self.window // 4)

    def pieces(self, text: str, size_of: SizeOf, start: int, end: int) -> list[str]:
        """A chunk, which stands from start to end in a text, in pieces of about equal size that end with sentences."""
        size = size_of(start, end)
        most = min(_PIECE, self.window - self.headings_size)
        count = min(-(-size // most), MOST_PIECES)
        chunk = text[start:end]
        if count <= 1:
            return [chunk]
        wanted = size / count
        cuts = [0]
        for sentence in sentences(chunk)[:-1]:
            if len(cuts) < count and size_of(start, start + sentence.end) >= wanted * len(cuts):
                cuts.append(sentence.end)
        return [
            piece for piece in (chunk[here:there] for here, there in pairwise((*cuts, len(chunk)))) if piece.strip()
        ]


@dataclass(frozen=True)
class Prepared:
    """A document ready to be kept; `vectors` of the pieces of each chunk, (pieces, D)."""

    root: int
    document: Document
    chunks: list[Chunk]
    vectors: list[Vectors] | None = None


async def space_of(backend: Backend, ref: str) -> Space:
    """The space of an embedder; a server that does not tell its dimensions is asked for one vector.

    Raises:
        UsageError: llm.no-ability
        BackendError: it cannot be reached
    """
    identity = await backend.identity()
    dimensions = identity.dimensions or len((await backend.embed(["lianlu"])).vectors[0])
    window = (identity.limit_tokens or _DEFAULT_WINDOW) - identity.special_tokens
    return Space(
        ref=ref,
        fingerprint=_fingerprint(identity),
        dimensions=dimensions,
        window=max(window, 32),
        has_tokens="offsets" in backend.abilities,
    )


async def fingerprint_of(backend: Backend) -> str:
    """What vectors of an embedder are recognized by."""
    return _fingerprint(await backend.identity())


def _fingerprint(identity: Identity) -> str:
    return identity.fingerprint or digest(identity.url, identity.model)


def embedded_texts(document: Document, chunk: Chunk, space: Space, size_of: SizeOf) -> list[str]:
    """What is embedded of a chunk: its pieces under its title and headings, those cut to what the window leaves them.

    Args:
        size_of: of the document's markdown.
    """
    return [
        _under_headings(document, chunk, piece, space.headings_size)
        for piece in space.pieces(document.markdown, size_of, chunk.span.start, chunk.span.end)
    ]


def _under_headings(document: Document, chunk: Chunk, piece: str, size: int) -> str:
    above = chunk.headings if document.title in chunk.headings else (document.title, *chunk.headings)
    begins = piece[: sum(map(len, above)) + 100]
    headings = " › ".join(each for each in above if each and each not in begins)
    while text_size(headings) > size:
        headings = headings[: len(headings) * 3 // 4]
    return f"{headings}\n{piece}" if headings else piece


async def prepare(
    documents: Sequence[tuple[int, Document]],
    backend: Backend,
    space: Space,
    config: BaseConfig,
    cache: EmbeddingCache,
    job: Job,
) -> AsyncGenerator[Prepared, None]:
    """Cut documents and give each chunk its vector, some hundred chunks at a time, in the order of the documents.

    Raises:
        BackendError: the embedder failed; what it has done so far is in the cache
    """
    waiting: list[_Cut] = []
    count = done = 0
    for number, (root, document) in enumerate(documents, start=1):
        waiting.append(await _cut(root, document, backend, space, config))
        count += sum(map(len, waiting[-1].texts))
        if count >= _TEXTS_AT_ONCE or number == len(documents):
            vectors = await embed(
                backend, [text for cut in waiting for texts in cut.texts for text in texts], "document", space, cache
            )
            at = 0
            for cut in waiting:
                of_chunks: list[Vectors] = []
                for texts in cut.texts:
                    of_chunks.append(vectors[at : at + len(texts)])
                    at += len(texts)
                yield Prepared(cut.root, cut.document, cut.chunks, of_chunks)
            done += len(waiting)
            job.progress("documents", done, len(documents))
            waiting, count = [], 0


async def embed(
    backend: Backend, texts: Sequence[str], kind: Literal["query", "document"], space: Space, cache: EmbeddingCache
) -> Vectors:
    """Unit vectors of texts, (N, D); those in the cache are not asked for.

    Raises:
        BackendError: rag.other-dimensions, and what the embedder raises
    """
    keys = [bytes.fromhex(digest(space.fingerprint, kind, text)) for text in texts]
    found = cache.get(keys, space.dimensions)
    missing = list(dict.fromkeys(key for key in keys if key not in found))
    text_of = dict(zip(keys, texts, strict=True))
    for start in range(0, len(missing), _TEXTS_AT_ONCE):
        some = missing[start : start + _TEXTS_AT_ONCE]
        made = await backend.embed([text_of[key] for key in some], kind=kind)
        vectors = unit_vectors(made.vectors, space).astype(np.float16)
        found.update(zip(some, vectors, strict=True))
        cache.put(dict(zip(some, vectors, strict=True)))
    if not keys:
        return np.zeros((0, space.dimensions), dtype=np.float16)
    return np.stack([found[key] for key in keys])


def unit_vectors(vectors: Sequence[Sequence[float]], space: Space) -> Floats:
    """Vectors of length one, (N, D): their product is the cosine. One of zeros, or with a number that is none, is zeros.

    Raises:
        BackendError: rag.other-dimensions
    """
    made = np.asarray(vectors, dtype=np.float32)
    if made.ndim != 2 or made.shape[1] != space.dimensions:
        raise BackendError("rag.other-dimensions", ref=space.ref, found=str(made.shape[1:]), expected=space.dimensions)
    lengths = np.linalg.norm(made, axis=1, keepdims=True)
    is_sound = np.isfinite(lengths) & (lengths > 0)
    return np.where(is_sound, made / np.where(is_sound, lengths, 1.0), 0.0).astype(np.float32)


@dataclass(frozen=True)
class _Cut:
    root: int
    document: Document
    chunks: list[Chunk]
    texts: list[list[str]]


async def _cut(root: int, document: Document, backend: Backend, space: Space, config: ChunkConfig) -> _Cut:
    size_of = await sizes_for(document.markdown, backend, space)
    chunks = list(chunk_document(document, config, lambda _: size_of))
    return _Cut(root, document, chunks, [embedded_texts(document, chunk, space, size_of) for chunk in chunks])


async def sizes_for(text: str, backend: Backend, space: Space) -> SizeOf:
    """Sizes in the embedder's own tokens; in characters of one that does not tell them."""
    return sizes_by_tokens((await backend.token_starts([text]))[0]) if space.has_tokens else text_sizes(text)


class EmbeddingCache:
    """Vectors by key, in a SQLite file. None as a path keeps them in memory."""

    def __init__(self, path: Path | None) -> None:
        self._connection = _opened(path)

    def get(self, keys: Sequence[bytes], dimensions: int) -> dict[bytes, Vectors]:
        found: dict[bytes, Vectors] = {}
        for start in range(0, len(keys), 500):
            some = keys[start : start + 500]
            marks = ",".join("?" * len(some))
            rows = self._tried(lambda: self._connection.execute(_GET.format(marks=marks), some).fetchall())  # noqa: B023
            for key, blob in rows or ():
                if len(blob) == 2 * dimensions:
                    found[key] = np.frombuffer(blob, dtype="<f2")
        return found

    def count(self) -> int:
        """How many vectors are kept."""
        found = self._tried(lambda: self._connection.execute("SELECT count(*) FROM vectors").fetchone())
        return int(found[0]) if found else 0

    def put(self, vectors: dict[bytes, Vectors]) -> None:
        """Keep vectors; on a full disk or in a folder that cannot be written they are simply not kept."""
        rows = [(key, vector.astype("<f2").tobytes()) for key, vector in vectors.items()]
        self._tried(lambda: self._kept(rows))

    def _kept(self, rows: Sequence[tuple[bytes, bytes]]) -> None:
        with self._connection:
            self._connection.execute("BEGIN")
            self._connection.executemany("INSERT OR IGNORE INTO vectors (key, vector) VALUES (?, ?)", rows)

    def close(self) -> None:
        self._tried(
            lambda: self._connection.execute(
                "DELETE FROM vectors WHERE id <= (SELECT max(id) FROM vectors) - ?", (_MOST_CACHED,)
            )
        )
        self._connection.close()

    @staticmethod
    def _tried(work: Callable[[], ValueT]) -> ValueT | None:
        try:
            return work()
        except sqlite3.Error:
            return None


_GET = "SELECT key, vector FROM vectors WHERE key IN ({marks})"


def _opened(path: Path | None) -> sqlite3.Connection:
    """The cache file, begun anew when it is damaged; in memory where there can be no file."""
    for _ in range(2 if path is not None else 0):
        assert path is not None
        try:
            return _connected(str(path))
        except sqlite3.DatabaseError:
            path.unlink(missing_ok=True)
    return _connected(":memory:")


def _connected(place: str) -> sqlite3.Connection:
    connection = sqlite3.connect(place, timeout=10.0, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute(
        "CREATE TABLE IF NOT EXISTS vectors (id INTEGER PRIMARY KEY, key BLOB NOT NULL UNIQUE, vector BLOB NOT NULL)"
    )
    connection.execute("SELECT key, vector FROM vectors LIMIT 1").fetchone()
    return connection
