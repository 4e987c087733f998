"""A step without numbers takes what the same step takes with them."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("torch")

import torch
from transformers import AutoConfig, AutoModelForCausalLM

from lianlu.core.errors import UsageError
from lianlu.nn.fused import fuse
from lianlu.nn.recompute import recompute
from lianlu.nn.segments import use_segments
from lianlu.train.rehearsal import PHASES, Row, _fuse, _passes, rehearse

SIZES = {
    "vocab_size": 96,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "pad_token_id": 0,
}


def model(device: str, kind: str = "llama", **more: Any) -> Any:
    with torch.device(device):
        return AutoModelForCausalLM.from_config(AutoConfig.for_model(kind, **(SIZES | more)), dtype=torch.float32)


def fused(made: Any) -> list[str]:
    return [name for name, module in made.named_modules() if "forward" in vars(module)]


@pytest.mark.parametrize("policy", ["none", "selective", "full"])
@pytest.mark.parametrize("autocast", [False, True], ids=["fp32", "autocast"])
@pytest.mark.parametrize("kind", ["llama", "qwen3", "gemma3_text"])
def test_every_byte_is_foreseen(kind: str, autocast: bool, policy: Any) -> None:
    torch.set_num_threads(1)
    row = Row(tokens=80, sample_tokens=32, supervised=30, passes=2, autocast=autocast)
    without, numbers = (model(device, kind) for device in ("meta", "cpu"))
    for each in (without, numbers):
        recompute(each, policy)
    fuse(numbers)
    assert use_segments(numbers)
    told, took = rehearse(without, row), _passes(numbers.eval(), row)
    for phase in PHASES:
        assert told[phase].total() == pytest.approx(took[phase].total(), rel=0.02), phase
    assert told["loss"]["gradients"] == took["loss"]["gradients"] > 0


@pytest.mark.parametrize("kind", ["llama", "qwen3", "gemma3_text", "phi3"])
def test_what_is_fused_in_training_is_fused_here(kind: str) -> None:
    without, numbers = model("meta", kind), model("cpu", kind)
    fuse(numbers)
    _fuse(without)
    assert fused(without) == fused(numbers)


def test_a_first_pass_has_no_gradients_yet() -> None:
    one, two = (rehearse(model("meta"), Row(64, 32, 30, passes=passes)) for passes in (1, 2))
    assert one["loss"]["gradients"] == 0
    assert two["loss"].total() == pytest.approx(one["loss"].total() + two["loss"]["gradients"], rel=0.02)


def test_both_gradients_of_a_tied_weight_are_one_in_the_end() -> None:
    peaks = rehearse(model("meta", vocab_size=5000, tie_word_embeddings=True), Row(8, 8, 8, passes=2))
    embeddings = 5000 * 32 * 4
    assert 3 * embeddings <= peaks["late"].total() < 3.5 * embeddings


def test_what_hangs_on_numbers_is_refused() -> None:
    mixed = model("meta", "mixtral", num_local_experts=4)
    with pytest.raises(UsageError) as caught:
        rehearse(mixed, Row(16, 8, 8))
    assert caught.value.code == "train.no-memory-plan"
