"""What is made again in the backward pass gives the same numbers and keeps less."""

from __future__ import annotations

import copy
import weakref
from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip("torch")

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.checkpoint import CheckpointPolicy

from lianlu.core.errors import UsageError
from lianlu.nn.branches import has_kernel
from lianlu.nn.recompute import _kept, decoder_layers, recompute
from lianlu.nn.segments import Segments, use_segments

Make = Callable[..., Any]
KINDS = ("llama", "qwen2", "qwen3", "mistral", "gemma", "gemma3_text")
LENGTHS = (11, 7, 7, 3)


def inputs(parents: tuple[int, ...] = ()) -> dict[str, Any]:
    segments = Segments(LENGTHS, torch.device("cpu"), parents)
    ids = torch.arange(segments.total) * 7919 % 61
    return {"input_ids": ids[None], "position_ids": segments.positions, "segments": segments, "use_cache": False}


def learned(model: Any, parents: tuple[int, ...] = ()) -> tuple[Tensor, dict[str, Tensor]]:
    """The loss of one packed row, and the gradients."""
    torch.manual_seed(3)
    named = inputs(parents)
    logits = model(**named).logits[0]
    loss = torch.nn.functional.cross_entropy(logits[:-1], named["input_ids"][0, 1:])
    loss.backward()
    return loss.detach(), {name: each.grad for name, each in model.named_parameters() if each.grad is not None}


def is_equal(one: tuple[Tensor, dict[str, Tensor]], other: tuple[Tensor, dict[str, Tensor]]) -> bool:
    return torch.equal(one[0], other[0]) and {
        name: torch.equal(value, other[1][name]) for name, value in one[1].items()
    } == dict.fromkeys(other[1], True)


