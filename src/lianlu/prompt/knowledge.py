"""The knowledge base that a prompt binds: found by name, asked for passages. Which room has it is the registry's business."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

import msgspec

from lianlu.core import registry
from lianlu.prompt.file import PromptFile

__all__ = ["Knowledge", "KnowledgeOpener", "Passage", "knowledge_of"]


class Passage(msgspec.Struct, frozen=True, kw_only=True):
    """A passage and where it stands, for people: `guide.md, lines 3–9`."""

    text: str
    where: str


class Knowledge(Protocol):
    """What can be asked for passages."""

    async def passages(self, question: str, top: int) -> Sequence[Passage]:
        """The passages that fit a question best, the best first; none where nothing fits."""
        ...


@runtime_checkable
class KnowledgeOpener(Protocol):
    """A member of the registry group `knowledge`."""

    def __call__(self, name: str, *, store: Path | None = None) -> Knowledge: ...


def knowledge_of(file: PromptFile, store: Path | None = None) -> Knowledge | None:
    """The knowledge base that the front matter names; None where it names none.

    Raises:
        UsageError: rag.*: it is not there
    """
    if not file.head.knowledge:
        return None
    opener: KnowledgeOpener = registry.find("knowledge", "base")
    return opener(file.head.knowledge, store=store)
