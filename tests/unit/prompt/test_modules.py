from __future__ import annotations

import json

import pytest

from lianlu.prompt.modules import A_TO_Z, CHAIN, COSTAR_MODULES, CRISPE_MODULES, LANGGPT_MODULES, Names

from . import sets


def test_there_are_thirty_modules_from_attention_to_zig() -> None:
    assert (len(A_TO_Z), A_TO_Z[0].name, A_TO_Z[-1].name) == (30, "Attention", "Zig")


def test_the_list_of_the_notes_is_known_in_its_own_spelling() -> None:
    listed = [each["name"] for each in json.loads(sets.seed("modules_az.json"))]
    found = [Names(LANGGPT_MODULES).find(name) for name in listed]
    assert [kind.name if kind else None for kind in found] == [kind.name for kind in A_TO_Z]


@pytest.mark.parametrize("kinds", [LANGGPT_MODULES, COSTAR_MODULES, CRISPE_MODULES])
def test_no_spelling_is_claimed_by_two_modules(kinds) -> None:  # type: ignore[no-untyped-def]
    names = Names(kinds)
    wrong = [
        (spelling, kind.name)
        for kind in kinds
        for spelling in (kind.name, kind.title.en, kind.title.zh, *kind.aliases)
        if names.find(spelling) is not kind
    ]
    assert wrong == []


def test_every_module_has_a_place_in_the_chain() -> None:
    assert {kind.place for kind in LANGGPT_MODULES} == set(CHAIN)


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("Vaule", "Value"),
        ("GOALS", "Goal"),
        ("output format", "OutputFormat"),
        ("OutputFormat:", "OutputFormat"),
        ("Init Message", "Initialization"),
        ("初始化欢迎语", "Initialization"),
        ("**技能**", "Skills"),
        ("Skill-1", "Skills"),
        ("一、工作流程", "Workflow"),
        ("3. Rules", "Rules"),
        ("Ｒｏｌｅ", "Role"),
        ("📌 注意事项", "Attention"),
    ],
)
def test_a_title_is_found_however_it_is_written(title: str, name: str) -> None:
    kind = Names(LANGGPT_MODULES).find(title)
    assert kind is not None
    assert kind.name == name


@pytest.mark.parametrize(
    "title", ["", "擅长写现代诗", "Tags", "browser", "写作技巧", "数据分析知识探索专家", "x" * 5000]
)
def test_a_title_of_the_writers_own_is_no_known_module(title: str) -> None:
    assert Names(LANGGPT_MODULES).find(title) is None
