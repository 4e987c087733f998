"""Knowledge bases: index, search, cited answers from documents, with or without a model.

`ll.rag.build("handbook", "docs/")`, then `ll.rag.ask("handbook", "…")`, or `with ll.rag.open("handbook") as base:` to search,
add, update and remove.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from lianlu.core.i18n import Language
from lianlu.rag.answer import Answer, Citation, Dropped, Passage
from lianlu.rag.asking import ask_base
from lianlu.rag.base import KnowledgeBase
from lianlu.rag.changes import Changes
from lianlu.rag.shelf import build, names
from lianlu.rag.shelf import open_base as open  # noqa: A004 - reads `rag.open(name)`
from lianlu.rag.sources import Named, SqlSource
from lianlu.rag.status import Status
from lianlu.rag.summary import Summary

__all__ = [
    "Answer",
    "Changes",
    "Citation",
    "Dropped",
    "KnowledgeBase",
    "Passage",
    "Status",
    "Summary",
    "ask",
    "ask_base",
    "build",
    "names",
    "open",
    "summarize",
]


def ask(name: str, question: str, *, model: str | None = None, top: int = 5, root: Path | None = None) -> Answer:
    """Answer a question from the base of that name, by the model that `model` (a ModelRef) names if it is given.

    Raises:
        UsageError: rag.unknown-base, rag.empty-question, rag.long-question, llm.*
        BackendError: the model failed
    """
    with open(name, root=root) as base:
        return ask_base(base, question, model=model, top=top)


def summarize(
    sources: Named | Sequence[Named],
    *,
    model: str | None = None,
    points: int | None = None,
    focus: str = "",
    language: Language | None = None,
    root: Path | None = None,
) -> Summary:
    """Sum up files, folders and addresses, or the base of a name, by the model that `model` (a ModelRef) names if it is given.

    Documents that were read already are summed up by `lianlu.rag.summarizing.summarize`.

    Args:
        points: key points at most; by default 3 to 12, the more the longer the documents are.
        focus: a question that the summary should bear on.
        language: of the summary; that of most of the text by default.
        root: of the store.

    Raises:
        UsageError: file.missing, rag.no-such-file, rag.bad-points, rag.long-focus, rag.window-too-small, llm.*
        DataError: rag.nothing-read, rag.nothing-to-summarize
        BackendError: the model failed
    """
    from lianlu.rag import summarizing
    from lianlu.rag.gathering import gather

    named: list[Named] = [sources] if isinstance(sources, (str, Path, SqlSource)) else list(sources)
    gathered = gather(named, root=root)
    return summarizing.summarize(
        gathered.documents,
        model=model,
        points=points,
        focus=focus,
        language=language,
        title=gathered.title,
        failures=gathered.failures,
    )
