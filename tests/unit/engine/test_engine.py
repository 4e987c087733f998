"""Answers are those of transformers, alone or together, whoever comes and goes."""

from __future__ import annotations

from collections.abc import Sequence as Listed
from typing import Any

import pytest
import torch

from lianlu.engine.engine import Engine
from lianlu.engine.load import Loaded
from lianlu.engine.runner import AloneRunner, PackedRunner, Runner, open_runner
from lianlu.llm import Sampling
from tiny_model import tiny_model
from unit.engine.conftest import GREEDY, begun, finished

PROMPTS = ["a", "the thing in the", "你好，世界", "What is it? " * 6, "zz", "Bücher", "0123456789" * 9, "in the in the"]


def generated(module: Any, ids: Listed[int], count: int) -> list[int]:
    """What transformers itself answers."""
    with torch.no_grad():
        made = module.generate(
            torch.tensor([ids]), max_new_tokens=count, min_new_tokens=count, do_sample=False, eos_token_id=None
        )
    return made[0, len(ids) :].tolist()


@pytest.fixture(params=["packed", "alone"])
def runner(request: pytest.FixtureRequest, loaded: Loaded) -> Runner:
    return PackedRunner(loaded.module) if request.param == "packed" else AloneRunner(loaded.module)


def test_greedy_answers_equal_generate_alone(loaded: Loaded, runner: Runner) -> None:
    for prompt in PROMPTS[:4]:
        sequence = begun(loaded, prompt)
        finished(Engine(runner), sequence)
        assert sequence.tokens == generated(loaded.module, sequence.prompt, 24)


def test_greedy_answers_equal_generate_together(loaded: Loaded, runner: Runner) -> None:
    sequences = [begun(loaded, prompt) for prompt in PROMPTS]
    finished(Engine(runner), *sequences)
    assert [each.tokens for each in sequences] == [generated(loaded.module, each.prompt, 24) for each in sequences]


def test_greedy_answers_equal_generate_when_requests_join_and_leave(loaded: Loaded, runner: Runner) -> None:
    sequences = [begun(loaded, prompt) for prompt in PROMPTS]
    left = begun(loaded, "this one leaves")
    engine = Engine(runner, rows=3)
    engine.add(left)
    for index, sequence in enumerate(sequences):
        engine.add(sequence)
        engine.step()
        if index == 2:
            engine.abort(left)
    finished(engine)
    assert [each.tokens for each in sequences] == [generated(loaded.module, each.prompt, 24) for each in sequences]
    assert not left.is_finished


def test_a_prompt_in_chunks_and_rows_given_back_change_nothing(loaded: Loaded) -> None:
    sequences = [begun(loaded, prompt) for prompt in PROMPTS]
    engine = Engine(PackedRunner(loaded.module), step_tokens=5, room_tokens=120)
    finished(engine, *sequences)
    assert [each.tokens for each in sequences] == [generated(loaded.module, each.prompt, 24) for each in sequences]


@pytest.mark.parametrize(
    "architecture",
    ["mistral with a window", "qwen2", "qwen3", "gpt2", "gemma2", "bloom"],
)
def test_other_architectures_answer_as_generate_does(loaded: Loaded, architecture: str) -> None:
    module = other(architecture)
    sequences = [begun(loaded, prompt) for prompt in PROMPTS[:5]]
    finished(Engine(open_runner(module)), *sequences)
    assert [each.tokens for each in sequences] == [generated(module, each.prompt, 24) for each in sequences]


def other(architecture: str) -> Any:
    """A tiny model of another family."""
    import transformers as hf

    sizes: dict[str, Any] = {
        "vocab_size": 272,
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "head_dim": 8,
        "max_position_embeddings": 256,
        "initializer_range": 0.3,
        "pad_token_id": 0,
        "bos_token_id": 0,
        "eos_token_id": 0,
    }
    configs: dict[str, Any] = {
        "mistral with a window": lambda: hf.MistralConfig(**sizes, sliding_window=7),
        "qwen2": lambda: hf.Qwen2Config(**sizes),
        "qwen3": lambda: hf.Qwen3Config(**sizes),
        "gpt2": lambda: hf.GPT2Config(
            vocab_size=272, n_embd=32, n_layer=2, n_head=4, n_positions=256, initializer_range=0.3
        ),
        "gemma2": lambda: hf.Gemma2Config(
            **sizes, sliding_window=7, layer_types=["sliding_attention", "full_attention"]
        ),
        "bloom": lambda: hf.BloomConfig(vocab_size=272, hidden_size=32, n_layer=2, n_head=4, initializer_range=0.3),
    }
    torch.manual_seed(1)
    return hf.AutoModelForCausalLM.from_config(configs[architecture]()).eval()


