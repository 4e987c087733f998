"""A module in training answers, and is left as it was."""

from __future__ import annotations

import pytest
import torch

from lianlu.core.errors import UsageError
from lianlu.engine import sample
from lianlu.llm import Sampling
from lianlu.records import Conversation, user
from tiny_model import tiny_model, tiny_tokenizer


def test_a_module_in_training_answers_and_goes_on() -> None:
    module, tokenizer = tiny_model().train(), tiny_tokenizer()
    state = torch.random.get_rng_state()
    prompts = ["the thing", tokenizer.encode("the thing"), Conversation(messages=(user("hi"),))]
    text, ids, chat = sample(module, tokenizer, prompts)
    assert text.text == ids.text
    assert chat.usage.completion_tokens <= 64
    assert module.training
    assert all(each.requires_grad for each in module.parameters())
    assert torch.equal(torch.random.get_rng_state(), state)
    module(input_ids=torch.tensor([[1, 2]]), labels=torch.tensor([[1, 2]])).loss.backward()


def test_a_module_with_an_adapter_answers() -> None:
    peft = pytest.importorskip("peft")
    config = peft.LoraConfig(r=2, target_modules=["q_proj"], init_lora_weights=False)
    module = peft.get_peft_model(tiny_model(), config)
    plain = sample(tiny_model(), tiny_tokenizer(), ["abc"])[0]
    adapted = sample(module, tiny_tokenizer(), ["abc"])[0]
    with module.disable_adapter():
        assert sample(module, tiny_tokenizer(), ["abc"])[0] == plain
    assert adapted.usage.prompt_tokens == 3


def test_a_bad_field_is_refused() -> None:
    with pytest.raises(UsageError) as caught:
        sample(tiny_model(), tiny_tokenizer(), ["a"], Sampling(max_tokens=-2))
    assert caught.value.code == "engine.bad-value"
