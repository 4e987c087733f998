"""An evaluation as a page of its own: the figures with their intervals, when it refuses, and every miss."""

from __future__ import annotations

from lianlu.core.i18n import Text
from lianlu.page import Bar, BarChart, Column, Fact, Facts, Line, LineChart, Note, Page, Part, Section, Table
from lianlu.rag.evaluation import Evaluation

__all__ = ["MISSES", "evaluation_page"]

MISSES = {
    "not-found": Text("not among the first five", "前五个里没有"),
    "not-said": Text("found, and not said", "找到了但没有说出"),
    "refused": Text("wrongly refused", "误拒"),
    "answered": Text("wrongly answered", "误答"),
    "failed": Text("the model failed", "模型出错"),
}
_MOST_MISSES = 500


def evaluation_page(made: Evaluation) -> Page:
    """The page; it needs no network and no other file."""
    title = Text(f"Evaluation of {made.base}", f"知识库 {made.base} 的评测")
    facts = [
        Fact(Text("questions", "问题"), made.questions),
        Fact(Text("with an answer in the documents", "文档中有答案"), made.answerable),
        Fact(Text("answered by", "回答者"), Text("quoting", "原文摘录") if made.by == "extract" else made.by),
        Fact(Text("misses", "出错"), len(made.misses)),
    ]
    rows = [
        (each.way, each.name, f"{each.value:.3f}", f"{each.low:.3f}–{each.high:.3f}", each.n) for each in made.measures
    ]
    columns = (
        Text("by", "方式"),
        Text("measure", "指标"),
        Column(Text("value", "值")),
        Column(Text("95 % interval", "95% 区间")),
        Column(Text("questions", "问题数")),
    )
    recalls = [each for each in made.measures if each.name.startswith("recall@")]
    ways = list(dict.fromkeys(each.way for each in recalls))
    bars = [
        Bar(name, [next((each.value for each in recalls if (each.name, each.way) == (name, way)), 0.0) for way in ways])
        for name in dict.fromkeys(each.name for each in recalls)
    ]
    parts: list[Part] = [Facts(facts), Table(columns, rows)]
    if bars:
        parts.append(BarChart(Text("Right document among the first k", "前 k 个中有正确文档"), bars, series=ways))
    sections = [
        Section(
            title=title,
            id="measures",
            intro=Text(
                "Shares with intervals clustered by document: questions of one document are right or wrong together.",
                "比例及其按文档聚类的区间：同一文档的问题往往一起对或一起错。",
            ),
            parts=parts,
        )
    ]
    if made.curve:
        sections.append(_refusal(made))
    sections.append(_misses(made))
    return Page(title=title, sections=sections)


def _refusal(made: Evaluation) -> Section:
    refused = [(threshold, false) for threshold, false, _ in made.curve]
    answered = [(threshold, false) for threshold, _, false in made.curve]
    chart = LineChart(
        Text("Mistakes by threshold", "不同阈值下的错误"),
        [Line(Text("wrongly refused", "误拒"), refused), Line(Text("wrongly answered", "误答"), answered)],
    )
    return Section(
        title=Text("When it refuses", "何时拒答"),
        id="refusal",
        intro=Text(
            "An answer is refused below a threshold of its probability; `lianlu rag calibrate` fits it to such questions.",
            "回答的概率低于阈值时拒答；`lianlu rag calibrate` 可用这类问题校准。",
        ),
        parts=[chart],
    )


def _misses(made: Evaluation) -> Section:
    rows = [
        (MISSES[each.what], each.question, each.wanted, each.found, each.place) for each in made.misses[:_MOST_MISSES]
    ]
    columns = (
        Text("what went wrong", "问题类型"),
        Text("question", "问题"),
        Text("wanted", "应为"),
        Text("found", "实际"),
        Text("place", "位置"),
    )
    parts: list[Part] = [Table(columns, rows) if rows else Note(Text("no misses", "没有出错"))]
    parts += [
        Note(Text(f"{failure.uri}: {failure.reason}", f"{failure.uri}：{failure.reason}"), "warning")
        for failure in made.failures[:_MOST_MISSES]
    ]
    return Section(title=Text("Misses", "出错的问题"), id="misses", parts=parts)
