"""A fake OpenAI service on this machine, and clients of it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

from lianlu.llm import Backend, FakeBackend, OpenAIFace
from lianlu.llm.client import Client
from lianlu.llm.endpoint import Endpoint, Timeouts
from lianlu.records import Conversation, user
from lianlu.web import running
from lianlu.web.testing import FakeServer, Fault, fake_openai_app

ValueT = TypeVar("ValueT")
KEY = "sk-very-secret-7f2a"


@dataclass
class Service:
    """A running fake service. `slept` is what its clients wanted to wait between tries."""

    url: str
    server: FakeServer
    slept: list[float] = field(default_factory=list)

    def client(self, *, key: str = KEY, model: str = "fake", **settings: Any) -> Client:
        timeouts = settings.pop("timeouts", Timeouts(first_token=5, between_tokens=5))
        endpoint = Endpoint(url=self.url, key_env=("SERVICE_KEY",), timeouts=timeouts, **settings)

        async def sleep(seconds: float) -> None:
            self.slept.append(seconds)

        return Client(endpoint, model, ref=f"service:{model}", environment={"SERVICE_KEY": key}, sleep=sleep)


@contextmanager
def service(backend: Backend | None = None, *faults: Fault, keys: Sequence[str] | None = (KEY,)) -> Generator[Service]:
    app, server = fake_openai_app(OpenAIFace(backend or FakeBackend()), faults=faults, keys=keys)
    with running(app) as url:
        yield Service(f"{url}/v1", server)


def asked(text: str = "hello there") -> Conversation:
    return Conversation(messages=(user(text),))


def run(client: Client, call: Callable[[Client], Awaitable[ValueT]]) -> ValueT:
    """Ask in an event loop of its own, then close."""

    async def main() -> ValueT:
        async with client:
            return await call(client)

    return asyncio.run(main())
