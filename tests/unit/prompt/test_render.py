from __future__ import annotations

import json

import msgspec
import pytest

from lianlu.core.errors import UsageError
from lianlu.prompt import Statement, fill, parse, render, source, variables_of

from . import sets


def test_only_the_changed_module_is_rewritten() -> None:
    text = "# Role:poet\n\n##  Rules\n1.rhyme\n\n## Workflow\n-write\n"
    prompt = parse(text)
    rules = msgspec.structs.replace(prompt.modules[1], elements=(Statement(text="be brief", marker="-"),), source="")
    changed = msgspec.structs.replace(prompt, modules=(prompt.modules[0], rules, prompt.modules[2]))
    assert source(changed) == "# Role:poet\n\n## Rules\n\n- be brief\n\n## Workflow\n-write\n"


@pytest.mark.parametrize("file", ["miniRole.json", "miniRole.yaml"])
def test_templates_as_maps_are_written_back_as_they_were(file: str) -> None:
    path = sets.set_folder("langgpt") / file
    text = path.read_text(encoding="utf-8")
    prompt = parse(text, "langgpt", syntax="json" if file.endswith("json") else "yaml")
    assert [module.name for module in prompt.modules] == [
        "Role",
        "Profile",
        "Skills",
        "Rules",
        "Workflow",
        "Initialization",
    ]
    assert source(prompt) == text


def test_a_prompt_of_maps_becomes_markdown() -> None:
    prompt = parse('{"Role": {"name": "poet", "Rules": ["rhyme", "be brief"]}}')
    assert render(prompt, format="md") == "# Role: poet\n\n## Rules\n\n- rhyme\n- be brief\n"


def test_an_edited_prompt_of_maps_is_written_anew() -> None:
    prompt = parse('{"Role": {"name": "poet"}}')
    renamed = msgspec.structs.replace(prompt, modules=(msgspec.structs.replace(prompt.modules[0], value="cook"),))
    assert json.loads(source(renamed)) == {"Role": "cook"}


@pytest.mark.parametrize("format", ["json", "yaml"])
@pytest.mark.parametrize("file", ["mbti.md", "script_writer.md", "strawberry_counter.md"])
def test_maps_keep_modules_and_their_words(file: str, format: str) -> None:
    prompt = parse(sets.seed(file), "langgpt")
    again = parse(render(prompt, format=format), "langgpt", syntax=format)  # type: ignore[arg-type]
    assert [module.name for module in again.modules] == [module.name for module in prompt.modules]
    assert set("".join(module.text for module in again.modules)) == set(
        "".join(module.text for module in prompt.modules)
    )


def test_two_modules_of_one_title_both_stay_in_a_map() -> None:
    tree = json.loads(render(parse("# Rules\n- a\n# Rules\n- b\n"), format="json"))
    assert tree == {"Rules": ["a"], "Rules 2": ["b"]}


class TestVariables:
    def test_every_slot_is_filled(self) -> None:
        assert fill("{{a}} {{ b }} {{a}}", {"a": 1, "b": True}) == "1 true 1"

    def test_a_value_is_never_filled_again(self) -> None:
        assert fill("{{a}}", {"a": "{{b}}", "b": "secret"}) == "{{b}}"

    def test_a_backslash_makes_braces_literal(self) -> None:
        assert fill("\\{{a}}", {}) == "{{a}}"

    def test_lists_become_items(self) -> None:
        assert fill("{{a}}", {"a": ["x", "y"]}) == "- x\n- y"

    def test_single_braces_are_text(self) -> None:
        assert variables_of("在单词“{目标单词}”中 {{名称}} {{setting 2}}") == ["名称", "setting 2"]

    def test_a_missing_one_is_named(self) -> None:
        with pytest.raises(UsageError) as raised:
            render(parse("# Role: {{who}}\n"), {})
        assert raised.value.code == "prompt.missing-variable"
        assert "'who'" in raised.value.message("en")
        assert "'who'" in raised.value.message("zh")

    def test_an_unknown_one_gets_the_nearest_name(self) -> None:
        with pytest.raises(UsageError) as raised:
            render(parse("# Role: {{language}}\n"), {"langauge": "zh"})
        assert raised.value.code == "prompt.unknown-variable"
        assert "language" in raised.value.hint("en")

    def test_values_cannot_break_out_of_json(self) -> None:
        text = render(parse("# Role: {{who}}\n"), {"who": '"}, {"x": "'}, format="json")
        assert json.loads(text) == {"Role": '"}, {"x": "'}


@pytest.mark.parametrize("text", ['{"Role": ', "{目标单词}", "{{who}} are you", "[1, 2]", '{"a": 1} tail'])
def test_text_that_only_begins_like_json_is_markdown(text: str) -> None:
    prompt = parse(text)
    assert prompt.syntax == "markdown"
    assert source(prompt) == text


def test_broken_yaml_names_its_line() -> None:
    with pytest.raises(UsageError) as raised:
        parse("Role:\n  name: a\n name: b\n", "langgpt", syntax="yaml", origin="role.yaml")
    assert raised.value.code == "recipe.not-yaml"
    assert "role.yaml:3" in raised.value.message("en")


def test_an_unknown_framework_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="there is no framework"):
        parse("x", "langgtp")
