"""What a comparison leaves behind: a folder with results.json, results.csv and page.html, and a table on the console."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

import msgspec

from lianlu.core.console import print_table, say
from lianlu.core.files import write_bytes
from lianlu.core.i18n import language, pick
from lianlu.core.verb import Outcome
from lianlu.prompt.compare_stats import Comparison, Summary, compared, summary
from lianlu.prompt.results import RESULTS, CellTurn, Results, passed_of

__all__ = ["outcome_of", "summaries_of", "write_results"]


def write_results(
    folder: Path,
    results: Results,
    summaries: Sequence[Summary] | None = None,
    pairs: Sequence[Comparison] | None = None,
) -> None:
    """results.json, results.csv and page.html. Raises UsageError file.unwritable, LimitError file.disk-full."""
    summaries = summaries if summaries is not None else summaries_of(results)
    pairs = pairs if pairs is not None else compared(results)
    from lianlu.page import render
    from lianlu.prompt.compare_page import comparison_page

    folder.mkdir(parents=True, exist_ok=True)
    write_bytes(folder / RESULTS, msgspec.json.encode(results) + b"\n")
    write_bytes(folder / "results.csv", _table(results).encode("utf-8-sig"))
    write_bytes(folder / "page.html", render(comparison_page(results, summaries, pairs), language()).encode())


def _table(results: Results) -> str:
    """A row for each turn. What a spreadsheet would take for a formula gets an apostrophe before it."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    columns = (
        "variant",
        "prompt",
        "model",
        "case",
        "repeat",
        "turn",
        "input",
        "output",
        "passed",
        "score",
        "failed",
        "error",
    )
    writer.writerow(columns)
    for cell in results.cells:
        facts = results.variants[cell.variant]
        prompt = facts.prompt if facts.with_system else ""
        for at, turn in enumerate(cell.turns or (CellTurn(said="", output=""),)):
            failed = "; ".join(f"{each.name}: {each.value}" for each in turn.verdicts if each.passed is False)
            row = (facts.name, prompt, facts.model, cell.case, cell.repeat, at + 1, turn.said, turn.output)
            shown = (passed_of(turn.verdicts), cell.score, failed, cell.error)
            writer.writerow([_harmless(each) for each in (*row, *shown)])
    return stream.getvalue()


def _harmless(value: object) -> object:
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r") else value


def summaries_of(results: Results) -> list[Summary]:
    """The figures of every variant."""
    return [summary(results, number) for number in range(len(results.variants))]


def outcome_of(results: Results, out: Path | None, min_pass: float | None) -> Outcome:
    """Write the folder, if there is one, and give what the verbs give back.

    The verdict is no where a cell failed, or a variant passes less than `min_pass`.
    """
    summaries, pairs = summaries_of(results), compared(results)
    if out is not None:
        write_results(out, results, summaries, pairs)
    enough = min_pass is None or all(each.passed is not None and each.passed.value >= min_pass for each in summaries)
    data = {
        "variants": [
            {**msgspec.to_builtins(facts), **msgspec.to_builtins(each)}
            for facts, each in zip(results.variants, summaries, strict=True)
        ],
        "comparisons": msgspec.to_builtins(pairs),
        "cells": len(results.cells),
        "out": str(out) if out else "",
    }
    failed = any(each.failed for each in summaries)
    return Outcome(data, lambda: _show(results, summaries, pairs, out), verdict=enough and not failed)


def _show(results: Results, summaries: Sequence[Summary], pairs: Sequence[Comparison], out: Path | None) -> None:
    names = [
        each.name if each.with_system else each.name.replace("no prompt", pick("no prompt", "无提示词"), 1)
        for each in results.variants
    ]
    columns = [
        pick("variant", "变体"),
        pick("passed", "通过率"),
        pick("95 % interval", "95% 区间"),
        pick("score", "得分"),
        pick("tokens", "token 数"),
        pick("median s", "中位耗时 s"),
        pick("cost", "费用"),
    ]
    rows = [_row(name, each) for name, each in zip(names, summaries, strict=True)]
    count = len(results.cases)
    print_table(
        columns,
        rows,
        title=pick(
            f"{count} {'case' if count == 1 else 'cases'} × {results.repeats}", f"{count} 个用例 × {results.repeats}"
        ),
    )
    for each in pairs:
        low, high = each.win_rate.low, each.win_rate.high
        told = low > 0.5 or high < 0.5
        verdict = "" if told else pick(" — these cases do not tell the two apart", " —— 这些用例分不出高下")
        say(
            pick(
                f"{names[each.second]} against {names[each.first]}: win rate {each.win_rate.value:.2f} ({low:.2f}–{high:.2f}),"
                f" {each.wins} won, {each.ties} equal, {each.losses} lost{verdict}",
                f"{names[each.second]} 对 {names[each.first]}：胜率 {each.win_rate.value:.2f}（{low:.2f}–{high:.2f}），"
                f"胜 {each.wins}、平 {each.ties}、负 {each.losses}{verdict}",
            )
        )
    undecided = sum(v.passed is None for cell in results.cells for turn in cell.turns for v in turn.verdicts)
    if undecided:
        say(
            pick(
                f"{undecided} assertions could not be judged; the page says why",
                f"{undecided} 条断言无法判定，原因见页面",
            )
        )
    for cell in [cell for cell in results.cells if cell.error][:5]:
        say(f"  ✗ {names[cell.variant]} · {cell.case}: {cell.error}")
    if out is not None:
        say(
            pick(
                f"wrote {out / 'page.html'}, results.json, results.csv",
                f"已写入 {out / 'page.html'}、results.json、results.csv",
            )
        )
    else:
        say(
            pick(
                "--out FOLDER writes a page with all answers side by side",
                "用 --out 文件夹 可生成并排展示全部回答的页面",
            )
        )


def _row(name: str, each: Summary) -> tuple[str, ...]:
    passed = each.passed
    return (
        name,
        "–" if passed is None else f"{passed.value:.3f}",
        "–" if passed is None else f"{passed.low:.3f}–{passed.high:.3f}",
        "–" if each.score is None else f"{each.score:.3f}",
        str(each.usage.prompt_tokens + each.usage.completion_tokens),
        "–" if each.seconds is None else f"{each.seconds:.2f}",
        "–" if each.usage.cost is None else f"{each.usage.cost:.4g} {each.usage.currency}".rstrip(),
    )
