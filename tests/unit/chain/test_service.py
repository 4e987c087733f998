from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lianlu.chain import RunResult, run_chain
from lianlu.chain.plan import plan_chain
from lianlu.chain.service import Services
from lianlu.core.errors import BackendError, UsageError
from lianlu.core.job import Job
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


def answering(folder: Path, command: str = "^[^ ]+ -m http.server") -> list[int]:
    """Process ids of servers of `folder` that are still alive; those of their guards by another `command`."""
    listed = subprocess.run(["pgrep", "-f", f"{command}.*{folder}"], capture_output=True, text=True, check=False)
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


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGKILL, -signal.SIGKILL)])
def test_a_stopped_run_leaves_no_service_behind(
    number: signal.Signals, status: int, served: Path, tmp_path: Path
) -> None:
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
    process.send_signal(number)
    assert process.wait(20) == status
    limit = time.monotonic() + 15
    while answering(tmp_path / "www") and time.monotonic() < limit:
        time.sleep(0.1)
    assert answering(tmp_path / "www") == []


GARBAGE = """\
import socket, sys
with socket.create_server(("127.0.0.1", int(sys.argv[1]))) as listener:
    while True:
        asker, _ = listener.accept()
        asker.recv(1000)
        asker.sendall(b"this is no HTTP\\r\\n\\r\\n")
        asker.close()
"""
ONE_STEP = "steps:\n  a: {uses: test.join, services: [api]}\n"


def test_a_service_that_speaks_no_http_is_never_ready(tmp_path: Path) -> None:
    (tmp_path / "garbage.py").write_text(GARBAGE)
    chain = tmp_path / "c.yaml"
    command = f"[python, {tmp_path / 'garbage.py'}, '{{port}}']"
    chain.write_text(f"services:\n  api: {{command: {command}, timeout_seconds: 1}}\n{ONE_STEP}")
    with pytest.raises(BackendError) as caught:
        run_chain(str(chain), store=tmp_path / "s")
    assert caught.value.code == "chain.service-slow"


@pytest.mark.parametrize("command", ['["a\\0b"]', '["python"], env: {"a=b": c}'], ids=["NUL", "odd variable"])
def test_a_command_that_cannot_be_passed_on_is_refused(command: str, tmp_path: Path) -> None:
    chain = tmp_path / "c.yaml"
    chain.write_text(f"services:\n  api: {{command: {command}}}\n{ONE_STEP}")
    with pytest.raises(UsageError) as caught:
        run_chain(str(chain), store=tmp_path / "s")
    assert caught.value.code == "chain.service-command"


def test_a_port_that_is_taken_is_refused_before_any_work_but_not_by_a_dry_run(small, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        small.path.write_text(small.path.read_text() + f"services:\n  api: {{command: [x], port: {port}}}\n")
        assert run_chain(str(small.path), store=tmp_path / "s", dry_run=True).steps
        with pytest.raises(UsageError) as caught:
            run_chain(str(small.path), store=tmp_path / "s")
    assert caught.value.code == "chain.port-in-use"
    assert str(port) in str(caught.value)
    assert small.runs() == []


def test_whoever_took_the_port_after_planning_is_not_taken_for_the_service(served: Path, tmp_path: Path) -> None:
    plan = plan_chain(str(served))
    with (
        Services(plan.services, tmp_path) as services,
        socket.create_server(("127.0.0.1", plan.services["web"].port)),
        pytest.raises(UsageError) as caught,
    ):
        services.start(plan.services["web"], Job("test"))
    assert caught.value.code == "chain.port-in-use"


def test_a_service_that_died_is_started_again_for_the_next_step(served: Path, tmp_path: Path) -> None:
    plan = plan_chain(str(served))
    with Services(plan.services, tmp_path) as services:
        services.start(plan.services["web"], Job("test"))
        (first,) = answering(tmp_path / "www")
        services.start(plan.services["web"], Job("test"))
        assert answering(tmp_path / "www") == [first]
        os.kill(first, signal.SIGKILL)
        while answering(tmp_path / "www", command="guard.py"):
            time.sleep(0.02)
        services.start(plan.services["web"], Job("test"))
        assert answering(tmp_path / "www") not in ([], [first])


WITH_INPUT = """\
name: given
services:
  web:
    command: [python, "{program}", "{{port}}", "{{inputs.text}}"]
    inputs: {{text: joined}}
    timeout_seconds: 20
steps:
  joined: {{uses: test.join, inputs: {{a: read}}, with: {{separator: "{separator}"}}}}
  page: {{uses: test.fetch, services: [web], with: {{url: "${{services.web.url}}/"}}}}
  read: {{uses: test.read, with: {{folder: {folder}}}}}
"""
SAYS_WHAT_IT_WAS_GIVEN = """\
import http.server, os, sys

class Says(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(f"{sys.argv[2]} {os.environ['LIANLU_STORE']}".encode())

http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Says).serve_forever()
"""


@pytest.fixture
def given(tmp_path: Path) -> Path:
    (tmp_path / "says.py").write_text(SAYS_WHAT_IT_WAS_GIVEN)
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "a.txt").write_text("one")
    chain = tmp_path / "given.yaml"
    chain.write_text(WITH_INPUT.format(program=tmp_path / "says.py", folder=tmp_path / "texts", separator="-"))
    return chain


def made(result: RunResult, step: str) -> str:
    return next(each.artifacts[0].id for each in result.steps if each.name == step)


def test_a_service_is_given_the_artifact_of_a_step_and_the_store_it_is_in(given: Path, tmp_path: Path) -> None:
    result = run_chain(str(given), store=tmp_path / "s")
    store = open_store(tmp_path / "s")
    (page,) = store.files(store.get(made(result, "page"))).values()
    assert page.read_text() == f"@{made(result, 'joined')} {tmp_path / 's'}"


def test_what_comes_from_behind_a_service_is_made_from_its_artifacts(given: Path, tmp_path: Path) -> None:
    result = run_chain(str(given), store=tmp_path / "s")
    page = open_store(tmp_path / "s").get(made(result, "page"))
    assert page.parents == (made(result, "joined"),)


def test_a_step_behind_a_service_is_done_again_only_when_its_artifact_changes(given: Path, tmp_path: Path) -> None:
    run_chain(str(given), store=tmp_path / "s")
    assert all(step.cached for step in run_chain(str(given), store=tmp_path / "s").steps)
    changed = run_chain(str(given), ["steps.joined.with.separator=+"], store=tmp_path / "s")
    assert not {step.name: step.cached for step in changed.steps}["page"]


def test_from_a_step_does_what_is_behind_its_service_again(given: Path, tmp_path: Path) -> None:
    run_chain(str(given), store=tmp_path / "s")
    again = run_chain(str(given), store=tmp_path / "s", from_step="joined")
    assert {step.name for step in again.steps if not step.cached} == {"joined", "page"}


@pytest.mark.parametrize(
    ("source", "code"), [("joyned", "chain.unknown-step"), ("page", "chain.loop"), ("read.x", "chain.which-output")]
)
def test_a_wrong_input_of_a_service_is_told_before_any_work(
    source: str, code: str, given: Path, tmp_path: Path
) -> None:
    given.write_text(given.read_text().replace("{text: joined}", f"{{text: {source}}}"))
    with pytest.raises(UsageError) as caught:
        run_chain(str(given), store=tmp_path / "s")
    assert caught.value.code == code
    assert not (tmp_path / "s" / "runs").exists() or not list((tmp_path / "s" / "runs").iterdir())
