"""A trained model on a report page: its loss over the steps, with what it was trained, and what to be wary of.

A folder of weights that was not trained here (fetched, merged) has no metrics: then its size is shown and no curve.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, cast

from lianlu.core.errors import DataError
from lianlu.core.files import Files
from lianlu.core.i18n import Text
from lianlu.page import Fact, Facts, Fold, Line, LineChart, Note, Part, Section, SectionContext, Table

__all__ = ["section"]

_METRICS = "metrics.jsonl"
_TRAINING = "training.json"
_OBJECTIVES = {
    "pretrain": Text("Pretraining", "预训练"),
    "sft": Text("Fine-tuning", "微调"),
    "lora": Text("Adapter (LoRA)", "适配器（LoRA）"),
}
_SMOOTHED = 20


def section(files: Files, context: SectionContext) -> Section:
    """Show weights or an adapter.

    Raises:
        DataError: train.no-metrics
    """
    about = _read_json(files, _TRAINING)
    lines = _read_metrics(files)
    objective = str(about.get("objective", ""))
    parts: list[Part] = [Facts(_facts(about, lines, context.summary) or _sizes(files))]
    if lines:
        parts += [_losses(lines), *_more_curves(lines)]
    for finding in cast("list[dict[str, Any]]", about.get("findings", [])):
        parts.append(Note(Text(str(finding.get("en", "")), str(finding.get("zh", ""))), "warning"))
    if about.get("recipe"):
        parts.append(Fold(Text("Settings", "设置"), [_settings(cast("dict[str, Any]", about["recipe"]))]))
    return Section(
        title=_OBJECTIVES.get(objective, Text("Model", "模型")),
        id=context.step or "weights",
        intro=Text(
            "The loss is a mean over the tokens that were learned, in nats; lower is better.",
            "损失是对被学习 token 的平均值（单位 nat），越低越好。",
        ),
        parts=parts,
    )


def _facts(about: Mapping[str, Any], lines: Sequence[Mapping[str, Any]], summary: Mapping[str, Any]) -> list[Fact]:
    measured = [line["eval_loss"] for line in lines if "eval_loss" in line]
    found: list[tuple[Text, Any]] = [
        (Text("parameters", "参数"), about.get("parameters")),
        (Text("of these trained", "其中训练"), about.get("trained_parameters")),
        (Text("samples", "样本"), about.get("samples")),
        (Text("tokens of an epoch", "每轮 token"), about.get("tokens")),
        (Text("steps", "步数"), about.get("steps")),
        (Text("last loss", "最后损失"), _rounded(lines[-1].get("loss")) if lines else None),
        (Text("loss on unseen samples", "未见样本损失"), _rounded(measured[-1]) if measured else None),
        (Text("tokens per second", "每秒 token"), summary.get("tokens_per_second")),
    ]
    return [Fact(label, value) for label, value in found if value is not None]


def _sizes(files: Files) -> list[Fact]:
    weights = [path.stat().st_size for name, path in files.items() if name.endswith(".safetensors")]
    return [
        Fact(Text("weight files", "权重文件"), len(weights)),
        Fact(Text("size in MB", "大小（MB）"), round(sum(weights) / 1e6, 2)),
    ]


def _losses(lines: Sequence[Mapping[str, Any]]) -> LineChart:
    learned = [(float(line["step"]), float(line["loss"])) for line in lines if line.get("loss") is not None]
    curves = [Line(Text("learned", "训练"), learned)]
    if len(learned) > 2 * _SMOOTHED:
        curves.append(Line(Text(f"mean of {_SMOOTHED} steps", f"{_SMOOTHED} 步平均"), _smooth(learned)))
    measured = [(float(line["step"]), float(line["eval_loss"])) for line in lines if line.get("eval_loss") is not None]
    if measured:
        curves.append(Line(Text("unseen", "未见样本"), measured))
    return LineChart(Text("Loss", "损失"), curves, Text("step", "步"), Text("nats per token", "nat / token"))


def _more_curves(lines: Sequence[Mapping[str, Any]]) -> list[Part]:
    named = {"lr": Text("Learning rate", "学习率"), "grad_norm": Text("Gradient norm", "梯度范数")}
    charts: list[Part] = []
    for key, title in named.items():
        points = [(float(line["step"]), float(line[key])) for line in lines if line.get(key) is not None]
        charts.append(Fold(title, [LineChart(title, [Line(title, points)], Text("step", "步"))]))
    return charts


def _smooth(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    return [
        (points[end - 1][0], sum(y for _, y in points[end - _SMOOTHED : end]) / _SMOOTHED)
        for end in range(_SMOOTHED, len(points) + 1)
    ]


def _settings(recipe: Mapping[str, Any]) -> Table:
    rows = [(name, _shown(value)) for name, value in recipe.items() if value is not None]
    return Table((Text("key", "键"), Text("value", "值")), rows)


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _rounded(value: Any) -> float | None:
    return None if value is None else round(float(value), 4)


def _read_json(files: Files, name: str) -> dict[str, Any]:
    if name not in files:
        return {}
    try:
        found = json.loads(files[name].read_bytes())
    except (OSError, ValueError) as error:
        raise DataError("train.no-metrics", why=f"{name}: {error}") from error
    return cast("dict[str, Any]", found) if isinstance(found, dict) else {}


def _read_metrics(files: Files) -> list[dict[str, Any]]:
    if _METRICS not in files:
        return []
    try:
        lines = [json.loads(line) for line in files[_METRICS].read_bytes().splitlines()]
    except (OSError, ValueError) as error:
        raise DataError("train.no-metrics", why=f"{_METRICS}: {error}") from error
    return [line for line in lines if isinstance(line, dict) and "step" in line]
