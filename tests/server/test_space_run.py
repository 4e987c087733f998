"""The folder of a Space runs as it would on the hub: as user 1000, with an empty environment, on what its requirements
name and nothing else; and it answers with citations.

What is run, with which variables and where, is read from the Dockerfile that was written; a Gradio Space starts its app.py,
and a static one is opened in a browser. Nothing is downloaded: packages are those of the tests (`space_home`).
"""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import signal
import socket
import tempfile
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from conftest import Printed
from lianlu.cli.space.plan import PORT
from server.browser import needs_browser, shown
from server.space_home import USER, Home, own, python_for_user, started
from tiny_embedder import tiny_embedder

QUESTION = "备份保留多少天？"
SENTENCE = "备份每晚两点做，保留三十天。"
Run = Callable[..., Printed]


@pytest.fixture(scope="module")
def world() -> Generator[Path]:
    """A folder that user 1000 may enter; pytest's own are closed to others."""
    place = Path(tempfile.mkdtemp(prefix="lianlu-space-"))
    place.chmod(0o755)
    yield place
    shutil.rmtree(place)


@pytest.fixture(scope="module")
def python(world: Path) -> Path:
    return python_for_user(world / "python")


@pytest.fixture
def home(world: Path, python: Path) -> Home:
    return Home.make(world / secrets.token_hex(4) / "home", python)


def written(lianlu: Run, folder: Path, space: Path, *arguments: str, embed: str = "") -> None:
    """Write the Space of a base of two documents."""
    docs = folder / "docs"
    docs.mkdir()
    (docs / "a.md").write_text(f"# 备份\n\n{SENTENCE}\n", encoding="utf-8")
    (docs / "b.md").write_text("# Holidays\n\nThere are thirty days of holidays a year.\n", encoding="utf-8")
    more = ("--embed", embed) if embed else ()
    for words in (("rag", "build", "notes", docs, *more), ("deploy", "space", space, "--base", "notes", *arguments)):
        done = lianlu(*words, "--store", folder / "store")
        assert done.code == 0, done.err


@dataclass
class Dockerfile:
    """What one says, as far as ours go."""

    variables: dict[str, str] = field(default_factory=dict[str, str])
    runs: list[str] = field(default_factory=list[str])
    folder: str = ""
    user: str = ""
    command: list[str] = field(default_factory=list[str])
    image: str = ""

    @classmethod
    def read(cls, text: str) -> Dockerfile:
        told = cls()
        lines = [line for line in text.replace("\\\n", " ").splitlines() if line and not line.startswith("#")]
        for word, _, rest in (line.partition(" ") for line in lines):
            if word == "FROM":
                told.image = rest
            elif word == "ENV":
                told.variables |= dict(each.split("=", 1) for each in rest.split())
            elif word == "RUN":
                told.runs.append(rest)
            elif word == "WORKDIR":
                told.folder = rest
            elif word == "USER":
                told.user = rest
            elif word == "CMD":
                told.command = json.loads(rest)
            else:
                assert word in ("COPY", "EXPOSE"), word
        return told


def port_or_another(wanted: int) -> int:
    with socket.socket() as probe:
        try:
            probe.bind(("0.0.0.0", wanted))
        except OSError:
            probe.bind(("0.0.0.0", 0))
        return probe.getsockname()[1]


@contextmanager
def up(words: Sequence[str], folder: Path, environment: Mapping[str, str], port: int) -> Generator[str]:
    """The server for the length of a block; stopped as the hub stops it, and then it has said nothing of an error."""
    log = folder.parent / "said.txt"
    child = started(words, folder, environment, log)
    url = f"http://127.0.0.1:{port}"
    try:
        until = time.monotonic() + 60
        while True:
            try:
                httpx.get(f"{url}/health", timeout=5).raise_for_status()
                break
            except httpx.TransportError:
                assert child.poll() is None, log.read_text()
                assert time.monotonic() < until, log.read_text()
                time.sleep(0.1)
        if os.getuid() == 0 and (status := Path(f"/proc/{child.pid}/status")).exists():
            assert re.search(rf"^Uid:\t{USER}\t{USER}\t{USER}\t{USER}$", status.read_text(), re.M)
        yield url
        child.send_signal(signal.SIGTERM)
        child.wait(20)
        assert "Traceback" not in log.read_text()
    finally:
        child.kill()
        child.wait()


