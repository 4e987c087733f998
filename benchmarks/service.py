"""An OpenAI-compatible service for rows about asking: answers after 100 ms, by the messages alone, and counts.

It runs in a process of its own, so that neither side pays for it. A request costs it 0.4 ms of CPU time.
The same messages of the same model have the same answer, whoever asks; other messages have another, so that equal
answers show that both sides asked the same. `taken` tells what was asked since it was last called.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

__all__ = ["Service", "Taken"]

LATENCY_SECONDS = 0.1
_PLACES = ("Hangzhou", "Ningbo", "Suzhou", "Xiamen", "成都", "长沙", "青岛", "昆明")
_SAID = ("The parcel is on its way", "We have sent a new one", "Sorry, we could not find it", "已为您登记，明天派送")


@dataclass(frozen=True)
class Taken:
    """What the service was asked: how many requests, and how many of them at one time."""

    requests: int
    at_once: int


class Service:
    """The running service.

    >>> with Service() as service:  # doctest: +SKIP
    ...     service.url
    'http://127.0.0.1:43117/v1'
    """

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, Path(__file__)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.url = f"http://127.0.0.1:{self._line()}/v1"

    def taken(self) -> Taken:
        """What was asked since this was last called."""
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return Taken(**json.loads(self._line()))

    def _line(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the service ended with {self._process.wait()}")
        return line.strip()

    def __enter__(self) -> Service:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()


def answer_of(model: str, messages: list[dict[str, Any]]) -> str:
    """What `model` says to `messages`; about one in four has something that a test could mind."""
    asked = [[message["role"], message["content"]] for message in messages]
    seed = sha256(json.dumps([model, asked], ensure_ascii=False).encode()).digest()
    said, place = _SAID[seed[0] % len(_SAID)], _PLACES[seed[1] % len(_PLACES)]
    return f"{said} ({place}). Case {seed[2:6].hex()}, priority {seed[6] % 5}." + " Thank you." * (seed[7] % 4)


@dataclass
class _Desk:
    """What goes on in the service."""

    requests: int = 0
    asking: int = 0
    at_once: int = 0

    def told(self) -> str:
        line = json.dumps({"requests": self.requests, "at_once": self.at_once})
        self.requests = self.at_once = 0
        return line

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                await self._reply(head, reader, writer)
        except (asyncio.IncompleteReadError, asyncio.CancelledError, ConnectionError):
            pass  # the caller is done, or the benchmark is
        finally:
            writer.close()

    async def _reply(self, head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        lines = head.decode("latin-1").lower().split("\r\n")
        length = next((int(line[15:]) for line in lines if line.startswith("content-length:")), 0)
        asked = json.loads(await reader.readexactly(length)) if length else {}
        if not lines[0].startswith("post /v1/chat/completions "):
            return _write(writer, b"{}", status="404 Not Found")
        self.requests += 1
        self.asking += 1
        self.at_once = max(self.at_once, self.asking)
        await asyncio.sleep(LATENCY_SECONDS)
        self.asking -= 1
        text = answer_of(asked["model"], asked["messages"])
        if asked.get("stream"):
            return _write(writer, _streamed(asked["model"], text), kind="text/event-stream")
        return _write(writer, _whole(asked["model"], text))


def _whole(model: str, text: str) -> bytes:
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    return json.dumps(_frame(model, "chat.completion", choice) | {"usage": _USAGE}).encode()


def _streamed(model: str, text: str) -> bytes:
    """Two events: the answer was thought out whole."""
    choice = {"index": 0, "delta": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    last = _frame(model, "chat.completion.chunk", None) | {"usage": _USAGE}
    events = [json.dumps(_frame(model, "chat.completion.chunk", choice)), json.dumps(last), "[DONE]"]
    return "".join(f"data: {event}\n\n" for event in events).encode()


def _frame(model: str, kind: str, choice: dict[str, Any] | None) -> dict[str, Any]:
    return {"id": "bench", "object": kind, "created": 0, "model": model, "choices": [choice] if choice else []}


_USAGE = {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120}


def _write(
    writer: asyncio.StreamWriter, body: bytes, *, status: str = "200 OK", kind: str = "application/json"
) -> None:
    head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
    writer.write(head.encode() + body)


async def _run() -> None:
    desk = _Desk()
    server = await asyncio.start_server(desk.serve, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    while await asyncio.to_thread(sys.stdin.readline):
        print(desk.told(), flush=True)
    server.close()


if __name__ == "__main__":
    asyncio.run(_run())
