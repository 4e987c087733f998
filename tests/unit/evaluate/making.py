"""Samples, fake models and a served model for the tests of evaluate."""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from lianlu.evaluate.benchmark import Benchmark, open_benchmark
from lianlu.llm import Backend, FakeBackend, OpenAIFace, Rule, open_backend
from lianlu.records import Conversation, Sample, user
from lianlu.web import running
from lianlu.web.testing import FakeServer, Fault, fake_openai_app

Tell = Callable[[], dict[str, Any]]


def sums(count: int) -> list[Sample]:
    """`1+1=?`, `2+1=?`, … with their results, in two groups."""
    return [
        Sample(id=f"s{n:03d}", input=f"{n}+1=?", targets=(str(n + 1),), group="odd" if n % 2 else "even")
        for n in range(1, count + 1)
    ]


def write_samples(path: Path, samples: Sequence[Sample]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"".join(msgspec.json.encode(sample) + b"\n" for sample in samples))
    return path


def benchmark_of(path: Path, samples: Sequence[Sample]) -> Benchmark:
    return open_benchmark(str(write_samples(path, samples)))


def write_script(path: Path, rules: Sequence[Rule], model: str = "scripted") -> str:
    """A fake script; returns its ModelRef."""
    content = {"model": model, "rules": [rule.model_dump(mode="json", exclude_defaults=True) for rule in rules]}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(msgspec.json.encode(content))
    return f"fake:{path}"


def adding(wrong: Sequence[int] = (), *, delay_seconds: float = 0.0, most: int = 40) -> list[Rule]:
    """Rules that add one, but are off by one for the numbers in `wrong`."""
    return [
        Rule(
            pattern=rf"(?<!\d){n}\+1=",
            reply=f"The result is {n + 1 + (n in wrong)}.",
            delay_seconds=delay_seconds,
        )
        for n in range(1, most + 1)
    ]


@contextmanager
def served(
    backend: Backend,
    *faults: Fault,
    keys: Sequence[str] | None = None,
    tells: Tell | None = None,
    renders: bool = True,
) -> Generator[tuple[str, FakeServer]]:
    """A model over HTTP; `tells` is its fingerprint page, `renders` whether it shows token ids."""
    from starlette.requests import Request
    from starlette.responses import JSONResponse, Response
    from starlette.routing import Route

    app, server = fake_openai_app(OpenAIFace(backend), faults=faults, keys=keys)

    async def fingerprint(_: Request) -> Response:
        return JSONResponse(tells() if tells else {}, 200 if tells else 404)

    async def tokenize(request: Request) -> Response:
        body = await request.json()
        said = "".join(message["content"] for message in body["messages"])
        if not renders:
            return JSONResponse({"detail": "no"}, 404)
        ids = await backend.render(Conversation(messages=(user(said),)))
        return JSONResponse({"tokens": list(ids), "count": len(ids)})

    app.router.routes.insert(0, Route("/v1/lianlu/fingerprint", fingerprint))  # before the fake's own
    for place in ("/tokenize", "/v1/tokenize"):
        app.router.routes.insert(0, Route(place, tokenize, methods=["POST"]))
    with running(app) as url:
        yield f"{url}/v1", server


def fingerprint_of(ref: str) -> str:
    import asyncio

    found = asyncio.run(open_backend(ref).identity()).fingerprint
    assert found is not None
    return found


def teller(fingerprint: str, server: list[FakeServer], **more: Any) -> Tell:
    """The fingerprint page of a lianlu server that counts its answers."""

    def tell() -> dict[str, Any]:
        answered = server[0].count["/chat/completions"] if server else 0
        return {"fingerprint": fingerprint, "engine": "fake", "instance": "i1", "answered": answered, **more}

    return tell


def answering(rules: Sequence[Rule]) -> FakeBackend:
    return FakeBackend(rules)


def numbers(text: str) -> list[int]:
    return [int(each) for each in re.findall(r"\d+", text)]
