"""A model behind an OpenAI-compatible HTTP service. Knows the wire through `wire`, the service through its Endpoint.

Three decisions. Redirects are never followed: a redirect could carry the key and the prompt to another host, so the
error names the new address instead. Only what may pass by itself is tried again (408, 409, 425, 429, 5xx, a connection
that failed before the first byte); a wrong key fails at once. And nothing that holds the key is ever shown: it lives in
one request header, and the server's own words are searched for it before they are repeated.
"""

from __future__ import annotations

import copy
import difflib
import math
import os
import random
import re
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

import anyio
import anyio.lowlevel
import msgspec

from lianlu.core.errors import BackendError, LianluError, LimitError, UsageError
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
    Health,
    Identity,
    LogLikelihood,
    Ranked,
    Reply,
    Sampling,
    TokenLogprob,
)
from lianlu.llm.collect import Collector
from lianlu.llm.endpoint import Endpoint, checked_url, endpoints
from lianlu.llm.limiter import limited
from lianlu.llm.refusal import RETRIED, refusal
from lianlu.llm.sse import EventLines
from lianlu.records import Conversation

if TYPE_CHECKING:
    import httpx

__all__ = ["Client", "open_backend", "open_endpoint"]

ReadT = TypeVar("ReadT")

_LARGEST_ANSWER_BYTES = 64 << 20
_LARGEST_EVENT_BYTES = 4 << 20
_SHOWN_CHARACTERS = 200
_LONGEST_WAIT_SECONDS = 120.0
_FIRST_WAIT_SECONDS = 0.5
_ASIDE_SECONDS = 10.0  # for questions beside the work: health, the list of models for a hint
_SPENT = ("insufficient_quota", "billing_hard_limit_reached", "insufficient_balance")
_URL_KEY = "LIANLU_API_KEY"


def open_backend(ref: str, rest: str, *, settings: Settings, environment: Mapping[str, str]) -> Backend:  # noqa: ARG001
    """Open `http(s)://host/v1#model`. An address that an endpoint has gets that endpoint's key; others LIANLU_API_KEY.

    Raises:
        UsageError: llm.bad-url, llm.no-model, llm.literal-key, llm.key-unset, llm.bad-key
    """
    address, _, model = ref.partition("#")
    url = checked_url(address)
    known = [each for each in endpoints(settings).values() if each.url.rstrip("/") == url]
    key_env = (_URL_KEY,) if _URL_KEY in environment else ()
    return open_endpoint(ref, known[0] if known else Endpoint(url=url, key_env=key_env), model, environment=environment)


