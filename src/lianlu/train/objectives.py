"""What a step learns: the likelihood of answers, preferences between two, or whether one is liked.

An objective turns a row of samples into one summed loss and some summed numbers; the loop divides both by the count of the
whole step. Answers are scored by the sum of the log-probabilities of their supervised tokens. The reference of DPO and KTO
is the model as it was before the first step: its scores are made once and kept, so that no second model is in memory.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from torch import Tensor

from lianlu.nn.forward import PackedRow, RowForward
from lianlu.nn.preference import bradley_terry, dpo, kto, orpo, simpo
from lianlu.train.samples import Rated, Unit, content_key

__all__ = ["Dpo", "Kto", "Likelihood", "Objective", "Orpo", "References", "Reward", "RowLoss", "Simpo", "row_of"]

References = Mapping[str, tuple[float, ...]]
"""Scores of the pieces of a unit, by its `content_key`."""


@dataclass(frozen=True)
class RowLoss:
    """The summed loss of a row, and summed numbers to report; those of one name are divided by the count of the step."""

    loss: Tensor
    sums: dict[str, float] = field(default_factory=dict[str, float])


class Objective(Protocol):
    """What is learned from samples of its own kind.

    Attributes:
        needs_reference: whether `loss` wants the scores of the model before the first step.
    """

    needs_reference: bool

    def weight(self, units: Sequence[Unit]) -> float:
        """What the losses of these samples are divided by, all of a step together."""
        ...

    def before(self, forward: RowForward, rows: Sequence[Sequence[Unit]], references: References) -> Any:
        """What all rows of a step must know of each other; called without gradients. None where they need nothing."""
        ...

    def loss(self, forward: RowForward, units: Sequence[Unit], references: References, known: Any) -> RowLoss:
        """The summed loss of one row."""
        ...


def row_of(forward: RowForward, units: Sequence[Unit], *, whole: bool = False) -> PackedRow:
    return forward.row([(piece.ids, piece.mask) for unit in units for piece in unit.pieces], whole=whole)


@dataclass(frozen=True)
class Likelihood:
    """Learn to say what is supervised: pretraining and fine-tuning."""

    needs_reference = False

    def weight(self, units: Sequence[Unit]) -> float:
        return sum(unit.supervised for unit in units)

    def before(self, forward: RowForward, rows: Sequence[Sequence[Unit]], references: References) -> None:
        del forward, rows, references

    def loss(self, forward: RowForward, units: Sequence[Unit], references: References, known: Any) -> RowLoss:
        del references, known
        return RowLoss(forward.loss(row_of(forward, units)))


class _OfPairs:
    """What objectives over pairs share."""

    needs_reference = False

    def weight(self, units: Sequence[Unit]) -> float:
        return len(units)

    def before(self, forward: RowForward, rows: Sequence[Sequence[Unit]], references: References) -> None:
        del forward, rows, references


@dataclass(frozen=True)
class Dpo(_OfPairs):
    """Direct preference optimization; `likelihood` adds so much of the chosen answer's mean token loss (RPO)."""

    beta: float = 0.1
    smoothing: float = 0.0
    likelihood: float = 0.0
    needs_reference = True

    def loss(self, forward: RowForward, units: Sequence[Unit], references: References, known: Any) -> RowLoss:
        del known
        chosen_N, rejected_N = _scores(forward, units)
        before_N2 = torch.tensor([references[content_key(unit)] for unit in units], device=chosen_N.device)
        each_N = dpo(chosen_N, rejected_N, before_N2[:, 0] - before_N2[:, 1], beta=self.beta, smoothing=self.smoothing)
        if self.likelihood:
            each_N = each_N - self.likelihood * chosen_N / _lengths(units, 0, chosen_N.device)
        gains_N2 = self.beta * (torch.stack([chosen_N, rejected_N], 1) - before_N2)
        return RowLoss(each_N.sum(), _rewards(gains_N2.detach()))


@dataclass(frozen=True)
class Orpo(_OfPairs):
    """Odds ratio preference optimization: learn the chosen answer and prefer it, without a reference."""

    beta: float = 0.1

    def loss(self, forward: RowForward, units: Sequence[Unit], references: References, known: Any) -> RowLoss:
        del references, known
        chosen_N, rejected_N = _mean_scores(forward, units)
        each_N = orpo(chosen_N, rejected_N, -chosen_N, beta=self.beta)
        return RowLoss(each_N.sum(), _rewards(self.beta * torch.stack([chosen_N, rejected_N], 1).detach()))


