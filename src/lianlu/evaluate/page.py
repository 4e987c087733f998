"""Scores on a report page: a table with intervals, bars before and after, sample answers side by side, parity."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from lianlu.core.errors import DataError
from lianlu.core.files import Files
from lianlu.core.i18n import Text
from lianlu.evaluate.parity import Parity
from lianlu.evaluate.result import (
    FEW,
    SCORES,
    SUMMARY,
    BenchmarkScore,
    Evaluation,
    ItemScore,
    read_evaluation,
    read_items,
)
from lianlu.evaluate.steps import PARITY_FILE
from lianlu.page import (
    Badge,
    Bar,
    BarChart,
    Cell,
    Column,
    Fact,
    Facts,
    Fold,
    Note,
    Part,
    Section,
    SectionContext,
    Table,
)

__all__ = ["section"]

_MOST_SAMPLES = 12
_MOST_CHARACTERS = 300
_TONES = {"passed": "good", "failed": "bad", "unproven": "warning", "skipped": "neutral"}


def section(files: Files, context: SectionContext) -> Section:
    """Show an artifact of kind `scores`.

    Raises:
        DataError: evaluate.no-scores, evaluate.bad-scores
    """
    if PARITY_FILE in files:
        return _parity_section(_read_parity(files), context)
    for name in (SUMMARY, SCORES):
        if name not in files:
            raise DataError("evaluate.no-scores", kind=files.kind, file=name)
    evaluation, items = read_evaluation(files[SUMMARY]), read_items(files[SCORES])
    models = [model.name for model in evaluation.models]
    names = list(dict.fromkeys(score.benchmark for score in evaluation.scores))
    parts: list[Part] = [
        Facts(
            [
                Fact(Text("benchmarks", "评测集"), len(names)),
                Fact(Text("models", "模型"), len(models)),
                Fact(Text("answers", "回答"), len(items)),
                Fact(Text("errors", "出错"), sum(score.errors for score in evaluation.scores)),
            ]
        ),
        _bars(evaluation, names, models),
        _table(evaluation.scores),
    ]
    if evaluation.comparisons:
        parts.append(_comparisons(evaluation))
    if any(score.n < FEW for score in evaluation.scores):
        parts.append(
            Note(
                Text(
                    f"Fewer than {FEW} items: read the interval, not the mean.",
                    f"不足 {FEW} 题：请看区间，不要只看均值。",
                ),
                "warning",
            )
        )
    for name in names:
        asked = [item for item in items if item.benchmark == name]
        parts.append(_answers(name, asked, models, is_open=name == names[0]))
        groups = _groups([score for score in evaluation.scores if score.benchmark == name], name)
        parts += [groups] if groups else []
    return Section(
        title=Text("Scores", "得分"),
        id=context.step or "scores",
        intro=Text(
            "Mean ± standard error and 95% interval. Errors and answers that cannot be read count as wrong.",
            "均值 ± 标准误与 95% 区间。出错和无法识别的回答都按答错计。",
        ),
        parts=parts,
    )


def _bars(evaluation: Evaluation, names: Sequence[str], models: Sequence[str]) -> BarChart:
    values = {(score.benchmark, score.model): round(100 * score.value, 1) for score in evaluation.scores}
    bars = [Bar(name, [values.get((name, model)) for model in models]) for name in names]
    return BarChart(Text("Accuracy", "准确率"), bars, series=list(models), unit="%")


def _table(scores: Sequence[BenchmarkScore]) -> Table:
    columns = (
        Text("benchmark", "评测集"),
        Text("model", "模型"),
        Column(Text("accuracy", "准确率"), digits=3),
        Column("±", digits=3),
        Text("95% interval", "95% 区间"),
        Column(Text("by group", "按组平均"), digits=3),
        Text("items", "题数"),
        Text("errors", "出错"),
        Text("not read", "未识别"),
        Text("cut off", "被截断"),
        Text("scored by", "评分方式"),
    )
    rows = [
        (
            score.benchmark,
            score.model,
            score.value,
            score.standard_error,
            f"{score.low:.3f}–{score.high:.3f}",
            score.macro,
            score.n,
            score.errors,
            score.unread,
            score.truncated,
            Text("likelihood of the letter", "选项字母的似然") if score.mode == "loglikelihood" else score.extractor,
        )
        for score in scores
    ]
    return Table(columns, rows, title=Text("All scores", "全部得分"))


def _comparisons(evaluation: Evaluation) -> Table:
    columns = (
        Text("benchmark", "评测集"),
        Text("from", "从"),
        Text("to", "到"),
        Column(Text("difference", "差"), digits=3),
        Text("95% interval", "95% 区间"),
        Text("better", "变对"),
        Text("worse", "变错"),
        Column("p", digits=4),
    )
    rows = [
        (
            each.benchmark,
            each.first,
            each.second,
            each.difference,
            f"{each.low:+.3f} – {each.high:+.3f}",
            each.only_second,
            each.only_first,
            each.p_value,
        )
        for each in evaluation.comparisons
    ]
    return Table(columns, rows, title=Text("Item by item", "逐题比较"), filterable=False)


def _groups(scores: Sequence[BenchmarkScore], name: str) -> Fold | None:
    tables: list[Part] = []
    for by in dict.fromkeys(group.by for score in scores for group in score.groups):
        rows: dict[str, list[Cell]] = {}
        for place, score in enumerate(scores):
            for group in score.groups:
                if group.by == by:
                    row = rows.setdefault(group.group, [group.group, group.n, *[None] * len(scores)])
                    row[2 + place] = round(group.value, 3)
        columns = (Column(by), Text("items", "题数"), *(Column(score.model, digits=3) for score in scores))
        tables.append(Table(columns, list(rows.values()), filterable=False))
    return Fold(Text(f"{name}: parts", f"{name}：分项"), tables) if tables else None


def _answers(name: str, items: Sequence[ItemScore], models: Sequence[str], *, is_open: bool) -> Fold:
    """A few questions with every model's answer beside each other, those that models disagree on first."""
    by_sample: dict[str, dict[str, ItemScore]] = {}
    for item in items:
        by_sample.setdefault(item.sample_id, {})[item.model] = item
    order = sorted(by_sample.values(), key=lambda row: len({each.score.value for each in row.values()}) < 2)
    rows = [_row(row, models) for row in order[:_MOST_SAMPLES]]
    columns = (Text("question", "题目"), Text("expected", "答案"), *models)
    table = Table(columns, rows, filterable=False)
    return Fold(Text(f"{name}: answers side by side", f"{name}：回答对照"), [table], is_open=is_open)


