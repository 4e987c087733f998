"""`lianlu serve` as a process of its own, for the tests of this folder: started, asked, killed, and its request log read."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import httpx

__all__ = ["Server", "begun", "environment_of", "lianlu_command", "questions", "started", "until"]

_SECONDS = 120.0  # a machine that is busy with other tests reads torch slowly


def lianlu_command(*arguments: str | Path) -> list[str]:
    return [sys.executable, "-m", "lianlu", *map(str, arguments)]


def environment_of(place: Path) -> dict[str, str]:
    """English, a home and a store in `place`, and one thread, because two wait for each other on a busy machine."""
    kept = {name: os.environ[name] for name in ("PATH",) if name in os.environ}
    return {
        **kept,
        "HOME": str(place),
        "LIANLU_STORE": str(place / "store"),
        "LIANLU_LANG": "en",
        "LIANLU_THREADS": "1",
    }


def begun(place: Path, *arguments: str | Path) -> subprocess.Popen[str]:
    """A command that is running; what it prints is read when it has ended."""
    return subprocess.Popen(
        lianlu_command(*arguments),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=place,
        env=environment_of(place),
    )


@dataclass
class Server:
    """A running `lianlu serve`."""

    process: subprocess.Popen[str]
    told: dict[str, Any]

    @property
    def url(self) -> str:
        return str(self.told["url"])

    @property
    def ref(self) -> str:
        return f"{self.url}/v1#{self.told['model']}"

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    def log(self, path: str = "/chat/completions") -> list[dict[str, Any]]:
        """The entries of the request log for one call of the interface."""
        lines = Path(self.told["log"]).read_text(encoding="utf-8").splitlines()
        return [entry for entry in map(json.loads, lines) if entry["path"] == path]

    def running(self) -> int:
        import httpx

        return int(httpx.get(f"{self.url}/v1/lianlu/fingerprint", timeout=20).json()["running"])

    def body(self, text: str = "hi", **more: Any) -> dict[str, Any]:
        return {"model": self.told["model"], "messages": [{"role": "user", "content": text}], **more}

    def chat(self, text: str = "hi", *, timeout: float = 60.0, **more: Any) -> httpx.Response:
        import httpx

        return httpx.post(f"{self.url}/v1/chat/completions", json=self.body(text, **more), timeout=timeout)


def questions(entries: Sequence[dict[str, Any]]) -> Counter[str]:
    """How often each question stands in a log that keeps prompts."""
    return Counter(entry["body"]["messages"][-1]["content"] for entry in entries if entry["body"])


@contextmanager
def started(place: Path, ref: str, *, port: int = 0) -> Generator[Server]:
    """Serve `ref` from the folder `place`; killed when the block ends, if it still runs."""
    (place / "served").mkdir(exist_ok=True)
    process = subprocess.Popen(
        lianlu_command("serve", ref, "--port", str(port), "--json", "--log-prompts", "--out", place / "served"),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=(place / "served" / "stderr").open("ab"),
        text=True,
        cwd=place,
        env=environment_of(place),
    )
    assert process.stdout is not None
    try:
        text = ""
        while not text.endswith("}\n"):
            line = process.stdout.readline()
            assert line, (place / "served" / "stderr").read_text()
            text += line
        yield Server(process, json.loads(text))
    finally:
        process.kill()
        process.communicate()


def until(fact: Callable[[], Any], seconds: float = _SECONDS) -> Any:
    """What `fact` gives as soon as it is true."""
    limit = time.monotonic() + seconds
    while not (found := fact()):
        assert time.monotonic() < limit, "it did not become true in time"
        time.sleep(0.01)
    return found
