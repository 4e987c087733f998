"""`local:FOLDER` of an embedder or a reranker, `onnx:FOLDER` and `bundled:NAME`, behind the Backend protocol.

Imports neither torch nor transformers; what computes is chosen at the first question (`encoder`). One thread works for
all who ask, a batch at a time in turns, so a question is not kept waiting by the ten thousand chunks before it.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio.to_thread

from lianlu.core.errors import BackendError, LianluError, UsageError
from lianlu.core.files import named_path
from lianlu.core.hashing import digest
from lianlu.core.settings import Settings
from lianlu.engine.embed_folder import EmbedderFolder, open_embedder_folder
from lianlu.engine.encoder import Runtime, check_runtime
from lianlu.engine.hub_cache import model_path
from lianlu.engine.needs import BUNDLES
from lianlu.llm import Ability, Backend, Embeddings, EmbedKind, Health, Identity, Ranked
from lianlu.records import Usage

if TYPE_CHECKING:
    from lianlu.engine.embedder import Embedder, Made

__all__ = ["BUNDLES", "EmbedBackend", "open_bundled", "open_embedder", "open_onnx"]


def open_onnx(ref: str, rest: str, *, settings: Settings, environment: Mapping[str, str]) -> EmbedBackend:
    """Open `onnx:FOLDER`, whatever else is installed.

    Raises:
        UsageError: llm.bad-ref, file.missing, engine.no-onnx, extra.missing
        DataError: as `open_embedder_folder`
    """
    if not rest:
        raise UsageError("llm.bad-ref", ref=ref)
    name = named_path(rest).absolute().name
    return open_embedder(model_path(rest, environment), ref=ref, name=name, threads=settings.threads, runtime="onnx")


def open_bundled(ref: str, rest: str, *, settings: Settings, environment: Mapping[str, str]) -> EmbedBackend:  # noqa: ARG001
    """Open `bundled:all-minilm-l6-v2`: the files of an installed package, whose code is not run.

    Raises:
        UsageError: engine.unknown-bundle, engine.no-bundle
    """
    rest = rest.lower()
    if rest not in BUNDLES:
        raise UsageError("engine.unknown-bundle", name=rest, known=", ".join(BUNDLES))
    package, place = BUNDLES[rest]
    module, _, below = place.partition("/")
    found = find_spec(module)
    places = list(found.submodule_search_locations or ()) if found else []
    if not places:
        raise UsageError("engine.no-bundle", name=rest, package=package)
    return open_embedder(Path(places[0]) / below, ref=ref, threads=settings.threads, name=rest)


def open_embedder(
    path: Path,
    *,
    ref: str,
    threads: int,
    name: str = "",
    runtime: Runtime = "auto",
    on_close: Callable[[], None] = lambda: None,
) -> EmbedBackend:
    """The backend of a folder. Raises as `open_embedder_folder`, and UsageError extra.missing, engine.no-onnx."""
    folder = open_embedder_folder(path)
    check_runtime(folder, runtime)
    name = name or path.absolute().name
    return EmbedBackend(folder, ref=ref, name=name, threads=threads, runtime=runtime, on_close=on_close)


class EmbedBackend(Backend):
    """A folder that gives vectors, or scores of pairs.

    Args:
        name: what the model calls itself in answers.
        on_close: called once when it is closed.
    """

    def __init__(
        self,
        folder: EmbedderFolder,
        *,
        ref: str,
        name: str,
        threads: int,
        runtime: Runtime = "auto",
        on_close: Callable[[], None] = lambda: None,
    ) -> None:
        self._folder = folder
        self._ref = ref
        self._name = name
        self._threads = threads
        self._runtime: Runtime = runtime
        self._on_close = on_close
        self._opening = threading.Lock()
        self._embedder: Embedder | None = None
        self._worker: ThreadPoolExecutor | None = None
        self._is_closed = False
        own: Ability = "embed" if folder.task == "embed" else "rerank"
        self.abilities: frozenset[Ability] = frozenset({own, "offsets", "health"})

    async def embed(self, texts: Sequence[str], *, kind: EmbedKind = "document") -> Embeddings:
        if "embed" not in self.abilities:
            return await super().embed(texts, kind=kind)
        if not texts:
            return Embeddings(vectors=(), model=self._name)
        made = await self._work(lambda embedder: embedder.embed(texts, kind))
        vectors = tuple(map(tuple, made.values.tolist()))
        return Embeddings(vectors=vectors, usage=Usage(prompt_tokens=made.tokens), model=self._name)

    async def rerank(self, query: str, documents: Sequence[str], *, limit: int | None = None) -> tuple[Ranked, ...]:
        if "rerank" not in self.abilities:
            return await super().rerank(query, documents, limit=limit)
        if not documents:
            return ()
        made = await self._work(lambda embedder: embedder.score(query, documents))
        scores: list[float] = made.values.tolist()
        order = sorted(range(len(scores)), key=lambda at: (-scores[at], at))
        return tuple(Ranked(index=at, score=scores[at]) for at in order[:limit])

    async def token_starts(self, texts: Sequence[str]) -> tuple[tuple[int, ...], ...]:
        def starts() -> tuple[tuple[int, ...], ...]:
            tokenizer = self._opened().tokenizer
            return tuple(tokenizer.starts(text) for text in texts)

        return await self._in_thread(starts)

    async def identity(self) -> Identity:
        return await anyio.to_thread.run_sync(self._identity)

    def _identity(self) -> Identity:
        folder = self._folder
        return Identity(
            ref=self._ref,
            model=self._name,
            engine="embed",
            fingerprint=digest(folder.fingerprint, "embed"),
            tokenizer=folder.tokenizer_hash,
            dimensions=folder.dimensions,
            limit_tokens=folder.limit,
            special_tokens=self._opened().tokenizer.special_tokens,
        )

    async def health(self) -> Health:
        began = time.monotonic()
        try:
            await (self.embed(["lianlu"]) if self._folder.task == "embed" else self.rerank("lianlu", ["lianlu"]))
        except LianluError as error:
            return Health(is_ok=False, seconds=time.monotonic() - began, why=error.message())
        return Health(is_ok=True, seconds=time.monotonic() - began, models=(self._name,))

    async def close(self) -> None:
        was_closed, self._is_closed = self._is_closed, True
        if was_closed:
            return
        with self._opening:
            worker, self._worker, self._embedder = self._worker, None, None
        if worker is not None:
            await anyio.to_thread.run_sync(lambda: worker.shutdown(wait=True, cancel_futures=True))
        self._on_close()

    @property
    def runtime(self) -> str:
        """What has computed last: `numpy`, `torch` or `onnx`; empty before the first work."""
        return self._embedder.runtime if self._embedder else ""

    async def _work(self, begin: Callable[[Embedder], Iterator[Made | None]]) -> Made:
        """Drive a work batch by batch, each in the worker's thread; one that is cancelled ends after its batch."""
        work: list[Iterator[Made | None]] = []

        def step() -> Made | None:
            if not work:
                work.append(begin(self._opened()))
            return next(work[0])

        while True:
            made = await self._in_thread(step)
            if made is not None:
                return made

    async def _in_thread(self, call: Callable[[], Any]) -> Any:
        with self._opening:
            if self._is_closed:
                raise BackendError("engine.closed")
            if self._worker is None:
                self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="lianlu-embed")
            future = self._worker.submit(_told(call))
        try:
            return await asyncio.wrap_future(future)
        except asyncio.CancelledError:
            if self._is_closed:
                raise BackendError("engine.closed") from None
            raise

    def _opened(self) -> Embedder:
        from lianlu.engine.embedder import Embedder

        with self._opening:
            if self._embedder is None:
                self._embedder = Embedder(self._folder, threads=self._threads, runtime=self._runtime)
            return self._embedder


def _told(call: Callable[[], Any]) -> Callable[[], Any]:
    """What goes wrong inside a library, as our own error: one text must not end whoever serves the others."""

    def told() -> Any:
        try:
            return call()
        except LianluError:
            raise
        except MemoryError as error:
            raise _out_of_memory() from error
        except RuntimeError as error:
            if "out of memory" in str(error).lower() or "can't allocate" in str(error):
                raise _out_of_memory() from error
            raise BackendError("engine.step-failed", why=f"{type(error).__name__}: {error}"[:300]) from error
        except (ValueError, TypeError, IndexError, KeyError, AttributeError) as error:
            raise BackendError("engine.step-failed", why=f"{type(error).__name__}: {error}"[:300]) from error

    return told


def _out_of_memory() -> LianluError:
    from lianlu.core.errors import LimitError

    return LimitError("engine.out-of-memory")
