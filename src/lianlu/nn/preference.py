"""Losses over whole answers: DPO, ORPO, SimPO, KTO and the Bradley-Terry loss of reward models.

Pure functions of log-probabilities; they know neither models nor rows. Each gives one loss for each pair or answer, which
the caller sums and divides by the count of the whole step.

Shapes: N pairs (or answers). All log-probabilities are natural and of an answer as a whole unless said.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

__all__ = ["bradley_terry", "dpo", "kto", "orpo", "simpo"]


def dpo(chosen_N: Tensor, rejected_N: Tensor, reference_N: Tensor, *, beta: float, smoothing: float = 0.0) -> Tensor:
    """Direct preference optimization (arXiv 2305.18290, equation 7).

    Args:
        reference_N: how much likelier the reference model finds the chosen answer: log p(chosen) - log p(rejected).
        smoothing: how often labels are taken to be wrong (conservative DPO, arXiv 2305.18290 appendix A).
    """
    margin_N = beta * (chosen_N - rejected_N - reference_N)
    return -(1 - smoothing) * logsigmoid(margin_N) - smoothing * logsigmoid(-margin_N)


def orpo(chosen_N: Tensor, rejected_N: Tensor, nll_N: Tensor, *, beta: float) -> Tensor:
    """Odds ratio preference optimization (arXiv 2403.07691, equations 6 and 7).

    Args:
        chosen_N: mean log-probability of a token of the chosen answer; `rejected_N` likewise.
        nll_N: the loss of learning the chosen answer.
        beta: the paper's lambda.
    """
    return nll_N - beta * logsigmoid(_log_odds(chosen_N) - _log_odds(rejected_N))


def simpo(chosen_N: Tensor, rejected_N: Tensor, *, beta: float, margin: float) -> Tensor:
    """Simple preference optimization (arXiv 2405.14734, equation 6).

    Args:
        chosen_N: mean log-probability of a token of the chosen answer; `rejected_N` likewise.
        margin: the paper's gamma, the reward that the chosen answer should be ahead.
    """
    return -logsigmoid(beta * (chosen_N - rejected_N) - margin)


def kto(ratios_N: Tensor, liked_N: Tensor, divergence: Tensor, *, beta: float, weights: tuple[float, float]) -> Tensor:
    """Kahneman-Tversky optimization (arXiv 2402.01306, equation 8), without its constant.

    Args:
        ratios_N: log-probability of an answer under the model less that under the reference.
        liked_N: which answers are liked, bool.
        divergence: the estimate of the model's divergence from the reference, a number not below zero, no gradient.
        weights: of liked and of disliked answers.
    """
    liked = weights[0] * (1 - torch.sigmoid(beta * (ratios_N - divergence)))
    disliked = weights[1] * (1 - torch.sigmoid(beta * (divergence - ratios_N)))
    return torch.where(liked_N, liked, disliked)


def bradley_terry(chosen_N: Tensor, rejected_N: Tensor) -> Tensor:
    """Loss of scores of which the first should be higher (Bradley and Terry 1952; arXiv 2203.02155, equation 1)."""
    return -logsigmoid(chosen_N - rejected_N)


def _log_odds(mean_log_probability_N: Tensor) -> Tensor:
    """log(p / (1 - p)) of a log-probability, exact near p = 1."""
    return mean_log_probability_N - torch.log(-torch.expm1(mean_log_probability_N.clamp(max=-1e-7)))
