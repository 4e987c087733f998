"""A corpus of any size from one seed: words by Zipf's law, 800 characters a chunk, vectors in clusters, planted questions.

Synthetic, because no licence lets a hundred megabytes of text lie in a repository, and because the right answer is known:
a planted chunk holds two words that no other chunk has, and the vector of its question is its own with a little noise.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt

from lianlu.rag.calibration import LanguageWeight
from lianlu.rag.embedding import Space
from lianlu.rag.truth import Truth
from lianlu.records import Block, Chunk, Document, Source
from lianlu.text.chunks import ChunkConfig, chunk_document

__all__ = [
    "CHARACTERS",
    "DIMENSIONS",
    "OF_DOCUMENT",
    "Corpus",
    "Floats",
    "Planted",
    "document_of",
    "fill",
    "halves",
    "made",
    "text_id",
    "uri_of",
]

DIMENSIONS = 384
CHARACTERS = 800
OF_DOCUMENT = 10
SEED = 20261126
_WORDS = 20_000
_SHARES = np.cumsum(1 / np.arange(1, _WORDS + 1))  # Zipf's law: the nth word is n times as rare as the first
_SYLLABLES = [consonant + vowel for consonant in "bcdfghklmnprstvz" for vowel in "aeiou"]
_CUT = ChunkConfig(size=CHARACTERS // 3 + 1, smallest=0)  # a paragraph is a chunk: two do not fit
_SPREAD, _NOISE = 0.7, 0.3

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Planted:
    """A question and its vector, and the number of the chunk that answers it."""

    chunk: int
    question: str
    vector: Floats


@dataclass(frozen=True)
class Corpus:
    """Texts and their vectors of length one, (N, D); chunk n belongs to document n // 10."""

    texts: list[str]
    vectors: Floats
    planted: list[Planted]

    def __len__(self) -> int:
        return len(self.texts)

    def write(self, folder: Path) -> tuple[Path, Path]:
        """Files that a peer reads: JSON lines of id, document and text, and the vectors."""
        chunks, vectors = folder / "chunks.jsonl", folder / "vectors.npy"
        lines = (
            json.dumps({"id": text_id(text), "document": uri_of(number // OF_DOCUMENT), "text": text})
            for number, text in enumerate(self.texts)
        )
        chunks.write_text("\n".join(lines) + "\n", encoding="utf-8")
        np.save(vectors, self.vectors)
        return chunks, vectors


def made(count: int, questions: int = 50, seed: int = SEED) -> Corpus:
    """`count` chunks (a multiple of ten), some of which answer a question."""
    random = np.random.default_rng(seed)
    words = _words(random)
    answering = random.choice(count, questions, replace=False)
    plants = {int(chunk): f"q{_spelled(2 * n)} q{_spelled(2 * n + 1)}" for n, chunk in enumerate(answering)}
    texts = [text_of(number, words, random, plants.get(number, "")) for number in range(count)]
    vectors = _unit(_clustered(count, random))
    noise = _unit(random.standard_normal((questions, DIMENSIONS), dtype=np.float32))
    asked = _unit(vectors[answering] + _NOISE * noise)
    planted = [
        Planted(int(chunk), f"{plants[int(chunk)]} {' '.join(texts[chunk].split()[3:7])}", asked[n])
        for n, chunk in enumerate(answering)
    ]
    return Corpus(texts, vectors, planted)


def text_of(number: int, words: list[str], random: np.random.Generator, planted: str = "") -> str:
    """A paragraph of 800 characters that begins with the id of its chunk."""
    places = np.searchsorted(_SHARES, random.random(CHARACTERS // 3) * _SHARES[-1])
    text = " ".join(filter(None, [f"c{_spelled(number)}", planted, *(words[place] for place in places)]))
    return text[:CHARACTERS].rstrip()


def text_id(text: str) -> str:
    return text.split(" ", 1)[0]


def uri_of(document: int) -> str:
    return f"document-{document:06d}.md"


def document_of(number: int, texts: list[str]) -> tuple[Document, list[Chunk]]:
    """A document of some paragraphs, cut into one chunk each."""
    source = Source(uri=uri_of(number), sha256=f"{number:064x}", size=sum(map(len, texts)))
    blocks = tuple(Block(kind="para", markdown=text) for text in texts)
    document = Document(id=f"d{number:06d}", source=source, blocks=blocks, language="en")
    chunks = list(chunk_document(document, _CUT))
    assert [chunk.text for chunk in chunks] == texts, "a paragraph is a chunk"
    return document, chunks


def documents(corpus: Corpus) -> Iterator[tuple[Document, list[Chunk], Floats]]:
    for number, start in enumerate(range(0, len(corpus), OF_DOCUMENT)):
        part = slice(start, start + OF_DOCUMENT)
        document, chunks = document_of(number, corpus.texts[part])
        yield document, chunks, corpus.vectors[part]


def fill(truth: Truth, corpus: Corpus, weight: float = 1.0) -> None:
    """Put a corpus with its vectors into a base, as an embedder would have; in one transaction, to be quick."""
    space = Space(ref="synthetic", fingerprint="synthetic", dimensions=DIMENSIONS)
    weights = {"en": LanguageWeight(weight=weight)}
    with truth.writing():
        for document, chunks, vectors in documents(corpus):
            truth.put(document, chunks, vectors=halves(vectors))
        truth.set_meta("space", _json(space))
        truth.set_meta("weights", _json(weights))


def halves(vectors: Floats) -> list[npt.NDArray[np.float16]]:
    """As a base keeps them: for each chunk those of its pieces, here one."""
    return list(vectors.astype(np.float16)[:, None, :])


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _words(random: np.random.Generator) -> list[str]:
    found: dict[str, None] = {}
    while len(found) < _WORDS:
        found["".join(random.choice(_SYLLABLES, random.integers(1, 5)))] = None
    return sorted(found, key=len)  # frequent words are short


def _spelled(number: int) -> str:
    """A number in letters, so that no tokenizer cuts it."""
    return "".join(chr(ord("a") + int(digit)) for digit in f"{number:07d}")


def _clustered(count: int, random: np.random.Generator) -> Floats:
    centers = _unit(random.standard_normal((max(20, count // 100), DIMENSIONS), dtype=np.float32))
    around = _unit(random.standard_normal((count, DIMENSIONS), dtype=np.float32))
    return centers[random.integers(0, len(centers), count)] + _SPREAD * around


def _unit(rows: Floats) -> Floats:
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)
