"""Fit refusal to labelled questions, and say by cross-validation what it does with others.

Few labels move little: weights are drawn to the shipped ones, and below `FEWEST_FOR_WEIGHTS` of either answer only their
scale and the threshold are fitted. All that is chosen (weights of its own or not, the threshold) is chosen inside the
questions that are fitted to, so that the figures reported are of questions that had no part in it. What differs in
punctuation alone is one question.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from lianlu.core.errors import UsageError
from lianlu.core.hashing import digest
from lianlu.core.i18n import Text
from lianlu.core.job import Job
from lianlu.rag.evidence import FEATURES
from lianlu.rag.question import read_question
from lianlu.rag.refusal import FEATURES_KEY, FORMAT, SHIPPED, Calibration, Measured, Point, Refusal
from lianlu.stats import Estimate, auc, wilson
from lianlu.text.normalise import fold

if TYPE_CHECKING:
    from lianlu.rag.base import KnowledgeBase

__all__ = [
    "FEWEST",
    "FEWEST_FOR_WEIGHTS",
    "Labelled",
    "calibrate",
    "calibrated",
    "distinct",
    "held_out",
    "logistic",
    "sigmoid",
]

FEWEST = 10
"""Questions of either answer without which nothing can be said."""
FEWEST_FOR_WEIGHTS = 15
"""Questions of either answer without which the weights stay as they are shipped."""
_FOLDS = 5
_STRENGTH = 1.0
"""How strongly weights are drawn to the shipped ones: as by so many questions, in standard deviations of each number."""
_STEPS = 100
_SMALL_STEP = 1e-9

Doubles = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Labelled:
    """A question, and whether the documents answer it."""

    question: str
    is_answerable: bool


@dataclass(frozen=True)
class _Fit:
    """Intercept and weights, and the least probability to answer at."""

    beta: Doubles
    threshold: float
    has_own_weights: bool

    def probabilities(self, values: Doubles) -> Doubles:
        return sigmoid(self.beta[0] + values @ self.beta[1:])


def calibrate(base: KnowledgeBase, labelled: Sequence[Labelled], *, now: str, job: Job | None = None) -> Calibration:
    """Fit refusal to labelled questions of a base. Nothing is written.

    Where a model of the base cannot be reached it is done without, as in an answer, and the job says so.

    Args:
        now: when, as ISO 8601.

    Raises:
        UsageError: rag.labels-too-few, rag.labels-disagree, rag.empty-question, rag.long-question
    """
    from lianlu.core import aio
    from lianlu.rag.asking import depth_for
    from lianlu.rag.evidence import evidence_of
    from lianlu.rag.retrieval import open_models, retrieve

    kept = distinct(labelled)
    job = job or Job("calibrate")
    notes: set[Text] = set()

    async def main() -> list[tuple[float, ...]]:
        rows: list[tuple[float, ...]] = []
        async with open_models(base) as models:
            for each in job.track(kept, "questions"):
                question = read_question(each.question)
                retrieved = await retrieve(base, question, depth_for(question), models)
                notes.update(retrieved.notes)
                rows.append(evidence_of(question, retrieved.found, base.index).values)
        return rows

    rows = aio.run(main, job)
    for note in notes:
        job.note(note, "warning")
    chunks = base.truth.chunk_count()
    return calibrated(np.array(rows), kept, chunks=chunks, now=now)


def calibrated(values: Doubles, labelled: Sequence[Labelled], *, chunks: int, now: str) -> Calibration:
    """The calibration of different questions whose evidence is known.

    Args:
        values: (questions, features), in the order of `rag.evidence.FEATURES`.
    """
    answers, folds = _answers(labelled), _folds(labelled)
    held, is_answered = _judged(values, answers, folds)
    whole = _fitted(values, answers, folds, may_have_own=_are_enough(answers))
    weights = {name: float(weight) for name, weight in zip(FEATURES, whole.beta[1:], strict=True)}
    return Calibration(
        format=FORMAT,
        features=FEATURES_KEY,
        refusal=Refusal(intercept=float(whole.beta[0]), weights=weights, threshold=whole.threshold),
        answerable=int(answers.sum()),
        unanswerable=int((~answers).sum()),
        has_own_weights=whole.has_own_weights,
        chunks=chunks,
        made=now,
        measured=_measured(held, is_answered, answers, sigmoid(_shipped_log_odds(values))),
    )


def held_out(values: Doubles, labelled: Sequence[Labelled]) -> Doubles:
    """The probability of each question by what was fitted to the others: see `calibrated`."""
    return _judged(values, _answers(labelled), _folds(labelled))[0]


def logistic(
    values: Doubles,
    answers: Doubles,
    weights: Doubles,
    *,
    strength: float,
    towards: Doubles | None = None,
) -> Doubles:
    """Intercept and weights of the logistic model that fits best, by Newton's method.

    Args:
        values: (questions, numbers).
        answers: 1 or 0.
        weights: what each question counts.
        strength: of the Gaussian prior, for numbers in standard deviations; the intercept is free.
        towards: the weights that the prior is centred at, by default all 0.
    """
    centre = np.zeros(values.shape[1]) if towards is None else towards
    spread = values.std(axis=0)
    penalty = np.diag(np.r_[0.0, strength * np.where(spread > 0, spread, 1.0) ** 2])
    design = np.c_[np.ones(len(values)), values]
    goal = np.r_[0.0, centre]
    beta = goal.copy()
    for _ in range(_STEPS):
        probabilities = sigmoid(design @ beta)
        slope = design.T @ (weights * (probabilities - answers)) + penalty @ (beta - goal)
        curvature = (design * (weights * probabilities * (1 - probabilities))[:, None]).T @ design + penalty
        step = np.linalg.solve(curvature + _SMALL_STEP * np.eye(len(beta)), slope)
        beta = beta - step * min(1.0, 5.0 / max(float(np.abs(step).max()), _SMALL_STEP))
        if np.abs(step).max() < _SMALL_STEP:
            break
    return beta


def sigmoid(log_odds: Doubles) -> Doubles:
    return 0.5 * (1.0 + np.tanh(0.5 * log_odds))


def distinct(labelled: Sequence[Labelled]) -> list[Labelled]:
    """Each question once.

    Raises:
        UsageError: rag.labels-disagree, rag.labels-too-few, rag.empty-question, rag.long-question
    """
    kept: dict[str, Labelled] = {}
    for each in labelled:
        key = "".join(filter(str.isalnum, fold(read_question(each.question).text)))
        if kept.setdefault(key, each).is_answerable != each.is_answerable:
            raise UsageError("rag.labels-disagree", question=each.question)
    counts = [sum(each.is_answerable is wanted for each in kept.values()) for wanted in (True, False)]
    if min(counts) < FEWEST:
        raise UsageError("rag.labels-too-few", answerable=counts[0], unanswerable=counts[1], needed=FEWEST)
    return list(kept.values())


def _are_enough(answers: Bools) -> bool:
    """Whether there are enough of either answer for weights of their own."""
    return bool(min(answers.sum(), (~answers).sum()) >= FEWEST_FOR_WEIGHTS)


def _answers(labelled: Sequence[Labelled]) -> Bools:
    return np.array([each.is_answerable for each in labelled])


def _folds(labelled: Sequence[Labelled]) -> npt.NDArray[np.int64]:
    """Into which fold each goes: at random by its text, both answers spread evenly."""
    order = sorted(range(len(labelled)), key=lambda at: (labelled[at].is_answerable, digest(labelled[at].question)))
    folds = np.zeros(len(labelled), dtype=np.int64)
    folds[order] = np.arange(len(order)) % _FOLDS
    return folds


def _judged(values: Doubles, answers: Bools, folds: npt.NDArray[np.int64]) -> tuple[Doubles, Bools]:
    """Probability and decision for each, by what was fitted to the other folds."""
    may_have_own = _are_enough(answers)  # also where fewer are left: what is measured is what is done with all
    held = np.zeros(len(answers))
    is_answered = np.zeros(len(answers), dtype=bool)
    for number in range(_FOLDS):
        inside = folds != number
        of_others = _fitted(values[inside], answers[inside], folds[inside], may_have_own=may_have_own)
        held[~inside] = of_others.probabilities(values[~inside])
        is_answered[~inside] = held[~inside] >= of_others.threshold
    return held, is_answered


def _fitted(values: Doubles, answers: Bools, folds: npt.NDArray[np.int64], *, may_have_own: bool) -> _Fit:
    """Weights and threshold, both chosen by cross-validation inside these questions."""
    plain = _held_out(values, answers, folds, has_own_weights=False)
    chosen, has_own_weights = plain, False
    if may_have_own:
        own = _held_out(values, answers, folds, has_own_weights=True)
        has_own_weights = _loss(own, answers) < _loss(plain, answers)
        chosen = own if has_own_weights else plain
    beta = _beta(values, answers, has_own_weights=has_own_weights)
    return _Fit(beta, _threshold(chosen, answers), has_own_weights)


def _held_out(values: Doubles, answers: Bools, folds: npt.NDArray[np.int64], *, has_own_weights: bool) -> Doubles:
    held = np.zeros(len(answers))
    for number in np.unique(folds):
        inside = folds != number
        beta = _beta(values[inside], answers[inside], has_own_weights=has_own_weights)
        held[~inside] = sigmoid(beta[0] + values[~inside] @ beta[1:])
    return held


def _beta(values: Doubles, answers: Bools, *, has_own_weights: bool) -> Doubles:
    """Both answers count the same, however many questions have them: how often each is asked, labels do not tell."""
    weights = _balanced(answers)
    wanted = answers.astype(np.float64)
    if has_own_weights:
        return logistic(values, wanted, weights, strength=_STRENGTH, towards=_shipped_weights())
    log_odds = _shipped_log_odds(values)[:, None]
    shift, scale = logistic(log_odds, wanted, weights, strength=_STRENGTH, towards=np.ones(1))
    scale = max(float(scale), _SMALL_STEP)
    return np.r_[shift + scale * SHIPPED.intercept, scale * _shipped_weights()]


def _balanced(answers: Bools) -> Doubles:
    return np.where(answers, 0.5 / answers.mean(), 0.5 / (~answers).mean())


def _shipped_weights() -> Doubles:
    return np.array([SHIPPED.weights[name] for name in FEATURES])


def _shipped_log_odds(values: Doubles) -> Doubles:
    return SHIPPED.intercept + values @ _shipped_weights()


def _loss(probabilities: Doubles, answers: Bools) -> float:
    of_truth = np.clip(np.where(answers, probabilities, 1 - probabilities), 1e-12, 1.0)
    return float(-(_balanced(answers) * np.log(of_truth)).mean())


def _threshold(probabilities: Doubles, answers: Bools) -> float:
    """Where most of the answerable are answered and most of the others refused, both shares counted alike.

    Between two questions, so that neither lies on it; of equally good ones the nearest to a half.
    """
    values = np.unique(np.clip(probabilities, 1e-6, 1 - 1e-6))
    between = (values[1:] + values[:-1]) / 2 if len(values) > 1 else np.array([0.5])
    yes, no = probabilities[answers], probabilities[~answers]
    gains = np.array([(yes >= each).mean() + (no < each).mean() for each in between])
    best = between[gains >= gains.max() - _SMALL_STEP]
    return float(best[np.argmin(np.abs(best - 0.5))])


def _measured(held: Doubles, is_answered: Bools, answers: Bools, by_shipped: Doubles) -> Measured:
    rights = int((is_answered & answers).sum())
    return Measured(
        precision=_share(rights, int(is_answered.sum())) if is_answered.any() else None,
        recall=_share(rights, int(answers.sum())),
        refused=_share(int((~is_answered & ~answers).sum()), int((~answers).sum())),
        auc=_ends(auc(held[answers].tolist(), held[~answers].tolist())),
        auc_shipped=_ends(auc(by_shipped[answers].tolist(), by_shipped[~answers].tolist())),
        curve=_curve(held, answers),
    )


def _curve(held: Doubles, answers: Bools) -> tuple[Point, ...]:
    shown = np.round(held, 4)
    points: list[Point] = []
    for threshold in np.unique(shown):
        chosen = shown >= threshold
        rights = int((chosen & answers).sum())
        precision, recall = rights / int(chosen.sum()), rights / int(answers.sum())
        points.append(Point(threshold=float(threshold), precision=round(precision, 4), recall=round(recall, 4)))
    return tuple(points)


def _share(count: int, n: int) -> tuple[float, float, float]:
    interval = wilson(count, n)
    return round(count / n, 4), round(interval.low, 4), round(interval.high, 4)


def _ends(estimate: Estimate) -> tuple[float, float, float]:
    return round(estimate.value, 4), round(estimate.low, 4), round(estimate.high, 4)