def open_endpoint(
    ref: str, endpoint: Endpoint, model: str = "", *, environment: Mapping[str, str] = os.environ
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
    folder = Settings.from_environment(environment).data_folder
    return limited(client, endpoint.limits, name=endpoint.url, folder=folder)


class Client(Backend):
    """An open service. Connections are made when first asked, and again when asked from another event loop.

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
        self._endpoint = endpoint
        self._url = checked_url(endpoint.url)
        self._model = model
        self._ref = ref
        self._variable, self._key = _key_from(endpoint, ref, environment)
        self._random = random.Random(seed)  # noqa: S311 - jitter, no secret
        self._sleep = sleep
        self._http: httpx.AsyncClient | None = None
        self._loop: object = None

    def __repr__(self) -> str:
        return f"Client({self._ref!r}, url={self._url!r})"

    async def chat(self, conversation: Conversation, sampling: Sampling = DEFAULT_SAMPLING) -> Reply:
        self._need("chat")
        answer = await self._post("/chat/completions", self._chat_body(conversation, sampling))
        reply = self._read(wire.reply_of, answer)
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
        made = self._read(wire.completion_of, await self._post("/completions", body))
        if echo and isinstance(prompt, str) and not made.text.startswith(prompt):
            raise BackendError("llm.no-echo", url=self._url)
        return msgspec.structs.replace(made, usage=self._endpoint.cost_of(made.usage))

    async def loglikelihood(self, pairs: Sequence[tuple[str, str]]) -> tuple[LogLikelihood, ...]:
        self._need("loglikelihood")
        return tuple([await self._score(context, continuation) for context, continuation in pairs])

    async def rolling_loglikelihood(self, texts: Sequence[str]) -> tuple[LogLikelihood, ...]:
        self._need("rolling_loglikelihood")
        return tuple([await self._score("", text) for text in texts])

    async def embed(self, texts: Sequence[str]) -> Embeddings:
        self._need("embed")
        whole = Embeddings(vectors=(), model=self._model)
        for start in range(0, len(texts), self._endpoint.embed_batch):
            batch = list(texts[start : start + self._endpoint.embed_batch])
            answer = await self._post("/embeddings", {"model": self._model, "input": batch, "encoding_format": "float"})
            part = self._read(partial(wire.embeddings_of, expected=len(batch)), answer)
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
        answer = await self._post("/rerank", body)
        return self._read(partial(wire.ranked_of, expected=len(documents)), answer)[:limit]

    async def identity(self) -> Identity:
        pin = self._endpoint.pin
        return Identity(
            ref=self._ref,
            model=self._model,
            engine="http",
            fingerprint=digest("http", self._url, self._model, pin) if pin else None,
            url=self._url,
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
        async with self._response("GET", "/models", None, tries=1, seconds=_ASIDE_SECONDS) as response:
            content = await self._body(response)
        try:
            listed = msgspec.json.decode(content)["data"]
            return tuple(str(each["id"]) for each in listed)
        except (msgspec.DecodeError, KeyError, TypeError):
            raise self._unreadable(content) from None

    def asking(self, model: str) -> Client:
        """A second face of the same service for another model, over the same connections."""
        other = copy.copy(self)
        other._model = model
        return other

    async def close(self) -> None:
        http, self._http = self._http, None
        if http is not None and self._loop == anyio.lowlevel.current_token():
            await http.aclose()

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
            raise BackendError("llm.no-echo", url=self._url)
        known = [each for each in scored if each.logprob is not None]
        return LogLikelihood(
            value=math.fsum(each.logprob or 0.0 for each in known),
            token_count=len(known),
            is_greedy=all((each.logprob or 0.0) >= max(each.top.values(), default=0.0) for each in known),
        )

    # One request

    async def _post(self, path: str, body: dict[str, Any]) -> wire.WireAnswer:
        async with self._response("POST", path, body, seconds=self._endpoint.timeouts.first_token) as response:
            content = await self._body(response)
        return self._decode(content)

    async def _deltas(self, body: dict[str, Any]) -> AsyncGenerator[Delta, None]:
        collector = Collector()
        timeouts = self._endpoint.timeouts
        async with (
            self._response("POST", "/chat/completions", body, seconds=timeouts.first_token) as response,
            aclosing(self._chunks(response, collector)) as chunks,
        ):
            async for chunk in chunks:
                delta = self._read(wire.delta_of, chunk)
                if delta is None:
                    continue
                if delta.usage is not None:
                    delta = msgspec.structs.replace(delta, usage=self._endpoint.cost_of(delta.usage))
                collector.add(delta)
                yield delta
        if not collector.is_finished:
            raise self._broken(collector, Text("it ended before the answer did", "回答未完就结束了"))

    async def _chunks(self, response: httpx.Response, collector: Collector) -> AsyncGenerator[wire.WireAnswer, None]:
        """Decoded chunks of an event stream, until [DONE] or the end."""
        if "text/event-stream" not in response.headers.get("content-type", "text/event-stream"):
            raise self._unreadable(await self._body(response))
        events, got = EventLines(), 0
        patience = _Patience(self._endpoint.timeouts.first_token)
        async with aclosing(self._timed(response, patience, collector)) as contents:
            async for content in contents:
                got += len(content)
                for text in events.feed(content):
                    if text.strip() == "[DONE]":
                        return
                    for chunk in self._event(text, collector):
                        yield chunk
                    patience.renew(self._endpoint.timeouts.between_tokens)
                if events.waiting_bytes > _LARGEST_EVENT_BYTES:
                    raise BackendError("llm.too-large", url=self._url, limit=_LARGEST_EVENT_BYTES >> 20)
        for text in events.end():
            if text.strip() != "[DONE]":
                for chunk in self._event(text, collector):
                    yield chunk
        if not got:
            raise self._broken(collector, Text("nothing arrived", "没有收到任何内容"))

    async def _timed(
        self, response: httpx.Response, patience: _Patience, collector: Collector
    ) -> AsyncGenerator[bytes, None]:
        """The bytes of a stream, as long as `patience` lasts."""
        import httpx

        source = response.aiter_raw() if not response.headers.get("content-encoding") else response.aiter_bytes()
        while True:
            try:
                with anyio.fail_after(patience.left()):
                    content = await anext(source)
            except StopAsyncIteration:
                return
            except (TimeoutError, httpx.ReadTimeout):
                raise BackendError("llm.timeout", url=self._url, seconds=patience.seconds) from None
            except httpx.HTTPError as error:
                why = Text(f"the connection broke ({_kind(error)})", f"连接中断（{_kind(error)}）")
                raise self._broken(collector, why) from error
            yield content

    def _event(self, text: str, collector: Collector) -> list[wire.WireAnswer]:
        """The chunks in one event: one, or several where a server forgot the blank lines between them."""
        try:
            return [self._chunk(text)]
        except msgspec.DecodeError:
            lines = text.split("\n")
        if len(lines) > 1:
            try:
                return [self._chunk(line) for line in lines if line.strip() and line.strip() != "[DONE]"]
            except msgspec.DecodeError:
                pass
        shown = self._clean(text[-_SHOWN_CHARACTERS:])
        raise self._broken(collector, Text(f"half a JSON object: {shown}", f"JSON 不完整：{shown}"))

    def _chunk(self, text: str) -> wire.WireAnswer:
        found = msgspec.json.decode(text)
        if isinstance(found, dict) and found.get("error"):
            status, message = _said(text.encode())
            raise refusal(status or 500, self._clean(message), url=self._url, model=self._model, key=self._variable)
        try:
            return msgspec.convert(found, wire.WireAnswer)
        except msgspec.ValidationError:
            raise self._unreadable(text.encode()) from None

    @asynccontextmanager
    async def _response(
        self, method: str, path: str, body: dict[str, Any] | None, *, seconds: float, tries: int | None = None
    ) -> AsyncGenerator[httpx.Response]:
        """An answer with a good status, its body not yet read. Tries again what may pass."""
        response = await self._tried(method, path, body, seconds, tries or self._endpoint.retries + 1)
        try:
            yield response
        finally:
            with anyio.CancelScope(shield=True), anyio.move_on_after(1):
                await response.aclose()

    async def _tried(
        self, method: str, path: str, body: dict[str, Any] | None, seconds: float, tries: int
    ) -> httpx.Response:
        for attempt in range(tries):
            is_last = attempt == tries - 1
            try:
                response = await self._send(method, path, body, seconds)
            except BackendError as error:
                if is_last or error.code != "llm.unreachable":
                    raise
                await self._sleep(self._pause(attempt))
                continue
            if response.is_success:
                return response
            wait = _retry_after(response.headers.get("retry-after", ""), datetime.now(UTC))
            refused = await self._refused(response, wait, aside=path != "/models")
            may_pass = response.status_code in RETRIED or response.status_code >= 500
            if is_last or not may_pass or isinstance(refused, LimitError) or (wait or 0) > _LONGEST_WAIT_SECONDS:
                raise refused
            await self._sleep(self._pause(attempt) if wait is None else wait)
        raise AssertionError("the last try returns or raises")

    def _pause(self, attempt: int) -> float:
        return _FIRST_WAIT_SECONDS * 2**attempt * (0.5 + self._random.random() / 2)

    async def _send(self, method: str, path: str, body: dict[str, Any] | None, seconds: float) -> httpx.Response:
        import httpx

        http = await self._connected()
        timeout = httpx.Timeout(seconds, connect=min(self._endpoint.timeouts.connect, seconds), pool=None)
        content = msgspec.json.encode(body) if body is not None else None
        request = http.build_request(method, self._url + path, content=content, timeout=timeout)
        try:
            return await http.send(request, stream=True)
        except (httpx.ReadTimeout, httpx.WriteTimeout):
            raise BackendError("llm.timeout", url=self._url, seconds=seconds) from None
        except httpx.HTTPError as error:
            why = self._clean(str(error)) or _kind(error)
            raise BackendError("llm.unreachable", url=self._url, why=why) from None

    async def _connected(self) -> httpx.AsyncClient:
        import httpx

        loop = anyio.lowlevel.current_token()
        if self._http is None or self._loop != loop:
            headers = {"Content-Type": "application/json", "User-Agent": "lianlu"}
            if self._key:
                headers["Authorization"] = f"Bearer {self._key}"
            limits = httpx.Limits(max_connections=None, max_keepalive_connections=32)
            try:
                self._http = httpx.AsyncClient(
                    headers=headers, limits=limits, follow_redirects=False, trust_env=not _is_this_machine(self._url)
                )
            except (ImportError, ValueError, httpx.InvalidURL) as error:
                raise UsageError("llm.bad-proxy", why=str(error).splitlines()[0][:_SHOWN_CHARACTERS]) from None
            self._loop = loop
        return self._http

    async def _body(self, response: httpx.Response) -> bytes:
        """The whole body, up to 64 MiB."""
        import httpx

        content = bytearray()
        try:
            async for piece in response.aiter_bytes():
                content += piece
                if len(content) > _LARGEST_ANSWER_BYTES:
                    raise BackendError("llm.too-large", url=self._url, limit=_LARGEST_ANSWER_BYTES >> 20)
        except httpx.ReadTimeout:
            raise BackendError("llm.timeout", url=self._url, seconds=self._endpoint.timeouts.first_token) from None
        except httpx.HTTPError as error:
            why = Text(f"the connection broke ({_kind(error)})", f"连接中断（{_kind(error)}）")
            raise BackendError("llm.broken-stream", url=self._url, why=why, characters=len(content)) from error
        return bytes(content)

    # What went wrong

    async def _refused(self, response: httpx.Response, wait: float | None, *, aside: bool) -> LianluError:
        """The error for an answer with a bad status; the response is closed."""
        try:
            content = await self._body(response)
        except BackendError:
            content = b""
        finally:
            await response.aclose()
        if response.is_redirect:
            host = urlsplit(response.headers.get("location", "")).netloc or self._url
            return BackendError("llm.redirected", url=self._url, status=response.status_code, host=host)
        _, message = _said(content)
        message = self._clean(message) or response.reason_phrase
        status = response.status_code
        if status == 429 and any(word in content.decode("utf-8", "replace") for word in _SPENT):
            return LimitError("llm.quota-spent", url=self._url, message=message)
        if wait is not None and wait > _LONGEST_WAIT_SECONDS:
            message += f" (retry after {wait:.0f} s)"
        is_unknown = status == 404 or (status == 400 and b"model_not_found" in content)
        suggestion = await self._nearest() if is_unknown and aside else Text("", "")
        shown_status = 404 if is_unknown else status
        return refusal(
            shown_status, message, url=self._url, model=self._model, key=self._variable, suggestion=suggestion
        )

    async def _nearest(self) -> Text:
        """The offered model names nearest to ours, for a hint."""
        try:
            offered = await self.models()
        except LianluError:
            return Text(
                "check the model's name, and that the address ends where its documentation says (often /v1)",
                "请检查模型名，以及地址是否与文档一致（通常以 /v1 结尾）",
            )
        near = difflib.get_close_matches(self._model, offered, n=3, cutoff=0.3) or offered[:5]
        listed = ", ".join(repr(each) for each in near) or "-"
        return Text(f"the service offers, nearest first: {listed}", f"该服务提供（按相近程度）：{listed}")

    def _broken(self, collector: Collector, why: Text) -> BackendError:
        return BackendError("llm.broken-stream", url=self._url, why=why, characters=collector.characters)

    def _unreadable(self, content: bytes) -> BackendError:
        shown = self._clean(content[: 4 * _SHOWN_CHARACTERS].decode("utf-8", "replace"))[:_SHOWN_CHARACTERS]
        return BackendError("llm.bad-answer", url=self._url, shown=shown)

    def _decode(self, content: bytes) -> wire.WireAnswer:
        try:
            return msgspec.json.decode(content, type=wire.WireAnswer)
        except msgspec.DecodeError:
            raise self._unreadable(content) from None

    def _read(self, read: Callable[[wire.WireAnswer], ReadT], answer: wire.WireAnswer) -> ReadT:
        try:
            return read(answer)
        except ValueError:
            raise self._unreadable(msgspec.json.encode(answer)) from None

    def _clean(self, text: str) -> str:
        """A server's words, one line, without our key."""
        if self._key:
            text = text.replace(self._key, "…")
        return re.sub(r"\s+", " ", re.sub(r"[^\S\n]|[\x00-\x1f\x7f]", " ", text)).strip()[:500]


class _Patience:
    """How long to wait for the next event. Comments that only keep the connection alive do not renew it."""

    def __init__(self, seconds: float) -> None:
        self.renew(seconds)

    def renew(self, seconds: float) -> None:
        self.seconds = seconds
        self._until = time.monotonic() + seconds

    def left(self) -> float:
        return max(self._until - time.monotonic(), 0.0)


def _key_from(endpoint: Endpoint, ref: str, environment: Mapping[str, str]) -> tuple[str, str]:
    """The name of the variable that holds the key, and the key; both empty where none is needed."""
    if not endpoint.key_env:
        return "", ""
    for variable in endpoint.key_env:
        key = environment.get(variable, "").strip()
        if key:
            if not re.fullmatch(r"[\x21-\x7e]+", key):
                raise UsageError("llm.bad-key", variable=variable)
            return variable, key
    raise UsageError("llm.key-unset", ref=ref, variable=endpoint.key_env[0], variables=" / ".join(endpoint.key_env))


def _is_this_machine(url: str) -> bool:
    """A proxy is never meant for a server on this machine, whatever NO_PROXY forgot."""
    return urlsplit(url).hostname in ("localhost", "127.0.0.1", "::1")


def _kind(error: Exception) -> str:
    return type(error).__name__


def _said(content: bytes) -> tuple[int | None, str]:
    """The status and message in an error body; servers put them in four places."""
    try:
        body = msgspec.json.decode(content)
    except msgspec.DecodeError:
        return None, content[:_SHOWN_CHARACTERS].decode("utf-8", "replace")
    error = body.get("error", body) if isinstance(body, dict) else body
    if not isinstance(error, dict):
        return None, str(error)
    code = error.get("code")
    status = code if isinstance(code, int) and 400 <= code <= 599 else None
    for name in ("message", "msg", "detail", "error"):
        if error.get(name):
            return status, str(error[name])
    return status, msgspec.json.encode(error)[:_SHOWN_CHARACTERS].decode("utf-8", "replace")


def _retry_after(header: str, now: datetime) -> float | None:
    """Seconds to wait by a Retry-After header, which holds seconds or a date."""
    header = header.strip()
    if re.fullmatch(r"\d{1,9}(\.\d+)?", header):
        return float(header)
    try:
        at = parsedate_to_datetime(header)
    except ValueError:
        return None
    at = at if at.tzinfo is not None else at.replace(tzinfo=UTC)
    return max((at - now).total_seconds(), 0.0)


def _tokens_between(tokens: Sequence[TokenLogprob], start: int, end: int) -> list[TokenLogprob]:
    """Tokens that reach beyond character `start` and begin before `end`."""
    found: list[TokenLogprob] = []
    at = 0
    for token in tokens:
        after = at + len(token.token)
        if after > start and at < end:
            found.append(token)
        at = after
    return found
