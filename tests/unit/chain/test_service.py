from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lianlu.chain import run_chain
from lianlu.core.errors import BackendError
from lianlu.store import open_store

SERVED = """\
name: served
services:
  web:
    command: [python, -m, http.server, "{{port}}", --bind, 127.0.0.1, --directory, {folder}]
    health: http://127.0.0.1:{{port}}/hello.txt
    timeout_seconds: 20
steps:
  page: {{uses: test.fetch, services: [web], with: {{url: "${{services.web.url}}/hello.txt"}}}}
"""


@pytest.fixture
def served(tmp_path: Path) -> Path:
    folder = tmp_path / "www"
    folder.mkdir()
    (folder / "hello.txt").write_text("hello")
    chain = tmp_path / "served.yaml"
    chain.write_text(SERVED.format(folder=folder))
    return chain


def answering(folder: Path) -> list[int]:
    """Process ids of servers of `folder` that are still alive."""
    listed = subprocess.run(["pgrep", "-f", f"http.server.*{folder}"], capture_output=True, text=True, check=False)
    return [int(line) for line in listed.stdout.split() if int(line) != os.getpid()]


def test_a_service_is_up_while_its_step_runs_and_gone_afterwards(served: Path, tmp_path: Path) -> None:
    result = run_chain(str(served), store=tmp_path / "s")
    assert result.steps[0].summary == {"bytes": 5}
    assert answering(tmp_path / "www") == []


def test_a_step_behind_a_service_is_cached_whatever_port_it_had(served: Path, tmp_path: Path) -> None:
    run_chain(str(served), store=tmp_path / "s")
    assert run_chain(str(served), store=tmp_path / "s").steps[0].cached


@pytest.mark.parametrize(
    ("command", "code"),
    [
        ("[python, -c, 'import sys; sys.exit(3)']", "chain.service-died"),
        ("[no-such-program-xyz]", "chain.service-died"),
        ("[python, -c, 'import time; time.sleep(60)']", "chain.service-slow"),
    ],
)
def test_a_service_that_does_not_come_up_is_named_with_its_log(command: str, code: str, tmp_path: Path) -> None:
    chain = tmp_path / "c.yaml"
    chain.write_text(
        f"services:\n  api: {{command: {command}, timeout_seconds: 1}}\n"
        "steps:\n  a: {uses: test.join, services: [api]}\n"
    )
    with pytest.raises(BackendError) as caught:
        run_chain(str(chain), store=tmp_path / "s")
    assert caught.value.code == code
    assert "service-api.log" in caught.value.hint("en")


def test_a_killed_run_leaves_no_service_behind(served: Path, tmp_path: Path) -> None:
    served.write_text(
        served.read_text() + "  wait:\n    uses: test.join\n    inputs: {page: page}\n    with: {seconds: 60}\n"
    )
    plugins = str(Path(__file__).resolve().parents[2] / "plugins")
    process = subprocess.Popen(
        [sys.executable, "-m", "lianlu", "run", str(served), "--store", str(tmp_path / "s")],
        env={**os.environ, "PYTHONPATH": plugins},
        stderr=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    limit = time.monotonic() + 30
    while open_store(tmp_path / "s").ref("served/page") is None and time.monotonic() < limit:
        time.sleep(0.1)
    assert answering(tmp_path / "www")
    process.send_signal(signal.SIGKILL)
    process.wait()
    limit = time.monotonic() + 15
    while answering(tmp_path / "www") and time.monotonic() < limit:
        time.sleep(0.1)
    assert answering(tmp_path / "www") == []
