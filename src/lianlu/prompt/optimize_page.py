"""A search as a page: what it gained, on which cases, every candidate, and what changed."""

from __future__ import annotations

from dataclasses import replace

from lianlu.core.i18n import Text
from lianlu.page import Code, Column, Fact, Facts, Fold, Line, LineChart, Note, Page, Part, Section, Table
from lianlu.prompt.compare_output import summaries_of
from lianlu.prompt.compare_page import comparison_page
from lianlu.prompt.diff import as_parts, changes
from lianlu.prompt.file import PromptFile
from lianlu.prompt.optimize import Optimized
from lianlu.prompt.results import Results

__all__ = ["optimized_page"]


_MOST_REJECTED = 100


def optimized_page(old: PromptFile, new: PromptFile | None, made: Optimized, held_out: Results | None = None) -> Page:
    """The page; it needs no network and no other file.

    Args:
        new: None where nothing better was found.
        held_out: the answers of both to the cases of the end.
    """
    sections = [_gain(made)]
    if new is not None:
        parts: list[Part] = [*as_parts(changes(old, new)), Fold(Text("The new prompt", "新的提示词"), [Code(new.text)])]
        sections.append(Section(title=Text("What changed", "改动"), id="changes", parts=parts))
    sections.append(_candidates(made))
    if made.rejected:
        sections.append(_rejected(made))
    if held_out is not None:
        compared = comparison_page(held_out, summaries_of(held_out), [])
        title = Text("The cases of the end, old and new", "留到最后的用例：旧与新")
        sections += [replace(each, title=title) for each in compared.sections if each.id == "cases"]
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
            Fact(Text("difference", "差"), made.gain),
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
    elif made.best and not made.test:
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
            f"Cases: {made.train} to learn from, {made.val} to choose by, {made.test} kept for the end. Answers scored:"
            f" {made.calls} of at most {made.budget}. Proposals asked for: {made.reflections}, of no use: {made.nonsense}.",
            f"用例：{made.train} 个供学习，{made.val} 个供选择，{made.test} 个留到最后。已评分 {made.calls} 个回答（预算 {made.budget}）。"
            f"请求改写 {made.reflections} 次，其中 {made.nonsense} 次不可用。",
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


def _rejected(made: Optimized) -> Section:
    """Proposals that are no candidates, and why."""
    shown = made.rejected[:_MOST_REJECTED]
    columns = (
        Text("proposal", "改写"),
        Text("why", "原因"),
        Column(Text("score before", "之前的得分"), digits=3),
        Column(Text("its score", "它的得分"), digits=3),
    )
    no_better = Text("no better on the cases that it learned from", "在供学习的用例上没有更好")
    rows = [
        (at, each.why or no_better, None if each.before is None else round(each.before, 3), round(each.after, 3))
        for at, each in enumerate(shown)
    ]
    parts: list[Part] = [Table(columns, rows)]
    parts += [Fold(Text(f"Proposal {at}", f"改写 {at}"), [Code(each.text)]) for at, each in enumerate(shown)]
    if len(made.rejected) > len(shown):
        left = len(made.rejected) - len(shown)
        parts.append(Note(Text(f"optimize.json holds {left} more", f"另有 {left} 个见 optimize.json")))
    return Section(title=Text("Rejected", "未采用"), id="rejected", parts=parts)
