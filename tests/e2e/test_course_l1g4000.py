"""The course page L1G4000, typed from top to bottom: every command of the page, and what it shows.

The mirror, the model service and the hub are servers of this machine; the service is scripted and knows about XTuner only
what it is given.
"""

from __future__ import annotations

import asyncio
import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Generator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from course_page import steps_of
from fake_hub import fake_hub
from fake_spaces import FakeSpaces, fake_spaces
from lianlu.llm import FakeBackend, Rule
from lianlu.serve.app import serving_app
from lianlu.serve.log import RequestLog
from lianlu.serve.service import Service
from lianlu.web import running
from tiny_embedder import tiny_embedder

ROOT = Path(__file__).resolve().parents[2]
KEY = "sk-of-the-course-0123456789"
MODEL = "internlm2.5-latest"
ALONE = "XTuner 是一款音乐调音软件，用于校准乐器的音高。"
KNOWING = "XTuner 是一个轻量级的大语言模型微调工具库 [1]。它以 QLoRA 微调 7B 模型最少只需 8 GB 显存 [1]。它于 1998 年发布 [1]。"
SERVING = re.compile(r"http://127\.0\.0\.1:\d+")


@dataclass
class Reader:
    """Somebody who types the page in a folder of their own."""

    folder: Path
    lang: str
    service: str
    mirror: str
    hub: FakeSpaces
    typed: dict[str, str] = field(default_factory=dict[str, str])

    @property
    def environment(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder / "home"),
            "LIANLU_STORE": str(self.folder / "store"),
            "LIANLU_CONFIG": str(self.folder / "config"),
            "LIANLU_LANG": self.lang[:2],
            "LIANLU_THREADS": "1",
            "HF_ENDPOINT": self.hub.url,
            "HF_TOKEN": self.hub.token,
            "HF_HUB_DISABLE_XET": "1",
            "PYTHONIOENCODING": "utf-8",
            **self.typed,
        }

    def type(self, command: str) -> str:
        """Run a line and give what it printed."""
        words = shlex.split(command)
        environment = self.environment
        while re.fullmatch(r"[A-Z_]+=.*", words[0]):
            name, _, value = words.pop(0).partition("=")
            environment[name] = {"https://hf-mirror.com": self.mirror}[value]
        if words[0] == "export":
            name, _, shown = words[1].partition("=")
            assert (name, shown) == ("API_KEY", "…")
            self.typed[name] = KEY
            return ""
        if words[0] == "cp":
            words[1] = str(ROOT / words[1])
        words = [word.replace("OWNER/", "ann/") for word in words]
        if words[0] == "lianlu":
            words[:1] = [sys.executable, "-m", "lianlu"]
        if "serve" in words:
            return self.look_at(words, environment)
        done = subprocess.run(
            words,
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        assert KEY not in done.stdout + done.stderr
        return done.stdout

    def look_at(self, words: Sequence[str], environment: dict[str, str]) -> str:
        """Start a server, open its page, stop it as Ctrl-C does."""
        import httpx

        child = subprocess.Popen(
            [*words, "--port", "0"],
            cwd=self.folder,
            env={**environment, "PYTHONUNBUFFERED": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
        )
        assert child.stdout is not None
        said = ""
        try:
            while (address := SERVING.search(said)) is None:
                line = child.stdout.readline()
                assert line, said
                said += line
            page = httpx.get(address[0], timeout=30)
            assert page.status_code == 200
            assert "<html" in page.text
            child.send_signal(signal.SIGINT)
            return said + child.communicate(timeout=30)[0]
        finally:
            child.kill()


@pytest.fixture(scope="module")
def embedder(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The files of a small embedder, which the mirror gives under the name of the course's."""
    pytest.importorskip("torch")
    folder = tiny_embedder(tmp_path_factory.mktemp("embedder") / "model", "bert")
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def reader(request: pytest.FixtureRequest, tmp_path: Path, embedder: dict[str, bytes]) -> Generator[Reader]:
    rules = [Rule(match="<<<source", reply=KNOWING), Rule(reply=ALONE)]
    backend = FakeBackend(rules, model=MODEL)
    log = RequestLog(tmp_path / "requests.jsonl", instance="course")
    service = Service(backend, MODEL, asyncio.run(backend.identity()), log, "course")
    with ExitStack() as stack:
        address = stack.enter_context(running(serving_app(service)))
        mirror = stack.enter_context(fake_hub(embedder, large=("model.safetensors",)))
        hub = stack.enter_context(fake_spaces())
        (tmp_path / "config").mkdir()
        told = f"endpoints:\n  internlm:\n    url: {address}/v1\n    key_env: [INTERNLM_API_KEY, API_KEY]\n"
        (tmp_path / "config" / "endpoints.yaml").write_text(told)
        yield Reader(tmp_path, request.param, address, mirror.hub, hub)


def test_both_languages_tell_to_type_the_same() -> None:
    assert [step.command for step in steps_of("l1g4000", "en")] == [
        step.command for step in steps_of("l1g4000", "zh_cn")
    ]


@pytest.mark.parametrize("reader", ["en", "zh_cn"], indirect=True)
def test_every_command_of_the_page_works_and_shows_what_the_page_shows(reader: Reader) -> None:
    for step in steps_of("l1g4000", reader.lang):
        printed = reader.type(step.command)
        if step.shown:
            assert printed.rstrip().splitlines() == list(step.shown), step.command
    space = reader.hub.repositories["ann/xtuner"]
    folder = reader.folder / "out" / "space"
    assert space.files == {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }
    assert space.secrets == {"API_KEY": KEY}
    assert {"embedder/model.safetensors", "base/index.vectors"} <= set(space.files)
    assert not any(KEY.encode() in content for content in space.files.values())
