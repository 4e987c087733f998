"""`lianlu eval` as it is typed: results in files, a kill repeats nothing, bad input gets a hint."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lianlu.llm.request_store import RequestStore

from .making import adding, sums, write_samples, write_script

Lianlu = Callable[..., Any]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    write_samples(tmp_path / "sums.jsonl", sums(12))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_list_shows_what_is_there(lianlu: Lianlu) -> None:
    names = [each["name"] for each in json.loads(lianlu("eval", "list", "--json").out)["benchmarks"]]
    assert names == ["arithmetic", "cloze", "identity", "letters", "zh-choice"]
    (zh,) = json.loads(lianlu("eval", "list", "历史", "--json").out)["benchmarks"]
    assert (zh["name"], zh["items"] >= 160, zh["licence"]) == ("zh-choice", True, "CC0-1.0")
    assert "no benchmark matches" in lianlu("eval", "list", "nothing-like-it").out


def test_run_writes_every_answer_and_registers_both_artifacts(place: Path, lianlu: Lianlu) -> None:
    script = write_script(place / "f.yaml", adding(wrong=[1]))
    done = lianlu("eval", "run", "--model", f"m={script}", "--benchmark", "sums.jsonl", "--json")
    assert done.code == 0, done.err
    found = json.loads(done.out)
    (score,) = found["scores"]
    assert (score["benchmark"], score["model"], score["n"], score["errors"]) == ("sums", "m", 12, 0)
    assert score["value"] == pytest.approx(11 / 12)
    folder = place / "out" / "eval-sums"
    names = sorted(each.name for each in folder.iterdir() if not each.name.startswith("."))
    assert names == ["predictions.jsonl", "scores.json", "scores.jsonl"]
    for kind, artifact in found["artifacts"].items():
        told = json.loads(lianlu("store", "why", artifact, "--json").out)
        assert kind in json.dumps(told)


def test_the_table_shows_error_interval_and_count(place: Path, lianlu: Lianlu) -> None:
    script = write_script(place / "f.yaml", adding(wrong=[1]))
    printed = lianlu("eval", "run", "--model", f"m={script}", "--benchmark", "sums.jsonl").out
    assert "0.917 ± 0.083" in printed
    assert "0.646 – 0.985" in printed
    assert "fewer than 30 items" in printed


def test_a_second_run_asks_nothing(place: Path, lianlu: Lianlu) -> None:
    script = write_script(place / "f.yaml", adding())
    typed = ("eval", "run", "--model", script, "--benchmark", "sums.jsonl", "--json")
    asked = [json.loads(lianlu(*typed, *more).out)["asked"] for more in ((), (), ("--no-resume",))]
    assert asked == [12, 0, 12]


def test_a_killed_run_repeats_nothing_that_was_answered(place: Path) -> None:
    script = write_script(place / "f.yaml", adding(delay_seconds=0.3))
    typed = [sys.executable, "-m", "lianlu", "eval", "run", "--model", script, "--benchmark", "sums.jsonl", "--json"]
    kept = place / "out" / "eval-sums" / ".requests.sqlite"
    child = subprocess.Popen(typed, cwd=place, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while not (kept.exists() and _answers(kept) >= 3):
        assert child.poll() is None, "it ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.02)
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    answered = _answers(kept)
    assert 3 <= answered < 12
    assert not (place / "out" / "eval-sums" / "scores.json").exists()
    again = json.loads(subprocess.run(typed, cwd=place, capture_output=True, check=True).stdout)
    assert (again["kept"], again["asked"], again["scores"][0]["value"]) == (answered, 12 - answered, 1.0)


def _answers(path: Path) -> int:
    import sqlite3

    try:
        with sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=5) as connection:
            return int(connection.execute("SELECT count(*) FROM requests").fetchone()[0])
    except sqlite3.OperationalError:
        return 0


def test_dry_run_asks_nothing(place: Path, lianlu: Lianlu) -> None:
    done = lianlu("eval", "run", "--model", "fake:echo", "--benchmark", "zh-choice", "--limit", "7", "--dry-run")
    assert "7 questions would be asked" in done.out
    assert not (place / "out").exists()


def test_parity_says_no_with_exit_code_1(place: Path, lianlu: Lianlu) -> None:
    script = write_script(place / "f.yaml", adding())
    done = lianlu("eval", "parity", script, script, "--benchmark", "sums.jsonl")
    assert done.code == 1
    assert "same model in this process" in done.out
    found = json.loads(lianlu("eval", "parity", script, script, "--benchmark", "sums.jsonl", "--json").out)
    assert (found["agrees"], found["failed"]) == (False, "identity")
    assert json.loads((place / "out" / "parity-sums" / "parity.json").read_bytes())["failed"] == "identity"


BAD = {
    "unknown benchmark": (("--model", "fake:echo", "--benchmark", "zh-choise"), 2, "zh-choice"),
    "no benchmark": (("--model", "fake:echo"), 2, "eval list"),
    "no model": (("--benchmark", "zh-choice"), 2, "--model"),
    "empty limit": (("--model", "fake:echo", "--benchmark", "zh-choice", "--limit", "0"), 2, "limit"),
    "no such limit": (("--model", "fake:echo", "--benchmark", "zh-choice", "--limit", "x"), 2, "limit"),
    "too many shots": (("--model", "fake:echo", "--benchmark", "zh-choice", "--shots", "50"), 2, "--shots"),
    "unknown mode": (("--model", "fake:echo", "--benchmark", "zh-choice", "--mode", "guess"), 2, "mode"),
    "unknown model": (("--model", "fakw:echo", "--benchmark", "zh-choice"), 2, "fake"),
    "no samples": (("--model", "fake:echo", "--benchmark", "letters"), 2, "lianlu synth"),
    "bad line": (("--model", "fake:echo", "--benchmark", "bad.jsonl"), 3, "bad.jsonl:2"),
    "empty file": (("--model", "fake:echo", "--benchmark", "empty.jsonl"), 3, "no samples"),
}


@pytest.mark.parametrize(("typed", "code", "said"), BAD.values(), ids=BAD.keys())
def test_bad_input_gets_one_error_with_a_hint(
    place: Path, lianlu: Lianlu, typed: tuple[str, ...], code: int, said: str
) -> None:
    write_samples(place / "bad.jsonl", sums(1))
    with (place / "bad.jsonl").open("ab") as file:
        file.write(b'{"id": 1}\n')
    (place / "empty.jsonl").touch()
    done = lianlu("eval", "run", *typed)
    assert (done.code, said in done.err) == (code, True), done.err
    assert "Traceback" not in done.err


def test_the_store_of_answers_is_hidden(place: Path, lianlu: Lianlu) -> None:
    script = write_script(place / "f.yaml", adding())
    lianlu("eval", "run", "--model", script, "--benchmark", "sums.jsonl")
    store = RequestStore(place / "out" / "eval-sums" / ".requests.sqlite")
    assert len(list(store.all())) == 12
    store.close()
