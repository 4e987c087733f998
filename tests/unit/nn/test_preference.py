"""Losses of preferences against the formulas of their papers, written out slowly."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed")

from lianlu.nn.preference import bradley_terry, dpo, kto, orpo, simpo  # noqa: E402

CHOSEN = [-12.0, -3.5, -40.0, -0.25]
REJECTED = [-10.0, -9.0, -40.0, -8.0]
REFERENCE = [1.5, -2.0, 0.0, 3.0]
LIKED = [True, False, True, False]


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def each(*columns: list[float]) -> list[torch.Tensor]:
    return [torch.tensor(column, dtype=torch.float64) for column in columns]


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_dpo_is_the_paper_s(smoothing: float) -> None:
    margins = [0.3 * (c - r - before) for c, r, before in zip(CHOSEN, REJECTED, REFERENCE, strict=True)]
    wanted = [-(1 - smoothing) * math.log(sigmoid(m)) - smoothing * math.log(sigmoid(-m)) for m in margins]
    found = dpo(*each(CHOSEN, REJECTED, REFERENCE), beta=0.3, smoothing=smoothing)
    assert found.tolist() == pytest.approx(wanted, abs=1e-12)


def test_orpo_is_the_paper_s() -> None:
    def odds(mean: float) -> float:
        return math.exp(mean) / (1 - math.exp(mean))

    nll = [0.5, 1.0, 1.5, 2.0]
    pairs = zip(CHOSEN, REJECTED, nll, strict=True)
    wanted = [loss - 0.7 * math.log(sigmoid(math.log(odds(c) / odds(r)))) for c, r, loss in pairs]
    assert orpo(*each(CHOSEN, REJECTED, nll), beta=0.7).tolist() == pytest.approx(wanted, abs=1e-12)


def test_orpo_stays_a_number_where_an_answer_is_certain() -> None:
    certain = torch.tensor([0.0, -1e-9, -90.0], requires_grad=True)
    orpo(certain, torch.full((3,), -2.0), -certain, beta=0.1).sum().backward()
    assert certain.grad is not None
    assert torch.isfinite(certain.grad).all()


def test_simpo_is_the_paper_s() -> None:
    wanted = [-math.log(sigmoid(2.5 * (c - r) - 1.25)) for c, r in zip(CHOSEN[1:], REJECTED[1:], strict=True)]
    found = simpo(*each(CHOSEN[1:], REJECTED[1:]), beta=2.5, margin=1.25)
    assert found.tolist() == pytest.approx(wanted, abs=1e-12)


def test_kto_is_the_paper_s() -> None:
    ratios = [0.5, -1.0, -2.0, 4.0]
    gains = [0.4 * (ratio - 0.3) for ratio in ratios]
    wanted = [
        1.5 * (1 - sigmoid(gain)) if liked else 0.5 * (1 - sigmoid(-gain))
        for gain, liked in zip(gains, LIKED, strict=True)
    ]
    divergence = torch.tensor(0.3, dtype=torch.float64)
    found = kto(*each(ratios), torch.tensor(LIKED), divergence, beta=0.4, weights=(1.5, 0.5))
    assert found.tolist() == pytest.approx(wanted, abs=1e-12)


def test_bradley_terry_is_the_paper_s() -> None:
    wanted = [-math.log(sigmoid(c - r)) for c, r in zip(CHOSEN, REJECTED, strict=True)]
    assert bradley_terry(*each(CHOSEN, REJECTED)).tolist() == pytest.approx(wanted, abs=1e-12)


FAR: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "dpo": lambda x: dpo(x, -x, torch.zeros(2), beta=5.0),
    "orpo": lambda x: orpo(-x.abs(), x - 1001, x.abs(), beta=1.0),
    "simpo": lambda x: simpo(x, -x, beta=5.0, margin=0.0),
    "kto": lambda x: kto(x, torch.tensor([True, False]), torch.zeros(()), beta=5.0, weights=(1.0, 1.0)),
    "reward": lambda x: bradley_terry(x, -x),
}


@pytest.mark.parametrize("loss", FAR.values(), ids=FAR.keys())
def test_answers_that_are_far_apart_give_numbers(loss: Callable[[torch.Tensor], torch.Tensor]) -> None:
    far = torch.tensor([1000.0, -1000.0], requires_grad=True)
    value = loss(far).sum()
    value.backward()
    assert torch.isfinite(value)
    assert far.grad is not None
    assert torch.isfinite(far.grad).all()
