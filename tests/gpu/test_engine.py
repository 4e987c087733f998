"""`local:FOLDER` on CUDA answers as transformers does there, and scores as a plain forward does."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence as Listed
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")

import torch  # noqa: TID253 - this folder is for torch

from gpu.place import DEVICE, MARKS
from lianlu.core.settings import Settings
from lianlu.engine.engine import Engine
from lianlu.engine.folder import open_folder
from lianlu.engine.load import Loaded, load
from lianlu.engine.runner import AloneRunner, PackedRunner
from lianlu.engine.score import encoded_pair, scores
from lianlu.llm import Sampling, open_backend
from lianlu.records import Conversation, user
from unit.engine.conftest import begun, finished

pytestmark = MARKS
PROMPTS = ["a", "the thing in the", "你好，世界", "What is it? " * 6, "zz", "Bücher", "0123456789" * 9]
SHOTS = "".join(f"Question {index}: what is {index}+1? Answer: {index + 1}\n" for index in range(3))
PAIRS = [*((SHOTS + "Colour? Answer:", option) for option in (" A", " B", " C")), ("你好", "世界"), ("x", "x" * 40)]


@pytest.fixture(scope="module")
def loaded(base: Path) -> Loaded:
    return load(open_folder(base), device=DEVICE)


@torch.no_grad()
def generated(module: Any, ids: Listed[int], count: int) -> list[int]:
    """What transformers itself answers."""
    asked = torch.tensor([ids], device=DEVICE)
    made = module.generate(
        asked,
        attention_mask=torch.ones_like(asked),
        max_new_tokens=count,
        min_new_tokens=count,
        do_sample=False,
        eos_token_id=None,
        pad_token_id=0,
    )
    return made[0, len(ids) :].tolist()


@torch.no_grad()
def likelihood(module: Any, ids: Listed[int], first: int) -> float:
    logits = module(input_ids=torch.tensor([ids], device=DEVICE)).logits[0].float().log_softmax(-1)
    return math.fsum(float(logits[at - 1, ids[at]]) for at in range(first, len(ids)))


def test_a_model_is_put_on_the_gpu_unasked(base: Path) -> None:
    found = load(open_folder(base))
    assert found.module.device.type == ("cuda" if torch.cuda.is_available() else "cpu")
    assert found.dtype == "float32"  # the type it is stored in


def test_it_is_packed(loaded: Loaded) -> None:
    assert isinstance(loaded.runner, PackedRunner)


@pytest.mark.parametrize("runner", [PackedRunner, AloneRunner])
def test_greedy_answers_equal_generate(loaded: Loaded, runner: Any) -> None:
    sequences = [begun(loaded, prompt) for prompt in PROMPTS]
    finished(Engine(runner(loaded.module)), *sequences)
    assert [each.tokens for each in sequences] == [generated(loaded.module, each.prompt, 24) for each in sequences]


def test_likelihoods_equal_the_plain_forward(loaded: Loaded) -> None:
    targets = [encoded_pair(loaded, *pair) for pair in PAIRS]
    *_, made = scores(loaded, targets)
    assert made is not None
    for score, target in zip(made, targets, strict=True):
        assert score.value == pytest.approx(likelihood(loaded.module, target.ids, target.first), abs=1e-4)


def test_a_stored_half_precision_model_answers(loaded: Loaded, base: Path, tmp_path: Path) -> None:
    from tiny_model import tiny_model, tiny_tokenizer

    tiny_model(head_dim=16).to(torch.bfloat16).save_pretrained(tmp_path / "half")
    tiny_tokenizer().save_pretrained(tmp_path / "half")
    half = load(open_folder(tmp_path / "half"), device=DEVICE)
    assert half.dtype == ("bfloat16" if half.module.device.type == "cuda" else "float32")
    pairs = [encoded_pair(half, *pair) for pair in PAIRS]
    *_, made = scores(half, pairs)
    *_, exact = scores(loaded, pairs)
    assert made is not None
    assert exact is not None
    for one, other in zip(made, exact, strict=True):
        assert one.value == pytest.approx(other.value, rel=0.05, abs=0.3 * one.token_count**0.5)


def test_a_backend_answers_many_at_once_and_draws_the_same_again(base: Path, loaded: Loaded) -> None:
    asked = [Conversation(messages=(user(prompt),)) for prompt in PROMPTS]
    greedy = Sampling(temperature=0.0, max_tokens=12, extra={"ignore_eos": True})
    drawn = Sampling(temperature=1.2, top_p=0.9, seed=5, max_tokens=12, frequency_penalty=0.5)

    async def main() -> None:
        async with open_backend(f"local:{base}", settings=Settings.from_environment()) as backend:
            together = await asyncio.gather(*(backend.chat(each, greedy) for each in asked))
            assert [each.message for each in together] == [(await backend.chat(each, greedy)).message for each in asked]
            assert (await backend.chat(asked[0], drawn)).message == (await backend.chat(asked[0], drawn)).message
            made = await backend.loglikelihood(PAIRS)
            targets = [encoded_pair(loaded, *pair) for pair in PAIRS]
            wanted = [likelihood(loaded.module, each.ids, each.first) for each in targets]
            assert [each.value for each in made] == pytest.approx(wanted, abs=1e-4)

    asyncio.run(main())
