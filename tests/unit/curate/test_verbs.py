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


@pytest.fixture
def chats(tmp_path: Path) -> Path:
    path = tmp_path / "chats.jsonl"
    path.write_text('{"output":"我是尖米"}\n{"output":"你好"}\n', encoding="utf-8")
    return path


def test_replace_writes_the_file_that_out_names_and_shows_what_changed(
    lianlu: Callable[..., Any], chats: Path, tmp_path: Path
) -> None:
    out = tmp_path / "mine.jsonl"
    done = lianlu("curate", "replace", chats, "--old", "尖米", "--new", "小明", "--out", out)
    assert done.code == 0, done.err
    assert out.read_text(encoding="utf-8") == '{"output":"我是小明"}\n{"output":"你好"}\n'
    assert "chats.jsonl:1: 我是尖米 → 我是小明" in done.out


def test_json_gives_the_counts_of_each_file(lianlu: Callable[..., Any], chats: Path, tmp_path: Path) -> None:
    done = lianlu("curate", "replace", chats, "--old", "尖米", "--new", "小明", "--out", tmp_path / "o", "--json", "-q")
    found = json.loads(done.out)
    assert found["files"] == [
        {
            "in": str(chats),
            "out": str(tmp_path / "o" / "chats.jsonl"),
            "lines": 2,
            "changed_lines": 1,
            "replacements": 1,
            "bad_lines": 0,
        }
    ]
    assert found["unmatched"] == []


def test_a_text_that_is_not_there_is_a_warning_and_the_copy_is_equal(
    lianlu: Callable[..., Any], chats: Path, tmp_path: Path
) -> None:
    done = lianlu("curate", "replace", chats, "--old", "大米", "--new", "小明", "--out", tmp_path / "o")
    assert done.code == 0
    assert "warning: '大米' was not found" in done.out
    assert (tmp_path / "o" / "chats.jsonl").read_bytes() == chats.read_bytes()


def test_dry_run_counts_and_writes_nothing(lianlu: Callable[..., Any], chats: Path, tmp_path: Path) -> None:
    done = lianlu("curate", "replace", chats, "--old", "尖米", "--new", "小明", "--in-place", "--dry-run", "--json")
    assert json.loads(done.out)["replacements"] == 1
    assert "尖米" in chats.read_text(encoding="utf-8")
    assert list(tmp_path.iterdir()) == [chats]


@pytest.mark.parametrize(
    ("more", "code"),
    [
        (["--old", "a"], 2),
        (["--old", "", "--new", "b"], 2),
        (["--old", "a", "--new", "a"], 2),
        (["--old", "a", "--new", "b", "--in-place", "--out", "x"], 2),
        (["--old", "a", "--new", "b", "nowhere.jsonl"], 2),
        (["--old", "a", "--new", "b", "{bad}"], 3),
    ],
    ids=str,
)
def test_mistakes_are_errors_with_a_hint(lianlu: Callable[..., Any], chats: Path, more: list[str], code: int) -> None:
    bad = chats.with_name("bad.jsonl")
    bad.write_text("{")
    done = lianlu("curate", "replace", chats, *(each.format(bad=bad) for each in more))
    assert done.code == code, done.err
    assert "hint" in done.err or "Usage" in done.err


def test_ctrl_c_leaves_the_old_file_and_nothing_half_written(tmp_path: Path) -> None:
    source, folder = tmp_path / "big.jsonl", tmp_path / "out"
    with source.open("w", encoding="utf-8") as file:
        file.writelines('{"a":"尖米 \\n"}\n' for _ in range(1_500_000))
    words = [sys.executable, "-m", "lianlu", "curate", "replace", str(source), "--old", "米", "--new", "明"]
    running = subprocess.Popen([*words, "--out", str(folder), "-q"], env=os.environ, stderr=subprocess.PIPE)
    for _ in range(1000):
        if folder.exists() and any(path.stat().st_size for path in folder.iterdir()):
            break
        time.sleep(0.01)
    running.send_signal(signal.SIGINT)
    running.communicate(timeout=60)
    assert running.returncode == 130
    assert list(folder.iterdir()) == []
