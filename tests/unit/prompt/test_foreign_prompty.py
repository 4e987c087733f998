from __future__ import annotations

from pathlib import Path

import pytest

from lianlu.core.errors import UsageError
from lianlu.prompt.convert import write_prompt
from lianlu.prompt.file import Variable
from lianlu.prompt.foreign import Traveller
from lianlu.prompt.foreign.prompty import PROMPTY

from . import sets

_PATH = Path("a.prompty")
_FILE = """---
name: guide
displayName: The guide
description: Shows a town
metadata:
  authors: [me]
model:
  id: small-model
  provider: mine
  connection: {kind: key, apiKey: "${env:KEY}"}
  options: {temperature: 0.2, maxOutputTokens: 90, special: 1}
inputs:
  - {name: town, kind: string, description: which town, required: true}
  - {name: days, kind: integer, default: 3}
  - {name: likes, kind: array}
  - {name: photo, kind: image}
  - {name: mood, kind: string, default: calm, enumValues: [calm, wild]}
tools:
  - {name: maps, kind: mcp}
---
system:
You know {{town}}.

user:
{% for each in likes %}- {{ each }}
{% endfor %}{{photo}} {{ mood }}
"""


def _read(text: str) -> Traveller:
    return PROMPTY.read(text, _PATH)


def _lost(prompt: Traveller, target: str) -> dict[str, int]:
    return {each.what: each.line for each in write_prompt(prompt, target).lost}


def _said(prompt: Traveller) -> list[tuple[str, str]]:
    return [("system", prompt.file.system_text), *((each.role, each.text) for each in prompt.file.messages)]


def test_variables_keep_type_default_and_description() -> None:
    variables = _read(_FILE).file.head.variables
    assert variables["town"] == Variable(type="string", description="which town")
    assert variables["days"] == Variable(type="integer", default=3)
    assert variables["likes"].type == "list"


def test_model_and_options_are_kept_under_meta() -> None:
    meta = _read(_FILE).file.head.meta
    assert (meta["model"], meta["options"]) == ("small-model", {"temperature": 0.2, "max_tokens": 90})
    assert meta["prompty"]["model"]["options"] == {"special": 1}


def test_a_variable_of_a_loop_is_no_variable_of_the_prompt() -> None:
    assert list(_read(_FILE).file.variables) == ["town", "days", "likes", "photo", "mood"]


def test_written_again_it_says_the_same() -> None:
    first = _read(_FILE)
    written = PROMPTY.write(first)
    again = _read(written.text)
    assert written.lost == ()
    assert (again.file.head, _said(again)) == (first.file.head, _said(first))
    assert PROMPTY.write(again).text == written.text


def test_what_another_tool_cannot_hold_is_named_with_its_line() -> None:
    lost = _lost(_read(_FILE), "dotprompt")
    assert {name: lost[name] for name in ("prompty.displayName", "prompty.metadata", "prompty.tools")} == {
        "prompty.displayName": 3,
        "prompty.metadata": 5,
        "prompty.tools": 18,
    }
    assert {"prompty.model.provider", "prompty.model.connection", "prompty.model.options"} <= set(lost)
    assert {"prompty.inputs.photo", "prompty.inputs.mood"} <= set(lost)
    assert {"{% for each in likes %}": 25, "{{ each }}": 25, "{% endfor %}": 26}.items() <= lost.items()


def test_nunjucks_runs_what_jinja_runs() -> None:
    assert not [what for what in _lost(_read(_FILE), "promptfoo") if what.startswith("{")]


@pytest.mark.parametrize(
    ("inputs", "variables"),
    [
        ("{a: x, b: 2, c: 0.5, d: true, e: [1]}", ["string", "integer", "number", "boolean", "list"]),
        ("{a: {kind: integer, default: 1}}", ["integer"]),
        ("[{name: a, kind: float}]", ["number"]),
    ],
)
def test_inputs_are_read_in_all_three_forms(inputs: str, variables: list[str]) -> None:
    file = _read(f"---\ninputs: {inputs}\n---\nhi\n").file
    assert [each.type for each in file.head.variables.values()] == variables


@pytest.mark.parametrize(
    ("body", "roles"),
    [
        ("hello\n", ["system"]),
        ("System:\nhello\n# User:\nhi\n", ["system", "user"]),
        ("user:\nhi\nassistant:\nyes\nuser:\nmore\n", ["user", "assistant", "user"]),
        ("before\nuser:\nhi\n", ["system", "user"]),
    ],
)
def test_role_lines_part_the_messages(body: str, roles: list[str]) -> None:
    file = _read(body).file
    found = ["system"] if file.system_text.strip() else []
    assert [*found, *(each.role for each in file.messages)] == roles


def test_an_unknown_role_and_attributes_are_named() -> None:
    lost = _read('developer:\nbe brief\nuser[name="x"]:\nhi\n').lost
    assert [(each.what, each.line) for each in lost] == [("developer:", 1), ('user[name="x"]', 3)]


def test_mustache_sections_are_code_and_three_braces_are_a_variable() -> None:
    text = "---\ntemplate: {format: mustache}\n---\n{{#list}}- {{name}}{{/list}} {{{who}}}\n"
    prompt = _read(text)
    assert list(prompt.file.variables) == ["who"]
    assert [each.what for each in prompt.code] == ["{{#list}}", "{{name}}", "{{/list}}"]


def test_literal_braces_are_guarded_and_come_back() -> None:
    prompt = _read("{% raw %}{{x}}{% endraw %} and {{y}}\n")
    assert (prompt.engine, prompt.file.system_text) == ("", "\\{{x}} and {{y}}\n")
    assert "{% raw %}{{x}}{% endraw %} and {{y}}" in PROMPTY.write(prompt).text


@pytest.mark.parametrize(
    ("text", "code", "at"),
    [
        ("---\nname: a\nname: b\n---\nx", "recipe.duplicate-key", "a.prompty:3"),
        ("---\nname: a\nx", "prompt.open-head", "a.prompty"),
        ("---\na: 1\nname: [a]\n---\nx", "prompt.bad-foreign", "a.prompty:3"),
        ("---\ninputs: 3\n---\nx", "prompt.bad-foreign", "a.prompty:2"),
        ("---\ninputs:\n  - {name: a}\n  - 3\n---\nx", "prompt.bad-foreign", "a.prompty:4"),
        ("---\nmetadata: {lianlu: {vote: many}}\n---\nx", "prompt.bad-foreign", "vote"),
    ],
)
def test_a_wrong_file_gets_one_clear_error(text: str, code: str, at: str) -> None:
    with pytest.raises(UsageError) as raised:
        _read(text)
    assert raised.value.code == code
    assert at in raised.value.message("en")
    assert raised.value.hint("zh")


def test_every_published_fixture_says_the_same_after_writing() -> None:
    paths = sorted(sets.set_folder("prompty").glob("*.prompty"))
    assert len(paths) == 12
    for path in paths:
        first = PROMPTY.read(path.read_text(encoding="utf-8"), path)
        again = PROMPTY.read(PROMPTY.write(first).text, path)
        assert (again.file.head, _said(again)) == (first.file.head, _said(first))
        assert [each.what for each in again.code] == [each.what for each in first.code]
