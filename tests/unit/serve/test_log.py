from __future__ import annotations

import asyncio
import json
import stat
from pathlib import Path
from typing import Any

import pytest

from lianlu.core.errors import BackendError, LimitError, UsageError
from lianlu.serve.log import Entry, RequestLog


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_one_line_for_one_request_and_no_prompt(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "requests.jsonl"
    log = RequestLog(path, instance="i")
    entry = Entry(id="a", path="/completions", body={"prompt": "secret"})
    with log.request(entry):
        assert log.running == 1
        entry.model, entry.prompt_tokens = "模型", 3
        assert path.read_text() == ""
    (line,) = lines(path)
    assert (line["id"], line["model"], line["prompt_tokens"], line["status"]) == ("a", "模型", 3, 200)
    assert "secret" not in path.read_text()
    assert (log.running, log.answered) == (0, 1)


def test_prompts_are_kept_when_asked_for(tmp_path: Path) -> None:
    log = RequestLog(tmp_path / "r.jsonl", instance="i", with_prompts=True)
    with log.request(Entry(id="a", path="/", body={"prompt": "猫"})):
        pass
    assert lines(tmp_path / "r.jsonl")[0]["body"] == {"prompt": "猫"}


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (UsageError("serve.bad-field", param="n", why="x"), 400, "serve.bad-field"),
        (BackendError("web.stopping"), 503, "web.stopping"),
        (asyncio.CancelledError(), 499, ""),
        (GeneratorExit(), 499, ""),
        (RuntimeError("a bug"), 500, "bug"),
    ],
    ids=repr,
)
def test_how_a_request_ended_is_in_its_line(tmp_path: Path, error: BaseException, status: int, code: str) -> None:
    log = RequestLog(tmp_path / "r.jsonl", instance="i")

    async def main() -> None:
        with log.request(Entry(id="a", path="/")):
            raise error

    with pytest.raises(type(error)):
        asyncio.run(main())
    (line,) = lines(tmp_path / "r.jsonl")
    assert (line["status"], line["code"]) == (status, code)


def test_the_log_is_for_its_owner_only(tmp_path: Path) -> None:
    RequestLog(tmp_path / "r.jsonl", instance="i").close()
    assert stat.S_IMODE((tmp_path / "r.jsonl").stat().st_mode) == 0o600


def test_a_line_that_a_full_disk_cut_does_not_spoil_the_next(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    path.write_text('{"id": "whole"}\n{"id": "cu')
    with RequestLog(path, instance="i").request(Entry(id="next", path="/")):
        pass
    assert json.loads(path.read_text().splitlines()[-1])["id"] == "next"


def test_two_servers_may_share_a_log(tmp_path: Path) -> None:
    logs = [RequestLog(tmp_path / "r.jsonl", instance=name) for name in ("one", "two")]
    for number in range(20):
        with logs[number % 2].request(Entry(id=str(number), path="/")):
            pass
    assert [line["id"] for line in lines(tmp_path / "r.jsonl")] == [str(number) for number in range(20)]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_full_disk_stops_no_answer_and_is_reported_once(caplog: pytest.LogCaptureFixture) -> None:
    log = RequestLog(Path("/dev/full"), instance="i")
    for _ in range(3):
        with log.request(Entry(id="a", path="/")):
            pass
    assert log.answered == 3
    assert caplog.text.count("cannot be written") == 1


def test_a_place_that_cannot_be_written_is_an_error_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises((UsageError, LimitError)) as caught:
        RequestLog(tmp_path / "file" / "r.jsonl", instance="i")
    assert caught.value.code.startswith("file.")


def test_without_a_path_requests_are_only_counted() -> None:
    log = RequestLog(None, instance="i")
    with log.request(Entry(id="a", path="/")):
        pass
    log.close()
    assert log.answered == 1


def test_a_closed_log_takes_no_more(tmp_path: Path) -> None:
    log = RequestLog(tmp_path / "r.jsonl", instance="i")
    log.close()
    log.close()
    with log.request(Entry(id="a", path="/")):
        pass
    assert (tmp_path / "r.jsonl").read_bytes() == b""
