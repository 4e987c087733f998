"""Sample answers tell what a model says, and leave no trace in its training."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")

import torch

from lianlu.engine import sample
from lianlu.nn.forward import RowForward
from lianlu.records import Conversation, system, user
from lianlu.train.answers import SampleAnswers
from tiny_model import CONTEXT_TOKENS, tiny_model, tiny_tokenizer

PROMPTS = ("the thing", Conversation(messages=(user("你是谁？"),)))


def train_steps(model: Any, between: Callable[[int], None], *, steps: int = 3) -> list[float]:
    """Packed rows with dropout, so that a disturbed random state or mode would show; losses, then weights' sums."""
    forward = RowForward(model)
    assert forward.packs
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    rows = [(np.arange(9, dtype=np.int32) + at, np.ones(9, dtype=np.bool_)) for at in range(3)]
    found: list[float] = []
    torch.manual_seed(5)  # once: what is drawn in between must be given back
    model.train()
    for step in range(steps):
        optimizer.zero_grad()
        loss = forward.loss(forward.row(rows))
        loss.backward()
        optimizer.step()
        found.append(loss.item())
        between(step)
    return [*found, *(each.double().sum().item() for each in model.parameters())]


def draw(*_: object) -> None:
    """A model that draws random numbers whatever its mode."""
    torch.rand(1)


@pytest.mark.parametrize("wraps", [False, True], ids=["plain", "peft"])
def test_a_run_is_the_same_to_the_bit_with_answers_and_without(tmp_path: Path, wraps: bool) -> None:
    answers = SampleAnswers(PROMPTS, tmp_path / "samples.jsonl")
    results: list[list[float]] = []
    for asks in (False, True):
        model = asked = tiny_model(attention_dropout=0.3)
        if wraps:
            peft = pytest.importorskip("peft")
            torch.manual_seed(1)
            asked = peft.get_peft_model(model, peft.LoraConfig(r=2, target_modules=["q_proj"], lora_dropout=0.2))
            model = asked.get_base_model()
        results.append(
            train_steps(
                model, (lambda step, m=asked: answers.ask(step, m, tiny_tokenizer())) if asks else lambda _: None
            )
        )
    assert results[0] == results[1]
    assert len(answers.read()) == 6


def test_mode_attention_and_random_numbers_are_given_back(tmp_path: Path) -> None:
    model = tiny_model()
    RowForward(model)
    model.train()
    model.model.layers[0].eval()  # a layer that is kept out of training
    model.register_forward_hook(draw)
    state, python, numbers = torch.random.get_rng_state(), random.getstate(), np.random.get_state()[1].tolist()
    SampleAnswers(PROMPTS, tmp_path / "samples.jsonl").ask(1, model, tiny_tokenizer())
    assert model.config._attn_implementation == "segments"
    assert (model.training, model.model.layers[0].training, model.model.layers[1].training) == (True, False, True)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert (random.getstate(), np.random.get_state()[1].tolist()) == (python, numbers)


def test_answers_are_those_of_the_engine(tmp_path: Path) -> None:
    model = tiny_model()
    wanted = [each.text for each in sample(model, tiny_tokenizer(), PROMPTS)]
    RowForward(model)
    lines = SampleAnswers(PROMPTS, tmp_path / "samples.jsonl").ask(7, model, tiny_tokenizer())
    assert [line["answer"] for line in lines] == wanted
    assert [(line["step"], line["prompt"]) for line in lines] == [(7, "the thing"), (7, "你是谁？")]
    assert all(0 < line["tokens"] <= 64 for line in lines)


def test_a_question_that_is_too_long_is_told_and_the_others_are_answered(tmp_path: Path) -> None:
    path = tmp_path / "samples.jsonl"
    lines = SampleAnswers(["ab", "x" * (CONTEXT_TOKENS + 1), "cd"], path).ask(1, tiny_model(), tiny_tokenizer())
    assert [line.get("error", {}).get("code") for line in lines] == [None, "engine.too-long", None]
    assert (lines[1]["answer"], lines[1]["tokens"]) == ("", 0)
    assert lines[0]["answer"]
    assert lines[2]["answer"]
    assert [json.loads(line)["step"] for line in path.read_text().splitlines()] == [1, 1, 1]
    assert "256" in lines[1]["error"]["en"]
    assert lines[1]["error"]["zh"] != lines[1]["error"]["en"]


def test_a_failing_question_leaves_the_attention_as_it_was(tmp_path: Path) -> None:
    model = tiny_model()
    RowForward(model)
    SampleAnswers(["x" * 999], tmp_path / "samples.jsonl").ask(1, model, tiny_tokenizer())
    assert model.config._attn_implementation == "segments"


def test_a_conversation_is_shown_with_its_roles(tmp_path: Path) -> None:
    asked = Conversation(messages=(system("be brief"), user("hi")))
    lines = SampleAnswers([asked], tmp_path / "samples.jsonl").ask(1, tiny_model(), tiny_tokenizer())
    assert lines[0]["prompt"] == "system: be brief\nuser: hi"


def test_answers_after_the_step_gone_on_from_are_asked_again(tmp_path: Path) -> None:
    answers = SampleAnswers(["ab"], tmp_path / "samples.jsonl")
    for step in (2, 4):
        answers.ask(step, tiny_model(), tiny_tokenizer())
    answers.resume(2)
    answers.ask(4, tiny_model(), tiny_tokenizer())
    assert [line["step"] for line in answers.read()] == [2, 4]


def test_no_questions_need_no_file(tmp_path: Path) -> None:
    assert SampleAnswers([], tmp_path / "samples.jsonl").ask(1, tiny_model(), tiny_tokenizer()) == []
    assert not (tmp_path / "samples.jsonl").exists()
