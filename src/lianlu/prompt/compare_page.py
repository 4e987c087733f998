"""A comparison as one page: who passes how often, who beats whom, and every case with all answers side by side."""

from __future__ import annotations

from collections.abc import Sequence

from lianlu.core.i18n import Text
from lianlu.page import (
    Badge,
    Bar,
    BarChart,
    Code,
    Column,
    Fact,
    Facts,
    Fold,
    Label,
    Note,
    Page,
    Part,
    Section,
    Side,
    SideBySide,
    Table,
)
from lianlu.prompt.compare_stats import Comparison, Summary
from lianlu.prompt.results import Cell, Results, VariantFacts

__all__ = ["comparison_page"]

_MOST_CASES = 300
_MOST_CHARACTERS = 4000
_OPEN_CASES = 3


def comparison_page(results: Results, summaries: Sequence[Summary], pairs: Sequence[Comparison]) -> Page:
    """The page; it needs no network and no other file."""
    names = [_label(variant) for variant in results.variants]
    sections = [_figures(results, names, summaries)]
    if pairs:
        sections.append(_pairs(names, pairs))
    sections.append(_cases(results, names))
    count = len(results.cases)
    return Page(
        title=Text("Prompts compared", "提示词对比"),
        subtitle=Text(f"{len(names)} variants, {count} cases", f"{len(names)} 个变体，{count} 个用例"),
        sections=sections,
    )


def _label(variant: VariantFacts) -> Label:
    """Its name; a model without a prompt in both languages."""
    if variant.with_system:
        return variant.name
    _, dot, model = variant.name.partition(" · ")
    return Text(f"no prompt{dot}{model}", f"无提示词{dot}{model}")


def _figures(results: Results, names: Sequence[Label], summaries: Sequence[Summary]) -> Section:
    failed = sum(each.failed for each in summaries)
    facts = [
        Fact(Text("variants", "变体"), len(names)),
        Fact(Text("cases", "用例"), len(results.cases)),
        Fact(Text("repeats", "重复"), results.repeats),
        Fact(Text("failed cells", "出错的单元"), failed),
    ]
    rows = [
        (
            name,
            None if each.passed is None else round(each.passed.value, 3),
            "–" if each.passed is None else f"{each.passed.low:.3f}–{each.passed.high:.3f}",
            None if each.score is None else round(each.score, 3),
            each.usage.prompt_tokens + each.usage.completion_tokens,
            None if each.seconds is None else round(each.seconds, 2),
            "–" if each.usage.cost is None else f"{each.usage.cost:.4g} {each.usage.currency}".rstrip(),
            each.failed,
        )
        for name, each in zip(names, summaries, strict=True)
    ]
    columns = (
        Text("variant", "变体"),
        Column(Text("passed", "通过率"), digits=3),
        Text("95 % interval", "95% 区间"),
        Column(Text("score", "得分"), digits=3),
        Column(Text("tokens", "token 数")),
        Column(Text("median", "中位耗时"), digits=2, unit="s"),
        Text("cost", "费用"),
        Column(Text("failed", "出错")),
    )
    parts: list[Part] = [Facts(facts), Table(columns, rows)]
    if any(each.passed is not None for each in summaries):
        bars = [
            Bar(name, [None if each.passed is None else each.passed.value])
            for name, each in zip(names, summaries, strict=True)
        ]
        parts.append(BarChart(Text("Share of cases passed", "通过的用例比例"), bars))
    named = sorted({metric for each in summaries for metric in each.metrics})
    if named:
        metric_rows = [
            (name, *(None if metric not in each.metrics else round(each.metrics[metric], 3) for metric in named))
            for name, each in zip(names, summaries, strict=True)
        ]
        metric_columns = (Text("variant", "变体"), *(Column(metric, digits=3) for metric in named))
        parts.append(Table(metric_columns, metric_rows, title=Text("Metrics", "指标")))
    return Section(
        title=Text("Figures", "指标"),
        id="figures",
        intro=Text(
            "A case passes when all its assertions hold. Intervals are clustered by case: repeats of a case are no new evidence.",
            "全部断言成立才算通过。区间按用例聚类：同一用例的重复不算新的证据。",
        ),
        parts=parts,
    )


