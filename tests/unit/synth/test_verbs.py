from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lianlu.core.files import Files
from lianlu.page import SectionContext, Table
from lianlu.records import Artifact, Conversation, Sample, assistant, system, user
from lianlu.synth.file import write_lines
from lianlu.synth.inspect import inspect
from lianlu.synth.page import section


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    path = tmp_path / "mine.yaml"
    path.write_text("kind: synth.rules\nversion: 1\ngenerators:\n  identity: {train: 60, eval: 10}\n")
    return path


def test_run_writes_two_artifacts_and_registers_them(lianlu: Callable[..., Any], recipe: Path, tmp_path: Path) -> None:
    done = lianlu("synth", recipe, "generators.identity.name=Mimi", "--out", tmp_path / "o", "--json", "-q")
    found = json.loads(done.out)
    assert (done.code, found["conversations"], found["samples"]) == (0, 60, 10)
    assert all(found["artifacts"].values())
    assert "Mimi" in (tmp_path / "o" / "samples" / "samples.jsonl").read_text()


def test_dry_run_writes_nothing(lianlu: Callable[..., Any], recipe: Path, tmp_path: Path) -> None:
    done = lianlu("synth", "run", recipe, "--out", tmp_path / "o", "--dry-run")
    assert done.code == 0
    assert not (tmp_path / "o").exists()


def test_a_ready_recipe_is_found_by_name(lianlu: Callable[..., Any]) -> None:
    done = lianlu("synth", "run", "synth/rules", "--dry-run", "--json")
    assert json.loads(done.out)["generators"]["letters"]["train"] == 20000


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["run", "nowhere.yaml"], 2),
        (["run", "demo"], 2),
        (["run", "{recipe}", "--documents", "nowhere"], 2),
        (["run", "{recipe}", "generators.identity.nam=x"], 2),
        (["check", "nowhere.jsonl"], 2),
        (["check", "{folder}"], 3),
        (["check", "{recipe}"], 3),
    ],
)
def test_bad_arguments_are_errors(lianlu: Callable[..., Any], recipe: Path, arguments: list[str], code: int) -> None:
    filled = [each.format(recipe=recipe, folder=recipe.parent) for each in arguments]
    done = lianlu("synth", *filled)
    assert done.code == code, done.err


def test_list_names_every_generator_and_its_settings(lianlu: Callable[..., Any]) -> None:
    found = json.loads(lianlu("synth", "list", "--json").out)["generators"]
    assert {each["name"] for each in found} >= {"identity", "letters", "arithmetic", "cloze"}
    assert "letters" in lianlu("synth", "list").out


def test_check_passes_what_run_made(lianlu: Callable[..., Any], recipe: Path, tmp_path: Path) -> None:
    lianlu("synth", recipe, "--out", tmp_path / "o", "-q")
    done = lianlu("synth", "check", tmp_path / "o", "--json")
    found = json.loads(done.out)
    assert (done.code, found["samples"], found["leaked"]) == (0, 10, 0)
    assert lianlu("synth", "check", tmp_path / "o").code == 0


def test_check_finds_a_leak(lianlu: Callable[..., Any], tmp_path: Path) -> None:
    write_lines(tmp_path / "c.jsonl", [Conversation(messages=(user("Who are you?"), assistant("I am.")))])
    write_lines(tmp_path / "s.jsonl", [Sample(id="1", input="who are you")])
    done = lianlu("synth", "check", tmp_path / "c.jsonl", "--samples", tmp_path / "s.jsonl")
    assert done.code == 1
    assert "leak" in done.out


def test_inspection_names_what_is_wrong() -> None:
    def one(question: str, answer: str, prompt: str = "Be kind.") -> Conversation:
        return Conversation(messages=(system(prompt), user(question), assistant(answer)))

    found = inspect([one("a?", "b"), one("A", "b"), one("c", " "), one("d", "I am {{name}}."), one("e", "I am xxx")])
    assert (found.duplicates, found.empty, found.placeholders) == (1, 1, 2)
    assert found.is_constant_system
    assert not found.is_sound


def test_one_conversation_or_none_is_no_constant_system_prompt() -> None:
    assert inspect([]).is_sound
    assert not inspect([Conversation(messages=(system("s"), user("u"), assistant("a")))]).is_constant_system


def test_the_page_shows_counts_and_examples(tmp_path: Path) -> None:
    made = [
        Conversation(messages=(user(f"q{number}"), assistant("a")), meta={"generator": "letters", "language": "zh"})
        for number in range(20)
    ]
    write_lines(tmp_path / "conversations.jsonl", made)
    files = Files.of_folder(tmp_path, kind="conversations")
    artifact = Artifact(id="a" * 24, kind="conversations", format_version=1, files=())
    tables = [part for part in section(files, SectionContext(artifact)).parts if isinstance(part, Table)]
    assert [tuple(row) for row in tables[0].rows] == [("letters", "zh", 20)]
    assert len(tables[1].rows) == 8
