"""A base as other rooms ask it: passages for a question, with their places (registry group `knowledge`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lianlu.rag.base import KnowledgeBase
from lianlu.rag.question import read_question
from lianlu.rag.retrieval import open_models, retrieve
from lianlu.rag.shelf import open_base
from lianlu.rag.shown import place

__all__ = ["BaseKnowledge", "FoundPassage", "open_knowledge"]


@dataclass(frozen=True)
class FoundPassage:
    """A passage and where it stands, for people."""

    text: str
    where: str


@dataclass
class BaseKnowledge:
    """A knowledge base that is asked for passages."""

    base: KnowledgeBase

    async def passages(self, question: str, top: int) -> Sequence[FoundPassage]:
        """The passages that fit a question best, the best first; none where nothing fits."""
        async with open_models(self.base) as models:
            retrieved = await retrieve(self.base, read_question(question), top, models)
        found = [self.base.passage(each) for each in retrieved.found]
        return [FoundPassage(each.text, place(each)) for each in found]


def open_knowledge(name: str, *, store: Path | None = None) -> BaseKnowledge:
    """Open a base by name.

    Raises:
        UsageError: rag.unknown-base, with the nearest names
        DataError: rag.corrupt, rag.format
    """
    return BaseKnowledge(open_base(name, root=store))