def _pairs(names: Sequence[Label], pairs: Sequence[Comparison]) -> Section:
    rows = [
        (
            names[each.second],
            names[each.first],
            _judged(each),
            f"{each.wins} / {each.ties} / {each.losses}",
            round(each.win_rate.value, 3),
            f"{each.win_rate.low:.3f}–{each.win_rate.high:.3f}",
            _difference(each),
            f"{each.p_value:.3g}",
        )
        for each in pairs
    ]
    columns = (
        Text("variant", "变体"),
        Text("against", "对手"),
        Text("so", "结论"),
        Text("won / equal / lost", "胜 / 平 / 负"),
        Column(Text("win rate", "胜率"), digits=3),
        Text("95 % interval", "95% 区间"),
        Text("difference in passing", "通过率之差"),
        Text("p (McNemar)", "p（McNemar）"),
    )
    return Section(
        title=Text("Who beats whom", "两两比较"),
        id="pairs",
        intro=Text(
            "By the score of each case, equal scores counting half. Where the interval holds 0.5, the cases do not tell the two apart.",
            "按每个用例的得分比较，相等算半次。区间包含 0.5 时，这些用例分不出两者的高下。",
        ),
        parts=[Table(columns, rows)],
    )


def _difference(each: Comparison) -> str:
    """Where all cases differ by the same there is no spread to make an interval of."""
    interval = f" ({each.low:+.3f} … {each.high:+.3f})" if each.low < each.high else ""
    return f"{each.difference:+.3f}{interval}"


def _judged(each: Comparison) -> Badge:
    if each.win_rate.low > 0.5:
        return Badge(Text("better", "更好"), "good")
    if each.win_rate.high < 0.5:
        return Badge(Text("worse", "更差"), "bad")
    return Badge(Text("not told apart", "分不出"), "neutral")


def _cases(results: Results, names: Sequence[Label]) -> Section:
    by_case: dict[str, list[Cell]] = {}
    for cell in results.cells:
        by_case.setdefault(cell.case, []).append(cell)
    # What differs is what a reader looks for: those cases come first.
    ordered = sorted(by_case.items(), key=lambda item: _sameness(item[1]))
    parts: list[Part] = [
        _case(case, cells, names, is_open=at < _OPEN_CASES) for at, (case, cells) in enumerate(ordered[:_MOST_CASES])
    ]
    if len(ordered) > _MOST_CASES:
        parts.append(
            Note(
                Text(
                    f"{_MOST_CASES} of {len(ordered)} cases are shown; results.json and results.csv hold all",
                    f"共 {len(ordered)} 个用例，这里显示 {_MOST_CASES} 个；全部见 results.json 与 results.csv",
                )
            )
        )
    return Section(
        title=Text("Case by case", "逐个用例"),
        id="cases",
        intro=Text("Cases on which the variants differ come first.", "变体结果不同的用例排在前面。"),
        parts=parts,
    )


def _sameness(cells: Sequence[Cell]) -> int:
    scores = {cell.score for cell in cells}
    return 0 if len(scores) > 1 else 1 if any(cell.passed is not True for cell in cells) else 2


def _case(case: str, cells: Sequence[Cell], names: Sequence[Label], *, is_open: bool) -> Part:
    passed = sum(cell.passed is True for cell in cells)
    sides = [_side(cell, names[cell.variant], len(cells) > len(names)) for cell in cells]
    said = cells[0].turns[0].said if cells[0].turns else ""
    parts: list[Part] = [Code(_clip(said), "")] if said else []
    tone = "good" if passed == len(cells) else "bad" if passed == 0 else "warning"
    return Fold(case, [*parts, SideBySide(sides)], is_open=is_open, badges=[Badge(f"{passed}/{len(cells)}", tone)])


def _side(cell: Cell, name: Label, is_repeated: bool) -> Side:
    parts: list[Part] = []
    for at, turn in enumerate(cell.turns):
        if at:
            parts.append(Note(Text(f"user: {turn.said}", f"用户：{turn.said}")))
        parts.append(Code(_clip(turn.output) or "∅"))
        parts += [Note(f"{call.name}({_clip(call.arguments)})") for call in turn.tool_calls]
        for verdict in turn.verdicts:
            if verdict.passed is not True:
                shown = f"{verdict.name}: {_clip(str(verdict.value), 200)}" + (
                    f" ({verdict.why})" if verdict.why else ""
                )
                parts.append(Note(shown, "error" if verdict.passed is False else "warning"))
    if cell.error:
        parts.append(Note(cell.error, "error"))
    if cell.error:
        badge = Badge(Text("failed", "出错"), "bad")
    elif cell.passed is None:
        badge = Badge(Text("not judged", "未评"), "neutral")
    else:
        badge = Badge(Text("passed", "通过"), "good") if cell.passed else Badge(Text("not passed", "未通过"), "bad")
    title = name
    if is_repeated:
        both = name if isinstance(name, Text) else Text(name, name)
        title = Text(f"{both.en} #{cell.repeat + 1}", f"{both.zh} #{cell.repeat + 1}")
    return Side(title, parts, badges=[badge])


def _clip(text: str, most: int = _MOST_CHARACTERS) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"
