"""Fitting refusal to labels: against plain versions, and without letting what is judged into what it is judged by."""

import math
import random

import numpy as np
import pytest

from lianlu.core.errors import UsageError
from lianlu.rag.base import KnowledgeBase
from lianlu.rag.evidence import FEATURES
from lianlu.rag.refusal import SHIPPED
from lianlu.rag.refusal_fit import FEWEST, Labelled, calibrate, calibrated, distinct, held_out, logistic, sigmoid

from .conftest import Make

NOISE = 0.2
NOW = "2026-01-02T03:04:05+00:00"


def made(count: int, seed: int = 0, *, feature: str = "score", shift: float = 3.0) -> tuple[np.ndarray, list[Labelled]]:
    """Questions of either answer that one number tells apart by `shift` standard deviations; all else is noise."""
    drawn = np.random.default_rng(seed)
    values = drawn.normal(scale=NOISE, size=(2 * count, len(FEATURES)))
    values[:count, FEATURES.index(feature)] += shift * NOISE
    return values, [Labelled(f"question {seed} {at}", at < count) for at in range(2 * count)]


def test_the_logistic_model_is_that_of_plain_gradient_descent() -> None:
    drawn = np.random.default_rng(1)
    values, weights = drawn.normal(size=(60, 3)), drawn.uniform(0.5, 2, size=60)
    answers = (values @ [1.0, -2.0, 0.0] + drawn.normal(size=60) > 0).astype(float)
    centre = np.array([0.5, 0.0, 1.0])
    found = logistic(values, answers, weights, strength=2.0, towards=centre)
    spread = values.std(axis=0)
    intercept, beta = 0.0, np.zeros(3)
    for _ in range(20_000):
        errors = weights * (1 / (1 + np.exp(-(intercept + values @ beta))) - answers)
        intercept -= 0.005 * errors.sum()
        beta = beta - 0.005 * (values.T @ errors + 2.0 * spread**2 * (beta - centre))
    assert found == pytest.approx([intercept, *beta], abs=1e-6)


def test_what_never_varies_stays_as_it_was() -> None:
    values = np.c_[[0.0, 1.0, 2.0, 3.0], np.zeros(4)]
    beta = logistic(values, np.array([0.0, 0.0, 1.0, 1.0]), np.ones(4), strength=1.0, towards=np.array([0.0, 7.0]))
    assert beta[2] == pytest.approx(7.0)


def test_answers_that_are_parted_perfectly_still_have_weights() -> None:
    values = np.array([[0.0], [0.0], [1.0], [1.0]])
    beta = logistic(values, np.array([0.0, 0.0, 1.0, 1.0]), np.ones(4), strength=1.0)
    assert np.isfinite(beta).all()
    assert beta[1] > 0


@pytest.mark.parametrize("log_odds", [-800.0, -1.0, 0.0, 1.0, 800.0])
def test_the_sigmoid_never_overflows(log_odds: float) -> None:
    plain = 1 / (1 + math.exp(-log_odds)) if log_odds > -700 else 0.0
    assert float(sigmoid(np.array([log_odds]))[0]) == pytest.approx(plain)


def test_labels_teach_a_number_that_the_shipped_weights_leave_out() -> None:
    values, labelled = made(40)
    found = calibrated(values, labelled, chunks=5, now=NOW)
    assert SHIPPED.weights["score"] == 0.0
    assert found.has_own_weights
    assert found.refusal.weights["score"] > 1.0
    assert found.measured.auc[0] > 0.9 > found.measured.auc_shipped[0]
    assert (found.answerable, found.unanswerable, found.chunks, found.made) == (40, 40, 5, NOW)


def test_few_labels_move_scale_and_threshold_alone() -> None:
    values, labelled = made(12)
    found = calibrated(values, labelled, chunks=5, now=NOW)
    assert not found.has_own_weights
    scale = found.refusal.weights["coverage"] / SHIPPED.weights["coverage"]
    assert scale > 0
    assert found.refusal.weights == pytest.approx({name: scale * each for name, each in SHIPPED.weights.items()})


