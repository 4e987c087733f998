"""A search as a page: what it gained, on which cases, every candidate, and what changed."""

from __future__ import annotations

from lianlu.core.i18n import Text
from lianlu.page import Code, Column, Fact, Facts, Fold, Line, LineChart, Note, Page, Part, Section, Table
from lianlu.prompt.diff import as_parts, changes
from lianlu.prompt.file import PromptFile
from lianlu.prompt.optimize import Optimized

__all__ = ["optimized_page"]


def optimized_page(old: PromptFile, new: PromptFile | None, made: Optimized) -> Page:
    """The page; it needs no network and no other file. `new` is None where nothing better was found."""
    sections = [_gain(made)]
    if new is not None:
        parts: list[Part] = [*as_parts(changes(old, new)), Fold(Text("The new prompt", "新的提示词"), [Code(new.text)])]
        sections.append(Section(title=Text("What changed", "改动"), id="changes", parts=parts))
    sections.append(_candidates(made))
    return Page(title=Text(f"{old.name} optimized", f"{old.name} 的优化"), sections=sections)


def _gain(made: Optimized) -> Section:
    first, best = made.candidates[0], made.candidates[made.best]
    facts = [
        Fact(
            Text("chosen by: before", "选择用例：之前"),
            round(first.score, 3),
            Text(f"{made.val} cases", f"{made.val} 个用例"),
        ),
        Fact(Text("chosen by: after", "选择用例：之后"), round(best.score, 3)),
    ]
    parts: list[Part] = [Facts(facts)]
    if made.held_out is not None and made.passed is not None:
        rate = made.held_out.win_rate
        interval = Text(
            f"win rate {rate.value:.2f} ({rate.low:.2f}–{rate.high:.2f})",
            f"胜率 {rate.value:.2f}（{rate.low:.2f}–{rate.high:.2f}）",
        )
        held_out = [
            Fact(
                Text("kept for the end: before", "留到最后：之前"),
                round(made.passed[0], 3),
                Text(f"{made.test} cases", f"{made.test} 个用例"),
            ),
            Fact(Text("kept for the end: after", "留到最后：之后"), round(made.passed[1], 3), interval),
        ]
        parts.append(Facts(held_out))
        if rate.low <= 0.5 <= rate.high:
            parts.append(
                Note(
                    Text(
                        "The interval holds 0.5: these cases do not tell the two apart.",
                        "区间包含 0.5：这些用例分不出两者的高下。",
                    )
                )
            )
    elif made.best:
        parts.append(
            Note(
                Text(
                    "No cases were kept for the end, so the gain on new ones is not known.",
                    "没有留到最后的用例，因此不知道在新用例上的增益。",
                ),
                "warning",
            )
        )
    if not made.best:
        parts.append(Note(Text("Nothing better was found.", "没有找到更好的提示词。")))
    if not made.is_whole:
        parts.append(Note(Text("The search was stopped before its end.", "搜索在结束前被中断。"), "warning"))
    return Section(
        title=Text("Gain", "增益"),
        id="gain",
        intro=Text(
            f"{made.calls} answers scored, {made.reflections} proposals asked for, {made.nonsense} of them of no use.",
            f"已评分 {made.calls} 个回答，请求改写 {made.reflections} 次，其中 {made.nonsense} 次不可用。",
        ),
        parts=parts,
    )


def _candidates(made: Optimized) -> Section:
    rows = [
        (at, each.parent, round(each.score, 3), len(each.text), "✓" if at == made.best else "")
        for at, each in enumerate(made.candidates)
    ]
    columns = (
        Column(Text("candidate", "候选")),
        Column(Text("made from", "来自")),
        Column(Text("score", "得分"), digits=3),
        Column(Text("characters", "字符")),
        Text("chosen", "选中"),
    )
    parts: list[Part] = [Table(columns, rows)]
    if len(made.candidates) > 1:
        points = [(float(at), each.score) for at, each in enumerate(made.candidates)]
        title = Text("Score of each candidate", "各候选的得分")
        parts.append(LineChart(title, [Line(Text("score", "得分"), points)], x_label=Text("candidate", "候选")))
    parts += [Fold(Text(f"Candidate {at}", f"候选 {at}"), [Code(each.text)]) for at, each in enumerate(made.candidates)]
    return Section(title=Text("Candidates", "候选"), id="candidates", parts=parts)
