"""Likelihoods are those of the plain full forward, shared beginnings or not."""

from __future__ import annotations

import math
import random
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lianlu.core.errors import UsageError
from lianlu.engine import score
from lianlu.engine.load import Loaded
from lianlu.engine.runner import AloneRunner
from lianlu.engine.score import Target, encoded_pair, rolling_windows, scores
from lianlu.llm import LogLikelihood
from tiny_model import CONTEXT_TOKENS

SHOTS = "".join(f"Question {index}: what is {index}+1? Answer: {index + 1}\n" for index in range(3))
PAIRS = [
    *(
        (SHOTS + question + "Answer:", option)
        for question in ("Colour? ", "颜色？")
        for option in (" A", " B", " C", " D")
    ),
    (SHOTS, "the end"),
    ("the", " cat"),
    ("the", " cat"),
    ("你好", "世界"),
    ("", "alone"),
    ("x", "x" * 40),
    ("x", "x" * 41),
]


def scored(loaded: Loaded, targets: list[Target]) -> list[LogLikelihood]:
    *_, made = scores(loaded, targets)
    assert made is not None
    return made


@torch.no_grad()
def plain(module: Any, target: Target) -> tuple[float, bool]:
    """The slow way: one whole text through the model as it is."""
    logits = module(input_ids=torch.tensor([target.ids])).logits[0].log_softmax(-1)
    wanted = target.ids[target.first :]
    rows = logits[target.first - 1 : -1]
    value = math.fsum(float(row[token]) for row, token in zip(rows, wanted, strict=True))
    return value, all(int(row.argmax()) == token for row, token in zip(rows, wanted, strict=True))


def agree(loaded: Loaded, targets: list[Target]) -> None:
    for made, target in zip(scored(loaded, targets), targets, strict=True):
        value, is_greedy = plain(loaded.module, target)
        assert made.value == pytest.approx(value, abs=1e-4)
        assert (made.token_count, made.is_greedy) == (len(target.ids) - target.first, is_greedy)


def test_pairs_equal_the_plain_forward(loaded: Loaded) -> None:
    agree(loaded, [encoded_pair(loaded, *pair) for pair in PAIRS])


def test_a_model_of_any_attention_scores_the_same(loaded: Loaded) -> None:
    from dataclasses import replace

    targets = [encoded_pair(loaded, *pair) for pair in PAIRS]
    alone = replace(loaded, runner=AloneRunner(loaded.module))
    for one, other in zip(scored(alone, targets), scored(loaded, targets), strict=True):
        assert one.value == pytest.approx(other.value, abs=1e-4)


def test_small_passes_change_nothing(loaded: Loaded, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(score, "_PASS_TOKENS", 40)
    agree(loaded, [encoded_pair(loaded, *pair) for pair in PAIRS])


def test_a_shared_beginning_is_computed_once(loaded: Loaded) -> None:
    targets = [encoded_pair(loaded, SHOTS, f" option {index}") for index in range(8)]
    counted: list[int] = []
    handle = loaded.module.get_input_embeddings().register_forward_hook(
        lambda _, ids, __: counted.append(ids[0].numel())
    )
    try:
        scored(loaded, targets)
    finally:
        handle.remove()
    assert sum(counted) < len(targets[0].ids) * 2


@given(st.lists(st.lists(st.integers(0, 2), min_size=2, max_size=60), min_size=1, max_size=12), st.randoms())
@settings(max_examples=60, deadline=None)
def test_any_family_of_texts_equals_the_plain_forward(
    loaded: Loaded, texts: list[list[int]], chance: random.Random
) -> None:
    agree(loaded, [Target(tuple(ids), chance.randint(1, len(ids) - 1)) for ids in texts])


def test_many_texts_that_nest_do_not_exhaust_the_stack(loaded: Loaded) -> None:
    targets = [Target((1,) * length, length - 1) for length in range(2, CONTEXT_TOKENS)] * 2
    assert len(scored(loaded, targets)) == len(targets)


def test_the_continuation_is_told_by_characters_as_lm_eval_tells_it_by_tokens(loaded: Loaded) -> None:
    for context, continuation in PAIRS:
        if not context:
            continue
        whole = loaded.tokenizer.encode(context + continuation).ids
        assert encoded_pair(loaded, context, continuation) == Target(whole, len(loaded.tokenizer.encode(context).ids))


def test_a_token_across_the_border_belongs_to_the_continuation(loaded: Loaded) -> None:
    assert loaded.tokenizer.encode("the").ids == encoded_pair(loaded, "t", "he").ids[1:]
    made = scored(loaded, [encoded_pair(loaded, "t", "he")])[0]
    assert made.token_count == 1


def test_an_empty_continuation_scores_nothing(loaded: Loaded) -> None:
    assert (
        scored(loaded, [encoded_pair(loaded, "abc", ""), Target((), 1)])
        == [LogLikelihood(value=0.0, token_count=0, is_greedy=True)] * 2
    )


def test_no_texts_give_no_scores(loaded: Loaded) -> None:
    assert scored(loaded, []) == []


def test_rolling_windows_score_every_token_once(loaded: Loaded) -> None:
    text = "".join(chr(97 + index % 26) for index in range(3 * CONTEXT_TOKENS + 17))
    windows = rolling_windows(loaded, text)
    assert len(windows) > 3
    assert all(len(each.ids) <= CONTEXT_TOKENS for each in windows)
    ids = loaded.tokenizer.encode(text).ids
    assert tuple(token for each in windows for token in each.ids[each.first :]) == ids
    agree(loaded, windows)


def test_a_pair_longer_than_the_model_is_refused(loaded: Loaded) -> None:
    with pytest.raises(UsageError) as caught:
        encoded_pair(loaded, "x" * CONTEXT_TOKENS, "yz")
    assert caught.value.code == "engine.too-long"
