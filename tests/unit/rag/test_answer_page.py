"""Answers as pages and as markdown: everything is said that the terminal says."""

import pytest

from lianlu.core.i18n import Text, using_language
from lianlu.page import render
from lianlu.rag.answer import Answer, Citation, Dropped, Passage
from lianlu.rag.answer_markdown import answers_markdown
from lianlu.rag.answer_page import answers_page
from lianlu.records import Span

CITED = Citation(
    number=1,
    document_id="d",
    uri="a.md",
    quote="Backups run\nevery night.",
    span=Span(start=10, end=34),
    headings=("Backups",),
    page=3,
    context="We care. Backups run\nevery night. Really.",
    context_start=1,
    also=("b.md",),
)
ANSWER = Answer(
    question="And when?",
    rewritten="When do backups run?",
    text="Backups run every night [1].",
    found=True,
    by="fake:x",
    citations=(CITED,),
    dropped=(Dropped(claim="On the moon [1].", code="unsupported", why="[1] does not say this", why_zh="没有这样说"),),
    notes=(Text("the model failed", "模型出错"),),
    is_partial=True,
)
NEAREST = Passage(document_id="d", uri="c.md", text="x", span=Span(start=0, end=1), score=1.0, page=7)
NONE = Answer(question="Who?", text="This is not in the documents.", found=False, by="extract", nearest=(NEAREST,))


def test_a_page_says_what_the_answer_rests_on_and_what_is_missing() -> None:
    page = render(answers_page([ANSWER], "notes"))
    for wanted in (
        "<mark>Backups run\nevery night.</mark>",
        "page 3",
        "the same stands in b.md",
        "understood as: When do backups run?",
        "理解为：When do backups run?",
        "On the moon [1].",
        "没有这样说",
        "the model failed",
        "incomplete",
    ):
        assert wanted in page


def test_a_page_of_a_talk_has_every_question() -> None:
    page = render(answers_page([ANSWER, NONE], "notes"))
    for wanted in (
        "Talk with notes",
        "与 notes 的对话",
        "And when?",
        "Who?",
        "not in the documents",
        "nearest documents: c.md",
    ):
        assert wanted in page


def test_an_empty_talk_is_a_page_and_a_text() -> None:
    assert "Talk with notes" in render(answers_page([], "notes"))
    assert answers_markdown([], "Talk") == "# Talk\n"


def test_markdown_of_one_answer() -> None:
    assert answers_markdown([ANSWER]).split("\n\n") == [
        "# And when?",
        "*understood as: When do backups run?*",
        "Backups run every night [1].",
        "*the model failed*",
        "## Sources",
        "[1] a.md · Backups · page 3\n(also in b.md)",
        "> Backups run\n> every night.",
        "## Dropped",
        "- On the moon [1]. — [1] does not say this\n",
    ]


@pytest.mark.parametrize(("lang", "wanted"), [("en", "### Nearest passages"), ("zh", "### 最接近的段落")])
def test_markdown_of_a_talk_is_in_the_readers_language(lang: str, wanted: str) -> None:
    with using_language("zh" if lang == "zh" else "en"):
        written = answers_markdown([ANSWER, NONE], "Talk")
    assert written.startswith("# Talk\n\n## And when?")
    assert wanted in written
    assert "- c.md" in written
