"""`lianlu serve` as a process: what it prints, how it ends, and that a chain can use it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import httpx
import pytest

from lianlu.chain import run_chain

SLOW = """\
model: slow
rules:
  - {match: endless, reply: "%s", pause_seconds: 0.05}
  - {match: brief, reply: one two three, pause_seconds: 0.3}
  - {reply: "{last}"}
"""
Start = Callable[..., tuple["subprocess.Popen[str]", dict[str, Any]]]


@pytest.fixture
def start(tmp_path: Path) -> Generator[Start]:
    """Start `lianlu serve` and read the one object it prints when it is up."""
    script = tmp_path / "slow.yaml"
    script.write_text(SLOW % ("word " * 2000))
    begun: list[subprocess.Popen[str]] = []

    def run(*arguments: str) -> tuple[subprocess.Popen[str], dict[str, Any]]:
        child = subprocess.Popen(
            [sys.executable, "-m", "lianlu", "serve", f"fake:{script}", "--port", "0", "--json", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=tmp_path,
            env={**os.environ, "LIANLU_STORE": str(tmp_path / "store"), "SSH_CONNECTION": "10.0.0.2 1 10.0.0.9 22"},
        )
        begun.append(child)
        text = ""
        assert child.stdout
        while not text.endswith("}\n"):
            line = child.stdout.readline()
            assert line, child.stderr.read() if child.stderr else ""
            text += line
        return child, json.loads(text)

    yield run
    for child in begun:
        child.kill()
        child.communicate()


def body(text: str, **more: Any) -> dict[str, Any]:
    return {"model": "slow", "messages": [{"role": "user", "content": text}], **more}


def log(told: dict[str, Any]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in Path(told["log"]).read_text(encoding="utf-8").splitlines()]


def test_it_tells_in_one_object_where_and_what_it_is(start: Start, tmp_path: Path) -> None:
    child, told = start()
    assert told["model"] == "slow"
    assert told["tunnel"].startswith("ssh -CNg -L ")
    found = httpx.get(f"{told['url']}/v1/lianlu/fingerprint").json()
    assert (found["fingerprint"], found["instance"]) == (told["fingerprint"], told["instance"])
    answer = httpx.post(f"{told['url']}/v1/chat/completions", json=body("hi"))
    assert answer.json()["choices"][0]["message"]["content"] == "hi"
    assert Path(told["log"]) == tmp_path / "store" / "state" / "serve" / "slow" / "requests.jsonl"
    assert log(told)[0]["id"] == answer.json()["id"]
    child.send_signal(signal.SIGINT)
    rest, errors = child.communicate(timeout=15)
    assert (child.returncode, rest) == (0, "")
    assert "stopped" in errors
    assert "Traceback" not in errors


def test_a_short_answer_is_finished_after_sigterm(start: Start) -> None:
    child, told = start()
    answers: list[httpx.Response] = []
    asking = threading.Thread(
        target=lambda: answers.append(
            httpx.post(f"{told['url']}/v1/chat/completions", json=body("brief", stream=True), timeout=20)
        )
    )
    asking.start()
    time.sleep(0.6)
    child.send_signal(signal.SIGTERM)
    asking.join(15)
    assert answers[0].text.endswith("data: [DONE]\n\n")
    child.wait(15)
    assert log(told)[0]["status"] == 200


def test_an_endless_answer_is_ended_in_words_after_sigterm(start: Start) -> None:
    child, told = start()
    with httpx.stream("POST", f"{told['url']}/v1/chat/completions", json=body("endless", stream=True)) as answer:
        lines = answer.iter_lines()
        next(lines)
        child.send_signal(signal.SIGTERM)
        events = [line for line in lines if line]
    assert json.loads(events[-1].removeprefix("data: "))["error"]["code"] == "web.stopping"
    child.wait(15)
    assert log(told)[0]["code"] == "web.stopping"


def test_kill_9_loses_no_finished_request_and_leaves_no_half_line(start: Start) -> None:
    child, told = start()
    url = f"{told['url']}/v1/chat/completions"
    ids = [httpx.post(url, json=body("hi")).json()["id"] for _ in range(5)]
    with httpx.stream("POST", url, json=body("endless", stream=True)) as answer:
        lines = answer.iter_lines()
        next(lines)
        child.kill()
        child.wait(10)
        with pytest.raises(httpx.RemoteProtocolError):
            list(lines)
    assert [line["id"] for line in log(told)] == ids
    _, again = start()
    httpx.post(f"{again['url']}/v1/chat/completions", json=body("hi"))
    assert len(log(again)) == 6
    assert again["instance"] != told["instance"]


CHAIN = """\
name: served
services:
  model:
    command: [python, -m, lianlu, serve, "fake:echo", --port, "{port}", --out, FOLDER]
steps:
  health: {uses: test.fetch, services: [model], with: {url: "${services.model.url}/health"}}
"""


def test_a_chain_starts_it_and_stops_it(tmp_path: Path) -> None:
    chain = tmp_path / "chain.yaml"
    chain.write_text(CHAIN.replace("FOLDER", str(tmp_path / "served")))
    result = run_chain(str(chain), store=tmp_path / "s")
    assert result.steps[0].summary["bytes"] > 10
    assert (tmp_path / "served" / "requests.jsonl").exists()
