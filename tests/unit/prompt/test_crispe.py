from __future__ import annotations

import re

import pytest

from lianlu.prompt import detect, render, source
from lianlu.prompt.crispe import CRISPE

from . import sets

_FIVE = ["Capacity and Role", "Insight", "Statement", "Personality", "Experiment"]
_LABELLED = "Experiment: Give two versions.\nCapacity and Role: Act as a cook.\nInsight: Guests are vegan.\nStatement: Plan a menu."


def _readme() -> str:
    return (sets.set_folder("crispe") / "README.md").read_text(encoding="utf-8")


def test_the_published_definition_has_five_parts() -> None:
    assert [module.name for module in CRISPE.parse(_readme()).modules] == _FIVE


def test_the_published_page_is_written_back_as_it_was() -> None:
    assert source(CRISPE.parse(_readme())) == _readme()


def test_the_published_example_joins_to_its_final_prompt() -> None:
    readme = _readme()
    cells = [cell.strip().strip("`") for cell in re.findall(r"<td>(.*?)</td>", readme, re.DOTALL)][2:]
    labelled = "\n".join(f"{name}: {text}" for name, text in zip(cells[::2], cells[1::2], strict=True))
    final = re.search(r"The final prompt being:\s+```(.*?)```", readme, re.DOTALL)
    assert final is not None
    assert CRISPE.compose(CRISPE.parse(labelled)) == f"{final.group(1)} {cells[-1]}"


def test_experiment_is_joined_last_wherever_it_stands() -> None:
    assert (
        render(CRISPE.parse(_LABELLED), normal=True)
        == "Act as a cook. Guests are vegan. Plan a menu. Give two versions."
    )


def test_chinese_sentences_are_joined_without_a_space() -> None:
    prompt = CRISPE.parse("角色：你是厨师。\n洞察：客人吃素。\n陈述：请拟一份菜单。")
    assert CRISPE.compose(prompt) == "你是厨师。客人吃素。请拟一份菜单。"


def test_labels_make_it_recognised() -> None:
    assert detect(_LABELLED).name == "crispe"


@pytest.mark.parametrize("text", ["Act as a cook. Plan a menu.", "请拟一份菜单。"])
def test_text_without_labels_is_one_statement(text: str) -> None:
    prompt = CRISPE.parse(text)
    assert [module.name for module in prompt.modules] == ["Statement"]
    assert CRISPE.compose(prompt) == source(prompt) == text
