"""How the result of a run looks in a terminal: a table of steps, the answers, and where to go on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lianlu.chain.run import RunResult, StepResult
from lianlu.core.console import print_table, say
from lianlu.core.i18n import pick

__all__ = ["show_answers", "show_run"]

_SHORT_ID = 12


def show_run(result: RunResult) -> None:
    """Print steps, results and the store of a run."""
    columns = (
        pick("step", "步骤"),
        pick("does", "用途"),
        pick("state", "状态"),
        pick("seconds", "秒"),
        pick("artifacts", "产物"),
    )
    print_table(columns, [_row(step) for step in result.steps], title=f"{result.chain} · {result.run}")
    answers = result.results.get("answers")
    if isinstance(answers, list):
        show_answers(answers)
    for name, value in result.results.items():
        if isinstance(value, str | int | float):
            say(f"{name}: {value}")
    done = sum(step.state == "done" for step in result.steps)
    say(
        pick(
            f"{done} of {len(result.steps)} steps run, {result.seconds:.1f} s; store: {result.store}",
            f"{len(result.steps)} 个步骤中执行了 {done} 个，用时 {result.seconds:.1f} 秒；存储库：{result.store}",
        )
    )


def _row(step: StepResult) -> tuple[str, ...]:
    words = {
        "done": pick("done", "完成"),
        "cached": pick("cached", "缓存"),
        "planned": pick("would run", "将执行"),
    }
    made = "  ".join(f"{artifact.kind} {artifact.id[:_SHORT_ID]}" for artifact in step.artifacts)
    return step.name, step.uses, words[step.state], f"{step.seconds:.2f}", made


def show_answers(answers: Sequence[Mapping[str, Any]]) -> None:
    """Questions with their answers and where each cited sentence stands."""
    for answer in answers:
        say()
        say(f"？ {answer['question']}" if _is_chinese(answer["question"]) else f"? {answer['question']}")
        for line in str(answer["text"]).splitlines():
            say(f"  {line}")
        for citation in answer.get("citations", ()):
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
