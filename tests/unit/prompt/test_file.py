from __future__ import annotations

from pathlib import Path

import pytest

from lianlu.core.errors import UsageError
from lianlu.prompt import find_prompt, parse_file, read_file, source

_FILE = """---
name: counter
variables:
  letter: {type: string, description: which letter}
  times: {type: integer, default: 3}
---
# Role: {{letter}} counter

## Rules
- count {{times}} times in {{place}}
"""


def test_the_front_matter_names_the_prompt_and_its_variables() -> None:
    file = parse_file(_FILE, "counter.md")
    assert (file.name, file.prompt.framework) == ("counter", "langgpt")
    assert list(file.variables) == ["letter", "times", "place"]


def test_front_matter_and_prompt_together_are_the_file() -> None:
    file = parse_file(_FILE, "counter.md")
    assert file.head_text + source(file.prompt) == _FILE


def test_defaults_stand_in_for_values() -> None:
    assert parse_file(_FILE).values({"letter": "r", "place": "a word"}) == {
        "letter": "r",
        "times": 3,
        "place": "a word",
    }


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"letter": "r"}, "prompt.missing-variable"),
        ({"letter": "r", "place": "x", "plcae": "x"}, "prompt.unknown-variable"),
        ({"letter": "r", "place": "x", "times": "three"}, "prompt.bad-variable"),
        ({"letter": "r", "place": "x", "times": True}, "prompt.bad-variable"),
        ({"letter": ["r"], "place": "x"}, "prompt.bad-variable"),
    ],
)
def test_values_are_checked(given: dict[str, object], code: str) -> None:
    with pytest.raises(UsageError) as raised:
        parse_file(_FILE).values(given)
    assert raised.value.code == code


@pytest.mark.parametrize(
    ("text", "code", "at"),
    [
        ("---\nname: a\nfarmework: langgpt\n---\n# Role: x\n", "prompt.bad-head", "p.md:3"),
        ("---\nvariables:\n  a: {type: text}\n---\n# Role: x\n", "prompt.bad-head", "p.md:3"),
        ("---\nname: a\nname: b\n---\n# Role: x\n", "recipe.duplicate-key", "p.md:3"),
        ("---\nname: [a\n---\n# Role: x\n", "recipe.not-yaml", "p.md"),
        ("---\nname: a\n# Role: x\n", "prompt.open-head", "p.md"),
        ("---\nname: a\n---\n\n", "prompt.empty", "p.md"),
        ("", "prompt.empty", "p.md"),
        ("---\nframework: langgtp\n---\n# Role: x\n", "registry.unknown-name", "langgpt"),
    ],
)
def test_a_wrong_file_gets_one_clear_error(text: str, code: str, at: str) -> None:
    with pytest.raises(UsageError) as raised:
        parse_file(text, "p.md")
    assert raised.value.code == code
    assert at in raised.value.message("en") + raised.value.hint("en")
    assert raised.value.hint("zh")


def test_a_rule_at_the_top_is_no_front_matter() -> None:
    assert parse_file("---\n\n# Role: x\n").head_text == ""


def test_the_environment_does_not_leak_into_a_prompt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY_OF_TEST", "hunter2")
    with pytest.raises(UsageError):
        parse_file("---\ndescription: ${env:SECRET_KEY_OF_TEST}\n---\n# Role: x\n")


def test_what_is_not_utf8_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "p.md"
    path.write_bytes("角色".encode("gb18030"))
    with pytest.raises(UsageError) as raised:
        read_file(path)
    assert raised.value.code == "prompt.not-text"


@pytest.mark.parametrize("name", ["nowhere.md", "no-such-prompt"])
def test_a_missing_file_is_named(name: str) -> None:
    with pytest.raises(UsageError) as raised:
        find_prompt(name)
    assert raised.value.code == "file.missing"


def test_a_folder_is_no_prompt(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as raised:
        read_file(tmp_path)
    assert raised.value.code == "file.unreadable"


def test_yaml_files_hold_prompts_as_maps(tmp_path: Path) -> None:
    path = tmp_path / "poet.yaml"
    path.write_text("Role:\n  name: poet\n  Rules:\n    - rhyme\n", encoding="utf-8")
    assert [module.name for module in read_file(path).prompt.modules] == ["Role", "Rules"]


def test_the_ready_prompt_follows_the_chain_and_fills_itself() -> None:
    file = read_file(find_prompt("cited-answer"))
    assert [module.name for module in file.prompt.modules][:4] == ["Role", "Profile", "Definition", "Rules"]
    assert file.values({})["sentences"] == 6


def test_a_variable_may_have_only_the_values_it_lists() -> None:
    file = parse_file(
        "---\nvariables: {tone: {enum: [warm, dry], default: warm}, n: {type: integer, enum: [1, 2]}}\n---\n{{tone}} {{n}}"
    )
    assert file.values({"n": 2}) == {"tone": "warm", "n": 2}
    for given in ({"n": 3}, {"n": 1, "tone": "loud"}):
        with pytest.raises(UsageError) as raised:
            file.values(given)
        assert raised.value.code == "prompt.bad-variable"
        assert "one of" in raised.value.message("en")
