from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lianlu.prompt.file import read_file
from lianlu.prompt.techniques import TECHNIQUES

_CASES = "cases:\n" + "".join(
    f"  - {{id: {name}, input: '{name}?', split: {split}, assert: [contains: {name}], good: '{name}!'}}\n"
    for name, split in (("one", "train"), ("two", "train"), ("three", "train"), ("four", "val"))
)
_SCRIPT = "rules:\n  - {match: three!, within: prompt, reply: '{last}'}\n  - {reply: no}\n"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LIANLU_DATA", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "p.md").write_text("---\nname: p\ncases: c.yaml\n---\n# Role: clerk\n\n## Rules\n- be brief\n")
    (tmp_path / "c.yaml").write_text(_CASES)
    (tmp_path / "m.yaml").write_text(_SCRIPT)
    return tmp_path


def test_without_arguments_the_techniques_are_listed(lianlu: Callable[..., Any]) -> None:
    assert set(json.loads(lianlu("prompt", "apply", "--json").out)) == set(TECHNIQUES)


@pytest.mark.parametrize("name", TECHNIQUES)
def test_every_technique_writes_a_prompt_that_reads(name: str, place: Path, lianlu: Callable[..., Any]) -> None:
    done = lianlu("prompt", "apply", name, "p.md", "--out", f"new/{name}.md")
    assert done.code == 0, done.err
    made = read_file(place / "new" / f"{name}.md")
    assert made.text != (place / "p.md").read_text()
    assert made.head.cases == "../c.yaml"
    assert lianlu("prompt", "check", f"new/{name}.md").code == 0


def test_examples_are_chosen_by_what_they_score(place: Path, lianlu: Callable[..., Any]) -> None:
    done = lianlu("prompt", "apply", "few-shot", "p.md", "--examples", "1", "--model", "fake:m.yaml", "--json")
    found = json.loads(done.out)
    assert "Output: three!" in found["text"]
    assert "chosen: three; score 1.000 on 1 cases, 0.000 without examples" in found["told"]


def test_a_model_fills_in_what_is_missing(place: Path, lianlu: Callable[..., Any]) -> None:
    (place / "m.yaml").write_text('rules: [{reply: "Sure!\\n- for the front desk\\n- every day"}]')
    text = json.loads(lianlu("prompt", "apply", "detail", "p.md", "--model", "fake:m.yaml", "--json").out)["text"]
    assert "- for the front desk\n- every day" in text
    assert "Sure!" not in text


def test_what_a_model_fills_in_brings_no_variable_and_no_file(place: Path, lianlu: Callable[..., Any]) -> None:
    (place / "m.yaml").write_text('rules: [{reply: "- for {{who}}\\n- {{> c.yaml}}"}]')
    lianlu("prompt", "apply", "detail", "p.md", "--model", "fake:m.yaml", "--out", "d.md")
    made = read_file(place / "d.md")
    assert made.variables == {}
    assert made.files() == ()


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("stepwise", "p.md"), "prompt.unknown-technique"),
        (("vote",), "prompt.no-file"),
        (("vote", "p.md", "--out", "p.md"), "prompt.exists"),
        (("few-shot", "q.md"), "prompt.no-examples"),
    ],
)
def test_what_cannot_be_applied_is_told(
    place: Path, lianlu: Callable[..., Any], arguments: tuple[str, ...], code: str
) -> None:
    (place / "q.md").write_text("Be brief.")
    done = lianlu("prompt", "apply", *arguments)
    assert (done.code, code in done.err) == (2, True)
