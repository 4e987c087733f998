"""One model asked twice: what is told of either side."""

import itertools
from pathlib import Path

import pytest

from lianlu.core import aio
from lianlu.core.errors import UsageError
from lianlu.core.i18n import using_language
from lianlu.page import render
from lianlu.rag.answer_markdown import comparison_markdown
from lianlu.rag.base import KnowledgeBase
from lianlu.rag.compare_page import compare_page
from lianlu.rag.comparing import Comparison, compare

from .conftest import Make

KNOWING = """
  - match: source 1
    reply: "备份每晚两点开始 [1]。它由 <b>月球公司</b> 负责 [1]。"
"""


@pytest.fixture
def one(base: KnowledgeBase, make_document: Make) -> KnowledgeBase:
    page = "# 备份\n\n备份每晚两点开始。"
    base.put([make_document("<a>.md", page), make_document("copy.md", page)])
    return base


def compared(base: KnowledgeBase, folder: Path, rules: str) -> Comparison:
    path = folder / "model.yaml"
    path.write_text(f"rules:{rules}", encoding="utf-8")
    ticks = itertools.count(step=2.5)
    return aio.run(lambda: compare(base, "备份几点开始？", f"fake:{path}", clock=lambda: next(ticks)))


def test_either_side_has_its_time(one: KnowledgeBase, tmp_path: Path) -> None:
    both = compared(one, tmp_path, KNOWING + "  - reply: 每天备份。")
    assert (both.without.seconds, both.within.seconds) == (2.5, 2.5)
    assert both.told()["seconds"] == {"without": 2.5, "with": 2.5}


@pytest.mark.parametrize(
    ("rule", "text", "notes"),
    [
        ("reply: ''", "", ["the model gave no answer"]),
        ("{reply: 每天, is_cut_off: true}", "每天", ["cut off at the model's length limit"]),
        ("reply: <think>嗯</think>每天。", "每天。", []),
        (
            "{reply: <think>嗯, is_cut_off: true}",
            "",
            ["the model gave no answer", "cut off at the model's length limit"],
        ),
    ],
    ids=["nothing", "cut-off", "thoughts", "only-thoughts"],
)
def test_what_the_model_says_alone(one: KnowledgeBase, tmp_path: Path, rule: str, text: str, notes: list[str]) -> None:
    both = compared(one, tmp_path, f"{KNOWING}  - {rule}")
    assert both.without.text == text
    assert [note.en for note in both.without.notes] == notes


def test_what_was_said_before_a_failure_is_told_on_both_sides(one: KnowledgeBase, tmp_path: Path) -> None:
    rules = """
  - match: source 1
    reply: "备份每晚两点开始 [1]。由月"
    then_error: {message: gone away}
  - reply: 每天备
    then_error: {message: gone away}
"""
    both = compared(one, tmp_path, rules)
    assert (both.without.text, both.within.text) == ("每天备", "备份每晚两点开始 [1]。")
    assert set(both.told()["errors"]) == {"without", "with"}
    page = render(compare_page(both))
    assert page.count("gone away") >= 4  # on either side in both languages
    assert "gone away" in comparison_markdown(both)


def test_the_page_has_both_answers_the_places_and_what_was_dropped(one: KnowledgeBase, tmp_path: Path) -> None:
    page = render(compare_page(compared(one, tmp_path, KNOWING + "  - reply: <script>alert(1)</script>")))
    assert "<mark>备份每晚两点开始。</mark>" in page
    assert 'href="#answer-2-s1">[1]</a>' in page
    assert 'id="answer-2-s1"' in page
    assert "&lt;script&gt;alert(1)" in page
    assert "&lt;b&gt;月球公司" in page
    assert "the same stands in copy.md" in page
    assert "同样的内容也见于 copy.md" in page
    assert "&lt;a&gt;.md" in page
    assert "src=" not in page


def test_markdown_has_the_same_in_the_readers_language(one: KnowledgeBase, tmp_path: Path) -> None:
    both = compared(one, tmp_path, KNOWING + "  - reply: 每天备份。")
    with using_language("zh"):
        written = comparison_markdown(both)
    for wanted in (
        "# 备份几点开始？",
        "每天备份。",
        "备份每晚两点开始 [1]。",
        "> 备份每晚两点开始。",
        "也见于 copy.md",
        "### 已删去",
    ):
        assert wanted in written


def test_a_question_that_is_none_asks_nobody(one: KnowledgeBase, tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        aio.run(lambda: compare(one, " ", "fake:nowhere.yaml"))
    assert caught.value.code == "rag.empty-question"
