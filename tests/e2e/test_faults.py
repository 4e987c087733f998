"""kill -9, SIGTERM and bad clients against the commands people type: nothing finished is lost, nothing is done twice."""

from __future__ import annotations

import json
import signal
import socket
from collections.abc import Generator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

from e2e.conftest import assert_clear_error
from e2e.serving import Server, begun, questions, started, until
from lianlu.engine.engine import ROWS
from lianlu.evaluate.asking import AT_ONCE
from lianlu.llm.request_store import RequestStore
from tiny_model import tiny_model_folder

ITEMS = 48
RESULTS = ("scores.json", "scores.jsonl", "predictions.jsonl")
SLOW = """\
model: slow
rules:
  - {reply: "The result is 7.", delay_seconds: 0.25}
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Generator[Server]:
    """One `lianlu serve local:FOLDER` for the tests that leave it running; its model may answer without end."""
    place = tmp_path_factory.mktemp("server")
    folder = tiny_model_folder(place / "tiny", max_position_embeddings=100_000)
    with started(place, f"local:{folder}") as running:
        yield running


@pytest.fixture
def place(tmp_path: Path) -> Path:
    lines = [{"id": f"s{n:03d}", "input": f"{n}+1=?", "targets": [str(n + 1)]} for n in range(1, ITEMS + 1)]
    (tmp_path / "sums.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return tmp_path


def evaluating(place: Path, ref: str, out: str = "eval") -> Any:
    return begun(place, "eval", "run", "--model", f"m={ref}", "--benchmark", "sums.jsonl", "--out", out, "--json")


def evaluated(place: Path, ref: str, out: str = "eval") -> dict[str, Any]:
    process = evaluating(place, ref, out)
    printed, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    return json.loads(printed)


def kept(place: Path) -> set[str]:
    """The questions whose answers a stopped evaluation has in its store."""
    store = RequestStore(place / "eval" / ".requests.sqlite")
    try:
        return {each.question.request["messages"][-1]["parts"][0]["text"] for each in store.all()}
    finally:
        store.close()


def every_question(place: Path) -> set[str]:
    return {json.loads(line)["input"] for line in (place / "sums.jsonl").read_text().splitlines()}


def results(place: Path, out: str) -> list[bytes]:
    return [(place / out / name).read_bytes() for name in RESULTS]


def test_a_killed_evaluation_asks_the_server_nothing_twice(server: Server, place: Path) -> None:
    before = len(server.log())
    process = evaluating(place, server.ref)
    until(lambda: len(server.log()) > before + AT_ONCE)  # so one who asks has kept an answer and asked again
    process.kill()
    process.communicate()
    until(lambda: server.running() == 0)  # what was in flight has ended, and stands in the log
    answered, first = kept(place), server.log()[before:]
    assert 0 < len(answered) < ITEMS
    assert not (place / "eval" / "scores.json").exists()
    assert len(first) - len(answered) <= AT_ONCE  # only what was in flight at the kill was asked in vain
    found = evaluated(place, server.ref)
    asked, again = questions(first), questions(server.log()[before + len(first) :])
    assert (found["kept"], found["asked"]) == (len(answered), ITEMS - len(answered))
    assert {asked[each] for each in answered} == {1}
    assert again == dict.fromkeys(every_question(place) - answered, 1)  # every other question once, and no more
    evaluated(place, server.ref, "whole")
    assert results(place, "eval") == results(place, "whole")


def gone_on_after(place: Path, ref: str, stop: signal.Signals) -> tuple[Server, int, str]:
    """Evaluate, stop the server in the middle, start it again and evaluate to the end; gives what happened at the stop."""
    with started(place, ref) as first:
        process = evaluating(place, first.ref)
        until(lambda: len(first.log()) > AT_ONCE)
        first.process.send_signal(stop)
        _, errors = process.communicate(timeout=120)
        first.process.wait(30)
    answered, before = kept(place), len(first.log())
    assert answered <= questions(first.log()).keys()
    assert 0 < len(answered) < ITEMS
    assert not (place / "eval" / "scores.json").exists()
    with started(place, ref, port=first.port) as second:
        found = evaluated(place, second.ref)
        again = questions(second.log()[before:])
    assert (found["kept"], found["asked"], found["scores"][0]["errors"]) == (len(answered), ITEMS - len(answered), 0)
    assert again == dict.fromkeys(every_question(place) - answered, 1)  # nothing finished is asked again
    return first, process.returncode, errors


@pytest.mark.parametrize(
    ("kind", "stop"),
    [
        pytest.param("fake", signal.SIGKILL),
        pytest.param("local", signal.SIGTERM),
        pytest.param("local", signal.SIGKILL, marks=pytest.mark.soak),
    ],
)
def test_a_server_stopped_in_mid_evaluation_is_an_error_and_what_it_answered_is_kept(
    kind: str, stop: signal.Signals, place: Path
) -> None:
    (place / "slow.yaml").write_text(SLOW)
    ref = f"local:{tiny_model_folder(place / 'tiny')}" if kind == "local" else "fake:slow.yaml"
    server, code, errors = gone_on_after(place, ref, stop)
    assert code == 4, errors
    assert "Traceback" not in errors
    assert "[evaluate.stopped]" in errors
    assert f"http://127.0.0.1:{server.port}/v1" in errors  # which server it was
    assert "hint: what was answered is kept" in errors
    assert server.process.returncode == (0 if stop is signal.SIGTERM else -signal.SIGKILL)
    assert "Traceback" not in (place / "served" / "stderr").read_text()


def test_killed_training_goes_on_to_the_same_metrics(place: Path) -> None:
    turns = [("who are you?", "I am Lian."), ("what is 2+2?", "4"), ("say hi", "hi"), ("bye", "goodbye")]
    lines = [
        {"messages": [{"role": "user", "content": asked}, {"role": "assistant", "content": said}]}
        for asked, said in turns
    ]
    (place / "chats.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    tiny_model_folder(place / "tiny")
    plan = ("steps=100", "batch_size=2", "max_tokens=64", "eval_share=0.25", "eval_every=30", "checkpoint_every=9")
    typed = ("train", "--model", "tiny", "--data", "chats.jsonl", *plan, "--json", "--out")
    whole = begun(place, *typed, "whole")
    process = begun(place, *typed, "killed")
    until(lambda: (place / "killed" / "checkpoints" / "latest").exists())
    process.kill()
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    assert not (place / "killed" / "weights" / "config.json").exists()
    again = begun(place, *typed, "killed")
    for each in (whole, again):
        _, errors = each.communicate(timeout=120)
        assert each.returncode == 0, errors
    files = [
        {path.name: path.read_bytes() for path in (place / out / "weights").iterdir()} for out in ("whole", "killed")
    ]
    assert files[0]["metrics.jsonl"].count(b"\n") == 100
    assert files[0]["metrics.jsonl"] == files[1]["metrics.jsonl"]
    assert files[0] == files[1]  # the weights too
    assert not (place / "killed" / "checkpoints").exists()


def test_a_request_of_ten_megabytes_is_refused_and_the_server_goes_on(server: Server) -> None:
    answer = server.chat("x" * 10_000_000)
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "web.too-large")
    assert server.chat(max_tokens=1).status_code == 200


def test_a_port_in_use_is_an_error_that_names_a_free_one(server: Server, lianlu: Any) -> None:
    done = lianlu("serve", "fake:echo", "--port", str(server.port), "--json")
    assert (done.code, done.json["error"]["code"]) == (2, "web.port-in-use")
    assert_clear_error(done, 2)
    free = int(done.err.rpartition("--port ")[2].split()[0].strip("`"))
    assert free != server.port
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", free))


def test_clients_that_leave_in_mid_stream_free_their_rows(server: Server) -> None:
    """As many endless answers as the engine has rows: the next one waits, until those who asked for them leave."""
    import httpx

    before = len(server.log())
    endless = server.body(stream=True, ignore_eos=True, max_tokens=50_000)
    with ExitStack() as clients:
        reading: list[Any] = []  # a reader that is let go closes its connection
        for _ in range(ROWS):
            client = clients.enter_context(httpx.Client(timeout=60))
            answer = clients.enter_context(client.stream("POST", f"{server.url}/v1/chat/completions", json=endless))
            reading.append(filter(None, answer.iter_lines()))
            assert '"role":"assistant"' in next(reading[-1])
            next(reading[-1])  # the first words: the answer has its row
        with pytest.raises(httpx.ReadTimeout):
            server.chat(max_tokens=1, timeout=1.0)
    answer = server.chat(max_tokens=1)
    assert answer.status_code == 200
    assert answer.elapsed.total_seconds() < 5
    until(lambda: server.running() == 0)
    assert [entry["status"] for entry in server.log()[before:]].count(499) == ROWS + 1
