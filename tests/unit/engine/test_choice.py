"""Requests are checked, filled from the model's own defaults, and drawn as they ask."""

from __future__ import annotations

import random
from typing import Any

import pytest
import torch

from lianlu.core.errors import UsageError
from lianlu.engine.choice import Choice, choice_of
from lianlu.engine.sampler import Draw, choose, logprobs_of
from lianlu.llm import Sampling


@pytest.mark.parametrize(
    ("sampling", "code", "named"),
    [
        (Sampling(extra={"logit_bias": {}}), "engine.unknown-field", "logit_bias"),
        (Sampling(response_format={"type": "json_object"}), "engine.unknown-field", "response_format"),
        (Sampling(temperature=-1), "engine.bad-value", "temperature"),
        (Sampling(temperature=float("nan")), "engine.bad-value", "temperature"),
        (Sampling(top_p=1.5), "engine.bad-value", "top_p"),
        (Sampling(max_tokens=-1), "engine.bad-value", "max_tokens"),
        (Sampling(n=0), "engine.bad-value", "n"),
        (Sampling(n=10_000), "engine.bad-value", "n"),
        (Sampling(top_logprobs=1000), "engine.bad-value", "top_logprobs"),
        (Sampling(stop=("",)), "engine.bad-value", "stop"),
        (Sampling(extra={"top_k": "many"}), "engine.bad-value", "top_k"),
        (Sampling(extra={"top_k": True}), "engine.bad-value", "top_k"),
        (Sampling(extra={"min_p": 2}), "engine.bad-value", "min_p"),
        (Sampling(extra={"ignore_eos": 1}), "engine.bad-value", "ignore_eos"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_field_that_cannot_be_kept_is_refused_by_name(sampling: Sampling, code: str, named: str) -> None:
    with pytest.raises(UsageError) as caught:
        choice_of(sampling, {})
    assert caught.value.code == code
    for lang in ("en", "zh"):
        assert named in caught.value.message(lang)
        assert caught.value.hint(lang)


def test_without_a_temperature_the_model_says_how() -> None:
    defaults = {"do_sample": True, "temperature": 0.7, "top_p": 0.8, "top_k": 20}
    assert choice_of(Sampling(), defaults) == Choice(temperature=0.7, top_p=0.8, top_k=20)
    assert choice_of(Sampling(), {"temperature": 0.7}).temperature == 0
    assert choice_of(Sampling(temperature=0.0), defaults).temperature == 0


def test_log_probabilities_are_given_only_when_asked() -> None:
    assert choice_of(Sampling(), {}).top_logprobs is None
    assert choice_of(Sampling(logprobs=True), {}).top_logprobs == 0
    assert choice_of(Sampling(top_logprobs=3), {}).top_logprobs == 3


def drawn(choice: Choice, logits: list[float], times: int = 2000, tokens: tuple[int, ...] = ()) -> dict[int, float]:
    """How often each token is chosen."""
    numbers = random.Random(1)
    row = torch.tensor([logits])
    chosen = [choose(row, [Draw(choice, numbers, (), tokens)])[0] for _ in range(times)]
    picked: list[Any] = [each.token for each in chosen if not isinstance(each, Exception)]
    return {token: picked.count(token) / times for token in sorted(set(picked))}


LOGITS = torch.tensor([0.5, 0.3, 0.15, 0.05]).log().tolist()


@pytest.mark.parametrize(
    ("choice", "wanted"),
    [
        (Choice(temperature=1.0), {0: 0.5, 1: 0.3, 2: 0.15, 3: 0.05}),
        (Choice(temperature=0.0), {0: 1.0}),
        (Choice(temperature=1.0, top_k=2), {0: 0.625, 1: 0.375}),
        (Choice(temperature=1.0, top_p=0.6), {0: 0.625, 1: 0.375}),
        (Choice(temperature=1.0, top_p=0.0), {0: 1.0}),
        (Choice(temperature=1.0, min_p=0.25), {0: 0.526, 1: 0.316, 2: 0.158}),
        (Choice(temperature=0.5), {0: 0.685, 1: 0.247, 2: 0.062, 3: 0.007}),
    ],
    ids=str,
)
def test_tokens_come_as_often_as_they_should(choice: Choice, wanted: dict[int, float]) -> None:
    made = drawn(choice, LOGITS)
    assert made.keys() == wanted.keys()
    assert all(made[token] == pytest.approx(share, abs=0.04) for token, share in wanted.items())


def test_penalties_turn_a_greedy_choice() -> None:
    for choice in (Choice(presence_penalty=2.0), Choice(frequency_penalty=1.0), Choice(repetition_penalty=5.0)):
        assert drawn(choice, [2.0, 1.5, 0.0], times=1, tokens=(0,)) == {1: 1.0}


def test_log_probabilities_are_of_the_model_not_of_the_temperature() -> None:
    made = choose(torch.tensor([LOGITS]), [Draw(Choice(temperature=0.1, top_logprobs=2), random.Random(0), (), ())])[0]
    assert not isinstance(made, Exception)
    assert made.logprob == pytest.approx(LOGITS[made.token], abs=1e-5)
    assert [token for token, _ in made.top] == [0, 1]


def test_given_tokens_are_scored() -> None:
    made = logprobs_of(torch.tensor([LOGITS, LOGITS]), [3, 1], 0)
    assert [each.logprob for each in made] == pytest.approx([LOGITS[3], LOGITS[1]])