def check(url: str, **facts: Any) -> None:
    """It answers a question with a citation, by its own interface and by OpenAI's; its page is there."""
    found = httpx.get(f"{url}/v1/lianlu/base").json()
    assert {name: found[name] for name in facts} == facts
    answer = httpx.post(f"{url}/v1/lianlu/ask", json={"question": QUESTION}, timeout=30).json()
    (cited,) = answer["citations"]
    assert (cited["uri"], cited["quote"]) == ("a.md", SENTENCE)
    assert answer["notes"] == []
    (model,) = httpx.get(f"{url}/v1/models").json()["data"]
    body = {"model": model["id"], "messages": [{"role": "user", "content": QUESTION}]}
    reply = httpx.post(f"{url}/v1/chat/completions", json=body, timeout=30).json()
    assert reply["choices"][0]["message"]["content"] == f"{SENTENCE} [1]"
    page = httpx.get(url)
    assert "frame-ancestors https://huggingface.co" in page.headers["content-security-policy"]
    assert "x-frame-options" not in page.headers


@pytest.mark.parametrize("embedded", [False, True], ids=["words", "vectors"])
def test_a_container_s_command_answers_with_citations(lianlu: Run, tmp_path: Path, home: Home, embedded: bool) -> None:
    embed = ""
    if embedded:
        pytest.importorskip("torch")  # makes the embedder; the Space reads it without
        embed = f"local:{tiny_embedder(tmp_path / 'model', 'bert')}"
    app = home.path / "app"
    written(lianlu, tmp_path, app, "--title", "Our notes", embed=embed)
    recipe = Dockerfile.read((app / "Dockerfile").read_text(encoding="utf-8"))
    assert (recipe.user, recipe.folder, recipe.variables["HOME"]) == ("user", "/home/user/app", "/home/user")
    assert f"--uid {USER}" in recipe.runs[0]
    assert re.fullmatch(r"pip install --no-cache-dir --user -r requirements.txt", recipe.runs[1])
    wheel = recipe.runs[2].removeprefix("pip install --no-cache-dir --user --no-deps ")
    home.install(app / "requirements.txt")
    home.install_wheel(app / wheel)
    own(home.path)
    environment = {name: value.replace("/home/user", str(home.path)) for name, value in recipe.variables.items()}
    port = port_or_another(PORT)  # the Space's own, unless something listens there on this machine
    words = [str(port) if word == str(PORT) else word for word in recipe.command]
    with up(words, app, environment, port) as url:
        check(url, name="Our notes", documents=2, embed="local:embedder" if embedded else "")
    assert not (home.site / "torch").exists()


def test_app_py_answers_with_citations_from_a_home_that_cannot_be_written(
    lianlu: Run, tmp_path: Path, home: Home
) -> None:
    app = home.path / "app"
    written(lianlu, tmp_path, app, "--sdk", "gradio")
    home.install(app / "requirements.txt")
    for each in (home.path, app):
        each.chmod(0o555)
        if os.getuid() == 0:
            os.chown(each, 0, 0)
    port = port_or_another(0)
    environment = {"HOME": str(home.path), "PATH": "/usr/bin:/bin", "GRADIO_SERVER_PORT": str(port)}
    try:
        with up([str(home.python), "app.py"], app, environment, port) as url:
            check(url, name="notes", documents=2)
    finally:
        for each in (home.path, app):
            each.chmod(0o755)


@needs_browser
def test_a_static_page_quotes_the_sentence_with_its_place(lianlu: Run, tmp_path: Path) -> None:
    space = tmp_path / "space"
    written(lianlu, tmp_path, space, "--sdk", "static")
    page = (space / "index.html").read_text(encoding="utf-8")
    actions = (
        f"<script>document.getElementById('question').value = {json.dumps(QUESTION)};"
        "document.getElementById('form').requestSubmit();"
        "document.querySelector('#answer button').click();</script></body>"
    )
    (space / "driven.html").write_text(
        re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", page).replace("</body>", actions),
        encoding="utf-8",
    )
    serve = partial(SimpleHTTPRequestHandler, directory=str(space))
    with ThreadingHTTPServer(("127.0.0.1", 0), serve) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        under_its_policy = shown(f"{url}/{quote('index.html')}", tmp_path / "browser", lang="zh-CN")
        asked = shown(f"{url}/driven.html", tmp_path / "browser")
        server.shutdown()
    assert 'lang="zh-CN"' in under_its_policy  # its own script ran
    assert f"{SENTENCE} <button" in asked
    assert re.search(f"<mark[^>]*>{SENTENCE}</mark>", asked)
    assert "[1] a.md" in asked
