"""How the result of a run looks in a terminal: a table of steps, answers, scores, and where to go on.

What a result is, is seen from its shape: a chain may give it any name, and rooms are not imported here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lianlu.chain import RunResult, StepResult
from lianlu.core.console import print_table, say
from lianlu.core.i18n import pick

__all__ = ["show_answers", "show_parity", "show_run", "show_scores"]

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
        elif _are_scores(value):
            show_scores(value)
        elif _is_parity(value):
            show_parity(value)
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
    return _all_have(value, "question", "text", "citations")


def _are_scores(value: Any) -> bool:
    """Whether a result is what `eval.run` says of its scores."""
    return _all_have(value, "benchmark", "model", "value", "standard_error", "low", "high", "n")


def _is_parity(value: Any) -> bool:
    """Whether a result is what `eval.parity` found."""
    return _all_have([value], "agrees", "a", "b", "n", "failed")


def _all_have(values: Any, *keys: str) -> bool:
    return (
        isinstance(values, list)
        and bool(values)
        and all(isinstance(each, dict) and set(keys) <= each.keys() for each in values)
    )


def show_scores(scores: Sequence[Mapping[str, Any]]) -> None:
    """One row for each benchmark, one column for each model: mean ± standard error and the 95% interval."""
    models = list(dict.fromkeys(str(score["model"]) for score in scores))
    found = {(score["benchmark"], score["model"]): score for score in scores}
    columns = (pick("benchmark", "评测集"), pick("items", "题数"), *models)
    rows: list[tuple[Any, ...]] = []
    for name in dict.fromkeys(score["benchmark"] for score in scores):
        of_models = [found.get((name, model)) for model in models]
        items = max(score["n"] for score in of_models if score is not None)
        rows.append((name, items, *("–" if score is None else _score(score) for score in of_models)))
    title = pick("accuracy ± standard error (95% interval)", "准确率 ± 标准误（95% 区间）")
    print_table(columns, rows, title=title)


def _score(score: Mapping[str, Any]) -> str:
    error = score["standard_error"]
    spread = "–" if error is None else f"{error:.3f}"
    return f"{score['value']:.3f} ± {spread} ({score['low']:.3f}–{score['high']:.3f})"


def show_parity(found: Mapping[str, Any]) -> None:
    """Whether two ways to a model agree, and where they part if not."""
    sides = f"{found['a']['name']} ↔ {found['b']['name']}"
    if found["agrees"]:
        verdict = pick(f"all {found['n']} items agree", f"{found['n']} 题全部一致")
    else:
        verdict = pick(f"no: the stage {found['failed']} does not hold", f"不一致：{found['failed']} 阶段未通过")
    say(pick(f"parity of {sides}: {verdict}", f"{sides} 的一致性：{verdict}"))


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
