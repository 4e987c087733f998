from __future__ import annotations

import pytest

from lianlu.prompt import detect, source
from lianlu.prompt.costar import COSTAR

from . import sets

_PARTS = ["Context", "Objective", "Style", "Tone", "Audience", "Response", "Start"]


def _names(text: str) -> list[str]:
    return [module.name for module in COSTAR.parse(text).modules]


def test_the_seed_plan_is_read_although_a_separator_is_missing() -> None:
    assert _names(sets.seed("costar_plan.txt")) == _PARTS


def test_the_seed_plan_is_written_back_and_recognised() -> None:
    text = sets.seed("costar_plan.txt")
    assert detect(text).name == "costar"
    assert source(COSTAR.parse(text)) == text


def test_separators_are_nobodys_text() -> None:
    prompt = COSTAR.parse(sets.seed("costar_plan.txt"))
    assert [module.name for module in prompt.modules if "##" in module.text] == []


def test_normalised_text_has_every_separator() -> None:
    text = COSTAR.write(COSTAR.parse(sets.seed("costar_plan.txt")))
    assert text.count("\n#########\n") == len(_PARTS) - 1


@pytest.mark.parametrize(
    "text",
    [
        "# CONTEXT #\na\n# OBJECTIVE #\nb",
        "## Context\na\n## objective\nb",
        "**Context**: a\n**Objective:** b",
        "Context: a\nObjective: b",
        "(C) Context: a\n(O) Objective: b",
        "# 背景 #\na\n\n####\n\n# 目标 #\nb",
        "- 上下文：a\n- 任务：b",
    ],
)
def test_titles_are_read_in_any_form(text: str) -> None:
    prompt = COSTAR.parse(text)
    assert [(module.name, module.text) for module in prompt.modules] == [("Context", "a"), ("Objective", "b")]


def test_an_own_part_between_hashes_is_kept() -> None:
    assert _names("# CONTEXT #\na\n# EXTRA #\nb") == ["Context", "EXTRA"]


def test_a_label_in_a_list_is_no_title_where_titles_have_marks() -> None:
    text = "# CONTEXT #\nA shop.\n\n# OBJECTIVE #\nNotes.\n\n# RESPONSE #\n- Output: a list\nFormat: short\n"
    assert [module.title for module in COSTAR.parse(text).modules] == ["CONTEXT", "OBJECTIVE", "RESPONSE"]
    labelled = "Context: a shop\nObjective: notes\nOutput: a list\n"
    assert len(COSTAR.parse(labelled).modules) == 3
