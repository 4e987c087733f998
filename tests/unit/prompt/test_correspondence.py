from __future__ import annotations

import pytest

from lianlu.prompt import parse
from lianlu.prompt.correspondence import TABLE, carried, counterpart
from lianlu.prompt.framework import framework

from . import sets

_LANGGPT = {
    "en": "# Role: poet\n\n## Background\n- spring\n\n## Goals\n- write\n\n## Style\n- plain\n\n## Tone\n- warm\n\n"
    "## Audience\n- children\n\n## Rules\n1. rhyme\n\n## Output Format\n- four lines\n\n## My notes\n- x\n\n"
    "## Initialization\nBegin.\n",
    "zh": "# 角色: 诗人\n\n## 背景\n- 春天\n\n## 目标\n- 写诗\n\n## 风格\n- 平实\n\n## 语气\n- 温暖\n\n## 受众\n- 儿童\n\n"
    "## 规则\n1. 押韵\n\n## 输出格式\n- 四行\n\n## 我的心得\n- 甲\n\n## 初始化\n开始。\n",
}
_COSTAR = (
    "# CONTEXT #\nspring\n\n# OBJECTIVE #\nwrite\n\n# STYLE #\nplain\n\n# TONE #\nwarm\n\n"
    "# AUDIENCE #\nall\n\n# RESPONSE #\ntext\n\n# START ANALYSIS #\ngo\n"
)


def _there(text: str, source: str, target: str) -> list[str]:
    return [module.name for module in carried(parse(text, source), target).prompt.modules]


def _names(text: str, name: str) -> list[str]:
    return [module.name for module in parse(text, name).modules]


def _and_back(text: str, source: str, target: str) -> list[str]:
    there = framework(target).write(carried(parse(text, source), target).prompt)
    back = framework(source).write(carried(parse(there, target), source).prompt)
    return _names(back, source)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_langgpt_modules_come_back_from_costar(language: str) -> None:
    text = _LANGGPT[language]
    assert _there(text, "langgpt", "costar")[1:8] == [
        *("Context", "Objective", "Style", "Tone", "Audience", "Rules", "Response")
    ]
    assert _and_back(text, "langgpt", "costar") == _names(text, "langgpt")


@pytest.mark.parametrize("target", ["langgpt"])
def test_costar_comes_back_from_langgpt(target: str) -> None:
    assert _there(_COSTAR, "costar", target) == [
        *("Background", "Goal", "Style", "Tone", "Audience", "OutputFormat", "Initialization")
    ]
    assert _and_back(_COSTAR, "costar", target) == _names(_COSTAR, "costar")


@pytest.mark.parametrize("target", ["langgpt", "costar"])
@pytest.mark.parametrize("language", ["en", "zh"])
def test_crispe_comes_back(target: str, language: str) -> None:
    titles = [kind.title.en if language == "en" else kind.title.zh for kind in framework("crispe").kinds]
    text = "".join(f"## {title}\n\nx\n\n" for title in titles)
    assert _and_back(text, "crispe", target) == _names(text, "crispe")


@pytest.mark.parametrize("title", ["Job", "任务", "Task", "Goals", "职责与目标"])
@pytest.mark.parametrize("target", ["costar", "crispe"])
def test_two_names_for_one_part_stay_apart(title: str, target: str) -> None:
    text = f"# Role: poet\n\n## {title}\n- write\n"
    assert _there(text, "langgpt", target)[-1] in ("Objective", "Statement", "Job")
    assert _and_back(text, "langgpt", target) == _names(text, "langgpt")


@pytest.mark.parametrize("language", ["en", "zh"])
def test_crispe_takes_what_it_has_no_part_for_under_a_line_that_names_it(language: str) -> None:
    moved = carried(parse(_LANGGPT[language], "langgpt"), "crispe")
    text = framework("crispe").write(moved.prompt)
    titles = [each.title for each in moved.merged]
    assert len(titles) == 5
    assert all(any(line.strip("：:[]【】") == title for line in text.splitlines()) for title in titles)
    assert [module.name for module in parse(text, "crispe").modules] == [module.name for module in moved.prompt.modules]


@pytest.mark.parametrize("file", ["mbti.md", "script_writer.md", "strawberry_counter.md"])
def test_the_seed_prompts_come_back_from_costar(file: str) -> None:
    text = sets.seed(file)
    assert _and_back(text, "langgpt", "costar") == _names(text, "langgpt")


def test_no_word_of_the_seed_plan_is_lost() -> None:
    prompt = parse(sets.seed("costar_plan.txt"), "costar")
    for target in ("langgpt", "crispe"):
        text = framework(target).write(carried(prompt, target).prompt)
        for module in prompt.modules:
            assert all(line.strip() in text for line in module.text.splitlines())


def test_submodules_are_told_where_there_is_one_level() -> None:
    moved = carried(parse("# Role: a\n\n## Skills\n\n### Rhyme\n- x\n", "langgpt"), "costar")
    assert moved.flattened == ("Rhyme",)


def test_the_table_names_modules_that_exist() -> None:
    for row in TABLE:
        for name, modules in row.items():
            assert set(modules) <= {kind.name for kind in framework(name).kinds}


def test_counterparts_of_the_seed() -> None:
    assert counterpart("Job", "langgpt", "costar") == "Objective"
    assert counterpart("Context", "costar", "crispe") == "Insight"
    assert counterpart("Statement", "crispe", "langgpt") == "Goal"
    assert counterpart("Rules", "langgpt", "costar") == ""
