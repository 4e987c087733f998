"""One model that is served: checks what is asked, asks the backend, stamps and logs what it says. Knows no HTTP.

Every answer carries the id of its log entry, the served name, and in `system_fingerprint` the hash of what answered, so
that an evaluation can prove which model it measured.
"""

from __future__ import annotations

import secrets
import time
import uuid
from collections.abc import AsyncGenerator, Mapping
from contextlib import ExitStack, aclosing
from dataclasses import dataclass, field
from typing import Any

import anyio

from lianlu import __version__
from lianlu.core.errors import BackendError, LimitError, UsageError
from lianlu.llm import Backend, Health, Identity, OpenAIFace
from lianlu.serve.fields import checked
from lianlu.serve.log import Entry, RequestLog

__all__ = ["Service", "new_instance"]

_PREFIX = {"/chat/completions": "chatcmpl-", "/completions": "cmpl-"}
_HEALTH_SECONDS = 0.8
_STOPPING_SECONDS = 5.0

Chunks = AsyncGenerator[dict[str, Any], None]


def new_instance() -> str:
    """A name for one run of a server."""
    return secrets.token_hex(6)


@dataclass
class Service:
    """A backend under a name.

    Attributes:
        name: what clients send as `model`.
        identity: what the backend says it is; asked once, before clients may connect.
        limit_running: requests at once; more are told to come again.
        stops_at: the monotonic time at which streams end because the server was asked to stop.
    """

    backend: Backend
    name: str
    identity: Identity
    log: RequestLog
    instance: str
    limit_running: int = 256
    started: int = field(default_factory=lambda: int(time.time()))
    stops_at: float | None = None

    def __post_init__(self) -> None:
        self._face = OpenAIFace(self.backend)

    def entry(self, path: str) -> Entry:
        return Entry(id=_PREFIX.get(path, "req-") + uuid.uuid4().hex, path=path)

    async def answer(self, entry: Entry, given: Mapping[str, Any]) -> dict[str, Any]:
        """Answer a request at once; `entry` is filled on the way, its log is the caller's.

        Raises:
            UsageError: serve.unknown-field, serve.unsupported-field, serve.bad-field, serve.unknown-model, llm.*
            LimitError: web.busy
            BackendError: what the backend raises
        """
        made = await self._face.answer(entry.path, self._admitted(entry, given))
        assert isinstance(made, dict)
        self._count(entry, made)
        return self._stamped(entry, made)

    async def stream(self, entry: Entry, given: Mapping[str, Any], closing: ExitStack) -> Chunks:
        """Answer a request as the answer is made. Raises as `answer`, and BackendError web.stopping.

        Args:
            closing: entered contexts of this request; left when the stream ends, whatever its end is.
        """
        with closing:
            body = self._admitted(entry, given)
            wants_usage = bool(body.get("stream_options", {}).get("include_usage"))
            made = await self._face.answer(entry.path, {**body, "stream_options": {"include_usage": True}})
            assert not isinstance(made, dict)
            async with aclosing(made) as chunks:
                async for chunk in chunks:
                    self._count(entry, chunk)
                    if self.stops_at is not None and time.monotonic() > self.stops_at:
                        raise BackendError("web.stopping")
                    if chunk["choices"] or wants_usage:
                        yield self._stamped(entry, chunk)

    def stop(self) -> None:
        """Let running streams go on for some seconds, then end them with an error they can read."""
        if self.stops_at is None:
            self.stops_at = time.monotonic() + _STOPPING_SECONDS

    async def health(self) -> Health:
        """Whether the model answers now; known within a second, also when the backend hangs."""
        if "health" not in self.backend.abilities:
            return Health(is_ok=True, seconds=0.0)
        began = time.monotonic()
        with anyio.move_on_after(_HEALTH_SECONDS):
            return await self.backend.health()
        return Health(is_ok=False, seconds=time.monotonic() - began, why=f"no answer within {_HEALTH_SECONDS} s")

    def models(self) -> list[dict[str, Any]]:
        return [{"id": self.name, "object": "model", "created": self.started, "owned_by": "lianlu"}]

    def check_model(self, asked: str) -> None:
        """Raises UsageError serve.unknown-model."""
        if asked != self.name:
            raise UsageError("serve.unknown-model", asked=asked, served=self.name, param="model")

    def fingerprint(self) -> dict[str, Any]:
        """What answers, and how often it did: enough to prove that an answer came from here."""
        return {
            "object": "lianlu.fingerprint",
            "model": self.name,
            "backend_model": self.identity.model,
            "fingerprint": self.identity.fingerprint,
            "engine": self.identity.engine,
            "tokenizer": self.identity.tokenizer,
            "template": self.identity.template,
            "dtype": self.identity.dtype,
            "abilities": sorted(self.backend.abilities),
            "lianlu": __version__,
            "instance": self.instance,
            "started": self.started,
            "running": self.log.running,
            "answered": self.log.answered,
        }

    def _admitted(self, entry: Entry, given: Mapping[str, Any]) -> dict[str, Any]:
        if self.log.running > self.limit_running:
            raise LimitError("web.busy", running=self.log.running - 1, retry_after_seconds=1)
        body = checked(entry.path, given, self.backend.extra_fields)
        entry.model, entry.stream, entry.body = body["model"], bool(body.get("stream")), body
        self.check_model(entry.model)
        return body

    def _count(self, entry: Entry, made: Mapping[str, Any]) -> None:
        counted = made.get("usage")
        if counted:
            entry.prompt_tokens, entry.completion_tokens = counted["prompt_tokens"], counted["completion_tokens"]

    def _stamped(self, entry: Entry, made: dict[str, Any]) -> dict[str, Any]:
        stamped = {**made, "model": self.name}
        if "id" in made:
            stamped["id"] = entry.id
        if "created" in made:
            stamped |= {"created": int(time.time()), "system_fingerprint": self.identity.fingerprint}
        return stamped
