"""BM25 over chunks: postings as numpy arrays, kept in a sidecar file that can always be thrown away.

The sidecar holds raw counts, not scores, so that adding or dropping a chunk leaves the other postings as they are: after
a change only new chunks are tokenized, the rest is array work. It names the base and generation it belongs to and carries
a checksum; a file that is missing, stale or damaged is never trusted, only rebuilt. Scores are computed for the terms of
the question alone.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt

from lianlu.core.errors import LianluError
from lianlu.core.files import write_bytes
from lianlu.text.tokens import term_weight, terms

__all__ = ["ANALYSIS_VERSION", "LexicalIndex", "load_sidecar", "save_sidecar"]

ANALYSIS_VERSION = 1  # raised when `text.tokens` cuts differently: older sidecars are then stale
_MAGIC = b"lianlu lexical 1\n"
_K1 = 1.5
_B = 0.75
_ALIGNMENT = 16

Int32s = npt.NDArray[np.int32]
Int64s = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]


class _Header(msgspec.Struct, frozen=True, kw_only=True):
    identity: str
    generation: int
    analysis: int
    sha256: str
    chunks: int
    postings: int
    terms: int
    vocabulary_bytes: int


@dataclass(frozen=True)
class LexicalIndex:
    """Postings of a set of chunks.

    Attributes:
        chunk_ids: row ids, ascending; position in this array is the chunk's index below.
        lengths: number of terms of each chunk.
        vocabulary: terms, sorted.
        starts: where the postings of each term begin; one more than there are terms.
        places: chunk index of each posting, ascending within a term.
        counts: how often the term occurs in that chunk.
    """

    chunk_ids: Int64s
    lengths: Int32s
    vocabulary: tuple[str, ...]
    starts: Int64s
    places: Int32s
    counts: Int32s

    @cached_property
    def numbers(self) -> dict[str, int]:
        return {term: number for number, term in enumerate(self.vocabulary)}

    @cached_property
    def _length_norms(self) -> Floats:
        mean = float(self.lengths.mean()) if len(self.lengths) else 1.0
        return (_K1 * (1 - _B + _B * self.lengths / max(mean, 1.0))).astype(np.float32)

    @classmethod
    def empty(cls) -> LexicalIndex:
        return cls(_int64s(()), _int32s(()), (), _int64s((0,)), _int32s(()), _int32s(()))

    def idf(self, term: str, *, beside: int = 0) -> float:
        """Rarity of a term; a term that no chunk has is the rarest. `beside` counts chunks thought of that lack it."""
        number = self.numbers.get(term)
        having = 0 if number is None else int(self.starts[number + 1] - self.starts[number])
        return float(np.log1p((len(self.chunk_ids) + beside - having + 0.5) / (having + 0.5)))

    def scores(self, question: str) -> Floats:
        """BM25 of every chunk for a question; stop words count a tenth."""
        found = np.zeros(len(self.chunk_ids), dtype=np.float32)
        for term, times in sorted(Counter(terms(question)).items()):
            number = self.numbers.get(term)
            if number is None:
                continue
            part = slice(int(self.starts[number]), int(self.starts[number + 1]))
            places, counts = self.places[part], self.counts[part].astype(np.float32)
            weight = np.float32(times * term_weight(term) * self.idf(term) * (_K1 + 1))
            found[places] += weight * counts / (counts + self._length_norms[places])
        return found

    def search(self, question: str, limit: int) -> list[tuple[int, float]]:
        """Row ids and scores of the best chunks, best first; equal scores by row id."""
        scores = self.scores(question)
        hits = np.flatnonzero(scores > 0)
        if len(hits) > limit:
            floor = np.partition(scores[hits], len(hits) - limit)[len(hits) - limit]
            hits = hits[scores[hits] >= floor]
        order = hits[np.lexsort((self.chunk_ids[hits], -scores[hits]))][:limit]
        return [(int(self.chunk_ids[place]), float(scores[place])) for place in order]

    def changed(self, wanted: Sequence[int], text_of: Callable[[Sequence[int]], Iterable[str]]) -> LexicalIndex:
        """The index of the chunks `wanted` (row ids, ascending); only those not yet in it are tokenized."""
        wanted_ids = _int64s(wanted)
        stays = np.isin(self.chunk_ids, wanted_ids, assume_unique=True)
        is_new = ~np.isin(wanted_ids, self.chunk_ids, assume_unique=True)
        new_ids = wanted_ids[is_new]
        if not len(new_ids) and stays.all():
            return self
        fresh = _tokenized(text_of([int(row) for row in new_ids]))
        lengths = np.zeros(len(wanted_ids), dtype=np.int32)
        lengths[~is_new] = self.lengths[stays]
        lengths[is_new] = fresh.lengths
        kept = stays[self.places]
        old_places = np.searchsorted(wanted_ids, self.chunk_ids[self.places[kept]])
        old_terms = np.repeat(np.arange(len(self.vocabulary)), np.diff(self.starts))[kept]
        vocabulary = sorted({*self.vocabulary, *fresh.vocabulary})
        number_of = {term: number for number, term in enumerate(vocabulary)}
        term_numbers = np.concatenate(
            (
                _int64s([number_of[term] for term in self.vocabulary])[old_terms],
                _int64s([number_of[term] for term in fresh.vocabulary])[fresh.term_numbers],
            )
        )
        places = np.concatenate((old_places, np.flatnonzero(is_new)[fresh.places])).astype(np.int32)
        counts = np.concatenate((self.counts[kept], fresh.counts))
        return _assembled(wanted_ids, lengths, vocabulary, term_numbers, places, counts)


@dataclass(frozen=True)
class _Tokenized:
    lengths: Int32s
    vocabulary: tuple[str, ...]
    term_numbers: Int64s
    places: Int64s
    counts: Int32s


def _tokenized(texts: Iterable[str]) -> _Tokenized:
    number_of: defaultdict[str, int] = defaultdict(lambda: len(number_of))
    lengths: list[int] = []
    numbers: list[Int64s] = []
    counts: list[Int64s] = []
    for text in texts:
        found = _int64s([number_of[term] for term in terms(text)])
        lengths.append(len(found))
        unique, times = np.unique(found, return_counts=True)
        numbers.append(unique)
        counts.append(times.astype(np.int64))
    sizes = [len(each) for each in numbers]
    return _Tokenized(
        lengths=_int32s(lengths),
        vocabulary=tuple(number_of),
        term_numbers=np.concatenate([_int64s(()), *numbers]),
        places=np.repeat(np.arange(len(sizes)), sizes).astype(np.int64),
        counts=np.concatenate([_int64s(()), *counts]).astype(np.int32),
    )


def _assembled(
    chunk_ids: Int64s, lengths: Int32s, vocabulary: list[str], term_numbers: Int64s, places: Int32s, counts: Int32s
) -> LexicalIndex:
    """Sort postings by term and place, and leave out terms that no chunk has any more."""
    order = np.lexsort((places, term_numbers))
    sizes = np.bincount(term_numbers, minlength=len(vocabulary))
    used = np.flatnonzero(sizes)
    starts = np.concatenate((_int64s((0,)), np.cumsum(sizes[used]))).astype(np.int64)
    return LexicalIndex(
        chunk_ids=chunk_ids,
        lengths=lengths,
        vocabulary=tuple(vocabulary[number] for number in used),
        starts=starts,
        places=places[order],
        counts=counts[order].astype(np.int32),
    )


def save_sidecar(path: Path, index: LexicalIndex, identity: str, generation: int) -> None:
    """Write the index beside its base, whole or not at all.

    Raises:
        LimitError: file.disk-full
        UsageError: file.unwritable
    """
    vocabulary = "\n".join(index.vocabulary).encode("utf-8", "surrogatepass")
    arrays = (index.chunk_ids, index.starts, index.lengths, index.places, index.counts)
    payload = b"".join(_padded(part) for part in (*(array.tobytes() for array in arrays), vocabulary))
    header = _Header(
        identity=identity,
        generation=generation,
        analysis=ANALYSIS_VERSION,
        sha256="",
        chunks=len(index.chunk_ids),
        postings=len(index.places),
        terms=len(index.vocabulary),
        vocabulary_bytes=len(vocabulary),
    )
    sealed = msgspec.structs.replace(header, sha256=_checksum(header, payload))
    write_bytes(path, _MAGIC + msgspec.json.encode(sealed) + b"\n" + payload)


def load_sidecar(path: Path, identity: str) -> tuple[LexicalIndex, int] | None:
    """The index in a file and its generation; None when it is absent, damaged, of another base or cut otherwise."""
    try:
        content = path.read_bytes()
    except OSError:
        return None
    magic, line, payload = _split(content)
    try:
        header = msgspec.json.decode(line, type=_Header)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    is_ours = magic == _MAGIC and header.identity == identity and header.analysis == ANALYSIS_VERSION
    if not is_ours or _checksum(header, payload) != header.sha256:
        return None
    return _unpacked(payload, header), header.generation


def _checksum(header: _Header, payload: bytes) -> str:
    """Of the payload and of what the header says: a flipped generation must not make an old file look current."""
    bare = msgspec.json.encode(msgspec.structs.replace(header, sha256=""))
    return hashlib.sha256(bare + b"\n" + payload).hexdigest()


def _split(content: bytes) -> tuple[bytes, bytes, bytes]:
    magic, rest = content[: len(_MAGIC)], content[len(_MAGIC) :]
    line, _, payload = rest.partition(b"\n")
    return magic, line, payload


def _unpacked(payload: bytes, header: _Header) -> LexicalIndex:
    at = 0

    def take(kind: type[np.generic], length: int) -> npt.NDArray[np.generic]:
        nonlocal at
        array = np.frombuffer(payload, dtype=kind, count=length, offset=at)
        at += -(-array.nbytes // _ALIGNMENT) * _ALIGNMENT
        return array

    chunk_ids = take(np.int64, header.chunks).astype(np.int64, copy=False)
    starts = take(np.int64, header.terms + 1).astype(np.int64, copy=False)
    lengths = take(np.int32, header.chunks).astype(np.int32, copy=False)
    places = take(np.int32, header.postings).astype(np.int32, copy=False)
    counts = take(np.int32, header.postings).astype(np.int32, copy=False)
    words = payload[at : at + header.vocabulary_bytes].decode("utf-8", "surrogatepass")
    return LexicalIndex(chunk_ids, lengths, tuple(words.split("\n")) if words else (), starts, places, counts)


def try_save_sidecar(path: Path, index: LexicalIndex, identity: str, generation: int) -> bool:
    """Save where it is possible: a base in a folder that cannot be written, or on a full disk, is searched all the same."""
    try:
        save_sidecar(path, index, identity, generation)
    except LianluError:
        return False
    return True


def _padded(content: bytes) -> bytes:
    return content + b"\0" * (-len(content) % _ALIGNMENT)


def _int64s(values: Sequence[int]) -> Int64s:
    return np.asarray(values, dtype=np.int64)


def _int32s(values: Sequence[int]) -> Int32s:
    return np.asarray(values, dtype=np.int32)
