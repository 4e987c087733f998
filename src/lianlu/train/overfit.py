"""What the curves of a run warn of, and what to do: learned by heart, not learning, falling apart.

Knows numbers and what the data doctor found, neither model nor files; may be asked while a run goes on and at its end.
Every rule compares with the noise or the course of the curve itself, so that a loss that falls unevenly is not blamed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, median

from lianlu.core.i18n import Text
from lianlu.train.doctor import Finding

__all__ = ["Warned", "warnings"]

Metric = Mapping[str, float | int | None]
Points = Sequence[tuple[int, float]]
_TAIL = 20  # steps that tell how it goes now
_RISE = 0.05  # of the best loss on unseen samples
_LEAST_RISE = 0.01  # near zero a few samples more or less are a large share
_NOISES = 3.0
_ZERO = 1e-4
_ZERO_STEPS = 5
_SAME = 1e-6
_SAME_STEPS = 10
_EXPLOSION = 10.0
_EXPLOSION_STEPS = 5
_HEAVY = {"duplicate": 0.2, "same-question": 1.0}  # share of the samples times epochs


@dataclass(frozen=True)
class Warned:
    """One thing to be wary of. `code` is a stable slug; one that comes from the data is that of the doctor's finding."""

    code: str
    what: Text
    remedy: Text


def warnings(
    metrics: Sequence[Metric], findings: Sequence[Finding] = (), epochs: int = 1, *, samples: int | None = None
) -> list[Warned]:
    """Everything worth a warning, the gravest first.

    Args:
        metrics: the lines of metrics.jsonl so far; a number that was not finite is None.
        findings: what the data doctor found.
        epochs: times every sample is seen in the whole run.
        samples: of the training set; where it is not known, any repetition counts as heavy in several epochs.
    """
    curves = (_not_finite, _exploding, _zero, _constant, _eval_rising, _far_below)
    found = [check(metrics) for check in curves]
    by_code = {each.code: each for each in findings}
    found += [_from_data(by_code[code], epochs, samples) for code in _REMEDIES if code in by_code]
    return [each for each in found if each is not None]


def _not_finite(metrics: Sequence[Metric]) -> Warned | None:
    steps = [
        line.get("step")
        for line in metrics
        if any(name in line and not _is_number(line[name]) for name in ("loss", "grad_norm", "eval_loss"))
    ]
    if not steps:
        return None
    return Warned(
        "not-finite",
        Text(f"the loss or its gradient was no number at step {steps[0]}", f"第 {steps[0]} 步的损失或梯度不是数"),
        Text(
            "lower learning_rate, raise warmup, use precision=fp32, and look at the samples with `lianlu train preview`",
            "请降低 learning_rate，增大 warmup，使用 precision=fp32，并用 `lianlu train preview` 检查样本",
        ),
    )


def _exploding(metrics: Sequence[Metric]) -> Warned | None:
    norms = _points(metrics, "grad_norm")
    now, before = norms[-_EXPLOSION_STEPS:], norms[:-_EXPLOSION_STEPS]
    if len(before) < 2 * _EXPLOSION_STEPS:
        return None
    usual, last = median(norm for _, norm in before), median(norm for _, norm in now)
    if last <= _EXPLOSION * usual:
        return None
    return Warned(
        "exploding",
        Text(
            f"the gradient has grown to {last:.3g} by step {now[-1][0]}, from {usual:.3g} before",
            f"到第 {now[-1][0]} 步，梯度范数已从 {usual:.3g} 增大到 {last:.3g}",
        ),
        Text(
            "lower learning_rate (a third is a good try), raise warmup, or go back to an earlier checkpoint",
            "请降低 learning_rate（可先试三分之一），增大 warmup，或退回较早的检查点",
        ),
    )


def _zero(metrics: Sequence[Metric]) -> Warned | None:
    tail = _points(metrics, "loss")[-_ZERO_STEPS:]
    if not tail or any(loss >= _ZERO for _, loss in tail):
        return None
    return Warned(
        "loss-zero",
        Text(
            f"the loss is zero at step {tail[-1][0]}: nothing is left to learn",
            f"第 {tail[-1][0]} 步的损失已为零：没有可学的内容了",
        ),
        Text(
            "train for fewer epochs on more varied data, and see with `lianlu train preview` what is learned at all",
            "请减少轮数、增加数据的多样性，并用 `lianlu train preview` 查看被学习的内容",
        ),
    )


def _constant(metrics: Sequence[Metric]) -> Warned | None:
    tail = [loss for _, loss in _points(metrics, "loss")[-_SAME_STEPS:]]
    if len(tail) < _SAME_STEPS or max(tail) < _ZERO or max(tail) - min(tail) > _SAME * max(tail):
        return None
    return Warned(
        "loss-constant",
        Text(
            f"the loss has stayed at {tail[-1]:.4f} for {_SAME_STEPS} steps: nothing is learned",
            f"损失连续 {_SAME_STEPS} 步停在 {tail[-1]:.4f}：模型没有在学习",
        ),
        Text(
            "see whether learning_rate is above zero and whether the layers that are to be trained exist in this model",
            "请检查 learning_rate 是否大于零，以及要训练的层是否存在于该模型中",
        ),
    )


