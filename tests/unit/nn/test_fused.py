"""Norms, gates and rotary positions in fewer passes give what the model's own give, and leave alone what they do not know."""

from __future__ import annotations

from copy import deepcopy

import pytest
import torch
from torch import nn

from lianlu.nn.fused import fuse
from tiny_model import tiny_model


def losses_and_gradients(model: nn.Module, *, half: bool) -> tuple[torch.Tensor, list[torch.Tensor]]:
    ids = torch.arange(14).view(2, 7) * 7 % 250
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=half):
        loss = model(input_ids=ids, labels=ids, use_cache=False).loss
    loss.backward()
    return loss.detach(), [each.grad for each in model.parameters()]


@pytest.mark.parametrize("half", [False, True], ids=["fp32", "autocast"])
def test_losses_and_gradients_stay(half: bool) -> None:
    plain = tiny_model(initializer_range=0.1).train()
    fused = deepcopy(plain)
    assert fuse(fused) == 2 * 4 + 1  # two layers with two norms, an MLP and attention each, and the last norm
    (wanted, wanted_gradients), (found, found_gradients) = (
        losses_and_gradients(each, half=half) for each in (plain, fused)
    )
    tolerance = 2e-2 if half else 1e-6
    torch.testing.assert_close(found, wanted, rtol=tolerance, atol=tolerance)
    for one, other in zip(found_gradients, wanted_gradients, strict=True):
        torch.testing.assert_close(one, other, rtol=tolerance, atol=tolerance)


def test_gradients_of_a_gate_are_those_of_differences() -> None:
    model = tiny_model(initializer_range=0.1)
    fuse(model)
    given = torch.linspace(-1, 1, 64, dtype=torch.float64).view(1, 2, 32).requires_grad_()
    assert torch.autograd.gradcheck(model.model.layers[0].mlp.double(), (given,))


def test_gradients_of_a_rotation_are_those_of_differences() -> None:
    model = tiny_model(initializer_range=0.1)
    fuse(model)
    attention = model.model.layers[0].self_attn.double()
    angles = torch.linspace(0, 5, 3 * attention.head_dim // 2, dtype=torch.float64).view(1, 3, -1).repeat(1, 1, 2)

    def attended(hidden: torch.Tensor) -> torch.Tensor:
        return attention(hidden, position_embeddings=(angles.cos(), angles.sin()), attention_mask=None)[0]

    given = torch.linspace(-1, 1, 3 * 32, dtype=torch.float64).view(1, 3, 32).requires_grad_()
    assert torch.autograd.gradcheck(attended, (given,))


@pytest.mark.parametrize("kind", ["llama", "qwen3", "phi3", "glm", "cohere", "gpt_neox", "mixtral", "gemma3_text"])
def test_models_of_other_families_give_the_same(kind: str) -> None:
    """Some turn a part of each head, some turn neighbours instead of halves, some have no such function."""
    from transformers import AutoConfig, AutoModelForCausalLM

    sizes = {"vocab_size": 61, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "head_dim": 8}
    heads = {"num_attention_heads": 4, "num_key_value_heads": 2, "pad_token_id": 0, "num_local_experts": 2}
    torch.manual_seed(0)
    plain = AutoModelForCausalLM.from_config(AutoConfig.for_model(kind, **sizes, **heads), dtype=torch.float32).eval()
    fused = deepcopy(plain)
    fuse(fused)
    found = []
    for model in (plain, fused):
        ids = torch.arange(7).view(1, 7)
        loss = model(input_ids=ids, labels=ids, use_cache=False).loss
        loss.backward()
        found.append((loss.detach(), [each.grad for each in model.parameters() if each.grad is not None]))
    torch.testing.assert_close(found[1], found[0], rtol=1e-4, atol=1e-6)


def test_a_rotation_of_another_kind_is_left_alone() -> None:
    def neighbours(query: torch.Tensor, key: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> object:
        turned = [torch.stack((-each[..., 1::2], each[..., ::2]), -1).flatten(-2) for each in (query, key)]
        return tuple(each * cos[:, None] + two * sin[:, None] for each, two in zip((query, key), turned, strict=True))

    names = {"apply_rotary_pos_emb": neighbours}
    exec("def forward(self, q, k, cos, sin): return apply_rotary_pos_emb(q, k, cos, sin)", names)
    assert fuse(type("Attention", (nn.Module,), {"forward": names["forward"]})()) == 0


def test_a_frozen_weight_gets_no_gradient() -> None:
    model = tiny_model().requires_grad_(False)
    fuse(model)
    norm = model.model.norm
    given = torch.ones(1, 2, 32, requires_grad=True)
    norm(given).sum().backward()
    assert given.grad is not None
    assert norm.weight.grad is None


def test_what_computes_otherwise_is_left_alone() -> None:
    class ShiftedRMSNorm(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight, self.variance_epsilon = nn.Parameter(torch.zeros(4)), 1e-6

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x * (1 + self.weight)

    class ReluGate(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.gate_proj, self.up_proj, self.down_proj = (nn.Linear(4, 4) for _ in range(3))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.down_proj(self.gate_proj(x).relu() * self.up_proj(x))

    assert fuse(nn.Sequential(ShiftedRMSNorm(), ReluGate())) == 0


def test_adapters_inside_a_gate_are_used() -> None:
    peft = pytest.importorskip("peft")
    config = peft.LoraConfig(r=2, target_modules=["gate_proj", "down_proj"], init_lora_weights=False)
    plain = peft.get_peft_model(tiny_model(initializer_range=0.1), config)
    fused = deepcopy(plain)
    assert fuse(fused) == 2 * 4 + 1
    ids = torch.arange(5).view(1, 5)
    torch.testing.assert_close(fused(input_ids=ids).logits, plain(input_ids=ids).logits, rtol=1e-5, atol=1e-5)
