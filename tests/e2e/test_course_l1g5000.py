"""The course page L1G5000, typed from top to bottom: what each command shows, and the figures that the page claims.

The base is the demo's, in InternLM2's layout; nothing is fetched and no GPU is used.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from course_page import Step, steps_of
from server.browser import BROWSER, shown

ROOT = Path(__file__).resolve().parents[2]
ADDRESS = re.compile(r"http://127\.0\.0\.1:\d+")
GAP = "…"
BENCHMARKS = {
    "name": "named/samples.jsonl",
    "camp": "named/camp/samples.jsonl",
    "skills": "out/skills/samples/samples.jsonl",
}
CLOSE = 0.05  # another machine may round otherwise, so single answers may differ


@dataclass(frozen=True)
class Reader:
    """Somebody who types the page in a folder of their own."""

    folder: Path
    lang: str

    @property
    def environment(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder / "home"),
            "LIANLU_STORE": str(self.folder / "store"),
            "LIANLU_LANG": self.lang[:2],
            "LIANLU_THREADS": "1",
            "PYTHONIOENCODING": "utf-8",
            "PYTHONUNBUFFERED": "1",
            "HF_HUB_OFFLINE": "1",
            "COLUMNS": "120",
        }

    def type(self, command: str) -> str:
        """Run a line and give what it printed, both streams together."""
        words = shlex.split(command)
        if words[0] == "cp":
            words[1:-1] = [str(ROOT / word) for word in words[1:-1]]
        words = [str(ROOT / word) if word == "examples/nano" else word for word in words]
        words[:1] = {"lianlu": [sys.executable, "-m", "lianlu"], "python": [sys.executable]}.get(words[0], words[:1])
        if "serve" in words:
            return self.look_at([*words, "--port", "0"])
        done = subprocess.run(
            words,
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            timeout=600,
            check=False,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}"
        return done.stdout

    def look_at(self, words: Sequence[str]) -> str:
        """Start a server, ask it, open its chat page, stop it as Ctrl-C does."""
        import httpx

        child = subprocess.Popen(
            words,
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
        )
        assert child.stdout is not None
        said = ""
        try:
            while (address := ADDRESS.search(said)) is None:
                line = child.stdout.readline()
                assert line, said
                said += line
            url = address[0]
            question = {"model": "merged", "messages": [{"role": "user", "content": "你是谁？"}], "temperature": 0}
            answer = httpx.post(f"{url}/v1/chat/completions", json=question, timeout=60).json()
            assert "小舟" in answer["choices"][0]["message"]["content"], answer
            assert "<html" in httpx.get(url, timeout=30).text
            if BROWSER is not None:
                page = shown(url, self.folder / "browser", lang=self.lang[:2])
                assert {"en": "this is merged", "zh_cn": "我是 merged"}[self.lang] in page, page[-2000:]
            child.send_signal(signal.SIGINT)
            return said + child.communicate(timeout=30)[0]
        finally:
            child.kill()

    def lines(self, name: str) -> Iterator[dict[str, Any]]:
        yield from map(json.loads, (self.folder / name).read_text(encoding="utf-8").splitlines())

    def shares(self, run: str, *, with_system: bool | None = None) -> dict[tuple[str, str], float]:
        """(model, benchmark) -> share of right answers; of those asked with a system prompt, or without, or of all."""
        found: dict[tuple[str, str], list[float]] = {}
        for line in self.lines(f"out/{run}/scores.jsonl"):
            if with_system in (None, self.asked[line["benchmark"], line["sample_id"]]):
                found.setdefault((line["model"], line["benchmark"]), []).append(line["score"]["value"])
        return {key: sum(values) / len(values) for key, values in found.items()}

    @property
    def asked(self) -> dict[tuple[str, str], bool]:
        """(benchmark, sample) -> whether it is asked with a system prompt."""
        return {
            (name, each["id"]): each["input"]["messages"][0]["role"] == "system"
            for name, path in BENCHMARKS.items()
            for each in self.lines(path)
        }


def _is_shown(step: Step, printed: str) -> bool:
    """Whether the lines of the page stand in what was printed, in order and one below the other but for gaps."""
    lines = [line.rstrip() for line in printed.splitlines()]
    at, is_gap = 0, True  # warnings of libraries may stand above
    for line in step.shown:
        if line.strip() == GAP:
            is_gap = True
            continue
        found = next((place for place in range(at, len(lines)) if lines[place] == line.rstrip()), None)
        if found is None or (not is_gap and found != at):
            return False
        at, is_gap = found + 1, False
    return True


def _claimed(lang: str) -> dict[str, list[float]]:
    """The figures of the page's table of results, by the model's name."""
    page = (ROOT / "docs" / lang / "course" / "l1g5000.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(base|first|lora|qlora)` \| (.+) \|$", page, re.MULTILINE)
    return {name: [float(each) / 100 for each in re.findall(r"\d+(?=%)", cells)] for name, cells in rows}


def test_both_languages_tell_to_type_the_same() -> None:
    told = [[step.command for step in steps_of("l1g5000", lang)] for lang in ("en", "zh_cn")]
    assert told[0] == told[1]


def test_both_languages_claim_the_same_figures() -> None:
    assert _claimed("en") == _claimed("zh_cn")
    assert set(_claimed("en")) == {"base", "first", "lora", "qlora"}


def test_a_line_that_was_not_printed_is_noticed() -> None:
    assert _is_shown(Step("", ("b", "…", "d")), "a\nb\nc\nd\n")
    assert not _is_shown(Step("", ("b", "d")), "a\nb\nc\nd\n")
    assert not _is_shown(Step("", ("b", "…", "e")), "a\nb\nc\nd\n")


@pytest.mark.demo
def test_every_command_of_the_page_works_and_its_figures_hold(tmp_path: Path) -> None:
    """Both languages side by side, one thread each: they train for minutes."""
    pytest.importorskip("torch")
    pytest.importorskip("peft")
    pytest.importorskip("bitsandbytes")
    readers = [Reader(tmp_path / lang, lang) for lang in ("en", "zh_cn")]
    with ThreadPoolExecutor() as together:
        list(together.map(_type_all, readers))
    for reader in readers:  # one after the other: two models that transformers reads at a time are not tied any more
        _check_shards(reader)


def _type_all(reader: Reader) -> None:
    reader.folder.mkdir()
    for step in steps_of("l1g5000", reader.lang):
        printed = reader.type(step.command)
        assert _is_shown(step, printed), f"{step.command}\n{printed}"
    _check_figures(reader)


def _check_figures(reader: Reader) -> None:
    """The cure works, the first try does not, and the table of the page says what is measured."""
    first, cured = reader.shares("eval-first"), reader.shares("eval")
    sides = [
        (reader.shares("eval", with_system=side), reader.shares("eval-first", with_system=side))
        for side in (True, False)
    ]
    asked = [name for name, _ in reader.asked]
    assert asked.count("name") == 80
    assert asked.count("skills") == 60
    for name in ("lora", "qlora"):
        assert all(now[name, "name"] >= 0.9 for now, _ in sides)
        assert cured[name, "skills"] >= cured["base", "skills"] - 0.05
    assert sides[0][1]["first", "camp"] >= 0.8
    assert sides[1][1]["first", "camp"] < 0.5
    assert first["first", "name"] < 0.5
    for name, claimed in _claimed(reader.lang).items():
        found = first if name == "first" else cured
        measured = [found[name, "name"], found[name, "skills"]]
        assert claimed == pytest.approx(measured, abs=CLOSE), (name, measured)


def _check_shards(reader: Reader) -> None:
    """At least three weight files with an index, each within the limit, opened by transformers without remote code."""
    from transformers import AutoModelForCausalLM

    folder = reader.folder / "merged"
    shards = sorted(folder.glob("model-*-of-*.safetensors"))
    index = json.loads((folder / "model.safetensors.index.json").read_bytes())
    assert len(shards) >= 3
    assert set(index["weight_map"].values()) == {path.name for path in shards}
    assert max(path.stat().st_size for path in shards) <= 1_000_000
    model: Any = AutoModelForCausalLM.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    assert model.num_parameters() == 1_918_272
