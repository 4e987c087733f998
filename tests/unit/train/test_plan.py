"""What a training takes is told before it starts, in either language, with what makes it fit where it does not."""

from __future__ import annotations

import re
from typing import Any

import pytest

pytest.importorskip("torch")

from transformers import LlamaConfig

from lianlu.core.events import Event, Note
from lianlu.core.job import Job
from lianlu.train import plan as module
from lianlu.train.config import DpoRecipe, RewardRecipe
from lianlu.train.memory import MemoryPlan
from lianlu.train.plan import plan_of, warn_of_memory

from .made_pairs import made_pairs

PLAN = MemoryPlan(
    config=LlamaConfig(vocab_size=96, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4),
    tokens_per_step=1024,
)


def told(*, starts: bool = True) -> tuple[list[Note], dict[str, Any]]:
    events: list[Event] = []
    found = warn_of_memory(PLAN, Job("train", events.append), "cpu", starts=starts)
    return [each for each in events if isinstance(each, Note)], found


def test_every_part_is_told_before_the_start() -> None:
    (note,), found = told()
    assert note.level == "notice"
    parts = [each["en"] for each in found["parts"]]
    words = [line.split("  ")[-1] for line in note.text.splitlines()[1:-1]]
    assert words == [*parts, "together", "free now", "taken already, by libraries and data"]
    assert note.text.splitlines()[-1].endswith("at most 1,024 tokens a step")
    sizes = [float(each.replace(",", "")) for each in re.findall(r"([\d.,]+) MiB", note.text)]
    assert sum(sizes[: len(parts)]) == pytest.approx(sizes[len(parts)], abs=0.05)
    assert "每步最多 1,024 token" in note.text_zh
    assert len(note.text_zh.splitlines()) == len(note.text.splitlines())


def test_who_asks_for_the_table_gets_it_as_the_answer_alone() -> None:
    notes, found = told(starts=False)
    assert notes == []
    assert found["total"] > 0


def test_what_does_not_fit_is_told_with_flags(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "available_memory", lambda _: 1 << 10)
    (_, warning), found = told()
    assert (warning.level, warning.code) == ("warning", "train.too-little-memory")
    assert found["remedies"]
    assert all(" ".join(each["flags"]) in warning.text for each in found["remedies"])


@pytest.mark.parametrize("share", [True, False])
def test_a_beginning_that_two_answers_share_is_counted_once_where_it_is_computed_once(*, share: bool) -> None:
    units = made_pairs(4, answer=8)
    wanted = plan_of(DpoRecipe(share_prefixes=share), PLAN.config, units, "cpu")
    prompts = [each.tokens // 2 - 8 for each in units]
    assert wanted.tokens_per_step == sum(prompts) * (1 if share else 2) + 4 * 16


def test_a_reward_model_is_planned_as_one() -> None:
    kinds = [plan_of(recipe, PLAN.config, made_pairs(2), "cpu") for recipe in (RewardRecipe(), DpoRecipe())]
    assert [(each.reward, each.preference) for each in kinds] == [(True, False), (False, True)]
