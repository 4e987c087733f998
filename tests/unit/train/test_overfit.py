"""Curves that should worry somebody do, and curves of a good run do not."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from lianlu.core.i18n import Text
from lianlu.train.doctor import Finding
from lianlu.train.overfit import Warned, warnings

Line = dict[str, float | int | None]


def run(
    loss: Callable[[int], float | None],
    unseen: Callable[[int], float] | None = None,
    *,
    norm: Callable[[int], float] = lambda step: 1.0 + step % 3 * 0.1,
    steps: int = 100,
) -> list[Line]:
    """Metrics of a made-up run, measured ten times."""
    lines: list[Line] = [{"step": step, "loss": loss(step), "grad_norm": norm(step)} for step in range(1, steps + 1)]
    for line in lines[steps // 10 - 1 :: steps // 10]:
        if unseen is not None:
            line["eval_loss"] = unseen(int(line["step"] or 0))
    return lines


def falling(step: int) -> float:
    return 1.0 + 3.0 * math.exp(-step / 20)


def codes(found: Sequence[Warned]) -> list[str]:
    return [each.code for each in found]


def finding(code: str, count: int = 50) -> Finding:
    return Finding(code, count, Text(f"{count} samples are so", f"{count} 条样本如此"), ())


@pytest.mark.parametrize("seed", range(100))
def test_a_healthy_noisy_run_is_not_blamed(seed: int) -> None:
    draw = random.Random(seed)
    spread, steps, floor = draw.uniform(0.0, 0.15), draw.choice([10, 30, 100, 700]), draw.choice([0.05, 0.4, 2.0])
    lines = run(
        lambda step: (floor + 3.0 * math.exp(-5 * step / steps)) * draw.lognormvariate(0, spread),
        lambda step: (1.05 * floor + 3.0 * math.exp(-5 * step / steps)) * draw.lognormvariate(0, spread / 3),
        norm=lambda step: (1 + 4 * math.exp(-step / 10)) * draw.lognormvariate(0, 0.5),
        steps=steps,
    )
    at_any_time = {code for end in range(0, steps + 1, max(1, steps // 20)) for code in codes(warnings(lines[:end]))}
    assert at_any_time == set()


def test_unseen_loss_that_rises_is_told_with_the_best_step() -> None:
    found = warnings(run(falling, lambda step: 1.4 + abs(step - 40) / 100))
    assert codes(found) == ["eval-rising"]
    assert "step 40 (1.400)" in found[0].what.en
    assert "第 40 步" in found[0].what.zh
    assert "`steps: 40`" in found[0].remedy.en


def test_unseen_loss_that_rises_is_told_while_the_run_goes_on() -> None:
    lines = run(falling, lambda step: 2.0 + abs(step - 40) / 50)
    told = [end for end in range(10, 101, 10) if "eval-rising" in codes(warnings(lines[:end]))]
    assert told == list(range(told[0], 101, 10))
    assert 50 < told[0] <= 60


def test_a_rise_of_a_hundredth_is_no_news() -> None:
    assert codes(warnings(run(falling, lambda step: 1.4 + max(0, step - 40) / 4000))) == []


@pytest.mark.parametrize("seed", range(30))
def test_a_clear_rise_is_seen_through_noise(seed: int) -> None:
    draw = random.Random(seed)
    course = lambda step: (1.4 + abs(step - 40) / 100) * draw.lognormvariate(0, 0.03)  # noqa: E731
    assert "eval-rising" in codes(warnings(run(falling, course)))


def test_one_bad_measurement_is_no_rise() -> None:
    assert codes(warnings(run(falling, lambda step: 3.0 if step == 100 else falling(step)))) == []


def test_a_loss_far_below_that_of_unseen_samples_is_learned_by_heart() -> None:
    found = warnings(run(lambda step: falling(step) - 0.95, lambda step: 1.5 + 1 / step))
    assert codes(found) == ["overfit"]
    assert "0.0" in found[0].what.en
    assert "1.510" in found[0].what.en


def test_unseen_samples_are_compared_with_what_was_learned_by_then() -> None:
    lines = run(falling, falling, steps=50)
    lines += [{"step": step, "loss": 1 / step, "grad_norm": 1.0} for step in range(51, 90)]
    assert codes(warnings(lines)) == []


def test_a_loss_of_zero_is_told() -> None:
    found = warnings(run(lambda step: 0.0 if step > 90 else 1.0 + 1 / step))
    assert codes(found) == ["loss-zero"]
    assert codes(warnings(run(lambda step: 0.0 if step == 100 else 1.0 + 1 / step))) == []


@pytest.mark.parametrize("bad", [None, math.nan, math.inf])
@pytest.mark.parametrize("name", ["loss", "grad_norm", "eval_loss"])
def test_what_is_no_number_is_told_with_its_step(bad: float | None, name: str) -> None:
    lines = run(falling, falling)
    lines[39][name] = bad
    found = warnings(lines)
    assert codes(found) == ["not-finite"]
    assert "step 40" in found[0].what.en


def test_a_loss_that_does_not_move_is_told() -> None:
    found = warnings(run(lambda step: 0.6931))
    assert codes(found) == ["loss-constant"]
    assert "0.6931" in found[0].what.en
    assert codes(warnings(run(lambda step: 0.6931)[:9])) == []


def test_a_gradient_that_explodes_is_told() -> None:
    found = warnings(run(falling, norm=lambda step: 1.0 if step < 90 else 2.0 ** (step - 90) * 3))
    assert codes(found) == ["exploding"]
    assert "step 100" in found[0].what.en


def test_one_long_gradient_is_no_explosion() -> None:
    assert codes(warnings(run(falling, norm=lambda step: 500.0 if step in (50, 99) else 1.0))) == []


@pytest.mark.parametrize(
    ("code", "epochs", "samples", "is_told"),
    [
        ("duplicate", 3, 500, True),
        ("duplicate", 1, 500, False),
        ("duplicate", 1, 100, True),
        ("duplicate", 3, 5000, False),
        ("duplicate", 3, None, True),
        ("duplicate", 1, None, False),
        ("same-question", 3, 150, True),
        ("same-question", 3, 1000, False),
        ("few-questions", 1, 1000, True),
        ("constant-system", 1, 50, True),
        ("near-constant-system", 1, 50, True),
        ("placeholder", 9, 50, False),
    ],
)
def test_repetition_counts_times_epochs(code: str, epochs: int, samples: int | None, is_told: bool) -> None:
    assert codes(warnings([], [finding(code)], epochs, samples=samples)) == [code] * is_told


def test_a_warning_of_the_data_says_how_often_it_is_seen() -> None:
    many, once = (warnings([], [finding("few-questions")], epochs)[0] for epochs in (3, 1))
    assert many.what.en == "50 samples are so; each is seen in 3 epochs"
    assert many.remedy.en.endswith("or train for fewer epochs")
    assert once.what.en == "50 samples are so"
    assert "epochs" not in once.remedy.en


def test_the_gravest_comes_first_and_all_speak_both_languages() -> None:
    lines = run(lambda step: falling(step) - 0.95, lambda step: 1.5 + step / 50)
    lines[5]["loss"] = None
    found = warnings(lines, [finding("constant-system"), finding("duplicate")], 3)
    assert codes(found) == ["not-finite", "eval-rising", "overfit", "duplicate", "constant-system"]
    texts = [text for each in found for text in (each.what, each.remedy)]
    assert all(text.en.isascii() and any("\u4e00" <= character <= "\u9fff" for character in text.zh) for text in texts)


@pytest.mark.parametrize("lines", [[], [{"step": 1}], [{"step": 1, "loss": 2.0}], [{"loss": 2.0, "eval_loss": 2.0}]])
def test_a_run_that_has_hardly_begun_is_not_judged(lines: list[Any]) -> None:
    assert warnings(lines) == []


def test_a_rise_near_zero_is_no_rise() -> None:
    lines = [{"step": step, "loss": 0.02, "eval_loss": loss} for step, loss in ((10, 0.022), (20, 0.025), (30, 0.025))]
    assert "eval-rising" not in codes(warnings(lines))
