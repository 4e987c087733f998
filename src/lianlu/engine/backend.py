"""`local:FOLDER`: a model in this process behind the Backend protocol. Imports torch only when it is first asked.

The folder is looked at when it is opened, so that a wrong one is told at once; its weights are read at the first
question. A stream that is closed frees its row before the next step.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping
from collections.abc import Sequence as Listed
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import anyio.to_thread

from lianlu.core.errors import BackendError, LianluError, UsageError
from lianlu.core.extras import require
from lianlu.core.files import named_path
from lianlu.core.hashing import digest
from lianlu.core.settings import Settings
from lianlu.engine.artifact import ArtifactFolder
from lianlu.engine.choice import EXTRA_FIELDS
from lianlu.engine.embed_backend import open_embedder
from lianlu.engine.embed_folder import folder_kind
from lianlu.engine.folder import ModelFolder, open_folder
from lianlu.engine.hub_cache import model_path
from lianlu.engine.texts import ERRORS
from lianlu.llm import (
    DEFAULT_SAMPLING,
    Ability,
    Backend,
    Completion,
    Delta,
    Health,
    Identity,
    LogLikelihood,
    Reply,
    Sampling,
    TokenLogprob,
)
from lianlu.records import Conversation, FinishReason, Usage, assistant

if TYPE_CHECKING:
    from lianlu.engine.load import Loaded
    from lianlu.engine.sequence import News, Sequence
    from lianlu.engine.worker import Worker

__all__ = ["ENGINE", "ENGINE_VERSION", "LocalBackend", "open_artifact", "open_backend"]

ENGINE = "torch"
ENGINE_VERSION = 1
_TALKS: tuple[Ability, ...] = ("chat", "stream", "render")


def open_backend(ref: str, rest: str, *, settings: Settings, environment: Mapping[str, str]) -> Backend:
    """Open `local:FOLDER`, or `local:OWNER/NAME` of the hub's cache: a model, an embedder or a reranker, as its files tell.

    Raises:
        UsageError: llm.bad-ref, file.missing, file.unreadable, extra.missing
        DataError: engine.*: the folder is no model, or not one that may be read
    """
    if not rest:
        raise UsageError("llm.bad-ref", ref=ref)
    path = model_path(rest, environment)
    name = named_path(rest).absolute().name
    if folder_kind(path) != "generate":
        return open_embedder(path, ref=ref, name=name, threads=settings.threads)
    return LocalBackend(open_folder(path), ref=ref, name=name, threads=settings.threads)


def open_artifact(ref: str, rest: str, *, settings: Settings, environment: Mapping[str, str]) -> Backend:  # noqa: ARG001
    """Open `@name` or `@id`: weights of the store.

    Raises:
        UsageError: llm.bad-ref, store.*, extra.missing
        DataError: engine.not-weights, store.*, and as `open_backend`
    """
    if not rest:
        raise UsageError("llm.bad-ref", ref=ref)
    artifact = ArtifactFolder(rest, settings)
    try:
        if folder_kind(artifact.path) != "generate":
            threads = settings.threads
            return open_embedder(artifact.path, ref=ref, name=rest, threads=threads, on_close=artifact.close)
        folder = open_folder(artifact.path)
    except LianluError:
        artifact.close()
        raise
    return LocalBackend(folder, ref=ref, name=rest, threads=settings.threads, on_close=artifact.close)


class LocalBackend(Backend):
    """A model folder that is computed here.

    Args:
        name: what the model calls itself in answers.
        on_close: called once when it is closed.
    """

    def __init__(
        self,
        folder: ModelFolder,
        *,
        ref: str,
        name: str,
        threads: int,
        on_close: Callable[[], None] = lambda: None,
    ) -> None:
        require("torch", "torch")
        require("transformers", "torch")
        self._folder = folder
        self._ref = ref
        self._name = name
        self._threads = threads
        self._on_close = on_close
        self._open = threading.Lock()
        self._running: tuple[Loaded, Worker] | None = None
        self._is_closed = False
        common: set[Ability] = {
            "complete",
            "loglikelihood",
            "rolling_loglikelihood",
            "tokenize",
            "detokenize",
            "health",
        }
        self.extra_fields: frozenset[str] | None = frozenset(EXTRA_FIELDS)
        self.abilities = frozenset(common | set(_TALKS if folder.has_template else ()))

    # ------------------------------------------------------------------ answers

    async def chat(self, conversation: Conversation, sampling: Sampling = DEFAULT_SAMPLING) -> Reply:
        prompt, loaded = await self._rendered(conversation)
        made = await self._answers(loaded, prompt, sampling)
        usage = _usage(prompt, made)
        replies = [
            Reply(
                message=assistant(each.text),
                finish_reason=each.finish_reason,
                usage=usage if index == 0 else Usage(),
                model=self._name,
                logprobs=each.logprobs,
            )
            for index, each in enumerate(made)
        ]
        return _first(replies)

    def stream(self, conversation: Conversation, sampling: Sampling = DEFAULT_SAMPLING) -> AsyncGenerator[Delta, None]:
        return self._streamed(conversation, sampling)

    async def _streamed(self, conversation: Conversation, sampling: Sampling) -> AsyncGenerator[Delta, None]:
        if (sampling.n or 1) != 1:
            raise UsageError("engine.bad-value", field="n", value=sampling.n, expected=1)
        prompt, loaded = await self._rendered(conversation)
        sequence = self._sequences(loaded, prompt, sampling)[0]
        post = self._post(sequence)
        try:
            while True:
                news = await post.get()
                if news.error is not None:
                    raise news.error
                usage = (
                    Usage(prompt_tokens=len(prompt), completion_tokens=len(sequence.tokens)) if news.is_last else None
                )
                yield Delta(
                    text=news.text,
                    logprobs=news.logprobs,
                    finish_reason=news.finish_reason,
                    usage=usage,
                    model=self._name,
                )
                if news.is_last:
                    return
        finally:
            self._drop([sequence])

    async def complete(
        self, prompt: str | Listed[int], sampling: Sampling = DEFAULT_SAMPLING, *, echo: bool = False
    ) -> Completion:
        """Continue text or token ids; with `echo` the prompt stands before, with its log-probabilities if asked for."""
        loaded = await self._loaded()
        if isinstance(prompt, str):
            encoded = loaded.tokenizer.encode(prompt)
            ids, pieces = encoded.ids, encoded.pieces(prompt)
        else:
            ids = _checked(loaded, prompt)
            pieces = _spelled(loaded, ids) if echo else []
        if not ids:
            ids, pieces = loaded.tokenizer.prefix, [""] * len(loaded.tokenizer.prefix)
        wants_logprobs = bool(sampling.logprobs) or sampling.top_logprobs is not None
        made = await self._answers(loaded, ids, sampling, has_echo=echo and wants_logprobs)
        before = "".join(pieces) if echo else ""
        usage = _usage(ids, made)
        completions = [
            Completion(
                text=before + each.text,
                finish_reason=each.finish_reason,
                usage=usage if index == 0 else Usage(),
                model=self._name,
                logprobs=(*each.echo(pieces), *each.logprobs) if echo and wants_logprobs else each.logprobs,
            )
            for index, each in enumerate(made)
        ]
        return _first(completions)

    # ------------------------------------------------------------------ likelihoods

    async def loglikelihood(self, pairs: Listed[tuple[str, str]]) -> tuple[LogLikelihood, ...]:
        from lianlu.engine.score import encoded_pair, scores

        loaded = await self._loaded()
        targets = [encoded_pair(loaded, context, continuation) for context, continuation in pairs]
        return tuple(await self._task(scores(loaded, targets)))

    async def rolling_loglikelihood(self, texts: Listed[str]) -> tuple[LogLikelihood, ...]:
        from lianlu.engine.score import rolling_windows, scores

        loaded = await self._loaded()
        windows = [rolling_windows(loaded, text) for text in texts]
        made = iter(await self._task(scores(loaded, [each for listed in windows for each in listed])))
        return tuple(_joined([next(made) for _ in listed]) for listed in windows)

    # ------------------------------------------------------------------ what it is

    async def render(self, conversation: Conversation) -> tuple[int, ...]:
        prompt, _ = await self._rendered(conversation)
        return prompt

    async def tokenize(self, text: str) -> tuple[int, ...]:
        return (await self._loaded()).tokenizer.encode(text).ids

    async def detokenize(self, ids: Listed[int]) -> str:
        loaded = await self._loaded()
        return loaded.tokenizer.decode(_checked(loaded, ids))

    async def identity(self) -> Identity:
        return await anyio.to_thread.run_sync(self._identity)

    def _identity(self) -> Identity:
        folder = self._folder
        dtype = _dtype(folder)
        return Identity(
            ref=self._ref,
            model=self._name,
            engine=ENGINE,
            fingerprint=digest(folder.fingerprint, dtype, ENGINE, str(ENGINE_VERSION)),
            tokenizer=folder.tokenizer_hash,
            template=folder.template_hash if folder.has_template else "",
            dtype=dtype,
        )

    async def health(self) -> Health:
        began = time.monotonic()
        try:
            await self._loaded()
        except LianluError as error:
            return Health(is_ok=False, seconds=time.monotonic() - began, why=error.message())
        return Health(is_ok=True, seconds=time.monotonic() - began, models=(self._name,))

    async def close(self) -> None:
        was_closed, self._is_closed = self._is_closed, True
        if not was_closed:
            await anyio.to_thread.run_sync(self._stop)

    def _stop(self) -> None:
        with self._open:
            running, self._running = self._running, None
        if running is not None:
            running[1].stop()
        self._on_close()

    # ------------------------------------------------------------------ the worker

    async def _loaded(self) -> Loaded:
        running = self._running or await anyio.to_thread.run_sync(self._start)
        return running[0]

    def _start(self) -> tuple[Loaded, Worker]:
        import torch

        from lianlu.engine.engine import Engine
        from lianlu.engine.load import load
        from lianlu.engine.worker import Worker

        with self._open:
            if self._is_closed:
                raise BackendError("engine.closed")
            if self._running is None:
                loaded = load(self._folder)
                engine = Engine(loaded.runner, room_tokens=loaded.room_tokens)
                self._running = loaded, Worker(engine, lambda: torch.set_num_threads(self._threads))
            return self._running

    @property
    def _worker(self) -> Worker:
        if self._running is None:
            raise BackendError("engine.closed")
        return self._running[1]

    async def _rendered(self, conversation: Conversation) -> tuple[tuple[int, ...], Loaded]:
        if not self._folder.has_template:
            offered = ", ".join(sorted(self.abilities))
            raise UsageError(
                "llm.no-ability",
                text=ERRORS["engine.no-template"],
                backend=self._ref,
                ability="chat",
                offered=offered,
            )
        loaded = await self._loaded()
        return loaded.tokenizer.render(conversation), loaded

    def _sequences(
        self, loaded: Loaded, prompt: Listed[int], sampling: Sampling, *, has_echo: bool = False
    ) -> list[Sequence]:
        from lianlu.engine.request import sequences_of

        return sequences_of(
            prompt,
            sampling,
            loaded.tokenizer,
            generation=loaded.generation,
            ends=loaded.ends,
            limit=loaded.limit,
            has_echo=has_echo,
        )

    async def _answers(
        self, loaded: Loaded, prompt: Listed[int], sampling: Sampling, *, has_echo: bool = False
    ) -> list[_Answer]:
        sequences = self._sequences(loaded, prompt, sampling, has_echo=has_echo)
        posts = [self._post(sequence) for sequence in sequences]
        try:
            return [await _collected(sequence, post) for sequence, post in zip(sequences, posts, strict=True)]
        finally:
            self._drop(sequences)

    def _post(self, sequence: Sequence) -> asyncio.Queue[News]:
        """Begin an answer; its news arrive in the queue."""
        post: asyncio.Queue[News] = asyncio.Queue()
        self._worker.add(sequence, _teller(post.put_nowait))
        return post

    def _drop(self, sequences: Listed[Sequence]) -> None:
        running = self._running
        for sequence in sequences:
            if running is not None and not sequence.is_finished:
                running[1].drop(sequence)

    async def _task(self, task: Iterator[Any]) -> Any:
        done: asyncio.Queue[Any] = asyncio.Queue()
        self._worker.run(task, _teller(done.put_nowait))
        value = await done.get()
        if isinstance(value, LianluError):
            raise value
        return value


class _Answer:
    """One whole answer."""

    def __init__(self, sequence: Sequence, news: list[News]) -> None:
        self._sequence = sequence
        self.text = "".join(each.text for each in news)
        self.logprobs: tuple[TokenLogprob, ...] = tuple(each for part in news for each in part.logprobs)
        self.finish_reason: FinishReason = news[-1].finish_reason or "error"
        self.tokens = len(sequence.tokens)

    def echo(self, pieces: Listed[str]) -> list[TokenLogprob]:
        """The prompt's own tokens; nothing can be said of the first."""
        scored = zip(self._sequence.prompt_logprobs, pieces[1:], strict=True)
        first = [TokenLogprob(token=pieces[0], logprob=None)] if pieces else []
        return [*first, *(self._sequence.shown(chosen, piece) for chosen, piece in scored)]


