"""Answers on a page: each citation opened in its source with the sentence highlighted, and what was dropped said."""

from __future__ import annotations

from collections.abc import Sequence

from lianlu.core.i18n import Text
from lianlu.page import Badge, Citation, Note, Page, Quote, Section
from lianlu.rag.answer import Answer
from lianlu.rag.answer import Citation as Cited

__all__ = ["HOW_IT_IS_CHECKED", "answers_page", "quote_of"]

HOW_IT_IS_CHECKED = Text(
    "Every sentence was checked against the documents before it was shown; click a number to see the sentence in its "
    "source.",
    "每一句在显示之前都与文档核对过；点击编号即可在原文中看到所依据的句子。",
)


def answers_page(answers: Sequence[Answer], base: str) -> Page:
    """A page of one answer, or of a talk with a base."""
    title = answers[0].question if len(answers) == 1 else Text(f"Talk with {base}", f"与 {base} 的对话")
    section = Section(
        title=Text("Answer", "回答") if len(answers) == 1 else Text("Questions and answers", "问答"),
        id="answers",
        intro=HOW_IT_IS_CHECKED,
        parts=[quote_of(each, is_question_shown=len(answers) > 1) for each in answers],
    )
    return Page(title=title, subtitle=Text(f"Knowledge base {base}", f"知识库 {base}"), sections=[section])


def quote_of(answer: Answer, *, is_question_shown: bool = True) -> Quote:
    """An answer as a part of a page."""
    return Quote(
        text=answer.text,
        citations=[_citation(each) for each in answer.citations],
        question=answer.question if is_question_shown else "",
        badges=_badges(answer),
        notes=_notes(answer),
    )


def _citation(cited: Cited) -> Citation:
    return Citation(
        number=cited.number,
        file=cited.uri,
        context=cited.context or cited.quote,
        marks=[cited.mark if cited.context else (0, len(cited.quote))],
        headings=cited.headings,
        page=cited.page,
        first_line=cited.first_line,
        last_line=cited.last_line,
        also=cited.also,
    )


def _badges(answer: Answer) -> Sequence[Badge]:
    by = Text("quoted", "原文摘录") if answer.by == "extract" else answer.by
    if not answer.found:
        state = (
            Text("no answer", "没有回答")
            if answer.reason == "no-answer"
            else Text("not in the documents", "文档中没有")
        )
        return [Badge(state, "warning"), Badge(by)]
    if answer.is_partial:
        return [Badge(Text("incomplete", "不完整"), "warning"), Badge(by)]
    return [Badge(by, "good")]


def _notes(answer: Answer) -> list[Note]:
    notes: list[Note] = []
    if answer.rewritten:
        notes.append(Note(Text(f"understood as: {answer.rewritten}", f"理解为：{answer.rewritten}")))
    notes += (Note(each, "warning") for each in answer.notes)
    notes += (
        Note(
            Text(f"dropped: “{each.claim}”: {each.why}", f"已删去：“{each.claim}”：{each.why_zh or each.why}"),
            "warning",
        )
        for each in answer.dropped
    )
    if answer.nearest:
        nearest = list(dict.fromkeys(passage.uri for passage in answer.nearest))
        notes.append(Note(Text(f"nearest documents: {', '.join(nearest)}", f"最接近的文档：{'、'.join(nearest)}")))
    return notes