@dataclass(frozen=True)
class Simpo(_OfPairs):
    """Simple preference optimization: mean token log-probabilities are the rewards, without a reference."""

    beta: float = 2.0
    margin: float = 1.0

    def loss(self, forward: RowForward, units: Sequence[Unit], references: References, known: Any) -> RowLoss:
        del references, known
        chosen_N, rejected_N = _mean_scores(forward, units)
        each_N = simpo(chosen_N, rejected_N, beta=self.beta, margin=self.margin)
        return RowLoss(each_N.sum(), _rewards(self.beta * torch.stack([chosen_N, rejected_N], 1).detach()))


@dataclass(frozen=True)
class Kto:
    """Kahneman-Tversky optimization. The divergence is estimated over the whole step, from answers to other prompts."""

    beta: float = 0.1
    liked_weight: float = 1.0
    disliked_weight: float = 1.0
    needs_reference = True

    def weight(self, units: Sequence[Unit]) -> float:
        return len(units)

    def before(self, forward: RowForward, rows: Sequence[Sequence[Unit]], references: References) -> Tensor:
        others: list[Tensor] = []
        for units in rows:
            rated = _rated(units)
            scores_N = -forward.losses(forward.row([(each.other.ids, each.other.mask) for each in rated]))
            others.append(
                scores_N - torch.tensor([references[content_key(each)][1] for each in rated], device=scores_N.device)
            )
        return torch.cat(others).mean()

    def loss(self, forward: RowForward, units: Sequence[Unit], references: References, known: Any) -> RowLoss:
        known = known.clamp(min=0)  # here: of processes that have some rows each, the means are averaged before
        rated = _rated(units)
        scores_N = -forward.losses(forward.row([(each.answer.ids, each.answer.mask) for each in rated]))
        device = scores_N.device
        ratios_N = scores_N - torch.tensor([references[content_key(each)][0] for each in rated], device=device)
        liked_N = torch.tensor([each.is_liked for each in rated], device=device)
        weights = self.liked_weight, self.disliked_weight
        each_N = kto(ratios_N, liked_N, known, beta=self.beta, weights=weights)
        gains_N = self.beta * ratios_N.detach()
        sums = {
            "reward_liked_sum": float(gains_N[liked_N].sum()),
            "reward_disliked_sum": float(gains_N[~liked_N].sum()),
            "liked": float(liked_N.sum()),
            "divergence": float(known) * len(rated),
        }
        return RowLoss(each_N.sum(), sums)


@dataclass(frozen=True)
class Reward(_OfPairs):
    """A score for an answer, read off its last token, higher for the chosen one of two."""

    def loss(self, forward: RowForward, units: Sequence[Unit], references: References, known: Any) -> RowLoss:
        del references, known
        row = row_of(forward, units, whole=True)
        scores_N2 = forward.model.score(forward.hidden(row)[row.ends]).float().view(-1, 2)
        each_N = bradley_terry(scores_N2[:, 0], scores_N2[:, 1])
        return RowLoss(each_N.sum(), _rewards(scores_N2.detach()))


def _scores(forward: RowForward, units: Sequence[Unit]) -> tuple[Tensor, Tensor]:
    """Summed log-probabilities of the chosen and the rejected answers."""
    scores_N2 = -forward.losses(row_of(forward, units)).view(-1, 2)
    return scores_N2[:, 0], scores_N2[:, 1]


def _mean_scores(forward: RowForward, units: Sequence[Unit]) -> tuple[Tensor, Tensor]:
    chosen_N, rejected_N = _scores(forward, units)
    device = chosen_N.device
    return chosen_N / _lengths(units, 0, device), rejected_N / _lengths(units, 1, device)


def _lengths(units: Sequence[Unit], piece: int, device: torch.device) -> Tensor:
    return torch.tensor([float(unit.pieces[piece].supervised) for unit in units], device=device)


def _rated(units: Sequence[Unit]) -> list[Rated]:
    assert all(isinstance(unit, Rated) for unit in units)
    return [unit for unit in units if isinstance(unit, Rated)]


def _rewards(gains_N2: Tensor) -> dict[str, float]:
    """Summed rewards of both sides, how far they are apart, and how often the right one is ahead."""
    chosen_N, rejected_N = gains_N2[:, 0], gains_N2[:, 1]
    return {
        "reward_chosen": float(chosen_N.sum()),
        "reward_rejected": float(rejected_N.sum()),
        "margin": float((chosen_N - rejected_N).sum()),
        "accuracy": float((chosen_N > rejected_N).sum()),
    }
