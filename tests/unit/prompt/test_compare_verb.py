"""`lianlu prompt compare` and `grade` as they are typed."""

from __future__ import annotations

import csv
import json
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

_SCRIPT = """rules:
  - {pattern: "letter by letter[\\\\s\\\\S]*pear", within: prompt, reply: "There is 1 r."}
  - {match: dead, error: {status: 503}}
  - {reply: "Two."}
"""
_CASES = """cases:
  - {id: pear, input: How many r in pear?, assert: [{contains: "1"}]}
  - {id: fig, input: How many r in fig?, assert: [{contains: Two}]}
"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LIANLU_DATA", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "careful.md").write_text("---\nname: careful\ncases: cases.yaml\n---\nSpell it letter by letter.\n")
    (tmp_path / "plain.md").write_text("---\nname: plain\n---\nAnswer.\n")
    (tmp_path / "script.yaml").write_text(_SCRIPT)
    (tmp_path / "cases.yaml").write_text(_CASES)
    return tmp_path


_COMPARE = ("prompt", "compare", "careful.md", "plain.md", "--model", "fake:script.yaml")


def test_a_folder_holds_json_csv_and_a_page(place: Path, lianlu: Callable[..., Any]) -> None:
    done = lianlu(*_COMPARE, "--without-system", "--repeat", "2", "--out", "out", "--json")
    found = json.loads(done.out)
    assert [(each["name"], each["passed"]["value"]) for each in found["variants"]] == [
        ("no prompt", 0.5),
        ("careful", 1.0),
        ("plain", 0.5),
    ]
    assert found["cells"] == 12
    kept = json.loads((place / "out" / "results.json").read_text())
    assert {cell["output"] for cell in kept["cells"]} == {"There is 1 r.", "Two."}
    rows = list(csv.DictReader((place / "out" / "results.csv").read_text(encoding="utf-8-sig").splitlines()))
    assert len(rows) == 12
    assert {row["prompt"] for row in rows} == {"", "careful.md", "plain.md"}
    assert "careful" in (place / "out" / "page.html").read_text()


def test_the_table_says_who_wins_and_that_few_cases_tell_little(place: Path, lianlu: Callable[..., Any]) -> None:
    shown = lianlu(*_COMPARE).out
    assert "plain against careful: win rate 0.25" in shown
    assert "do not tell the two apart" in shown


def test_assertions_are_run_anew_without_a_single_model_call(place: Path, lianlu: Callable[..., Any]) -> None:
    lianlu(*_COMPARE, "--out", "out")
    before = json.loads((place / "out" / "results.json").read_text())
    (place / "cases.yaml").write_text(_CASES.replace('contains: "1"', "contains: nothing"))
    (place / "script.yaml").unlink()  # no model can be asked any more
    found = json.loads(lianlu("prompt", "grade", "out", "--out", "again", "--json").out)
    assert [each["passed"]["value"] for each in found["variants"]] == [0.5, 0.5]
    after = json.loads((place / "again" / "results.json").read_text())
    assert [cell["output"] for cell in after["cells"]] == [cell["output"] for cell in before["cells"]]
    assert json.loads((place / "out" / "results.json").read_text()) == before


def test_the_second_run_asks_nothing(place: Path, lianlu: Callable[..., Any]) -> None:
    lianlu(*_COMPARE, "--out", "one")
    lianlu(*_COMPARE, "--out", "two")
    cells = json.loads((place / "two" / "results.json").read_text())["cells"]
    assert all("seconds" not in turn for cell in cells for turn in cell["turns"])
    fresh = lianlu(*_COMPARE, "--out", "three", "--no-cache")
    assert fresh.code == 0
    cells = json.loads((place / "three" / "results.json").read_text())["cells"]
    assert all(turn["seconds"] >= 0 for cell in cells for turn in cell["turns"])


def test_too_low_a_rate_ends_with_one(place: Path, lianlu: Callable[..., Any]) -> None:
    assert lianlu(*_COMPARE, "--min-pass", "0.9").code == 1
    assert lianlu(*_COMPARE, "--min-pass", "0.5").code == 0


def test_a_dry_run_counts_the_cells(place: Path, lianlu: Callable[..., Any]) -> None:
    found = json.loads(lianlu(*_COMPARE, "--repeat", "3", "--dry-run", "--json").out)
    assert found == {"variants": ["careful", "plain"], "cases": 2, "cells": 12}


@pytest.mark.parametrize(
    ("arguments", "code", "error"),
    [
        (("careful.md",), 2, "prompt.no-model"),
        (("careful.md", "careful.md", "--model", "fake:echo"), 2, "prompt.same-variant"),
        (("plain.md", "--model", "fake:echo"), 2, "prompt.no-cases"),
        (("careful.md", "--model", "fake:echo", "--split", "test"), 2, "prompt.no-cases"),
        (("careful.md", "--model", "fake:echo", "--cases", "none.yaml"), 2, "file.missing"),
        (("none.md", "--model", "fake:echo"), 2, "file.missing"),
    ],
)
def test_what_cannot_be_compared_is_told(
    place: Path, lianlu: Callable[..., Any], arguments: tuple[str, ...], code: int, error: str
) -> None:
    done = lianlu("prompt", "compare", *arguments)
    assert (done.code, error in done.err) == (code, True)


def test_two_files_of_cases_with_one_id_lose_none_silently(place: Path, lianlu: Callable[..., Any]) -> None:
    (place / "other.yaml").write_text(_CASES.replace("pear?", "plum?"))
    (place / "other.md").write_text("---\nname: other\ncases: other.yaml\n---\nAnswer.\n")
    done = lianlu("prompt", "compare", "careful.md", "other.md", "--model", "fake:script.yaml")
    assert (done.code, "prompt.bad-case" in done.err, "cases.yaml:2" in done.err) == (2, True, True)


def test_one_file_of_cases_named_in_two_ways_is_one(place: Path, lianlu: Callable[..., Any]) -> None:
    (place / "sub").mkdir()
    (place / "sub" / "copy.md").write_text("---\nname: copy\ncases: ../cases.yaml\n---\nAnswer.\n")
    done = lianlu("prompt", "compare", "careful.md", "sub/copy.md", "--model", "fake:script.yaml", "--json")
    assert json.loads(done.out)["cells"] == 4


def test_a_service_that_dies_leaves_what_it_answered(place: Path, lianlu: Callable[..., Any]) -> None:
    dead = "".join(f"  - {{id: d{at}, input: dead {at}}}\n" for at in range(9))
    (place / "cases.yaml").write_text(_CASES + dead)
    done = lianlu(*_COMPARE, "--concurrency", "1", "--out", "out")
    assert done.code == 4
    assert "the same command asks only the others" in done.err
    cells = json.loads((place / "out" / "results.json").read_text())["cells"]
    assert sum(not cell["error"] for cell in cells) == 4


def test_a_folder_without_a_comparison_is_told(place: Path, lianlu: Callable[..., Any]) -> None:
    assert "prompt.not-a-run" in lianlu("prompt", "grade", "data").err
    (place / "results.json").write_text('{"variants": 3}')
    assert "prompt.not-a-run" in lianlu("prompt", "grade", "results.json").err


def test_a_sheet_never_holds_a_formula_of_a_model(place: Path, lianlu: Callable[..., Any]) -> None:
    (place / "script.yaml").write_text('rules: [{reply: "=HYPERLINK(1)"}]')
    lianlu(*_COMPARE, "--out", "out")
    rows = list(csv.DictReader((place / "out" / "results.csv").read_text(encoding="utf-8-sig").splitlines()))
    assert {row["output"] for row in rows} == {"'=HYPERLINK(1)"}


def test_two_processes_share_one_request_store(place: Path) -> None:
    command = [sys.executable, "-m", "lianlu", *_COMPARE, "--repeat", "20", "--out"]
    running = [subprocess.Popen([*command, f"out{at}"], cwd=place, stdout=subprocess.PIPE) for at in range(2)]
    assert [each.wait(120) for each in running] == [0, 0]
    made = [json.loads((place / f"out{at}" / "results.json").read_text()) for at in range(2)]
    outputs = [[(cell["case"], cell["repeat"], cell["output"]) for cell in each["cells"]] for each in made]
    assert outputs[0] == outputs[1]
    assert len(outputs[0]) == 80


def test_what_was_answered_before_a_kill_is_not_asked_again(place: Path) -> None:
    (place / "slow.yaml").write_text("rules: [{reply: Two, delay_seconds: 0.1}]")
    (place / "cases.yaml").write_text("cases:\n" + "".join(f"  - {{id: c{at}, input: q{at}}}\n" for at in range(30)))
    command = [sys.executable, "-m", "lianlu", "prompt", "compare", "careful.md", "--model", "fake:slow.yaml"]
    running = subprocess.Popen([*command, "--concurrency", "1"], cwd=place, stdout=subprocess.PIPE)
    store = place / "data" / "prompt.sqlite"
    limit = time.monotonic() + 60
    while time.monotonic() < limit and (not store.exists() or _kept(store) < 4):
        time.sleep(0.05)
    running.kill()
    running.wait()
    kept = _kept(store)
    assert 4 <= kept < 30
    subprocess.run([*command, "--out", "out"], cwd=place, check=True, stdout=subprocess.PIPE)
    cells = json.loads((place / "out" / "results.json").read_text())["cells"]
    assert len(cells) == 30
    assert sum("seconds" not in cell["turns"][0] for cell in cells) == kept


def _kept(store: Path) -> int:
    with closing(sqlite3.connect(store)) as connection:
        try:
            return connection.execute("SELECT count(*) FROM requests").fetchone()[0]
        except sqlite3.OperationalError:  # it is being made
            return 0
