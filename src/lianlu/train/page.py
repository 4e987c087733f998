"""A trained model on a report page: its curves, what it answered, with what it was trained, and what to be wary of.

Beside metrics.jsonl and training.json it shows what else a run left: speed.jsonl, samples.jsonl, and the memory plan, as
memory.json or under `memory` in training.json. A folder of weights that was not trained here (fetched, merged) has none of
them: then its size is shown and no curve.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any, cast

from lianlu.core.errors import DataError
from lianlu.core.files import Files
from lianlu.core.i18n import Text
from lianlu.page import Cell, Code, Column, Fact, Facts, Fold, Note, Part, Section, SectionContext, Table
from lianlu.page.markup import number
from lianlu.train.curves import loss_chart, more_charts, points, preference_charts, speed_charts
from lianlu.train.doctor import Finding
from lianlu.train.lines import lines_of
from lianlu.train.overfit import warnings

__all__ = ["section"]

_METRICS = "metrics.jsonl"
_SPEED = "speed.jsonl"
_SAMPLES = "samples.jsonl"
_TRAINING = "training.json"
_MEMORY = "memory.json"
_OBJECTIVES = {
    "pretrain": Text("Pretraining", "预训练"),
    "sft": Text("Fine-tuning", "微调"),
    "lora": Text("Adapter (LoRA)", "适配器（LoRA）"),
    "dpo": Text("Preference learning (DPO)", "偏好学习（DPO）"),
    "orpo": Text("Preference learning (ORPO)", "偏好学习（ORPO）"),
    "simpo": Text("Preference learning (SimPO)", "偏好学习（SimPO）"),
    "kto": Text("Preference learning (KTO)", "偏好学习（KTO）"),
    "reward": Text("Reward model", "奖励模型"),
}
_METHODS = {
    "full": Text("all weights", "全部权重"),
    "lora": Text("adapter (LoRA)", "适配器（LoRA）"),
    "qlora": Text("adapter on 4-bit weights (QLoRA)", "4 比特权重上的适配器（QLoRA）"),
}
_TOKENS = Text(
    "The loss is a mean over the tokens that were learned, in nats; lower is better.",
    "损失是对被学习 token 的平均值（单位 nat），越低越好。",
)
_PAIRS = Text(
    "The loss is a mean over the pairs that were judged. A margin that grows says that chosen and rejected answers part.",
    "损失是对评判样本对的平均值。差值增大说明优选与拒绝的回答正在拉开。",
)
_MEBIBYTE = 1 << 20
_Lines = Sequence[Mapping[str, Any]]


def section(files: Files, context: SectionContext) -> Section:
    """Show weights or an adapter.

    Raises:
        DataError: train.no-metrics
    """
    about = _read_json(files, _TRAINING)
    metrics = _read_metrics(files)
    speed, samples = _read_lines(files, _SPEED), _read_lines(files, _SAMPLES)
    facts = _facts(about, metrics, speed, context.summary)
    preferences = preference_charts(metrics)
    parts: list[Part] = [Facts(facts or _sizes(files)), *_warnings(about, metrics)]
    if metrics:
        unit = Text("per pair", "每对") if preferences else Text("nats per token", "nat / token")
        parts += [loss_chart(metrics, unit), *preferences, *more_charts(metrics), *speed_charts(speed)]
    parts += [*_answers(samples), *_memory(_read_json(files, _MEMORY) or about.get("memory")), *_run(about, metrics)]
    return Section(
        title=_OBJECTIVES.get(str(about.get("objective", "")), Text("Model", "模型")),
        id=context.step or "weights",
        intro=_PAIRS if preferences else _TOKENS,
        parts=parts,
    )


def _facts(about: Mapping[str, Any], metrics: _Lines, speed: _Lines, summary: Mapping[str, Any]) -> list[Fact]:
    learned, measured = points(metrics, "loss"), points(metrics, "eval_loss")
    rates, memory = points(speed, "tokens_per_second"), points(speed, "peak_memory")
    best = min(measured, key=lambda point: point[1]) if measured else None
    found: list[tuple[Text, Cell, Text | str]] = [
        (Text("parameters", "参数"), _count(about.get("parameters")), _trained_note(about)),
        (Text("steps", "步数"), about.get("steps"), _epochs_note(metrics)),
        (Text("last loss", "最后损失"), round(learned[-1][1], 4) if learned else None, ""),
        (
            Text("loss on unseen samples", "未见样本损失"),
            round(measured[-1][1], 4) if measured else None,
            _best_note(best, measured[-1]) if best else "",
        ),
        (
            Text("tokens per second", "每秒 token"),
            round(median(rate for _, rate in rates), 1) if rates else summary.get("tokens_per_second"),
            _peak_note(points(speed, "mfu")),
        ),
        (Text("peak memory", "内存峰值"), _size(max(at for _, at in memory)) if memory else None, ""),
    ]
    return [Fact(label, value, note) for label, value, note in found if value is not None]


def _count(parameters: Any) -> Cell:
    """Short enough for a tile; the table of the run has all digits."""
    if not isinstance(parameters, int):
        return None
    return parameters if parameters < 10_000_000 else f"{parameters / 1e6:,.0f} M"


def _trained_note(about: Mapping[str, Any]) -> Text | str:
    whole, trained = about.get("parameters"), about.get("trained_parameters")
    if not isinstance(whole, int) or not isinstance(trained, int) or not whole:
        return ""
    if trained == whole:
        return Text("all trained", "全部训练")
    return Text(f"{trained / whole:.2%} of them trained", f"其中训练 {trained / whole:.2%}")


def _epochs_note(metrics: _Lines) -> Text | str:
    epochs = points(metrics, "epoch")
    return Text(f"{number(epochs[-1][1])} epochs", f"{number(epochs[-1][1])} 轮") if epochs else ""


def _best_note(best: tuple[float, float], last: tuple[float, float]) -> Text | str:
    step, loss = best
    return "" if best == last else Text(f"best {loss:.4f} at step {step:.0f}", f"第 {step:.0f} 步最低 {loss:.4f}")


def _peak_note(shares: Sequence[tuple[float, float]]) -> Text | str:
    if not shares:
        return ""
    share = median(share for _, share in shares)
    return Text(f"{share:.0%} of what the machine can do", f"达到硬件峰值的 {share:.0%}")


def _size(size: float) -> str:
    return f"{size / 1024**3:.2f} GiB" if size >= 1024**3 else f"{size / _MEBIBYTE:.0f} MiB"


def _sizes(files: Files) -> list[Fact]:
    weights = [path.stat().st_size for name, path in files.items() if name.endswith(".safetensors")]
    return [
        Fact(Text("weight files", "权重文件"), len(weights)),
        Fact(Text("size in MB", "大小（MB）"), round(sum(weights) / 1e6, 2)),
    ]


def _warnings(about: Mapping[str, Any], metrics: _Lines) -> list[Part]:
    """What the curves and the data warn of with what to do, then what else was found in the data."""
    findings = [_finding(each) for each in _dicts(about.get("findings"))]
    epochs, samples = points(metrics, "epoch"), about.get("samples")
    seen = math.ceil(epochs[-1][1]) if epochs else 1
    found = warnings(metrics, findings, max(1, seen), samples=samples if isinstance(samples, int) else None)
    said = {each.code for each in found}
    others = [(each.text, each.remedy) for each in findings if each.code not in said]
    return [
        Note(_joined(what, remedy), "warning")
        for what, remedy in [*((each.what, each.remedy) for each in found), *others]
    ]


def _finding(found: Mapping[str, Any]) -> Finding:
    count = found.get("count")
    return Finding(
        code=str(found.get("code", "")),
        count=count if isinstance(count, int) else 0,
        text=Text(str(found.get("en", "")), str(found.get("zh", ""))),
        examples=(),
        remedy=Text(str(found.get("remedy_en", "")), str(found.get("remedy_zh", ""))),
    )


def _joined(what: Text, remedy: Text) -> Text:
    """The warning, and below it what to do; what a terminal sets in backticks stands in quotes here."""
    if not remedy.en:
        return what
    advice = (re.sub("`([^`]*)`", quoted, words) for words, quoted in ((remedy.en, r'"\1"'), (remedy.zh, r"“\1”")))
    return Text(*(f"{said}\n→ {do}" for said, do in zip((what.en, what.zh), advice, strict=True)))


def _answers(samples: _Lines) -> list[Part]:
    """The first and the last answer to each question beside each other, and all of them behind a fold."""
    if not samples:
        return []
    by_prompt: dict[str, list[Mapping[str, Any]]] = {}
    for line in samples:
        by_prompt.setdefault(str(line.get("prompt", "")), []).append(line)
    first, last = (pick(line["step"] for line in samples) for pick in (min, max))
    columns = [Text("question", "问题"), _after(first), *([_after(last)] if last != first else [])]
    rows = [
        (prompt, *(_at(step, found) for step in dict.fromkeys((first, last)))) for prompt, found in by_prompt.items()
    ]
    parts: list[Part] = [Table(columns, rows, Text("Sample answers", "示例回答"))]
    if last != first:
        every = [
            (prompt, line["step"], _said(line), line.get("tokens"))
            for prompt, found in by_prompt.items()
            for line in found
        ]
        names = (Text("question", "问题"), Text("step", "步"), Text("answer", "回答"), "token")
        parts.append(Fold(Text("Answers of all steps", "各步的回答"), [Table(names, every)]))
    return parts


def _after(step: int) -> Text:
    return Text("before training", "训练前") if step == 0 else Text(f"after step {step:,}", f"第 {step:,} 步后")


def _at(step: int, found: _Lines) -> Cell:
    return next((_said(line) for line in found if line["step"] == step), None)


def _said(line: Mapping[str, Any]) -> Cell:
    error = line.get("error")
    if isinstance(error, dict):
        told = cast("dict[str, Any]", error)
        return Text(f"({told.get('en', '')})", f"（{told.get('zh', '')}）")
    return str(line.get("answer", "")) or Text("(nothing)", "（无）")


def _memory(plan: Any) -> list[Part]:
    """What was planned for each part: {"parts": [{"name" or "en" and "zh", "bytes"}], "measured": bytes} or {name: bytes}."""
    if not isinstance(plan, dict) or not plan:
        return []
    known = cast("dict[str, Any]", plan)
    planned = _dicts(known.get("parts")) or [
        {"name": name, "bytes": value} for name, value in known.items() if name != "measured"
    ]
    rows: list[tuple[Cell, Cell]] = [(_part_name(each), _mebibytes(each.get("bytes"))) for each in planned]
    rows = [row for row in rows if row[1] is not None]
    if not rows:
        return []
    rows.append((Text("together", "合计"), sum(size for _, size in rows if isinstance(size, float))))
    if _mebibytes(known.get("measured")) is not None:
        rows.append((Text("measured", "实测"), _mebibytes(known["measured"])))
    columns = (Column(Text("part", "部分")), Column(Text("memory", "内存"), digits=1, unit="MiB"))
    return [Fold(Text("Memory plan", "内存估算"), [Table(columns, rows, filterable=False)])]


def _part_name(part: Mapping[str, Any]) -> Cell:
    if "en" in part and "zh" in part:
        return Text(str(part["en"]), str(part["zh"]))
    return str(part.get("name", ""))


def _mebibytes(size: Any) -> float | None:
    is_size = isinstance(size, int | float) and not isinstance(size, bool)
    return size / _MEBIBYTE if is_size else None


def _run(about: Mapping[str, Any], metrics: _Lines) -> list[Part]:
    """What was trained and how: a table, and the settings behind a fold."""
    if not about:
        return []
    recipe = cast("dict[str, Any]", about["recipe"]) if isinstance(about.get("recipe"), dict) else {}
    objective = str(about.get("objective", ""))
    method = str(about.get("method", recipe.get("method") or ("lora" if objective == "lora" else "full")))
    trained_on = sum(count for _, count in points(metrics, "tokens"))
    rows: list[tuple[Text, Cell]] = [
        (Text("objective", "目标"), _OBJECTIVES.get(objective, objective) or None),
        (Text("method", "方法"), _METHODS.get(method, method)),
        (Text("started from", "起始模型"), recipe.get("model")),
        (Text("parameters", "参数"), about.get("parameters")),
        (Text("trained parameters", "训练参数"), about.get("trained_parameters")),
        (Text("samples", "样本"), about.get("samples")),
        (Text("samples to measure on", "评测样本"), about.get("eval_samples")),
        (Text("tokens of an epoch", "每轮 token"), about.get("tokens")),
        (Text("of these learned", "其中被学习"), about.get("supervised")),
        (Text("tokens in all steps", "全部步的 token"), int(trained_on) or None),
        (Text("packed without padding", "无填充打包"), _yes_or_no(about.get("packed"))),
        (Text("seed", "随机种子"), about.get("seed")),
    ]
    shown = [(label, _plain(value)) for label, value in rows if value is not None]
    table = Table((Text("what", "项目"), Text("value", "值")), shown, Text("The run", "训练概况"), filterable=False)
    settings = [Fold(Text("Settings", "设置"), [_settings(recipe)])] if recipe else []
    return [table, *settings]


def _yes_or_no(value: Any) -> Text | None:
    return None if value is None else Text("yes", "是") if value else Text("no", "否")


def _plain(value: Cell) -> Cell:
    """Numbers written out, so that the column of mixed values stands to the left like its words."""
    return number(value) if isinstance(value, int | float) else value


def _settings(recipe: Mapping[str, Any]) -> Table:
    rows = [(name, Code(_shown(value))) for name, value in recipe.items() if value is not None]
    return Table((Text("key", "键"), Text("value", "值")), rows)


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _dicts(value: Any) -> list[dict[str, Any]]:
    return [each for each in cast("list[Any]", value) if isinstance(each, dict)] if isinstance(value, list) else []


def _read_json(files: Files, name: str) -> dict[str, Any]:
    if name not in files:
        return {}
    try:
        found = json.loads(files[name].read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise DataError("train.no-metrics", why=f"{name}: {error}") from error
    return cast("dict[str, Any]", found) if isinstance(found, dict) else {}


def _read_metrics(files: Files) -> list[dict[str, Any]]:
    if _METRICS not in files:
        return []
    try:
        lines = [json.loads(line) for line in files[_METRICS].read_bytes().splitlines()]
    except (OSError, ValueError, RecursionError) as error:
        raise DataError("train.no-metrics", why=f"{_METRICS}: {error}") from error
    return [line for line in lines if isinstance(line, dict) and isinstance(line.get("step"), int)]


def _read_lines(files: Files, name: str) -> list[dict[str, Any]]:
    """Lines that were written while the run went on: a torn one is dropped."""
    if name not in files:
        return []
    try:
        return lines_of(files[name].read_bytes())
    except OSError as error:
        raise DataError("train.no-metrics", why=f"{name}: {error}") from error
