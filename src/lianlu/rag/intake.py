"""Documents on their way into a base: cut into chunks, and with vectors where the base has an embedder."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import msgspec

from lianlu.core.job import Job
from lianlu.rag.config import BaseConfig
from lianlu.rag.embedding import EmbeddingCache, Prepared, Space, prepare, space_of
from lianlu.records import Document
from lianlu.text.chunks import chunk_document
from lianlu.text.language import language_of

if TYPE_CHECKING:
    from lianlu.llm import Backend

__all__ = ["current_space", "prepared", "take_in", "with_language"]

ValueT = TypeVar("ValueT")
Listed = Sequence[tuple[int, Document]]


def with_language(document: Document) -> Document:
    """The document with its language, told from the text where nobody has said it."""
    if document.language:
        return document
    return msgspec.structs.replace(document, language=language_of(document.markdown))


def take_in(
    documents: Listed,
    config: BaseConfig,
    cache: Path | None,
    job: Job,
    keep: Callable[[Prepared], None],
    check: Callable[[Space | None], None] = lambda _: None,
) -> Space | None:
    """Hand over documents, ready to be kept, in their order and as soon as they are ready.

    Args:
        documents: each with a number that is handed on.
        cache: file of the embeddings computed before.
        check: called with the space of the vectors before the first document.

    Raises:
        BackendError: the embedder failed; what was handed over before stays
    """
    named = [(root, with_language(document)) for root, document in documents]
    if not config.embed:
        check(None)
        for root, document in job.track(named, "documents"):
            keep(Prepared(root, document, list(chunk_document(document, config))))
        return None

    async def main(backend: Backend, space: Space) -> Space:
        check(space)
        kept = EmbeddingCache(cache)
        try:
            async with aclosing(prepare(named, backend, space, config, kept, job)) as ready:
                async for each in ready:
                    keep(each)
        finally:
            kept.close()
        return space

    return _with_embedder(config.embed, main, job)


def prepared(
    documents: Listed, config: BaseConfig, cache: Path | None, job: Job
) -> tuple[list[Prepared], Space | None]:
    """All documents ready to be kept, and the space of their vectors."""
    ready: list[Prepared] = []
    space = take_in(documents, config, cache, job, ready.append)
    return ready, space


def current_space(config: BaseConfig, job: Job) -> Space | None:
    """The space of the embedder that is named, as it is now; None where none is.

    Raises:
        BackendError: it cannot be reached
    """

    async def main(_: Backend, space: Space) -> Space:
        return space

    return _with_embedder(config.embed, main, job) if config.embed else None


def _with_embedder(ref: str, work: Callable[[Backend, Space], Awaitable[ValueT]], job: Job) -> ValueT:
    from lianlu.core import aio
    from lianlu.llm import open_backend

    async def main() -> ValueT:
        async with open_backend(ref) as backend:
            return await work(backend, await space_of(backend, ref))

    return aio.run(main, job)