def _row(row: Mapping[str, ItemScore], models: Sequence[str]) -> list[Cell]:
    first = next(iter(row.values()))
    cells: list[Cell] = [_short(first.question), " / ".join(first.targets)]
    return cells + [_answer(row[model]) if model in row else None for model in models]


def _answer(item: ItemScore) -> Cell:
    if item.error:
        return Text(f"✗ error: {item.error}", f"✗ 出错：{item.error}")
    return f"{'✓' if item.score.value else '✗'} {_short(item.output)}"


def _short(text: str) -> str:
    return text if len(text) <= _MOST_CHARACTERS else text[: _MOST_CHARACTERS - 1] + "…"


def _read_parity(files: Files) -> Parity:
    try:
        return msgspec.json.decode(files[PARITY_FILE].read_bytes(), type=Parity)
    except (OSError, msgspec.DecodeError) as error:
        raise DataError("evaluate.bad-scores", file=PARITY_FILE, why=str(error)) from None


def _parity_section(found: Parity, context: SectionContext) -> Section:
    verdict = Badge(Text("agree", "一致"), "good") if found.agrees else Badge(Text("do not agree", "不一致"), "bad")
    rows: list[Sequence[Cell]] = [
        (stage.name, Badge(stage.state, _TONES[stage.state]), stage.reason, stage.compared or None, stage.worst)  # type: ignore[arg-type]  # the four tones
        for stage in found.stages
    ]
    parts: list[Part] = [
        Facts(
            [
                Fact(Text("verdict", "结论"), verdict),
                Fact(Text("items", "题数"), found.n),
                Fact(found.a.name, found.a.engine, (found.a.fingerprint or "")[:12]),
                Fact(found.b.name, found.b.engine, (found.b.fingerprint or "")[:12]),
            ]
        ),
        Table(
            (
                Text("stage", "阶段"),
                Text("state", "状态"),
                Text("why", "说明"),
                Text("compared", "比较数"),
                Text("largest difference", "最大差"),
            ),
            rows,
            filterable=False,
        ),
    ]
    for stage in found.stages:
        if stage.differences:
            shown = [(each.what, each.a, each.b, each.note) for each in stage.differences]
            columns = (Text("item", "题目"), found.a.name, found.b.name, Text("note", "备注"))
            parts.append(Fold(stage.name, [Table(columns, shown, filterable=False)], is_open=True))
    return Section(
        title=Text("Parity", "一致性"),
        id=context.step or "parity",
        intro=Text(
            "The same questions by two ways to one model; the first stage that fails ends it.",
            "用两条途径向同一个模型提问；在第一个不通过的阶段停止。",
        ),
        parts=parts,
    )
