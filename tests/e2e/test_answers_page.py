"""The guide on answers, typed from top to bottom: its files are saved, its commands run, and show what it shows."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from lianlu.rag.claims import REASONS
from terminal import Terminal

ROOT = Path(__file__).resolve().parents[2]
BLOCK = re.compile(
    r"(?P<above>[^\n]*)\n\n```(?P<kind>markdown|yaml|console)\n(?P<text>.*?)^```", re.MULTILINE | re.DOTALL
)


def page(lang: str) -> str:
    return (ROOT / "docs" / lang / "answers.md").read_text(encoding="utf-8")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LIANLU_STORE", str(tmp_path / "store"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("lang", ["en", "zh_cn"])
def test_every_command_of_the_page_shows_what_the_page_shows(
    lang: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIANLU_LANG", lang[:2])
    (folder / "questions.txt").write_text("备份？\nbackups?\n", encoding="utf-8")
    typed = 0
    for block in BLOCK.finditer(page(lang)):
        if block["kind"] != "console":
            named = re.findall(r"`([^` ]+\.(?:md|yaml))`", block["above"])
            path = folder / named[-1]
            path.parent.mkdir(exist_ok=True)
            path.write_text(block["text"], encoding="utf-8")
            continue
        command, *shown = block["text"].splitlines()
        typed += 1
        if any(line.startswith("> ") for line in shown):
            talk(words_of(command), shown)
        else:
            printed = run(words_of(command))
            assert not shown or printed == shown, command
    assert typed == 8
    for name, wanted in (("compare.html", "30"), ("answer.md", "30"), ("talk.html", "30")):
        assert wanted in (folder / name).read_text(encoding="utf-8")


def words_of(command: str) -> list[str]:
    words = shlex.split(command.removeprefix("$ "))
    return words[1 if "=" in words[0] else 0 :]


def run(words: list[str]) -> list[str]:
    given = Path(words[-1]).read_bytes() if words[-2] == "<" else b""
    command = [sys.executable, "-m", *(words[:-2] if given else words)]
    done = subprocess.run(command, input=given, capture_output=True, timeout=120, check=False)
    assert done.returncode == (4 if "fake:broken.yaml" in words else 0), done.stderr.decode()
    return done.stdout.decode().splitlines()


def talk(words: list[str], shown: list[str]) -> None:
    terminal = Terminal("-m", *words)
    for line in shown:
        if line.startswith("> "):
            terminal.until("> ")
            terminal.type(line.removeprefix("> "))
        else:
            terminal.until(line)
    assert terminal.wait() == 0


@pytest.mark.parametrize("lang", ["en", "zh_cn"])
def test_every_reason_for_dropping_is_told(lang: str) -> None:
    told = set(re.findall(r"`([a-z-]+)`", page(lang)))
    assert set(REASONS) - {"refusal"} <= told  # a refusal of the model is no claim
