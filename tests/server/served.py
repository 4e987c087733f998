"""A model served to real clients in this process, for the tests of this folder."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from lianlu.llm import Backend, FakeBackend
from lianlu.serve.app import serving_app
from lianlu.serve.log import RequestLog
from lianlu.serve.service import Service
from lianlu.web import running
from lianlu.web.keys import Keys

__all__ = ["Served", "served"]


@dataclass
class Served:
    """Where it is, and what it wrote down."""

    url: str
    service: Service
    client: httpx.Client
    log_path: Path

    def log(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log_path.read_text(encoding="utf-8").splitlines()]

    def chat(self, text: str = "hi there", **fields: Any) -> httpx.Response:
        body = {"model": self.service.name, "messages": [{"role": "user", "content": text}], **fields}
        return self.client.post("/v1/chat/completions", json=body)


@contextmanager
def served(
    folder: Path, backend: Backend | None = None, *, name: str = "fake", keys: Keys | None = None, **settings: Any
) -> Generator[Served]:
    backend = backend or FakeBackend()
    log = RequestLog(folder / "requests.jsonl", instance="test")
    service = Service(backend, name, asyncio.run(backend.identity()), log, "test", **settings)
    with running(serving_app(service, keys=keys)) as url, httpx.Client(base_url=url, timeout=20) as client:
        yield Served(url, service, client, folder / "requests.jsonl")
