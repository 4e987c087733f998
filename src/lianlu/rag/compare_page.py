"""A comparison as a page: what a model says by itself beside what it says from the documents, checked."""

from __future__ import annotations

from lianlu.core.i18n import Text
from lianlu.page import Badge, Fact, Facts, Note, Page, Part, Quote, Section, SideBySide
from lianlu.page import Side as Shown
from lianlu.rag.answer_page import quote_of
from lianlu.rag.comparing import Comparison, Side

__all__ = ["compare_page"]

_INTRO = Text(
    "The same model was asked twice. Without the documents it answers by itself, and nothing of that was checked. With "
    "them it was given passages, and every sentence was checked against these before it was shown; click a number to see "
    "the sentence in its source.",
    "同一个模型问了两次。不用文档时是它自己的回答，未经核对；使用文档时给了它文档中的段落，每一句在显示之前都与之核对过，点击编号即可在原文中看到所依据的句子。",
)
_NOT_CHECKED = Badge(Text("not checked", "未核对"), "warning")


def compare_page(compared: Comparison) -> Page:
    """The page of a comparison."""
    base = compared.base
    without = Shown(Text("Without the documents", "不用文档"), _alone(compared.without), [_NOT_CHECKED])
    within = Shown(Text(f"With the knowledge base {base}", f"使用知识库 {base}"), _within(compared.within))
    section = Section(
        title=Text("Side by side", "并排对照"),
        id="compare",
        intro=_INTRO,
        parts=[Facts(_facts(compared)), SideBySide([without, within])],
    )
    subtitle = Text(f"{compared.model}, without and with {base}", f"{compared.model}，不用与使用 {base}")
    return Page(title=compared.question, subtitle=subtitle, sections=[section])


def _facts(compared: Comparison) -> list[Fact]:
    answer = compared.within.answer
    citations = answer.citations if answer is not None else ()
    return [
        Fact(Text("seconds without", "不用文档（秒）"), f"{compared.without.seconds:.2f}"),
        Fact(Text("seconds with, checks included", "使用文档（秒，含核对）"), f"{compared.within.seconds:.2f}"),
        Fact(Text("places cited", "引用处"), len(citations)),
        Fact(Text("claims dropped", "删去的说法"), len(answer.dropped) if answer is not None else 0),
    ]


def _alone(side: Side) -> list[Part]:
    parts: list[Part] = [Quote(text=side.text)] if side.text else []
    return [*parts, *(Note(each, "warning") for each in side.notes), *_failed(side)]


def _within(side: Side) -> list[Part]:
    parts: list[Part] = [quote_of(side.answer, is_question_shown=False)] if side.answer is not None else []
    return [*parts, *_failed(side)]


def _failed(side: Side) -> list[Note]:
    if side.error is None:
        return []
    return [Note(Text(side.error.message("en"), side.error.message("zh")), "error")]
