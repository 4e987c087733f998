"""A base of a million chunks: memory and time to build its indexes, a question by words and vectors, one document changed.

Synthetic, made from one seed while it is indexed: a chunk is 50 Chinese and 40 English words drawn by Zipf's law from
20,000 of each (about 110 characters and 230 letters, 230 terms), its vector of 384 dimensions lies in a cluster of about a
hundred. A question is a stretch of a chunk's words with a vector near the chunk's; half of the questions also hold a word
that no other chunk has. Both rankings are looked at 200 deep and joined, as `base.find` does; the database is not part of
it. One thread; questions are CPU time, the rest is wall time; the memory is the peak of this process, the corpus of one
run included.

The limits are absolute: 8 GB, 50 ms, 1 s. `equal`: every chunk that was asked about comes first, what was changed is found
and what is gone is not, and of the ten nearest vectors 95% are found of those that comparing all finds. `--quick`: 50,000
chunks; its figures are no evidence for the row.
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt
from peer import one_thread
from row import Row, arguments, show, versions

from lianlu.rag.dense import DenseIndex, piece_id
from lianlu.rag.fusion import candidates, fuse
from lianlu.rag.lexical import LexicalIndex, load_lexical, save_lexical
from lianlu.rag.vectors import VectorIndex, load_vectors, save_vectors

DIMENSIONS, CHINESE, ENGLISH, WORDS, RUN = 384, 50, 40, 20_000, 8192
OF_DOCUMENT = 10
SEED = 20261126
LIMIT_GB, LIMIT_MS, LIMIT_S, LEAST_RECALL = 8.0, 50.0, 1.0, 0.95
_SHARES = np.cumsum(1 / np.arange(1, WORDS + 1))
_SYLLABLES = [consonant + vowel for consonant in "bcdfghklmnprstvz" for vowel in "aeiou"]

Floats = npt.NDArray[np.float32]
Halves = npt.NDArray[np.float16]


@dataclass(frozen=True)
class Corpus:
    """Chunks 1 to `count`, made anew whenever they are asked for."""

    count: int

    @cached_property
    def chinese(self) -> list[str]:
        random = np.random.default_rng(SEED)
        characters = [chr(0x4E00 + int(code)) for code in random.permutation(5000)]
        shares = np.cumsum(1 / np.arange(11, 5011))  # Zipf and Mandelbrot: the most frequent one is one in 66
        ranks = np.searchsorted(shares, random.random((WORDS, 2)) * shares[-1])
        lengths = random.choice([1, 2], WORDS, p=[0.2, 0.8])
        return [
            "".join(characters[rank] for rank in pair[:length]) for pair, length in zip(ranks, lengths, strict=True)
        ]

    @cached_property
    def english(self) -> list[str]:
        random = np.random.default_rng(SEED + 1)
        found: dict[str, None] = {}
        while len(found) < WORDS:
            found["".join(random.choice(_SYLLABLES, random.integers(1, 5)))] = None
        return sorted(found, key=len)

    @cached_property
    def centers(self) -> Floats:
        random = np.random.default_rng(SEED + 2)
        return unit(random.standard_normal((max(20, self.count // 100), DIMENSIONS), dtype=np.float32))

    def texts(self, rows: Sequence[int]) -> Iterator[str]:
        for at in range(0, len(rows), RUN):
            some = rows[at : at + RUN]
            random = np.random.default_rng((SEED, some[0]))
            drawn = np.searchsorted(_SHARES, random.random((len(some), CHINESE + ENGLISH)) * _SHARES[-1]).tolist()
            for row, words in zip(some, drawn, strict=True):
                chinese = "".join([self.chinese[word] for word in words[:CHINESE]])
                yield f"{chinese}。{' '.join([self.english[word] for word in words[CHINESE:]])} {spelled(row)}"

    def vectors(self, rows: Sequence[int]) -> Halves:
        random = np.random.default_rng((SEED + 3, rows[0]))
        around = unit(random.standard_normal((len(rows), DIMENSIONS), dtype=np.float32))
        return unit(self.centers[random.integers(0, len(self.centers), len(rows))] + around).astype(np.float16)


@dataclass(frozen=True)
class Asked:
    row: int
    text: str
    vector: Floats


def unit(rows: Floats) -> Floats:
    return rows / np.linalg.norm(rows, axis=-1, keepdims=True)


def spelled(row: int) -> str:
    """A word that only one chunk has."""
    return "q" + "".join(chr(ord("a") + int(digit)) for digit in f"{row:07d}")


def questions(corpus: Corpus, count: int) -> list[Asked]:
    """Of chunks out of one run, because a run is made as a whole."""
    random = np.random.default_rng(SEED + 4)
    start = 1 + RUN * int(random.integers(0, corpus.count // RUN))
    texts = list(corpus.texts(range(start, min(start + RUN, corpus.count + 1))))
    rows = corpus.vectors(range(start, start + len(texts))).astype(np.float32)
    asked: list[Asked] = []
    for number, at in enumerate(random.choice(len(texts), count, replace=False).tolist()):
        chinese, _, english = texts[at].partition("。")
        begin = int(random.integers(0, len(chinese) - 14))
        words = english.split()
        told = words[-1] if number % 2 else ""
        text = f"{chinese[begin : begin + 14]} {' '.join(words[begin % 20 : begin % 20 + 4])} {told}"
        noise = unit(random.standard_normal(DIMENSIONS, dtype=np.float32))
        asked.append(Asked(start + at, text, unit(rows[at] + 0.5 * noise)))
    return asked


@dataclass(frozen=True)
class Base:
    words: LexicalIndex
    vectors: DenseIndex

    def find(self, text: str, vector: Floats) -> list[int]:
        found = candidates(self.words, self.vectors, text, vector)
        return [row for row, _ in fuse(found.rows, found.lexical, found.dense, 1.0)][:10]

    def changed(self, corpus: Corpus, new: Sequence[int], gone: Sequence[int]) -> Base:
        pieces = [piece_id(row, 0) for row in new]
        vectors = self.vectors.changed(pieces, gone, lambda ids: corpus.vectors([each >> 6 for each in ids]))
        return Base(self.words.changed(new, gone, corpus.texts), vectors)

    def save(self, folder: Path, generation: int) -> None:
        save_lexical(folder / "words", self.words, "base", generation)
        save_vectors(folder / "vectors", self.vectors.pieces, "base", generation, "space")

    @classmethod
    def load(cls, folder: Path) -> Base:
        words, vectors = load_lexical(folder / "words", "base"), load_vectors(folder / "vectors", "base", "space")
        assert words is not None
        assert vectors is not None
        return cls(words[0], DenseIndex(vectors[0]))


class Clock:
    def __enter__(self) -> Clock:
        self._began = time.perf_counter()
        return self

    def __exit__(self, *_: object) -> None:
        self.seconds = time.perf_counter() - self._began


def peak_gb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 << 20 if sys.platform != "darwin" else 1 << 30)


def recall(index: VectorIndex, asked: Sequence[Asked]) -> float:
    """Of the ten nearest, against comparing all: filters do."""
    ids = index.chunk_ids
    hits = 0
    for each in asked:
        parts = (index.search(each.vector, 10, ids[at : at + 25_000]) for at in range(0, len(ids), 25_000))
        best = sorted((pair for part in parts for pair in part), key=lambda pair: (-pair[1], pair[0]))[:10]
        hits += len({row for row, _ in best} & {row for row, _ in index.search(each.vector, 10)})
    return hits / (10 * len(asked))


def measure(count: int, turns: int, folder: Path, *, spoil: bool) -> list[Row]:
    corpus = Corpus(count)
    empty = Base(LexicalIndex.empty(), DenseIndex(VectorIndex.empty(DIMENSIONS)))
    with Clock() as building:
        base = empty.changed(corpus, range(1, count + 1), [])
        base.save(folder, 1)
    memory = peak_gb()
    base = Base.load(folder)
    asked = questions(corpus, turns)
    times, right = [], True
    for turn, each in enumerate([asked[0], *asked]):
        began = time.process_time()
        found = base.find(each.text, -each.vector if spoil else each.vector)
        took = time.process_time() - began
        right = right and found[0] == each.row
        if turn:
            times.append(took * 1000)
    found_vectors = recall(base.vectors.pieces, asked[:10])
    changes = []
    for turn in range(5):
        first = count + 1 + turn * OF_DOCUMENT
        with Clock() as changing:
            base = base.changed(
                corpus, range(first, first + OF_DOCUMENT), range(first - count, first - count + OF_DOCUMENT)
            )
            base.save(folder, 2 + turn)
        changes.append(changing.seconds)
        text, row = spelled(first), first
        right = right and base.words.search(text, 1)[0][0] == row and not base.words.search(spelled(first - count), 1)
    equal = right and found_vectors >= LEAST_RECALL
    size = f"{count:,} chunks"
    p50, p95 = (float(np.quantile(times, share)) for share in (0.5, 0.95))

    def row(case: str, ours: float, unit: str, limit: float | None = None, runs: int = 1) -> Row:
        return Row(
            case=case,
            against=None,
            ours=ours,
            peer=None,
            unit=unit,
            floor=limit,
            goal=limit,
            runs=runs,
            equal=equal,
            versions=versions("numpy"),
            met=limit is None or ours <= limit,
        )

    return [
        row(f"build the indexes of {size}, peak memory", memory, "GB", LIMIT_GB),
        row(f"hybrid query among {size}, p95", p95, "CPU ms", LIMIT_MS, turns),
        row(f"change one document among {size} and save, slowest", max(changes), "s", LIMIT_S, len(changes)),
        row(f"build the indexes of {size}, time", building.seconds, "s"),
        row(f"hybrid query among {size}, p50", p50, "CPU ms", runs=turns),
        row(f"recall@10 of vectors among {size}", found_vectors, "share", runs=min(turns, 10)),
    ]


def main() -> int:
    one_thread()
    given = arguments(__doc__).parse_args()
    count, turns = (20_000, 20) if given.self_test else (50_000, 40) if given.quick else (1_000_000, 60)
    with tempfile.TemporaryDirectory() as folder:
        rows = measure(count, turns, Path(folder), spoil=given.self_test)
    return show(rows, only_json=given.json)


if __name__ == "__main__":
    sys.exit(main())