async def _collected(sequence: Sequence, post: asyncio.Queue[News]) -> _Answer:
    news: list[News] = []
    while not news or not news[-1].is_last:
        news.append(await post.get())
    error = news[-1].error
    if error is not None:
        raise error
    return _Answer(sequence, news)


def _teller(put: Callable[[Any], None]) -> Callable[[Any], None]:
    """Hands values from the worker's thread to this event loop; one that is gone no longer listens."""
    loop = asyncio.get_running_loop()

    def tell(value: Any) -> None:
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(put, value)

    return tell


def _first(listed: list[Any]) -> Any:
    from msgspec.structs import replace

    return replace(listed[0], others=tuple(listed[1:])) if len(listed) > 1 else listed[0]


def _usage(prompt: Listed[int], made: Listed[_Answer]) -> Usage:
    return Usage(prompt_tokens=len(prompt), completion_tokens=sum(each.tokens for each in made))


def _checked(loaded: Loaded, prompt: Listed[int]) -> tuple[int, ...]:
    for each in prompt:
        if type(each) is not int or not 0 <= each < loaded.vocabulary:  # bodies of HTTP hold anything
            raise UsageError("engine.bad-token", token=each, most=loaded.vocabulary - 1)
    return tuple(prompt)


def _spelled(loaded: Loaded, ids: Listed[int]) -> list[str]:
    from lianlu.engine.tokenizer import Spelling

    spelling = Spelling(loaded.tokenizer)
    pieces = [spelling.add(each) for each in ids]
    rest = spelling.rest()
    return [*pieces[:-1], pieces[-1] + rest] if pieces else []


def _joined(parts: Listed[LogLikelihood]) -> LogLikelihood:
    return LogLikelihood(
        value=sum(each.value for each in parts),
        token_count=sum(each.token_count for each in parts),
        is_greedy=all(each.is_greedy for each in parts),
    )


def _dtype(folder: ModelFolder) -> str:
    import torch

    stored = folder.config.get("dtype") or folder.config.get("torch_dtype") or "float32"
    return str(stored) if torch.cuda.is_available() else "float32"
