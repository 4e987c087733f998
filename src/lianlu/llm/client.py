"""A model behind an OpenAI-compatible HTTP service: questions into bodies, answers and streams into records.

The shapes stand in `wire`, the connection with its tries and refusals in `transport`.
"""

from __future__ import annotations

import math
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import anyio
import msgspec

from lianlu.core.errors import BackendError, LianluError, UsageError
from lianlu.core.hashing import digest
from lianlu.core.i18n import Text
from lianlu.core.settings import Settings
from lianlu.llm import wire
from lianlu.llm.backend import (
    DEFAULT_SAMPLING,
    Ability,
    Backend,
    Completion,
    Delta,
    Embeddings,
    EmbedKind,
    Health,
    Identity,
    LogLikelihood,
    Ranked,
    Reply,
    Sampling,
    TokenLogprob,
)
from lianlu.llm.collect import Collector, deltas_of
from lianlu.llm.endpoint import Endpoint, checked_url, endpoints
from lianlu.llm.limiter import limited
from lianlu.llm.sse import EventLines
from lianlu.llm.transport import Patience, Transport
from lianlu.records import Conversation

if TYPE_CHECKING:
    import httpx

__all__ = ["Client", "open_backend", "open_endpoint"]

ReadT = TypeVar("ReadT")

_LARGEST_EVENT_BYTES = 4 << 20
_SHOWN_CHARACTERS = 200
_URL_KEY = "LIANLU_API_KEY"


def open_backend(ref: str, rest: str, *, settings: Settings, environment: Mapping[str, str]) -> Backend:  # noqa: ARG001 - `rest` lacks the scheme
    """Open `http(s)://host/v1#model`. An address that an endpoint has gets that endpoint's key; others LIANLU_API_KEY.

    Raises:
        UsageError: llm.bad-url, llm.no-model, llm.literal-key, llm.key-unset, llm.bad-key
    """
    address, _, model = ref.partition("#")
    url = checked_url(address)
    known = [each for each in endpoints(settings).values() if each.url.rstrip("/") == url]
    key_env = (_URL_KEY,) if _URL_KEY in environment else ()
    return open_endpoint(
        ref,
        known[0] if known else Endpoint(url=url, key_env=key_env),
        model,
        settings=settings,
        environment=environment,
    )


def open_endpoint(
    ref: str, endpoint: Endpoint, model: str = "", *, settings: Settings, environment: Mapping[str, str]
) -> Backend:
    """Open a service under its limits.

    Raises:
        UsageError: llm.no-model, llm.key-unset, llm.bad-key
    """
    model = model or endpoint.model
    if not model:
        raise UsageError("llm.no-model", ref=ref)
    client = Client(endpoint, model, ref=ref, environment=environment)
    if not endpoint.limits.is_bounded:
        return client
    return limited(client, endpoint.limits, name=endpoint.url, folder=settings.data_folder)


