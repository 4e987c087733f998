"""Knowledge bases: index, search, cited answers from documents, with or without a model.

`ll.rag.build("handbook", "docs/")`, then `ll.rag.ask("handbook", "…")`, or `with ll.rag.open("handbook") as base:` to search,
add, update and remove.
"""

from __future__ import annotations

from pathlib import Path

from lianlu.rag.answer import Answer, Citation, Dropped, Passage
from lianlu.rag.asking import ask_base
from lianlu.rag.base import Changes, KnowledgeBase, Status
from lianlu.rag.shelf import build, names
from lianlu.rag.shelf import open_base as open  # noqa: A004 - reads `rag.open(name)`

__all__ = [
    "Answer",
    "Changes",
    "Citation",
    "Dropped",
    "KnowledgeBase",
    "Passage",
    "Status",
    "ask",
    "ask_base",
    "build",
    "names",
    "open",
]


def ask(name: str, question: str, *, model: str | None = None, top: int = 5, root: Path | None = None) -> Answer:
    """Answer a question from the base of that name, by the model that `model` (a ModelRef) names if it is given.

    Raises:
        UsageError: rag.unknown-base, rag.empty-question, rag.long-question, llm.*
        BackendError: the model failed
    """
    with open(name, root=root) as base:
        return ask_base(base, question, model=model, top=top)
