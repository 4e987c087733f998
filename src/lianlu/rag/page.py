"""Knowledge bases and their answers on a report page: each citation opened in its source, the sentence highlighted."""

from __future__ import annotations

import msgspec

from lianlu.core.errors import DataError
from lianlu.core.files import Files
from lianlu.core.i18n import Text
from lianlu.page import (
    Bar,
    BarChart,
    Column,
    Fact,
    Facts,
    Part,
    Section,
    SectionContext,
    Table,
)
from lianlu.rag.answer import Answer
from lianlu.rag.answer_page import quote_of
from lianlu.rag.steps import ANSWERS, open_index

__all__ = ["index_section", "section"]

_MOST_DOCUMENTS = 500


def section(files: Files, context: SectionContext) -> Section:
    """Show answers: what was asked, what was said, where it stands, and what was dropped.

    Raises:
        DataError: rag.no-answers
    """
    answers = _answers(files)
    found = sum(answer.found for answer in answers)
    dropped = sum(len(answer.dropped) for answer in answers)
    facts = [
        Fact(Text("questions", "问题"), len(answers)),
        Fact(Text("answered", "已回答"), found),
        Fact(Text("not in the documents", "文档中没有"), len(answers) - found),
        Fact(Text("citations", "引用"), sum(len(answer.citations) for answer in answers)),
    ]
    if dropped:
        facts.append(Fact(Text("claims dropped", "删去的说法"), dropped))
    parts: list[Part] = [Facts(facts), *(quote_of(answer) for answer in answers)]
    return Section(
        title=Text("Answers", "回答"),
        id=context.step or "answers",
        intro=Text(
            "Every sentence carries its source; click a number to see it in place.",
            "每一句都注明出处；点击编号即可查看原文。",
        ),
        parts=parts,
    )


def index_section(files: Files, context: SectionContext) -> Section:
    """Show a knowledge base: documents, chunks, languages.

    Raises:
        DataError: rag.no-index, rag.corrupt
    """
    with open_index(files) as base:
        status = base.status()
        rows = [
            (each.uri, each.title, each.language, len(base.truth.chunks_of(each.row)))
            for each in base.truth.documents()[:_MOST_DOCUMENTS]
        ]
    parts: list[Part] = [
        Facts(
            [
                Fact(Text("documents", "文档"), status.documents),
                Fact(Text("chunks", "片段"), status.chunks),
                Fact(Text("languages", "语言"), len(status.languages)),
                Fact(Text("not read", "未能读取"), len(status.failures)),
            ]
        ),
        BarChart(
            Text("Documents by language", "各语言文档数"),
            [Bar(language, [count]) for language, count in status.languages.items()],
        ),
        Table(
            (Text("file", "文件"), Text("title", "标题"), Text("language", "语言"), Column(Text("chunks", "片段"))),
            rows,
        ),
    ]
    return Section(
        title=Text("Knowledge base", "知识库"),
        id=context.step or "index",
        intro=Text("What is searched, and how it was cut.", "检索的内容及其切分。"),
        parts=parts,
    )


def _answers(files: Files) -> list[Answer]:
    path = files.get(ANSWERS)
    if path is None:
        raise DataError("rag.no-answers", kind=files.kind, file=ANSWERS)
    try:
        decoder = msgspec.json.Decoder(Answer)
        return [decoder.decode(line) for line in path.read_bytes().splitlines() if line]
    except msgspec.DecodeError as error:
        raise DataError("rag.no-answers", kind=files.kind, file=f"{ANSWERS}: {error}") from error
