"""How a base stands: what `lianlu rag status` shows, all of one state."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lianlu.rag.refusal import SHIPPED, Calibration
from lianlu.rag.sources import Root
from lianlu.records import Failure

if TYPE_CHECKING:
    from lianlu.rag.base import KnowledgeBase
    from lianlu.rag.calibration import LanguageWeight

__all__ = ["Status", "status_of"]


@dataclass(frozen=True)
class Status:
    """How a base stands.

    Attributes:
        generation: grows with every change.
        dated: how many documents have a date to filter by.
        embed, rerank: the models it names, empty for none.
        vectors: how many chunks have any.
        weights: of vectors beside words, by language of the question, as calibrated on this base.
        threshold: least probability that its documents answer a question, for it to be answered.
        calibration: of refusal, if it has one of its own; `calibration_note` says why it cannot be used.
    """

    name: str
    path: str
    documents: int
    chunks: int
    generation: int
    languages: dict[str, int]
    uris: tuple[str, ...]
    roots: tuple[str, ...]
    failures: tuple[Failure, ...]
    dated: int = 0
    embed: str = ""
    rerank: str = ""
    dimensions: int = 0
    vectors: int = 0
    weights: Mapping[str, LanguageWeight] = field(default_factory=dict)
    threshold: float = SHIPPED.threshold
    calibration: Calibration | None = None
    calibration_note: str = ""


def status_of(base: KnowledgeBase) -> Status:
    """Looked up in one state of the base, whatever writers do meanwhile."""
    with base.truth.reading():
        documents = base.truth.documents()
        space = base.space
        return Status(
            name=base.name,
            path=str(base.truth.path),
            documents=len(documents),
            chunks=base.truth.chunk_count(),
            generation=base.truth.state()[1],
            languages=dict(sorted(Counter(each.language or "und" for each in documents).items())),
            uris=tuple(each.uri for each in documents),
            roots=tuple(Root(text).shown for text in base.truth.roots().values()),
            failures=tuple(failure for _, failure in base.truth.failures()),
            dated=sum(bool(each.date) for each in documents),
            embed=base.config.embed or "",
            rerank=base.config.rerank or "",
            dimensions=space.dimensions if space else 0,
            vectors=base.truth.embedded_count(),
            weights=base.weights,
            threshold=base.refusal.threshold,
            calibration=base.calibration,
            calibration_note=" ".join(note.show() for note in base.refusal_notes),
        )