class Living(TorchDispatchMode):
    """Bytes of the tensors made inside that are still there, whoever holds them."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.bytes = 0
        self._seen = weakref.WeakSet(each.untyped_storage() for each in model.parameters())

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = func(*args, **(kwargs or {}))
        for each in made if isinstance(made, tuple | list) else [made]:
            if isinstance(each, Tensor):
                self._count(each.untyped_storage())
        return made

    def _count(self, storage: Any) -> None:
        if storage not in self._seen:
            self._seen.add(storage)
            size = storage.nbytes()
            self.bytes += size
            weakref.finalize(storage, self._gone, size)

    def _gone(self, size: int) -> None:
        self.bytes -= size


def kept(model: Any) -> int:
    named = inputs()
    with Living(model) as living:
        hidden = model.base_model(**named).last_hidden_state
    assert hidden.requires_grad
    return living.bytes


@pytest.mark.parametrize("policy", ["selective", "full"])
@pytest.mark.parametrize("kind", KINDS)
def test_loss_and_gradients_are_those_of_keeping_all(tiny: Make, kind: str, policy: Any) -> None:
    reference, model = tiny(kind).train(), tiny(kind).train()
    for each in (reference, model):
        assert use_segments(each)
    recompute(model, policy)
    assert is_equal(learned(model), learned(reference))


@pytest.mark.parametrize("policy", ["selective", "full"])
def test_loss_and_gradients_of_shared_beginnings_are_those_of_keeping_all(tiny: Make, policy: Any) -> None:
    has_kernel.cache_clear()  # what is tried at the first use must not count as part of a layer
    model, reference = tiny("qwen2").train(), tiny("qwen2").train()
    for each in (model, reference):
        assert use_segments(each)
    recompute(model, policy)
    assert is_equal(learned(model, (-1, 0, 0, 2)), learned(reference, (-1, 0, 0, 2)))


@pytest.mark.parametrize("policy", ["selective", "full"])
def test_dropout_draws_the_same_numbers_again(tiny: Make, policy: Any) -> None:
    models = [tiny("llama", attention_dropout=0.3).train() for _ in range(3)]
    for each in models:
        assert use_segments(each)
    models[2].config.attention_dropout = 0.0
    for layer in decoder_layers(models[2]):
        layer.self_attn.attention_dropout = 0.0
    recompute(models[1], policy)
    plain, again, without = (learned(each) for each in models)
    assert is_equal(plain, again)
    assert not torch.equal(plain[0], without[0])


@pytest.mark.parametrize(("dropout", "kept"), [(0.0, True), (0.1, False)])
def test_attention_that_draws_numbers_is_made_again(dropout: float, kept: bool) -> None:
    tensors = [torch.zeros(1, 1, 2, 8)] * 3
    policy = _kept(None, torch.ops.aten._scaled_dot_product_flash_attention.default, *tensors, dropout)
    assert (policy is CheckpointPolicy.MUST_SAVE) is kept


@pytest.mark.parametrize("policy", ["selective", "full"])
def test_an_adapter_around_the_model_is_no_obstacle(tiny: Make, policy: Any) -> None:
    peft = pytest.importorskip("peft")
    found: list[Any] = []
    for chosen in ("none", policy):
        torch.manual_seed(1)
        settings = peft.LoraConfig(
            r=2, target_modules="all-linear", lora_dropout=0.2, init_lora_weights=False, task_type="CAUSAL_LM"
        )
        model = peft.get_peft_model(tiny("qwen3"), settings).train()
        assert use_segments(model.get_base_model())
        recompute(model, chosen)
        found.append(learned(model))
    assert is_equal(*found)
    assert found[0][1]


def test_full_keeps_less_than_selective_and_selective_less_than_none(tiny: Make) -> None:
    model = tiny("llama", num_hidden_layers=4).train()
    assert use_segments(model)
    found: dict[str, int] = {}
    for policy in ("none", "selective", "full"):
        recompute(model, policy)
        found[policy] = kept(model)
    assert found["full"] < 0.4 * found["selective"]
    assert found["selective"] < 0.8 * found["none"]


def test_full_saves_nothing_of_a_layer_but_what_goes_in(tiny: Make) -> None:
    shapes: dict[str, list[tuple[int, ...]]] = {"none": [], "full": []}
    for policy, seen in shapes.items():
        model = tiny("llama").train()
        use_segments(model)
        recompute(model, policy)

        def note(each: Tensor, seen: list[tuple[int, ...]] = seen) -> Tensor:
            seen.append(tuple(each.shape))
            return each

        with torch.autograd.graph.saved_tensors_hooks(note, lambda each: each):
            model.base_model(**inputs())
    inside = (1, sum(LENGTHS), 48)  # the MLP's
    assert inside in shapes["none"]
    assert inside not in shapes["full"]
    assert shapes["full"].count((1, sum(LENGTHS), 32)) >= len(decoder_layers(tiny("llama")))


@pytest.mark.parametrize("policy", ["selective", "full"])
def test_a_copy_recomputes_with_weights_of_its_own(tiny: Make, policy: Any) -> None:
    model = tiny("llama").train()
    use_segments(model)
    recompute(model, policy)
    twin = copy.deepcopy(model)
    with torch.no_grad():
        for each in model.parameters():
            each.zero_()
    assert is_equal(learned(twin), learned(_with_segments(tiny("llama"))))


def _with_segments(model: Any) -> Any:
    assert use_segments(model)
    return model.train()


def test_the_policy_can_be_taken_back(tiny: Make) -> None:
    model = _with_segments(tiny("llama"))
    before = kept(model)
    recompute(model, "full")
    assert kept(model) < before
    recompute(model, "none")
    assert kept(model) == before


def test_names_of_the_weights_stay(tiny: Make) -> None:
    model = tiny("llama")
    before = list(model.state_dict())
    recompute(model, "selective")
    assert list(model.state_dict()) == before


def test_a_model_without_layers_is_refused(tiny: Make) -> None:
    model = tiny("llama")
    model.config.num_hidden_layers = 7
    with pytest.raises(UsageError) as caught:
        recompute(model, "full")
    assert caught.value.code == "nn.no-layers"
    assert "recompute=none" in caught.value.hint("en")