def test_the_packed_way_is_taken_where_it_is_right() -> None:
    assert isinstance(open_runner(tiny_model()), PackedRunner)
    assert isinstance(open_runner(other("mistral with a window")), PackedRunner)
    assert isinstance(open_runner(other("gemma2")), AloneRunner)
    assert isinstance(open_runner(other("bloom")), AloneRunner)


def test_the_models_own_attention_is_restored(loaded: Loaded) -> None:
    before = loaded.module.config._attn_implementation
    finished(Engine(PackedRunner(loaded.module)), begun(loaded, "a"))
    assert loaded.module.config._attn_implementation == before


class _Breaks(torch.nn.Module):
    """An embedding that fails on one token."""

    def __init__(self, inner: torch.nn.Module, token: int) -> None:
        super().__init__()
        self.inner = inner
        self.weight = inner.weight
        self.token = token

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        if bool((ids == self.token).any()):
            raise RuntimeError("this token breaks")
        return self.inner(ids)


def test_a_row_that_breaks_the_model_fails_alone(loaded: Loaded) -> None:
    module = tiny_model()
    wanted = {prompt: generated(module, loaded.tokenizer.encode(prompt).ids, 24) for prompt in PROMPTS[:3]}
    bad = loaded.tokenizer.encode("§").ids[0]
    module.set_input_embeddings(_Breaks(module.get_input_embeddings(), bad))
    sequences = [begun(loaded, prompt) for prompt in PROMPTS[:3]]
    broken = begun(loaded, "so §")
    finished(Engine(PackedRunner(module)), sequences[0], broken, *sequences[1:])
    assert broken.error is not None
    assert broken.error.code == "engine.step-failed"
    assert [each.tokens for each in sequences] == list(wanted.values())


def test_numbers_that_are_not_finite_fail_one_row(loaded: Loaded) -> None:
    module = tiny_model()
    bad = loaded.tokenizer.encode("§").ids[0]
    with torch.no_grad():
        module.get_input_embeddings().weight[bad] = float("nan")
    good, broken = begun(loaded, "a"), begun(loaded, "so §")
    finished(Engine(PackedRunner(module)), good, broken)
    assert good.finish_reason == "length"
    assert broken.error is not None
    assert broken.error.code == "engine.not-finite"


def test_a_seed_gives_the_same_answer_beside_any_neighbours(loaded: Loaded) -> None:
    sampling = Sampling(temperature=1.0, top_p=0.95, max_tokens=20, seed=7, extra={"ignore_eos": True})
    alone = begun(loaded, "the thing", sampling)
    finished(Engine(PackedRunner(loaded.module)), alone)
    again = begun(loaded, "the thing", sampling)
    others = [begun(loaded, prompt, Sampling(temperature=1.0, max_tokens=20)) for prompt in PROMPTS]
    finished(Engine(PackedRunner(loaded.module)), *others[:4], again, *others[4:])
    assert again.tokens == alone.tokens
    assert len(set(map(tuple, (each.tokens for each in (again, *others))))) > 1


def test_an_answer_ends_at_its_limit_and_rows_are_freed(loaded: Loaded) -> None:
    engine = Engine(PackedRunner(loaded.module))
    sequence = begun(loaded, "a", Sampling(temperature=0.0, max_tokens=3, extra={"ignore_eos": True}))
    finished(engine, sequence)
    assert (sequence.finish_reason, len(sequence.tokens), sequence.row) == ("length", 3, None)
    assert (engine.running, engine.waiting) == (0, 0)


def test_an_end_token_ends_an_answer(loaded: Loaded) -> None:
    free = begun(loaded, "a", GREEDY)
    finished(Engine(PackedRunner(loaded.module)), free)
    end = free.tokens[4]
    sequence = begun(loaded, "a", Sampling(temperature=0.0, max_tokens=24))
    sequence._ends = frozenset({end})
    finished(Engine(PackedRunner(loaded.module)), sequence)
    assert sequence.tokens == free.tokens[: free.tokens.index(end) + 1]
    assert sequence.finish_reason == "stop"


def test_no_tokens_wanted_gives_none(loaded: Loaded) -> None:
    sequence = begun(loaded, "abc", Sampling(max_tokens=0))
    finished(Engine(PackedRunner(loaded.module)), sequence)
    assert (sequence.tokens, sequence.finish_reason) == ([], "length")