def test_labels_at_random_are_not_learned() -> None:
    """A leak of what is judged into what it is judged by would show as an area above a half."""
    areas = []
    for seed in range(12):
        values, labelled = made(25, seed, shift=0.0)
        areas.append(calibrated(values, labelled, chunks=5, now=NOW).measured.auc[0])
    assert np.mean(areas) == pytest.approx(0.5, abs=0.1)


def test_a_question_is_judged_by_others_alone() -> None:
    """What one question says changes how the other four fifths are judged, and how its own fifth is not at all."""
    values, labelled = made(30)
    before = held_out(values, labelled)
    at = 3
    values_there = values.copy()
    values_there[at] = 50.0
    after = held_out(values_there, labelled)
    same_fold = np.isclose(before, after)
    same_fold[at] = True
    assert same_fold.sum() == len(labelled) // 5, "its own fold is judged as before, the others by what it says"


def test_the_threshold_and_the_shares_are_those_of_counting() -> None:
    values, labelled = made(30, shift=2.0)
    found = calibrated(values, labelled, chunks=5, now=NOW)
    measured, held = found.measured, held_out(values, labelled)
    assert 0.0 < found.refusal.threshold < 1.0
    assert measured.recall[1] <= measured.recall[0] <= measured.recall[2]
    for point in measured.curve[:: len(measured.curve) // 5]:
        chosen = np.round(held, 4) >= point.threshold
        right = sum(chosen[at] for at, each in enumerate(labelled) if each.is_answerable)
        assert point.recall == pytest.approx(right / 30, abs=1e-4)
        assert point.precision == pytest.approx(right / chosen.sum(), abs=1e-4)


def test_the_order_of_the_questions_does_not_matter() -> None:
    values, labelled = made(20, shift=1.0)
    order = list(range(40))
    random.Random(5).shuffle(order)
    again = calibrated(values[order], [labelled[at] for at in order], chunks=5, now=NOW)
    assert again.refusal.threshold == pytest.approx(calibrated(values, labelled, chunks=5, now=NOW).refusal.threshold)


def test_numbers_that_are_all_alike_calibrate_to_a_coin() -> None:
    _, labelled = made(15)
    found = calibrated(np.zeros((30, len(FEATURES))), labelled, chunks=1, now=NOW)
    assert found.measured.auc[0] == 0.5
    assert 0.0 < found.refusal.threshold < 1.0


def test_the_same_question_twice_is_one_question() -> None:
    asked = [Labelled(f"Question {at}", True) for at in range(FEWEST)]
    others = [Labelled(f"other {at}", False) for at in range(FEWEST)]
    assert len(distinct([*asked, *others, Labelled("question 3 ?!", True)])) == 2 * FEWEST


def test_a_question_with_both_labels_is_said() -> None:
    both = [Labelled("When?", True), Labelled("when", False)]
    with pytest.raises(UsageError) as caught:
        distinct(both)
    assert caught.value.code == "rag.labels-disagree"


@pytest.mark.parametrize(("yes", "no"), [(0, 30), (30, FEWEST - 1), (FEWEST - 1, FEWEST)])
def test_too_few_of_either_kind_are_said(base: KnowledgeBase, yes: int, no: int) -> None:
    labelled = [Labelled(f"y{at}", True) for at in range(yes)] + [Labelled(f"n{at}", False) for at in range(no)]
    with pytest.raises(UsageError) as caught:
        calibrate(base, labelled, now=NOW)
    assert caught.value.code == "rag.labels-too-few"


def test_an_empty_base_is_calibrated_to_refuse_or_answer_all_alike(base: KnowledgeBase, make_document: Make) -> None:
    labelled = [Labelled(f"yes {at}", True) for at in range(10)] + [Labelled(f"no {at}", False) for at in range(10)]
    found = calibrate(base, labelled, now=NOW)
    assert all(math.isfinite(each) for each in found.refusal.weights.values())
