"""How the result of a run looks in a terminal: a table of steps, the answers, and where to go on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lianlu.chain import RunResult, StepResult
from lianlu.core.console import print_table, say
from lianlu.core.i18n import pick

__all__ = ["show_answers", "show_run"]

_SHORT_ID = 12


def show_run(result: RunResult) -> None:
    """Print steps, results and the store of a run, or what a dry run foresees."""
    columns = (
        pick("step", "步骤"),
        pick("does", "用途"),
        pick("state", "状态"),
        pick("seconds", "秒"),
        pick("artifacts", "产物"),
    )
    title = " · ".join(part for part in (result.chain, result.run) if part)
    print_table(columns, [_row(step) for step in result.steps], title=title)
    for name, value in result.results.items():
        if _are_answers(value):
            show_answers(value)
        elif isinstance(value, str | int | float):
            say(f"{name}: {value}")
    say(_last_line(result))


def _row(step: StepResult) -> tuple[str, ...]:
    words = {
        "done": pick("done", "完成"),
        "cached": pick("cached", "缓存"),
        "planned": pick("would run", "将执行"),
    }
    made = "  ".join(f"{artifact.kind} {artifact.id[:_SHORT_ID]}" for artifact in step.artifacts)
    seconds = "" if step.state == "planned" else f"{step.seconds:.2f}"
    return step.name, step.uses, words[step.state], seconds, made


def _last_line(result: RunResult) -> str:
    steps = len(result.steps)
    worked = sum(not step.cached for step in result.steps)
    if not result.run:
        return pick(
            f"{worked} of {steps} steps would run; store: {result.store}",
            f"{steps} 个步骤中将执行 {worked} 个；存储库：{result.store}",
        )
    return pick(
        f"{worked} of {steps} steps run, {result.seconds:.1f} s; store: {result.store}",
        f"{steps} 个步骤中执行了 {worked} 个，用时 {result.seconds:.1f} 秒；存储库：{result.store}",
    )


def _are_answers(value: Any) -> bool:
    """Whether a result is what `rag.ask` says of its answers; a chain may call anything so."""
    return (
        isinstance(value, list)
        and bool(value)
        and all(isinstance(each, dict) and {"question", "text", "citations"} <= each.keys() for each in value)
    )


def show_answers(answers: Sequence[Mapping[str, Any]]) -> None:
    """Questions with their answers and where each cited sentence stands."""
    for answer in answers:
        say()
        say(f"？ {answer['question']}" if _is_chinese(answer["question"]) else f"? {answer['question']}")
        for line in str(answer["text"]).splitlines():
            say(f"  {line}")
        for citation in answer["citations"]:
            say(f"  [{citation['number']}] {_place(citation)}")
    say()


def _place(citation: Mapping[str, Any]) -> str:
    parts = [str(citation["uri"])]
    if citation.get("headings"):
        parts.append(" › ".join(citation["headings"]))
    if citation.get("page"):
        parts.append(pick(f"page {citation['page']}", f"第 {citation['page']} 页"))
    first, last = citation.get("first_line"), citation.get("last_line")
    if first:
        span = f"{first}" if first == last else f"{first}–{last}"
        parts.append(pick(f"line {span}", f"第 {span} 行"))
    return " · ".join(parts)


def _is_chinese(text: str) -> bool:
    return any("\u4e00" <= character <= "\u9fff" for character in text)
