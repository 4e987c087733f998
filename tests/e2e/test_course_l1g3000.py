"""The course page L1G3000, typed from top to bottom: every command of the page, what it shows, and what it leaves behind.

The model that answers is the script that the page copies, or the base of the demo; nothing is fetched.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from course_page import steps_of

ROOT = Path(__file__).resolve().parents[2]


def type_in(folder: Path, lang: str, command: str) -> str:
    """Run a line in a folder of one's own and give what it printed."""
    words = shlex.split(command)
    if words[0] == "cp":
        words[1:-1] = [str(ROOT / word) for word in words[1:-1]]
    if words[0] == "lianlu":
        words[:1] = [sys.executable, "-m", "lianlu"]
    words = [word.replace("local:examples", f"local:{ROOT}/examples") for word in words]
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder / "home"),
        "LIANLU_DATA": str(folder / "data"),
        "LIANLU_LANG": lang[:2],
        "LIANLU_THREADS": "1",
        "PYTHONIOENCODING": "utf-8",
        "COLUMNS": "120",
    }
    done = subprocess.run(
        words,
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=300,
        check=False,
    )
    expected = 1 if "lint" in words else 0  # the plan that is checked has an error
    assert done.returncode == expected, f"{command}\n{done.stdout}{done.stderr}"
    return done.stdout


def _timeless(line: str) -> str:
    """A line of a table without how long answers took."""
    return re.sub(r"\d\.\d\d( +│ –)", r"–   \1", line).rstrip()


def test_both_languages_tell_to_type_the_same() -> None:
    def told(lang: str) -> list[str]:
        return [
            re.sub(r"\.(?:en|zh)\b", "", step.command)
            for step in steps_of("l1g3000", lang)
            if "chat" not in step.command
        ]

    assert told("en") == told("zh_cn")


@pytest.mark.parametrize("lang", ["en", "zh_cn"])
def test_every_command_of_the_page_works_and_shows_what_the_page_shows(lang: str, tmp_path: Path) -> None:
    pytest.importorskip("torch")
    pytest.importorskip("gepa")
    for step in steps_of("l1g3000", lang):
        printed = type_in(tmp_path, lang, step.command)
        if step.shown:
            found = [_timeless(line) for line in printed.rstrip().splitlines()]
            assert found == [_timeless(line) for line in step.shown], step.command

    def passed(name: str) -> list[list[bool]]:
        results: dict[str, Any] = json.loads((tmp_path / "out" / name / "results.json").read_text(encoding="utf-8"))
        cells = results["cells"]
        return [[cell["passed"] for cell in cells if cell["variant"] == number] for number in range(3)]

    alone, before, after = passed("letters")
    assert len(alone) == len(before) == len(after) == 16
    assert sum(after) == 16 > max(sum(alone), sum(before))
    assert not any(any(each) for each in passed("nano"))
    found = json.loads((tmp_path / "out" / "better" / "optimize.json").read_text(encoding="utf-8"))
    assert found["test"] == 16
    assert found["passed"][1] == 1.0 > found["passed"][0]
    assert found["held_out"]["win_rate"]["low"] > 0.5
    assert (tmp_path / "out" / "letters" / "page.html").stat().st_size > 10_000
