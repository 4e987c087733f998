"""A packed row is worth the same as its samples one by one, in loss and in gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")

import torch
from torch import Tensor

from lianlu.nn.forward import RowForward, pack_row, pad_rows
from lianlu.nn.losses import Head, summed_nll, token_nll
from lianlu.nn.segments import Segments

CPU = torch.device("cpu")
Make = Callable[..., Any]
MAMBA = {"state_size": 4, "expand": 2, "conv_kernel": 4}


def slow_loss(model: Any, pieces: list[Any]) -> Tensor:
    """Each sample alone, in a padded batch of its own, with the model's own attention and head."""
    total = torch.zeros(())
    for ids, mask in pieces:
        logits = model(input_ids=torch.tensor(ids[None].astype(np.int64))).logits[0]
        for at in np.flatnonzero(mask):
            if at > 0:
                total = total - logits[at - 1].log_softmax(-1)[int(ids[at])]
    return total


def grads(model: Any) -> dict[str, Tensor]:
    return {name: each.grad.clone() for name, each in model.named_parameters() if each.grad is not None}


@pytest.mark.parametrize(
    ("kind", "more"),
    [
        ("llama", {}),
        ("llama", {"tie_word_embeddings": True, "num_key_value_heads": 4}),
        ("qwen2", {}),
        ("qwen3", {}),
        ("mistral", {"sliding_window": 3}),
        ("granite", {"logits_scaling": 8.0}),
        ("gemma2", {"sliding_window": 4, "query_pre_attn_scalar": 8}),
        ("gpt2", {"n_embd": 32, "n_head": 4, "n_layer": 2}),
        ("mamba", MAMBA),
    ],
    ids=lambda value: value if isinstance(value, str) else "-".join(value),
)
def test_a_row_equals_its_samples_alone(tiny: Make, pieces: list[Any], kind: str, more: dict[str, Any]) -> None:
    reference, model = tiny(kind, **more).train(), tiny(kind, **more).train()
    for each in (reference, model):
        for module in each.modules():
            if isinstance(module, torch.nn.Dropout):
                module.p = 0.0
    wanted = slow_loss(reference, pieces)
    wanted.backward()
    forward = RowForward(model)
    loss = forward.loss(forward.row(pieces))
    loss.backward()
    assert loss.item() == pytest.approx(wanted.item(), rel=1e-5)
    for name, grad in grads(reference).items():
        torch.testing.assert_close(grads(model)[name], grad, rtol=1e-5, atol=2e-5)


def test_models_are_packed_where_segments_stay_apart(tiny: Make) -> None:
    found = {kind: RowForward(tiny(kind, **more)).packs for kind, more in {"llama": {}, "mamba": MAMBA}.items()}
    assert found == {"llama": True, "mamba": False}


def test_a_head_that_caps_its_logits_is_not_taken_apart(tiny: Make) -> None:
    assert not RowForward(tiny("gemma2", query_pre_attn_scalar=8))._has_plain_head
    assert RowForward(tiny("llama"))._has_plain_head


def test_padding_and_packing_keep_the_same_targets(pieces: list[Any]) -> None:
    packed, padded = pack_row(pieces, CPU), pad_rows(pieces, CPU)
    assert packed.tokens == padded.tokens == 39
    assert sorted(packed.targets.tolist()) == sorted(padded.targets.tolist())
    for row in (packed, padded):
        ids = row.inputs["input_ids"].reshape(-1)
        assert ids[row.keep + 1].tolist() == row.targets.tolist()


def test_the_first_token_of_a_sample_is_predicted_by_nobody() -> None:
    everything = [(np.arange(3, dtype=np.int32), np.ones(3, dtype=bool))] * 2
    assert pack_row(everything, CPU).targets.tolist() == [1, 2, 1, 2]


