"""A packed row of a model equals its samples alone, in loss and gradients; half precision goes through the kernel."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")

import torch  # noqa: TID253 - this folder is for torch

from gpu.place import DEVICE, MARKS, ON_CUDA
from lianlu.nn import segments as room
from lianlu.nn.forward import RowForward, pack_row, pad_rows

pytestmark = MARKS
KINDS = [
    ("llama", {"num_key_value_heads": 4}),
    ("llama", {}),
    ("qwen3", {}),
    ("mistral", {"sliding_window": 6}),
]
each_kind = pytest.mark.parametrize(("kind", "more"), KINDS, ids=["llama", "llama-grouped", "qwen3", "mistral-window"])


def new_model(kind: str, more: dict[str, Any]) -> Any:
    from transformers import AutoConfig, AutoModelForCausalLM

    sizes: dict[str, Any] = {
        "vocab_size": 61,
        "hidden_size": 64,
        "intermediate_size": 96,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "head_dim": 16,
        "pad_token_id": 0,
        "initializer_range": 0.1,
    }
    torch.manual_seed(0)
    config = AutoConfig.for_model(kind, **(sizes | more))
    return AutoModelForCausalLM.from_config(config, dtype=torch.float32).to(DEVICE).train()


def new_pieces() -> list[Any]:
    random = np.random.default_rng(7)
    return [
        (random.integers(1, 61, length).astype(np.int32), random.random(length) < 0.6)
        for length in (40, 11, 11, 1, 23, 3)
    ]


def alone(model: Any, pieces: list[Any]) -> Any:
    """Each sample in a call of its own, with the model's own attention and head."""
    total = torch.zeros((), device=DEVICE)
    for ids, mask in pieces:
        logits = model(input_ids=torch.tensor(ids[None].astype(np.int64), device=DEVICE)).logits[0].float()
        for at in np.flatnonzero(mask):
            if at > 0:
                total = total - logits[at - 1].log_softmax(-1)[int(ids[at])]
    return total


def grads(model: Any) -> dict[str, Any]:
    return {name: each.grad.clone() for name, each in model.named_parameters() if each.grad is not None}


def learned(model: Any, loss: Any) -> tuple[float, dict[str, Any]]:
    model.zero_grad(set_to_none=True)
    loss.backward()
    return loss.item(), grads(model)


@each_kind
@pytest.mark.parametrize("rows", [pack_row, pad_rows], ids=["packed", "padded"])
def test_a_row_in_float32_equals_its_samples_alone(kind: str, more: dict[str, Any], rows: Any) -> None:
    reference, model, pieces = new_model(kind, more), new_model(kind, more), new_pieces()
    wanted, wanted_grads = learned(reference, alone(reference, pieces))
    if rows is pack_row:
        forward = RowForward(model)
        assert forward.packs
        found, found_grads = learned(model, forward.loss(pack_row(pieces, forward.device)))
    else:  # what a model that cannot be packed gets
        row = pad_rows(pieces, torch.device(DEVICE))
        logits = model(**row.inputs, use_cache=False).logits.flatten(0, 1)[row.keep]
        found, found_grads = learned(model, torch.nn.functional.cross_entropy(logits, row.targets, reduction="sum"))
    assert found == pytest.approx(wanted, rel=1e-5)
    for name, grad in wanted_grads.items():
        torch.testing.assert_close(found_grads[name], grad, rtol=1e-4, atol=1e-4)  # sums over 50 tokens


@each_kind
def test_a_row_in_bfloat16_equals_its_samples_alone(
    kind: str, more: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Against float32: half precision has three digits, so gradients are compared as whole directions."""
    calls: list[Any] = []
    by_kernel = room._by_kernel
    monkeypatch.setattr(room, "_by_kernel", lambda *given: (calls.append(given[0].dtype), by_kernel(*given))[1])
    reference, model, pieces = new_model(kind, more), new_model(kind, more), new_pieces()
    wanted, wanted_grads = learned(reference, alone(reference, pieces))
    forward = RowForward(model)
    row = forward.row(pieces)
    calls.clear()
    with torch.autocast(DEVICE, dtype=torch.bfloat16):
        loss = forward.loss(row)
    used = list(calls)
    found, found_grads = learned(model, loss)
    assert found == pytest.approx(wanted, rel=1e-2)
    for name, grad in wanted_grads.items():
        assert float((found_grads[name] - grad).norm() / grad.norm()) < 0.05, name
    if ON_CUDA:
        assert torch.bfloat16 in used  # else the row went by the mask: right, and slow