def _eval_rising(metrics: Sequence[Metric]) -> Warned | None:
    """The two last measurements stand above the best one by more than a twentieth and what noise explains."""
    measured = _points(metrics, "eval_loss")
    if len(measured) < 3:
        return None
    step, best = min(measured, key=lambda point: point[1])
    last = measured[-1][1]
    rise = min(loss for _, loss in measured[-2:]) - best
    if rise <= max(_RISE * best, _LEAST_RISE, _NOISES * _noise([loss for _, loss in measured])):
        return None
    return Warned(
        "eval-rising",
        Text(
            f"the loss on unseen samples was best at step {step} ({best:.3f}) and has risen to {last:.3f} since",
            f"未见样本的损失在第 {step} 步最低（{best:.3f}），此后升到 {last:.3f}",
        ),
        Text(
            f"stop near step {step} (`steps: {step}`), train for fewer epochs, lower learning_rate, or add varied data",
            f"请在第 {step} 步附近停止（`steps: {step}`），减少轮数，降低 learning_rate，或增加多样的数据",
        ),
    )


def _far_below(metrics: Sequence[Metric]) -> Warned | None:
    learned, measured = _points(metrics, "loss"), _points(metrics, "eval_loss")
    if not learned or not measured:
        return None
    step, unseen = measured[-1][0], min(loss for _, loss in measured[-2:])  # one bad measurement is no proof
    until = [loss for at, loss in learned if at <= step][-_TAIL:]
    if not until or unseen <= 2 * fmean(until) + 0.1:
        return None
    return Warned(
        "overfit",
        Text(
            f"learned by heart: the loss is {fmean(until):.3f} on what was learned, {unseen:.3f} on what was not",
            f"可能过拟合：训练损失 {fmean(until):.3f}，未见样本损失 {unseen:.3f}",
        ),
        Text(
            "train for fewer epochs, add more varied data (also general conversations), or train an adapter of low rank",
            "请减少轮数，增加多样的数据（包括通用对话），或改用低秩适配器",
        ),
    )


def _noise(values: Sequence[float]) -> float:
    """How far a value lies from the middle of its neighbours, as a standard deviation that ignores outliers."""
    bends = [abs(at - (left + right) / 2) for left, at, right in zip(values, values[1:], values[2:], strict=False)]
    return 1.4826 * median(bends) / math.sqrt(1.5)  # of independent values, a bend has 1.5 times their variance


def _from_data(found: Finding, epochs: int, samples: int | None) -> Warned | None:
    limit = _HEAVY.get(found.code)
    if limit is not None:
        is_heavy = epochs > 1 if not samples else found.count / samples * epochs >= limit
        if not is_heavy:
            return None
    times = Text(f"; each is seen in {epochs} epochs", f"；每条会训练 {epochs} 轮") if epochs > 1 else Text("", "")
    is_repeat = found.code in ("duplicate", "same-question", "few-questions")
    en, zh = (found.text.en + times.en, found.text.zh + times.zh) if is_repeat else (found.text.en, found.text.zh)
    return Warned(found.code, Text(en, zh), _REMEDIES[found.code](epochs))


def _fewer(epochs: int, en: str, zh: str) -> Text:
    """The advice, and fewer epochs where there are several."""
    return Text(f"{en}, or train for fewer epochs", f"{zh}，或减少轮数") if epochs > 1 else Text(en, zh)


def _system(_: int) -> Text:
    return Text(
        "leave the system prompt out of a third of the samples, or serve the model under exactly this one",
        "请在约三分之一的样本中去掉系统提示，或部署时使用完全相同的提示",
    )


_REMEDIES: dict[str, Callable[[int], Text]] = {
    "duplicate": lambda epochs: _fewer(epochs, "keep one of each", "每种只保留一条"),
    "few-questions": lambda epochs: _fewer(
        epochs, "word the questions in more ways and mix in general conversations", "请丰富问法并混入通用对话"
    ),
    "same-question": lambda epochs: _fewer(
        epochs,
        "keep the best answer to each question, or word it in other ways",
        "每个问题保留最好的回答，或换一些问法",
    ),
    "constant-system": _system,
    "near-constant-system": _system,
}


def _points(metrics: Sequence[Metric], name: str) -> list[tuple[int, float]]:
    """(step, value) of the lines that have a finite one."""
    found: list[tuple[int, float]] = []
    for line in metrics:
        value = line.get(name)
        if value is not None and _is_number(value):
            found.append((int(line.get("step") or 0), float(value)))
    return found


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)
