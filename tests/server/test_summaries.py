"""`lianlu rag summarize` against a model over HTTP: stopped and killed in the middle, it asks nothing again that was answered."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Generator
from pathlib import Path
from typing import Any

import anyio
import pytest

from lianlu.llm import FakeBackend, Sampling
from lianlu.llm.request_store import RequestStore
from lianlu.records import Conversation
from server.served import Served, served

SOURCE = re.compile(r"<<<source (\d+) \w+>>>\n\[\d+\] (.*?)\n<<<end", re.DOTALL)


class Model:
    """Repeats a sentence of every third source, slowly, and counts how often it has answered what."""

    def __init__(self) -> None:
        self.answered: Counter[str] = Counter()

    async def __call__(self, conversation: Conversation, _: Sampling) -> str:
        await anyio.sleep(0.15)
        asked = conversation.messages[-1].text
        self.answered["".join(message.text for message in conversation.messages)] += 1
        found = [(number, text.splitlines()[-1].split(". ")[0]) for number, text in SOURCE.findall(asked)]
        return "\n".join(f"- {said.rstrip('.')}. [{number}]" for number, said in found[::3])


@pytest.fixture
def model() -> Model:
    return Model()


@pytest.fixture
def its(tmp_path: Path, model: Model) -> Generator[Served]:
    with served(tmp_path, FakeBackend(model)) as running:
        yield running


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    folder = tmp_path / "docs"
    folder.mkdir()
    for boat in ("Albatross", "Bittern", "Cormorant", "Dunlin"):
        text = "\n\n".join(
            f"The boat {boat} made voyage {number} to port {number * 3}. Its crew of {number} sailors brought home salt "
            f"and herring, and the owner wrote all of it down in a book that is kept in the town hall."
            for number in range(20, 50)
        )
        (folder / f"{boat}.md").write_text(f"# {boat}\n\n{text}\n", encoding="utf-8")
    return folder


def summarizing(its: Served, docs: Path) -> subprocess.Popen[str]:
    ref = f"{its.url}/v1#fake"
    arguments = ("rag", "summarize", str(docs), "--model", ref, "--window", "1500", "--points", "4", "--json")
    kept = {name: os.environ[name] for name in ("PATH",) if name in os.environ}
    place = docs.parent
    return subprocess.Popen(
        [sys.executable, "-m", "lianlu", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={
            **kept,
            "HOME": str(place),
            "LIANLU_STORE": str(place / "store"),
            "LIANLU_LANG": "en",
            "LIANLU_THREADS": "1",
        },
    )


def kept_in(docs: Path) -> int:
    path = docs.parent / "store" / "state" / "summaries" / "requests.sqlite"
    if not path.exists():
        return 0
    store = RequestStore(path)
    try:
        return sum(1 for _ in store.all())
    finally:
        store.close()


def until_some_are_kept(docs: Path, process: subprocess.Popen[str]) -> int:
    limit = time.monotonic() + 60
    while (kept := kept_in(docs)) < 3:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < limit
        time.sleep(0.02)
    return kept


def summary_of(process: subprocess.Popen[str]) -> Any:
    printed, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    return json.loads(printed)


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGKILL, -9), (signal.SIGINT, 130)])
def test_what_was_answered_before_a_stop_is_not_asked_again(
    its: Served, docs: Path, model: Model, sent: signal.Signals, code: int
) -> None:
    process = summarizing(its, docs)
    kept = until_some_are_kept(docs, process)
    process.send_signal(sent)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == code, errors
    summary = summary_of(summarizing(its, docs))
    assert summary["kept"] >= kept
    assert summary["asked"] > 0
    assert len(summary["points"]) == 4
    again = sum(count - 1 for count in model.answered.values())
    assert again <= 4, "only what was under way when it was stopped"
    answered = sum(model.answered.values())
    same = summary_of(summarizing(its, docs))
    assert (same.get("asked", 0), same["points"]) == (0, summary["points"])
    assert sum(model.answered.values()) == answered
