"""Documents cut into parts that a model can read at once: whole passages, numbered, as many as fit; small documents share one.

Tokens are counted by the model's own tokenizer where it can be asked without a request, else they are estimated: one for a
Chinese character, one for three other characters, which is on the safe side for the usual tokenizers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lianlu.rag.expand import Source, text_under_headings
from lianlu.rag.truth import ChunkRow
from lianlu.records import Document
from lianlu.text.chunks import ChunkConfig, chunk_document
from lianlu.text.normalise import text_size

if TYPE_CHECKING:
    from lianlu.llm import Backend

__all__ = ["Part", "can_count", "grouped", "packed", "sources_in", "token_counts"]

_PASSAGE = ChunkConfig(size=300, smallest=60)
_AROUND_A_SOURCE = 40  # tokens of the marks around it
_MOST_SOURCES = 900  # marks have three digits
_COUNTED_AT_ONCE = 256


@dataclass(frozen=True)
class Part:
    """Passages that are read together; `tokens` is what they take in a prompt."""

    sources: tuple[Source, ...]
    tokens: int

    @property
    def uri(self) -> str:
        return self.sources[0].rows[0].uri

    @property
    def first(self) -> str:
        """The headings where it begins, or its first words."""
        chunk = self.sources[0].rows[0].chunk
        return " › ".join(chunk.headings) or " ".join(chunk.text.split())[:40]

    @property
    def texts(self) -> list[str]:
        return [source.text for source in self.sources]

    def halves(self) -> tuple[Part, Part] | None:
        """The part in two, for a model that cannot read so much; None for a single passage."""
        if len(self.sources) < 2:
            return None
        middle = len(self.sources) // 2
        return tuple(Part(half, self.tokens // 2) for half in (self.sources[:middle], self.sources[middle:]))  # pyright: ignore[reportReturnType] - two of them


def sources_in(documents: Sequence[Document]) -> Iterator[Source]:
    """The passages of documents in reading order; their rows are numbered from 0 through all documents."""
    row = 0
    for number, document in enumerate(documents):
        markdown = document.markdown
        for chunk in chunk_document(document, _PASSAGE):
            title = document.title
            rows = (ChunkRow(row=row, chunk=chunk, document_row=number, uri=document.source.uri, title=title),)
            yield Source(document, rows, text_under_headings(rows, markdown))
            row += 1


def can_count(backend: Backend) -> bool:
    """Whether a model counts tokens without being asked over the network."""
    return bool({"offsets", "tokenize"} & backend.abilities)


async def token_counts(backend: Backend, texts: Sequence[str]) -> list[int]:
    """How many tokens each text has."""
    if "offsets" in backend.abilities:
        counts: list[int] = []
        for at in range(0, len(texts), _COUNTED_AT_ONCE):
            counts += map(len, await backend.token_starts(texts[at : at + _COUNTED_AT_ONCE]))
        return counts
    if "tokenize" in backend.abilities:
        return [len(await backend.tokenize(text)) for text in texts]
    return list(map(text_size, texts))


def packed(sources: Sequence[Source], counts: Sequence[int], budget: int) -> list[Part]:
    """Parts of at most `budget` tokens, in reading order. A passage that alone has more is a part of its own."""
    sizes = [count + _AROUND_A_SOURCE for count in counts]
    return [Part(tuple(sources[at] for at in run), sum(sizes[at] for at in run)) for run in grouped(sizes, budget)]


def grouped(sizes: Sequence[int], budget: int) -> list[list[int]]:
    """Numbers of neighbours that fit a budget together; what alone exceeds it stands alone.

    >>> grouped([3, 3, 9, 1], 6)
    [[0, 1], [2], [3]]
    """
    groups: list[list[int]] = []
    left = 0
    for number, size in enumerate(sizes):
        if not groups or size > left or len(groups[-1]) >= _MOST_SOURCES:
            groups.append([])
            left = budget
        groups[-1].append(number)
        left -= size
    return groups
