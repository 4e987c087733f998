"""Which parameters shrink, and which run ahead."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed")
peft = pytest.importorskip("peft", reason="peft is not installed")

from lianlu.core.job import Job  # noqa: E402
from lianlu.train.config import LoraRecipe, SftRecipe  # noqa: E402
from lianlu.train.loop import Training  # noqa: E402
from lianlu.train.optimizer import make_optimizer, trained  # noqa: E402
from tiny_model import tiny_model  # noqa: E402

from .made_pairs import made_samples  # noqa: E402

CPU = torch.device("cpu")


def adapted(**more: Any) -> Any:
    targets = more.pop("target_modules", "all-linear")
    return peft.get_peft_model(tiny_model(), peft.LoraConfig(r=2, target_modules=targets, **more)).get_base_model()


def settings_of(model: Any, optimizer: Any) -> dict[str, tuple[float, float]]:
    """(weight decay, learning rate) by name of a parameter."""
    found = {id(each): group for group in optimizer.param_groups for each in group["params"]}
    return {name: (found[id(each)]["weight_decay"], found[id(each)]["lr"]) for name, each in trained(model)}


def test_matrices_shrink_and_norms_do_not() -> None:
    model = tiny_model(attention_bias=True)
    found = settings_of(model, make_optimizer(model, SftRecipe(weight_decay=0.3), CPU))
    assert found["model.layers.0.self_attn.q_proj.weight"][0] == found["model.embed_tokens.weight"][0] == 0.3
    assert found["model.layers.0.self_attn.q_proj.bias"][0] == found["model.norm.weight"][0] == 0.0
    assert len(found) == len(list(model.parameters()))


@pytest.mark.parametrize("dora", [False, True])
def test_with_lora_plus_b_runs_ahead_of_all_else(dora: bool) -> None:
    model = adapted(use_dora=dora)
    found = settings_of(model, make_optimizer(model, LoraRecipe(learning_rate=1e-3, b_rate=16.0), CPU))
    rates = {name: rate for name, (_, rate) in found.items()}
    assert {rate for name, rate in rates.items() if ".lora_B." in name} == {1.6e-2}
    assert {rate for name, rate in rates.items() if ".lora_B." not in name} == {1e-3}
    assert dora == any("magnitude" in name for name in rates)


def test_of_an_adapted_embedding_the_same_side_runs_ahead() -> None:
    model = adapted(target_modules=["embed_tokens"])
    found = settings_of(model, make_optimizer(model, LoraRecipe(learning_rate=1e-3, b_rate=4.0), CPU))
    sides = {name.split(".lora_")[1][:11]: rate for name, (_, rate) in found.items()}
    assert sides == {"embedding_A": 1e-3, "embedding_B": 4e-3}


def test_what_is_frozen_is_not_in_it() -> None:
    model = adapted()
    held = {id(each) for group in make_optimizer(model, LoraRecipe(), CPU).param_groups for each in group["params"]}
    assert held == {id(each) for name, each in model.named_parameters() if "lora_" in name}


def test_b_runs_ahead_in_every_step_of_the_schedule() -> None:
    units, model = made_samples(4), adapted()
    recipe = LoraRecipe(steps=3, batch_size=4, learning_rate=1e-3, b_rate=8.0, schedule="linear", final_rate=0.5)
    training = Training(model, units, recipe, Job("t"), "key", lambda _: None)
    lines = training.run().metrics
    groups = training._optimizer.param_groups  # pyright: ignore[reportPrivateUsage]
    assert {round(group["lr"] / float(lines[-1]["lr"] or 0), 6) for group in groups} == {1.0, 8.0}
    assert float(lines[-1]["lr"] or 0) < 1e-3
