"""The folder of a Space runs as it would on the hub: what it asks for is installed into an environment that has nothing
else, and it starts as user 1000 with an empty environment and answers with citations.

The commands, variables and port are read from the Dockerfile that was written. Packages come from uv's cache, so no
network is needed; where there is no uv, or its cache lacks one, the tests are skipped and say so. About eight seconds.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from conftest import Printed

ROOT = Path(__file__).resolve().parents[2]
UV = shutil.which("uv") or shutil.which("uv", path=str(Path(sys.executable).parent))
USER = 1000
QUESTION = "xtuner是什么？"


def as_user(words: Sequence[str]) -> list[str]:
    """The command as user 1000 where one may become that user."""
    if os.getuid() != 0 or shutil.which("setpriv") is None:
        return list(words)
    return ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups", *words]


def interpreter() -> str:
    """A Python that user 1000 may run, of the version that runs the tests."""
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    base = getattr(sys, "_base_executable", sys.executable)
    for each in (base, f"/usr/bin/python{version}", f"/usr/local/bin/python{version}"):
        if Path(each).exists():
            tried = subprocess.run(as_user([each, "-c", "import venv"]), capture_output=True, check=False)
            if tried.returncode == 0:
                return each
    pytest.skip(f"no Python {version} that user {USER} may run")


@pytest.fixture(scope="module")
def home() -> Generator[Path]:
    """The home of the Space's user; pytest's own folders are closed to others."""
    place = Path(tempfile.mkdtemp(prefix="space-home-"))
    place.chmod(0o755)
    yield place
    shutil.rmtree(place, ignore_errors=True)


def installed(place: Path, *arguments: str | Path) -> Path:
    """A fresh environment with what is named and nothing else."""
    if UV is None:
        pytest.skip("no uv to install with")
    links = {"UV_FIND_LINKS": os.environ["PIP_FIND_LINKS"]} if "PIP_FIND_LINKS" in os.environ else {}
    subprocess.run([UV, "venv", "-q", "--python", interpreter(), place], check=True)
    done = subprocess.run(
        [UV, "pip", "install", "-q", "--offline", "--python", place / "bin" / "python", *arguments],
        env={**os.environ, **links},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        assert "lianlu" not in done.stderr.replace(str(place), ""), done.stderr
        pytest.skip(f"not in uv's cache: {done.stderr.strip().splitlines()[-1]}")
    return place


def written(lianlu_child: Callable[..., Printed], folder: Path, *arguments: str) -> Path:
    """The Space of the notes on XTuner, owned by the user of the Space."""
    store = {"LIANLU_STORE": str(folder / "store")}
    if not (folder / "store").exists():
        notes = ROOT / "examples" / "course" / "README_zh-CN.md"
        assert lianlu_child("rag", "build", "xtuner", notes, cwd=folder, **store).code == 0
    space = folder / ("space-" + "-".join(arguments).strip("-"))
    done = lianlu_child("deploy", "space", space, "--base", "xtuner", *arguments, cwd=folder, **store)
    assert done.code == 0, done.err
    return space


def owned(path: Path) -> None:
    if os.getuid() == 0:
        for each in (path, *path.rglob("*")):
            os.chown(each, USER, USER)


def free_port(wanted: int) -> int:
    """The port of Spaces, or another one where that is taken here."""
    with socket.socket() as probe:
        try:
            probe.bind(("0.0.0.0", wanted))
        except OSError:
            probe.bind(("0.0.0.0", 0))
        return probe.getsockname()[1]


@contextmanager
def started(words: Sequence[str], folder: Path, environment: dict[str, str], port: int) -> Generator[str]:
    """The server for the length of a block, in no other environment than that given."""
    told = [f"{name}={value}" for name, value in environment.items()]
    child = subprocess.Popen(
        as_user(["env", "-i", *told, *words]), cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    url = f"http://127.0.0.1:{port}"
    try:
        until = time.monotonic() + 60
        while True:
            try:
                if httpx.get(f"{url}/health", timeout=5).status_code == 200:
                    break
            except httpx.TransportError:
                assert child.poll() is None, child.stdout.read() if child.stdout else ""
                assert time.monotonic() < until
                time.sleep(0.1)
        if os.getuid() == 0:
            assert Path(f"/proc/{child.pid}").stat().st_uid == USER
        yield url
        child.send_signal(signal.SIGTERM)
        child.wait(20)
    finally:
        child.kill()
        child.communicate()


def test_the_container_s_command_answers_with_citations(lianlu_child: Callable[..., Printed], home: Path) -> None:
    app = written(lianlu_child, home)
    recipe = (app / "Dockerfile").read_text(encoding="utf-8")
    site = installed(home / "docker-env", "-r", app / "requirements.txt", next((app / "wheels").iterdir()))
    owned(home)
    variables = dict(re.findall(r"^(?:ENV|   ) (\w+)=(.*?)(?: \\)?$", recipe, re.MULTILINE))
    environment = {
        name: value.replace("/home/user/app", str(app)).replace("/home/user", str(home))
        for name, value in variables.items()
    }
    assert set(environment) == {"HOME", "PATH", "PYTHONUNBUFFERED", "LIANLU_CONFIG", "LIANLU_DATA"}
    environment["PATH"] = f"{site}/bin:/usr/bin:/bin"
    told: list[str] = json.loads(re.findall(r"^CMD (.*)$", recipe, re.MULTILINE)[0])
    port = free_port(7860)
    words = [str(port) if word == "7860" else word for word in told]
    with started(words, app, environment, port) as url:
        check(url)