@pytest.mark.parametrize("kind", ["weight", "foreign"])
@pytest.mark.parametrize("function", [summed_nll, token_nll], ids=["summed", "each"])
def test_chunks_of_logits_change_neither_loss_nor_gradients(kind: str, function: Callable[..., Tensor]) -> None:
    torch.manual_seed(0)
    layer, targets = torch.nn.Linear(8, 13, bias=False), torch.randint(13, (29,))
    head = Head(layer, 13, layer.weight if kind == "weight" else None)
    weights = torch.linspace(0.5, 2, 29)
    hidden = torch.linspace(-1, 1, 29 * 8).view(29, 8).requires_grad_()
    plain = torch.nn.functional.cross_entropy(layer(hidden), targets, reduction="none")
    plain = plain.sum() * 0.3 if function is summed_nll else plain * weights
    wanted = torch.autograd.grad(plain.sum(), (hidden, layer.weight))
    for limit in (1 << 20, 13 * 4):
        loss = function(hidden, targets, head, limit=limit)
        loss = loss * 0.3 if function is summed_nll else loss * weights
        torch.testing.assert_close(loss, plain)
        torch.testing.assert_close(torch.autograd.grad(loss.sum(), (hidden, layer.weight)), wanted)


def test_a_frozen_head_costs_no_gradient_of_its_own() -> None:
    layer, hidden = torch.nn.Linear(4, 5, bias=False).requires_grad_(False), torch.ones(2, 4, requires_grad=True)
    summed_nll(hidden, torch.tensor([1, 2]), Head(layer, 5, layer.weight)).backward()
    assert hidden.grad is not None
    assert layer.weight.grad is None


def test_runs_of_equal_lengths_stand_together() -> None:
    segments = Segments((4, 4, 2, 1, 1), CPU)
    assert [(part.count, part.length) for part in segments.parts] == [(2, 4), (1, 2), (2, 1)]
    assert segments.ends.tolist() == [0, 4, 8, 10, 11, 12]
    assert segments.positions[0].tolist() == [0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 0, 0]


def test_what_follows_another_segment_is_a_part_of_its_own() -> None:
    parts = Segments((3, 2, 2, 2, 1), CPU, (-1, 0, -1, -1, 1)).parts
    assert [(part.count, part.length, part.after) for part in parts] == [
        (1, 3, ()),
        (1, 2, (0,)),
        (2, 2, ()),
        (1, 1, (0, 1)),
    ]


def test_a_block_mask_keeps_to_segment_order_and_window() -> None:
    mask = Segments((3, 2), CPU).block_mask(2).int().tolist()
    assert mask == [[1, 0, 0, 0, 0], [1, 1, 0, 0, 0], [0, 1, 1, 0, 0], [0, 0, 0, 1, 0], [0, 0, 0, 1, 1]]


def test_unlikely_targets_have_their_whole_loss() -> None:
    logits = torch.tensor([[0.0, 200.0, -50.0], [1.0, 2.0, 3.0]], requires_grad=True)
    identity, targets = torch.eye(3), torch.tensor([0, 2])
    found = summed_nll(logits, targets, Head(lambda each: each, 3, identity))
    wanted = torch.nn.functional.cross_entropy(logits, targets, reduction="sum")
    torch.testing.assert_close(found, wanted)
    torch.testing.assert_close(torch.autograd.grad(found, logits), torch.autograd.grad(wanted, logits))


def test_tokens_behind_the_last_predicted_one_are_not_computed() -> None:
    ids = np.arange(6, dtype=np.int32)
    mask = np.array([0, 0, 1, 1, 0, 0], dtype=bool)
    short, whole = (pack_row([(ids, mask)], CPU, whole=each) for each in (False, True))
    assert (short.slots, whole.slots) == (3, 6)
    assert short.keep.tolist() == whole.keep.tolist() == [1, 2]
    assert short.targets.tolist() == whole.targets.tolist() == [2, 3]
    assert pack_row([(ids, mask), (ids, mask)], CPU, least_shared=2, whole=False).slots == 3
