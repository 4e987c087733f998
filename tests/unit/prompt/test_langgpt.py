from __future__ import annotations

import re

import pytest

from lianlu.prompt import CHAIN, source
from lianlu.prompt.langgpt import LANGGPT
from lianlu.prompt.model import Assignment

from . import sets

_TEMPLATE = ["Role", "Profile", "Skills", "Background", "Goal", "OutputFormat", "Rules", "Workflow", "Initialization"]


def _names(text: str) -> list[str]:
    return [module.name for module in LANGGPT.parse(text).modules]


def _elements(text: str, name: str) -> int:
    module = LANGGPT.parse(text).module(name)
    assert module is not None
    return len(module.elements)


class TestSeeds:
    def test_the_strawberry_prompt_has_only_titles_of_level_one(self) -> None:
        prompt = LANGGPT.parse(sets.seed("strawberry_counter.md"))
        assert [module.name for module in prompt.modules] == [
            "Role",
            "Background",
            "Goal",
            "Workflow",
            "Example",
            "Initialization",
        ]
        assert {module.level for module in prompt.modules} == {1}

    def test_the_strawberry_workflow_has_five_steps_and_a_third_level(self) -> None:
        workflow = LANGGPT.parse(sets.seed("strawberry_counter.md")).module("Workflow")
        assert workflow is not None
        assert [element.name for element in workflow.elements if isinstance(element, Assignment)] == [
            "接收用户输入",
            "输入验证",
            "统计规则",
            "格式化输出",
            "异常处理",
        ]
        assert len(workflow.elements[2].elements[1].elements) == 3

    @pytest.mark.parametrize(
        ("file", "role"), [("mbti.md", "MBTI Personality Test Assistant"), ("script_writer.md", "剧本创作助手")]
    )
    def test_role_prompts_have_their_nine_modules(self, file: str, role: str) -> None:
        prompt = LANGGPT.parse(sets.seed(file))
        assert [module.name for module in prompt.modules] == _TEMPLATE
        assert prompt.name == role

    def test_the_mbti_profile_is_four_assignments(self) -> None:
        profile = LANGGPT.parse(sets.seed("mbti.md")).module("Profile")
        assert profile is not None
        named = [element.name for element in profile.elements if isinstance(element, Assignment)]
        assert named == ["Author", "Version", "Language", "Description"]

    @pytest.mark.parametrize("file", ["strawberry_counter.md", "mbti.md", "script_writer.md"])
    def test_they_are_written_back_byte_for_byte(self, file: str) -> None:
        assert source(LANGGPT.parse(sets.seed(file))) == sets.seed(file)


class TestPublishedSet:
    @pytest.mark.parametrize(
        ("file", "modules"),
        [
            ("miniRole.md", list(CHAIN)),
            ("prompt_can.md", list(CHAIN)),
            ("数据分析.md", ["数据分析知识探索专家", "Role", "Profile", "Goal", "Constraints", "Skills", "Workflow", "Initialization"]),
            ("Prompt_chinese_poet.md", ["Role", "Profile", "擅长写现代诗", "擅长写七言律诗", "擅长写五言诗", "Rules", "Workflow", "Initialization"]),
        ],
    )  # fmt: skip
    def test_modules_are_found(self, file: str, modules: list[str]) -> None:
        assert _names((sets.set_folder("langgpt") / file).read_text(encoding="utf-8")) == modules

    def test_every_file_and_every_prompt_inside_one_is_written_back_as_it_was(self) -> None:
        paths = sorted(sets.set_folder("langgpt").rglob("*.md"))
        texts = [path.read_bytes().decode() for path in paths]
        texts += [block for text in texts for block in re.findall(r"```\w*\n(.*?)```", text, re.DOTALL)]
        assert len(texts) > 40
        assert [text for text in texts if source(LANGGPT.parse(text)) != text] == []

    def test_prompts_in_the_collections_are_found_with_a_role(self) -> None:
        collection = (sets.set_folder("langgpt") / "prompts_zh.md").read_text(encoding="utf-8")
        blocks = re.findall(r"```\n(# .*?)```", collection, re.DOTALL)
        assert len(blocks) >= 4
        assert [block[:40] for block in blocks if "Role" not in _names(block)] == []


class TestTolerance:
    @pytest.mark.parametrize(
        "title", ["# Role: poet", "# Role:poet", "#Role：poet", "# 角色: poet", "## role : poet ##"]
    )
    def test_the_role_is_read_in_any_spelling(self, title: str) -> None:
        assert LANGGPT.parse(f"{title}\n\n## Rules\n- rhyme").name == "poet"

    def test_words_and_colons_without_any_title_are_modules(self) -> None:
        text = "Role: 唐朝诗人\nVersion: 2.1\nExamples:\n- 主题：小草\nRules:\n- 押韵\nGoals: \n- 写诗"
        assert _names(text) == ["Role", "Example", "Rules", "Goal"]

    def test_a_hash_inside_code_is_no_title(self) -> None:
        assert _names("# Rules\n```\n# Workflow\n```\n") == ["Rules"]

    def test_a_colon_inside_an_own_title_stays(self) -> None:
        assert _names("## FitnessGPT: a plan\n") == ["FitnessGPT: a plan"]

    def test_what_follows_the_titles_colon_is_its_value(self) -> None:
        module = LANGGPT.parse("## Goals:解答有关用户指定知识点的3个关键问题：历史由来\n").modules[0]
        assert (module.name, module.value) == ("Goal", "解答有关用户指定知识点的3个关键问题：历史由来")

    def test_windows_line_ends_are_kept(self) -> None:
        text = "# Role: a\r\n\r\n## Rules\r\n- b\r\n"
        assert source(LANGGPT.parse(text)) == text
        assert _elements(text, "Rules") == 1


def test_ordering_follows_the_chain_and_keeps_submodules_with_theirs() -> None:
    text = "# Role: a\n## Initialization\nhi\n## Skills\n### Rhyme\n- x\n## Profile\n- Language: zh\n"
    ordered = LANGGPT.ordered(LANGGPT.parse(text))
    assert [module.name for module in ordered.modules] == ["Role", "Profile", "Skills", "Rhyme", "Initialization"]
