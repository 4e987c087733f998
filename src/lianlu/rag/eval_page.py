"""An evaluation as a page of its own: the figures with their intervals, when it refuses, and every miss by its kind."""

from __future__ import annotations

from lianlu.core.i18n import Text
from lianlu.page import (
    Bar,
    BarChart,
    Column,
    Fact,
    Facts,
    Fold,
    Label,
    Line,
    LineChart,
    Note,
    Page,
    Part,
    Quote,
    Section,
    Table,
)
from lianlu.rag.evaluation import Evaluation, Miss

__all__ = ["MISSES", "evaluation_page", "measure_name", "way_name"]

MISSES = {
    "not-found": Text("not among the first five", "前五个里没有"),
    "not-said": Text("found, and not said", "找到了但没有说出"),
    "refused": Text("wrongly refused", "误拒"),
    "answered": Text("wrongly answered", "误答"),
    "failed": Text("the model failed", "模型出错"),
}
_WAYS = {
    "words": Text("words", "按词"),
    "vectors": Text("vectors", "按向量"),
    "words and vectors": Text("words and vectors", "按词与向量"),
    "reranked": Text("reranked", "重排后"),
    "extract": Text("quoting", "原文摘录"),
}
_MEASURES = {
    "recall": Text("recall", "召回率"),
    "exact match": Text("exact match", "完全匹配"),
    "answer in the quotes": Text("answer in the quotes", "摘录含答案"),
    "citation precision": Text("citation precision", "引用精确率"),
    "citation recall": Text("citation recall", "引用召回率"),
    "wrongly refused": Text("wrongly refused", "误拒率"),
    "wrongly answered": Text("wrongly answered", "误答率"),
    "refusal AUC": Text("refusal AUC", "拒答 AUC"),
}
_MOST_MISSES = 500


def measure_name(name: str) -> Text:
    """A measure in both languages, with its depth: `recall@5`.

    >>> measure_name("recall@5").zh, measure_name("F1").zh
    ('召回率@5', 'F1')
    """
    what, at, depth = name.partition("@")
    both = _MEASURES.get(what, Text(what, what))
    return Text(both.en + at + depth, both.zh + at + depth)


def way_name(way: str) -> Label:
    """How it was searched, or who answered."""
    return _WAYS.get(way, way)


def evaluation_page(made: Evaluation) -> Page:
    """The page; it needs no network and no other file."""
    facts = [
        Fact(Text("questions", "问题"), made.questions),
        Fact(Text("with an answer in the documents", "文档中有答案"), made.answerable),
        Fact(Text("answered by", "回答者"), way_name(made.by)),
        Fact(Text("misses", "出错"), len(made.misses)),
    ]
    rows = [
        (
            measure_name(each.name),
            way_name(each.way),
            f"{each.value:.3f}",
            f"{each.low:.3f}–{each.high:.3f}",
            each.n,
        )
        for each in made.measures
    ]
    columns = (
        Text("measure", "指标"),
        Text("by", "方式"),
        Column(Text("value", "值")),
        Column(Text("95 % interval", "95% 区间")),
        Column(Text("n", "数量")),
    )
    recalls = [each for each in made.measures if each.name.startswith("recall@")]
    ways = list(dict.fromkeys(each.way for each in recalls))
    bars = [
        Bar(
            measure_name(name),
            [next((each.value for each in recalls if (each.name, each.way) == (name, way)), None) for way in ways],
        )
        for name in dict.fromkeys(each.name for each in recalls)
    ]
    parts: list[Part] = [Facts(facts), Table(columns, rows)]
    if bars:
        title = Text("Right document among the first k", "前 k 个中有正确文档")
        parts.append(BarChart(title, bars, series=[way_name(each) for each in ways]))
    sections = [
        Section(
            title=Text("Figures", "指标"),
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
    return Page(title=Text(f"Evaluation of {made.base}", f"知识库 {made.base} 的评测"), sections=sections)


def _refusal(made: Evaluation) -> Section:
    refused = [(threshold, false) for threshold, false, _ in made.curve]
    answered = [(threshold, false) for threshold, _, false in made.curve]
    chart = LineChart(
        Text("Mistakes by threshold", "不同阈值下的错误"),
        [Line(Text("wrongly refused", "误拒"), refused), Line(Text("wrongly answered", "误答"), answered)],
        x_label=Text("threshold", "阈值"),
        y_label=Text("share of the questions of that kind", "占该类问题的比例"),
    )
    facts = [Fact(Text("threshold of this base", "此库的阈值"), made.threshold)] if made.threshold is not None else []
    facts += [
        Fact(measure_name(each.name), round(each.value, 3), f"{each.low:.3f}–{each.high:.3f}")
        for each in made.measures
        if each.name == "refusal AUC"
    ]
    return Section(
        title=Text("When it refuses", "何时拒答"),
        id="refusal",
        intro=Text(
            "A question is refused where the probability of an answer lies below a threshold; lianlu rag calibrate fits"
            " it to questions such as these.",
            "答案的概率低于阈值时拒答；可用 lianlu rag calibrate 按这类问题校准。",
        ),
        parts=[Facts(facts), chart],
    )


def _misses(made: Evaluation) -> Section:
    parts: list[Part] = [] if made.misses else [Note(Text("no misses", "没有出错"))]
    left = _MOST_MISSES
    for what, words in MISSES.items():
        misses = [each for each in made.misses if each.what == what]
        shown, left = misses[:left], left - len(misses[:left])
        if shown:
            counted = Text(f"{words.en}: {len(misses)}", f"{words.zh}：{len(misses)}")
            parts.append(Fold(counted, [_miss(each) for each in shown], is_open=True))
    if len(made.misses) > _MOST_MISSES:
        parts.append(
            Note(
                Text(
                    f"{_MOST_MISSES} of {len(made.misses)} misses are shown; --json lists all",
                    f"共 {len(made.misses)} 个，这里显示 {_MOST_MISSES} 个；用 --json 列出全部",
                )
            )
        )
    parts += [
        Note(Text(f"{failure.uri}: {failure.reason}", f"{failure.uri}：{failure.reason}"), "warning")
        for failure in made.failures[:_MOST_MISSES]
    ]
    return Section(title=Text("Misses", "出错的问题"), id="misses", parts=parts)


def _miss(miss: Miss) -> Quote:
    wanted = Text(f"wanted: {miss.wanted}", f"应为：{miss.wanted}") if miss.wanted else Text("", "")
    place = Text(f" ({miss.place})", f"（{miss.place}）") if miss.place else Text("", "")
    note = Text((wanted.en + place.en).strip(), wanted.zh + place.zh)
    return Quote(text=miss.found, question=miss.question, notes=[Note(note)] if note.en else [])
