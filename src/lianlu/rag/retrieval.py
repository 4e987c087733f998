"""Find the passages for a question: by words, by vectors where the base has them, and in a reranker's order.

The models of a base may be out of reach: a server is down, an extra is not installed, a folder was changed. Then the
base is searched by words alone, and what is found says so: half an answer is better than none, but not if it looks whole.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeVar

from lianlu.core.errors import LianluError
from lianlu.core.i18n import Text
from lianlu.core.settings import Settings
from lianlu.rag.extractive import Found, indexed_text
from lianlu.rag.filters import Filters
from lianlu.rag.question import Question

if TYPE_CHECKING:
    from lianlu.llm import Backend
    from lianlu.rag.base import KnowledgeBase
    from lianlu.rag.embedding import Floats

__all__ = ["Filters", "Models", "Retrieved", "models_of", "open_models", "retrieve", "retrieve_now"]

ValueT = TypeVar("ValueT")
_RERANKED = 30
"""How many passages a reranker reads."""


@dataclass(frozen=True)
class Retrieved:
    """What was found, best first; `notes` tell what could not be used."""

    found: list[Found]
    notes: tuple[Text, ...] = ()


@dataclass
class Models:
    """The opened models of a base. Either may be absent; `notes` tell why one is that should be there."""

    embedder: Backend | None = None
    reranker: Backend | None = None
    notes: list[Text] = field(default_factory=list[Text])


@asynccontextmanager
async def open_models(base: KnowledgeBase, settings: Settings | None = None) -> AsyncGenerator[Models]:
    """The models that a base names, open for the block; none for a base that is searched by words."""
    async with AsyncExitStack() as stack:
        yield await models_of(base, stack, settings)


async def models_of(base: KnowledgeBase, stack: AsyncExitStack, settings: Settings | None = None) -> Models:
    """The models that a base names, open until the stack is closed."""
    models = Models()
    for name, ref in (("embedder", base.config.embed), ("reranker", base.config.rerank)):
        if ref:
            backend = await _tried(_opened(stack, ref, settings), ref, models.notes)
            setattr(models, name, backend)
    if models.embedder is not None and not await _is_ours(base, models):
        models.embedder = None
    return models


async def retrieve(
    base: KnowledgeBase,
    question: Question,
    limit: int,
    models: Models | None = None,
    filters: Filters | None = None,
) -> Retrieved:
    """The `limit` best passages for a question.

    Args:
        models: opened once for many questions; by default for this one alone.
    """
    if models is None:
        async with open_models(base) as opened:
            return await retrieve(base, question, limit, opened, filters)
    notes: list[Text] = [*models.notes]
    vector = await _tried(_query_vector(base, question, models), base.config.embed or "", notes)
    depth = max(limit, _RERANKED) if models.reranker is not None else limit
    found = base.find(question, depth, vector=vector, filters=filters)
    if models.reranker is not None and len(found) > 1:
        ranked = await _tried(_reranked(question, found, models.reranker), base.config.rerank or "", notes)
        found = ranked or found
    return Retrieved(found[:limit], tuple(notes))


def retrieve_now(base: KnowledgeBase, question: Question, limit: int, filters: Filters | None = None) -> Retrieved:
    """`retrieve` for plain code; a base that is searched by words alone needs no event loop."""
    if not base.config.embed and not base.config.rerank:
        return Retrieved(base.find(question, limit, filters=filters))
    from lianlu.core import aio

    return aio.run(lambda: retrieve(base, question, limit, None, filters))


async def _opened(stack: AsyncExitStack, ref: str, settings: Settings | None) -> Backend:
    from lianlu.llm import open_backend

    return await stack.enter_async_context(open_backend(ref, settings=settings))


async def _is_ours(base: KnowledgeBase, models: Models) -> bool:
    """Whether the embedder is still the one that made the vectors: others cannot be compared with its own."""
    from lianlu.rag.embedding import fingerprint_of

    assert models.embedder is not None
    ref = base.config.embed or ""
    found = await _tried(fingerprint_of(models.embedder), ref, models.notes)
    if found is None or base.space is None or found == base.space.fingerprint:
        return found is not None and base.space is not None
    models.notes.append(
        Text(
            f"{ref} is not the model that read this base; searched by words alone. `lianlu rag update {base.name}` reads it anew",
            f"{ref} 已不是建库时的模型；本次只按词检索。运行 `lianlu rag update {base.name}` 重新计算向量",
        )
    )
    return False


async def _query_vector(base: KnowledgeBase, question: Question, models: Models) -> Floats | None:
    from lianlu.rag.embedding import unit_vectors

    if models.embedder is None or base.space is None or not base.weight_for(question.text):
        return None
    made = await models.embedder.embed([question.text], kind="query")
    return unit_vectors(made.vectors, base.space)[0]


async def _reranked(question: Question, found: list[Found], reranker: Backend) -> list[Found]:
    ranked = await reranker.rerank(question.text, [indexed_text(each.row) for each in found[:_RERANKED]])
    first = [replace(found[each.index], score=each.score, rerank=each.score) for each in ranked]
    return [*first, *found[_RERANKED:]]


async def _tried(work: Awaitable[ValueT], ref: str, notes: list[Text]) -> ValueT | None:
    """The value, or None and a note: what a model adds is left out when it cannot be reached."""
    try:
        return await work
    except LianluError as error:
        notes.append(
            Text(
                f"{ref} cannot be used; searched without it: {error.message('en')}",
                f"无法使用 {ref}，检索时未用它：{error.message('zh')}",
            )
        )
        return None
