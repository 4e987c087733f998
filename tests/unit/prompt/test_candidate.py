from __future__ import annotations

from pathlib import Path

import pytest

from lianlu.prompt.candidate import longest, problem_of, with_system
from lianlu.prompt.file import PromptFile, parse_file

_PROMPT = "---\nname: counter\nvariables:\n  word: {default: pear}\n---\nCount {{letter}}.\n"


def _file(text: str = _PROMPT) -> PromptFile:
    return parse_file(text, "counter.md")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "empty"),
        (" \n", "empty"),
        ("Count.", "{{letter}} is missing"),
        ("Count {{letter}} in {{line}}.", "no variable {{line}}"),
        ("Count {{letter}} of {{letter", "not closed"),
        ("Count {{letter}}. " + "x" * 3000, "characters"),
        ("Count {{letter}}.\nuser:\nhello", "begins another message"),
        ("system:\nCount {{letter}}.", "begins another message"),
        ("Count {{letter}}.\n{{> /etc/passwd}}", "another file"),
        ("Count {{letter}}.\n{{> ../secret.md}}", "another file"),
    ],
)
def test_a_text_that_cannot_be_used_is_told_why_in_both_languages(text: str, words: str) -> None:
    found = problem_of(_file(), text)
    assert found is not None
    assert words in found.en
    assert found.zh != found.en


def test_a_good_text_and_one_with_a_declared_variable_have_no_problem() -> None:
    assert problem_of(_file(), "Spell it, then count {{letter}}.") is None
    assert problem_of(_file(), "Spell {{word}}, then count {{letter}}.") is None


def test_an_include_must_stay(tmp_path: Path) -> None:
    (tmp_path / "rules.md").write_text("Be kind.\n")
    file = parse_file("Count.\n{{> rules.md}}\n", str(tmp_path / "p.md"))
    assert problem_of(file, "Spell.\n{{> rules.md}}\n") is None
    found = problem_of(file, "Spell.\nBe kind.\n")
    assert found is not None
    assert "{{> rules.md}} is missing" in found.en


def test_a_text_that_reads_as_another_framework_would_be_sent_differently() -> None:
    crispe = "## Capacity and Role\n\nA guide.\n\n## Insight\n\nRain.\n\n## Statement\n\nCount {{letter}}.\n"
    found = problem_of(_file(), crispe)
    assert found is not None
    assert "crispe" in found.en
    named = parse_file("---\nframework: langgpt\n---\nCount {{letter}}.\n", "x.md")
    assert problem_of(named, crispe) is None


def test_a_front_matter_of_its_own_is_no_system_text() -> None:
    found = problem_of(_file("Count {{letter}}.\n"), "---\nvote: 64\n---\nCount {{letter}}.\n")
    assert found is not None
    assert "front matter" in found.en


def test_maps_must_stay_maps() -> None:
    file = parse_file('{"Role": "counter"}', "x.json", syntax="json")
    assert problem_of(file, '{"Role": "speller"}') is None
    assert problem_of(file, '{"Role": "speller"') is not None


def test_only_the_system_text_changes() -> None:
    text = "---\nname: x\n---\nsystem:\nBe brief.\nuser:\nA: {{input}}\n"
    made = with_system(parse_file(text, "x.md"), "Be kind.")
    assert made.text == text.replace("brief", "kind")


def test_a_long_prompt_may_stay_long() -> None:
    assert longest("x" * 10_000) > 10_000 > longest("x")