class Client(Backend):
    """A backend over HTTP. Nothing is sent before it is asked; it may be asked from one event loop after another.

    Args:
        seed: of the jitter between tries.
        sleep: waits between tries.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        model: str,
        *,
        ref: str,
        environment: Mapping[str, str],
        seed: int = 0,
        sleep: Callable[[float], Awaitable[None]] = anyio.sleep,
    ) -> None:
        self.abilities: frozenset[Ability] = frozenset(endpoint.abilities)
        self.extra_fields: frozenset[str] | None = None
        self._endpoint = endpoint
        self._model = model
        self._ref = ref
        self._transport = Transport(endpoint, model, ref=ref, environment=environment, seed=seed, sleep=sleep)

    def __repr__(self) -> str:
        return f"Client({self._ref!r}, url={self._transport.url!r})"

    async def chat(self, conversation: Conversation, sampling: Sampling = DEFAULT_SAMPLING) -> Reply:
        self._need("chat")
        reply = await self._post("/chat/completions", self._chat_body(conversation, sampling), wire.reply_of)
        return msgspec.structs.replace(reply, usage=self._endpoint.cost_of(reply.usage))

    def stream(self, conversation: Conversation, sampling: Sampling = DEFAULT_SAMPLING) -> AsyncGenerator[Delta, None]:
        self._need("stream")
        body = self._chat_body(conversation, sampling) | {"stream": True}
        if self._endpoint.stream_usage:
            body.setdefault("stream_options", {"include_usage": True})
        return self._deltas(body)

    async def complete(
        self, prompt: str | Sequence[int], sampling: Sampling = DEFAULT_SAMPLING, *, echo: bool = False
    ) -> Completion:
        self._need("complete")
        body = wire.completion_body(prompt, sampling, model=self._model, echo=echo)
        made = await self._post("/completions", body, wire.completion_of)
        if echo and isinstance(prompt, str) and not made.text.startswith(prompt):
            raise BackendError("llm.no-echo", url=self._transport.url)
        return msgspec.structs.replace(made, usage=self._endpoint.cost_of(made.usage))

    async def loglikelihood(self, pairs: Sequence[tuple[str, str]]) -> tuple[LogLikelihood, ...]:
        self._need("loglikelihood")
        return tuple([await self._score(context, continuation) for context, continuation in pairs])

    async def rolling_loglikelihood(self, texts: Sequence[str]) -> tuple[LogLikelihood, ...]:
        self._need("rolling_loglikelihood")
        return tuple([await self._score("", text) for text in texts])

    async def embed(self, texts: Sequence[str], *, kind: EmbedKind = "document") -> Embeddings:
        self._need("embed")
        prefix = self._endpoint.query_prefix if kind == "query" else self._endpoint.document_prefix
        told = {"input_type": kind} if self._endpoint.send_input_type else {}
        whole = Embeddings(vectors=(), model=self._model)
        for start in range(0, len(texts), self._endpoint.embed_batch):
            batch = [prefix + text for text in texts[start : start + self._endpoint.embed_batch]]
            body = {"model": self._model, "input": batch, "encoding_format": "float", **told}
            part = await self._post("/embeddings", body, partial(wire.embeddings_of, expected=len(batch)))
            whole = Embeddings(
                vectors=whole.vectors + part.vectors, usage=whole.usage + part.usage, model=part.model or whole.model
            )
        return msgspec.structs.replace(whole, usage=self._endpoint.cost_of(whole.usage))

    async def rerank(self, query: str, documents: Sequence[str], *, limit: int | None = None) -> tuple[Ranked, ...]:
        self._need("rerank")
        if not documents:
            return ()
        body: dict[str, Any] = {"model": self._model, "query": query, "documents": list(documents)}
        if limit is not None:
            body["top_n"] = limit
        ranked = await self._post("/rerank", body, partial(wire.ranked_of, expected=len(documents)))
        return ranked[:limit]

    async def identity(self) -> Identity:
        endpoint = self._endpoint
        prefixes = (endpoint.query_prefix, endpoint.document_prefix)
        asked = (*prefixes, str(endpoint.send_input_type)) if any(prefixes) or endpoint.send_input_type else ()
        pinned = digest("http", self._transport.url, self._model, endpoint.pin, *asked)
        return Identity(
            ref=self._ref,
            model=self._model,
            engine="http",
            fingerprint=pinned if endpoint.pin else None,
            url=self._transport.url,
            limit_tokens=endpoint.embed_tokens,
        )

    async def health(self) -> Health:
        began = time.monotonic()
        try:
            models, why = await self.models(), ""
        except LianluError as error:
            models, why = (), error.message("en")
        return Health(is_ok=not why, seconds=time.monotonic() - began, models=models, why=why)

    async def models(self) -> tuple[str, ...]:
        """The names of the models that the service offers, asked once. Raises as `chat`."""
        return await self._transport.models()

    async def close(self) -> None:
        await self._transport.close()

    def _chat_body(self, conversation: Conversation, sampling: Sampling) -> dict[str, Any]:
        field = self._endpoint.max_tokens_field
        return wire.chat_body(conversation, sampling, model=self._model, max_tokens_field=field)

    def _need(self, ability: Ability) -> None:
        if ability not in self.abilities:
            raise UsageError(
                "llm.no-ability", backend=self._ref, ability=ability, offered=", ".join(sorted(self.abilities))
            )

    async def _score(self, context: str, continuation: str) -> LogLikelihood:
        """Sum over the echoed tokens that reach beyond the context. One answer token is asked, as servers refuse none."""
        made = await self.complete(
            context + continuation, Sampling(max_tokens=1, temperature=0.0, top_logprobs=1), echo=True
        )
        scored = _tokens_between(made.logprobs, len(context), len(context) + len(continuation))
        if continuation and not scored:
            raise BackendError("llm.no-echo", url=self._transport.url)
        known = [each for each in scored if each.logprob is not None]
        return LogLikelihood(
            value=math.fsum(each.logprob or 0.0 for each in known),
            token_count=len(known),
            is_greedy=all((each.logprob or 0.0) >= max(each.top.values(), default=0.0) for each in known),
        )

    # One request

    async def _post(self, path: str, body: dict[str, Any], read: Callable[[wire.WireAnswer], ReadT]) -> ReadT:
        seconds = self._endpoint.timeouts.first_token
        async with self._transport.response("POST", path, body, seconds=seconds) as response:
            content = await self._transport.body(response)
        return self._read(content, read)

    async def _deltas(self, body: dict[str, Any]) -> AsyncGenerator[Delta, None]:
        collector = Collector()
        seconds = self._endpoint.timeouts.first_token
        async with (
            self._transport.response("POST", "/chat/completions", body, seconds=seconds) as response,
            aclosing(self._pieces(response, collector)) as deltas,
        ):
            async for delta in deltas:
                if delta.usage is not None:
                    delta = msgspec.structs.replace(delta, usage=self._endpoint.cost_of(delta.usage))
                collector.add(delta)
                yield delta
        if not collector.is_finished:
            raise self._broken(collector, Text("it ended before the answer did", "回答未完就结束了"))

    async def _pieces(self, response: httpx.Response, collector: Collector) -> AsyncGenerator[Delta, None]:
        """The fragments of an answer; a server that does not stream gives the whole at once."""
        if "text/event-stream" not in response.headers.get("content-type", "text/event-stream"):
            for delta in deltas_of(self._read(await self._transport.body(response), wire.reply_of)):
                yield delta
            return
        async with aclosing(self._events(response, collector)) as texts:
            async for text in texts:
                for chunk in self._chunks(text, collector):
                    delta = self._read(chunk, wire.delta_of)
                    if delta is not None:
                        yield delta

    async def _events(self, response: httpx.Response, collector: Collector) -> AsyncGenerator[str, None]:
        """The data of the events of a stream, until [DONE] or the end."""
        events, has_begun = EventLines(), False
        patience = Patience(self._endpoint.timeouts.first_token)
        pieces = self._transport.pieces(response, patience, lambda: collector.characters)
        async with aclosing(pieces) as contents:
            async for content in contents:
                for text in events.feed(content):
                    if text.strip() == "[DONE]":
                        return
                    has_begun = True
                    yield text
                    patience.renew(self._endpoint.timeouts.between_tokens)
                if events.waiting_bytes > _LARGEST_EVENT_BYTES:
                    raise BackendError("llm.too-large", url=self._transport.url, limit=_LARGEST_EVENT_BYTES >> 20)
        for text in events.end():
            if text.strip() != "[DONE]":
                has_begun = True
                yield text
        if not has_begun:
            raise self._broken(collector, Text("nothing arrived", "没有收到任何内容"))

    def _chunks(self, text: str, collector: Collector) -> list[bytes]:
        """The chunks in one event: one, or several where a server forgot the blank lines between them."""
        if _is_json(text):
            return [text.encode()]
        lines = [line for line in text.split("\n") if line.strip() and line.strip() != "[DONE]"]
        if len(lines) > 1 and all(map(_is_json, lines)):
            return [line.encode() for line in lines]
        shown = self._transport.clean(text[-_SHOWN_CHARACTERS:])
        raise self._broken(collector, Text(f"half a JSON object: {shown}", f"JSON 不完整：{shown}"))

    def _read(self, content: bytes, read: Callable[[wire.WireAnswer], ReadT]) -> ReadT:
        """What `read` finds in a JSON answer or chunk."""
        try:
            found = msgspec.json.decode(content)
            refused = self._transport.error_in(found)
            if refused is None:
                return read(msgspec.convert(found, wire.WireAnswer))
        except ValueError:
            raise self._transport.unreadable(content) from None
        raise refused

    def _broken(self, collector: Collector, why: Text) -> BackendError:
        return self._transport.broken(collector.characters, why)


def _is_json(text: str) -> bool:
    try:
        msgspec.json.decode(text)
    except msgspec.DecodeError:
        return False
    return True


def _tokens_between(tokens: Sequence[TokenLogprob], start: int, end: int) -> list[TokenLogprob]:
    """Tokens that reach beyond character `start` and begin before `end`.

    A character of several tokens stands with its last one; the empty ones before it are tokens of that character.
    """
    found: list[TokenLogprob] = []
    at = 0
    for token in tokens:
        after = at + len(token.token)
        if (after > start or at >= start) and at < end:
            found.append(token)
        at = after
    return found
