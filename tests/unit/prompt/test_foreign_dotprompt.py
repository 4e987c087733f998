from __future__ import annotations

from pathlib import Path

import pytest

from lianlu.core.errors import UsageError
from lianlu.prompt.convert import write_prompt
from lianlu.prompt.file import Variable
from lianlu.prompt.foreign import Traveller
from lianlu.prompt.foreign.dotprompt import DOTPROMPT

_FILE = """---
model: vendor/small
config: {temperature: 0.1, maxOutputTokens: 9, version: v2}
input:
  schema:
    who: string, whom to greet
    times?: integer
    tags(array, some tags): string
    color?(enum, a colour): [RED, BLUE]
    (*): any
  default: {times: 2}
output:
  schema: {answer: string}
tools: [search]
ext.one: 1
---
{{role "system"}}Greet {{who}} {{times}} times.
{{#if tags}}Tags: {{#each tags}}{{this}}{{/each}}{{/if}}
{{history}}
{{role "model"}}Hello.
{{role "user"}}{{media url=photo}} Go on, \\{{literally}}.
"""


def _read(text: str) -> Traveller:
    return DOTPROMPT.read(text, Path("a.prompt"))


def test_picoschema_becomes_variables() -> None:
    variables = _read(_FILE).file.head.variables
    assert variables["who"] == Variable(description="whom to greet")
    assert variables["times"] == Variable(type="integer", default=2)
    assert variables["tags"] == Variable(type="list", description="some tags")
    assert variables["color"] == Variable(description="a colour")


def test_roles_part_the_messages_and_model_is_the_assistant() -> None:
    file = _read(_FILE).file
    assert file.system_text.startswith("Greet {{who}} {{times}} times.\n")
    assert [each.role for each in file.messages] == ["assistant", "user"]


def test_a_template_without_roles_is_what_the_user_says() -> None:
    file = _read("Hello {{name}}\n").file
    assert (file.system_text, [each.role for each in file.messages]) == ("", ["user"])


def test_code_is_kept_as_text_and_named_with_its_line() -> None:
    code = {each.what: each.line for each in _read(_FILE).code}
    assert code == {
        "{{#if tags}}": 18,
        "{{#each tags}}": 18,
        "{{this}}": 18,
        "{{/each}}": 18,
        "{{/if}}": 18,
        "{{history}}": 19,
        "{{media url=photo}}": 21,
    }


def test_written_again_it_says_the_same() -> None:
    first = _read(_FILE)
    written = DOTPROMPT.write(first)
    again = _read(written.text)
    assert written.lost == ()
    assert again.file.head == first.file.head
    assert [(each.role, each.text) for each in again.file.messages] == [
        (each.role, each.text) for each in first.file.messages
    ]
    assert "    tags(array, some tags): string\n    color?(enum, a colour):\n" in written.text
    assert "Go on, \\{{literally}}." in written.text


def test_what_another_tool_cannot_hold_is_named_with_its_line() -> None:
    lost = {each.what: each.line for each in write_prompt(_read(_FILE), "prompty").lost}
    wanted = {"dotprompt.config.version": 3, "dotprompt.output": 12, "dotprompt.tools": 14, "dotprompt.ext.one": 15}
    assert wanted.items() <= lost.items()
    assert "{{#if tags}}" in lost


@pytest.mark.parametrize("name", ["Foo", "string", "{type: object, properties: {a: {type: string}}}"])
def test_a_schema_that_is_no_list_of_variables_is_kept_whole(name: str) -> None:
    prompt = _read(f"---\ninput: {{schema: {name}}}\n---\nhi\n")
    assert prompt.file.head.variables == {}
    assert _read(DOTPROMPT.write(prompt).text).file.head == prompt.file.head


def test_a_partial_is_not_an_include_of_ours() -> None:
    prompt = _read("{{> greeting}} hi\n")
    assert prompt.file.files() == ()
    assert [each.what for each in prompt.code] == ["{{> greeting}}"]


@pytest.mark.parametrize(
    ("text", "code", "at"),
    [
        ("---\ninput: [a]\n---\nx", "prompt.bad-foreign", "a.prompt:2"),
        ("---\nx: 1\nname: {a: b}\n---\nx", "prompt.bad-foreign", "a.prompt:3"),
        ("---\na: [\n---\nx", "recipe.not-yaml", "a.prompt"),
    ],
)
def test_a_wrong_file_gets_one_clear_error(text: str, code: str, at: str) -> None:
    with pytest.raises(UsageError) as raised:
        _read(text)
    assert raised.value.code == code
    assert at in raised.value.message("en")
