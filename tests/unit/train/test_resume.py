"""A run that is killed at any step and run again leaves the same bytes as one that was not."""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")

import killed_training
from lianlu.core.errors import Cancelled, UsageError
from lianlu.core.events import Event, Metric
from lianlu.core.job import Job
from lianlu.train.checkpoint import newest
from lianlu.train.config import SftRecipe
from lianlu.train.steps import LORA, SFT

STEPS = 14
KILLS = 200
CHILD = """
import json, os, signal, sys
from pathlib import Path
from lianlu.core.events import Metric
from lianlu.core.job import Job
from lianlu.train.steps import LORA, SFT
name, recipe, place, last = sys.argv[1], json.loads(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4])
step = {"train.sft": SFT, "train.lora": LORA}[name]
def sink(event):
    if isinstance(event, Metric) and event.step == last:
        os.kill(os.getpid(), signal.SIGKILL)
step.run(step.recipe.model_validate(recipe), {}, Job("t", sink, outputs=place / "out", scratch=place / "scratch"))
"""


def settings(base: Path, data: Path, **more: Any) -> dict[str, Any]:
    return {
        "model": str(base),
        "data": [str(data)],
        "steps": STEPS,
        "batch_size": 3,
        "max_tokens": 128,
        "eval_share": 0.25,
        "eval_every": 4,
        "checkpoint_every": 3,
        **more,
    }


def test_a_stopped_adapter_is_gone_on_with(base: Path, data: Path, tmp_path: Path) -> None:
    pytest.importorskip("peft")
    recipe = settings(base, data, rank=2, dropout=0.3)
    stopped_at(5, Job.cancel, recipe, tmp_path, LORA)
    LORA.run(LORA.recipe.model_validate(recipe), {}, Job("t", outputs=tmp_path / "out", scratch=tmp_path / "scratch"))
    assert left_in(tmp_path / "out", LORA) == whole(LORA, recipe, tmp_path / "whole")


def whole(step: Any, recipe: dict[str, Any], place: Path) -> dict[str, bytes]:
    step.run(step.recipe.model_validate(recipe), {}, Job("t", outputs=place))
    return left_in(place, step)


def left_in(place: Path, step: Any) -> dict[str, bytes]:
    folder = place / next(iter(step.outputs))
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def killed(step: Any, recipe: dict[str, Any], place: Path, last: int) -> int:
    arguments = [sys.executable, "-c", CHILD, step.name, json.dumps(recipe), str(place), str(last)]
    return subprocess.run(arguments, capture_output=True, timeout=120, check=False).returncode


def check_killed_at(kills: list[int], step: Any, recipe: dict[str, Any], tmp_path: Path) -> None:
    wanted = whole(step, recipe, tmp_path / "whole")
    for last in kills:
        assert killed(step, recipe, tmp_path / "killed", last) == -signal.SIGKILL
        assert not (tmp_path / "killed" / "out" / "weights" / "config.json").exists()
    places = {"outputs": tmp_path / "killed" / "out", "scratch": tmp_path / "killed" / "scratch"}
    step.run(step.recipe.model_validate(recipe), {}, Job("t", **places))
    assert left_in(tmp_path / "killed" / "out", step) == wanted
    assert list((tmp_path / "killed" / "scratch").glob("step-*")) == []


def test_killed_and_run_again_is_as_if_never_killed(base: Path, data: Path, tmp_path: Path) -> None:
    check_killed_at([8], SFT, settings(base, data), tmp_path)


@pytest.mark.soak
def test_an_adapter_with_dropout_is_resumed_as_exactly(base: Path, data: Path, tmp_path: Path) -> None:
    pytest.importorskip("peft")
    check_killed_at([2, 10], LORA, settings(base, data, rank=2, dropout=0.3), tmp_path)


@pytest.mark.soak
def test_killed_at_every_step(base: Path, data: Path, tmp_path: Path) -> None:
    check_killed_at(list(range(1, STEPS)), SFT, settings(base, data), tmp_path)


@pytest.mark.soak
def test_killed_two_hundred_times_at_random_moments(base: Path, data: Path, tmp_path: Path) -> None:
    """A checkpoint after each step, so that many kills fall into its writing; each end is like that of a run left alone."""
    recipe = settings(base, data, steps=40, checkpoint_every=1)
    wanted = whole(SFT, recipe, tmp_path / "whole")
    server = multiprocessing.get_context("forkserver")
    server.set_forkserver_preload(["killed_training", "transformers.models.llama.modeling_llama"])
    chance, kills, ends, torn = random.Random(20261127), 0, 0, 0
    weights = tmp_path / "killed" / "out" / "weights"
    while kills < KILLS:
        child = server.Process(target=killed_training.train, args=(recipe, tmp_path / "killed"))
        child.start()
        child.join(chance.uniform(0.1, 2.5))
        child.kill()
        child.join()
        if child.exitcode == 0:
            assert left_in(tmp_path / "killed" / "out", SFT) == wanted
            shutil.rmtree(tmp_path / "killed")
            ends += 1
            continue
        assert child.exitcode == -signal.SIGKILL
        if (weights / "config.json").exists():  # all was done but for the checkpoints, which are removed last
            assert left_in(tmp_path / "killed" / "out", SFT) == wanted
        torn += any((tmp_path / "killed" / "scratch").glob(".tmp-step-*"))
        kills += 1
    assert min(ends, torn) >= KILLS // 40
    print(f"{kills} kills, {ends} runs that came to their end, half a checkpoint after {torn} of the kills")


def stopped_at(last: int, cancel: Callable[[Job], None], recipe: dict[str, Any], place: Path, step: Any = SFT) -> Job:
    def sink(event: Event) -> None:
        if isinstance(event, Metric) and (event.step, event.name) == (last, "loss"):
            cancel(job)

    job = Job("t", sink, outputs=place / "out", scratch=place / "scratch")
    with pytest.raises(Cancelled):
        step.run(step.recipe.model_validate(recipe), {}, job)
    return job


@pytest.mark.parametrize(
    "cancel",
    [Job.cancel, lambda _: os.kill(os.getpid(), signal.SIGTERM), lambda _: os.kill(os.getpid(), signal.SIGINT)],
    ids=["job", "SIGTERM", "SIGINT"],
)
def test_stopping_saves_first_and_nothing_is_repeated(
    cancel: Callable[[Job], None], base: Path, data: Path, tmp_path: Path
) -> None:
    before = signal.getsignal(signal.SIGTERM)
    recipe = settings(base, data, checkpoint_every=100)
    stopped_at(5, cancel, recipe, tmp_path)
    assert [path.name for path in (tmp_path / "scratch").glob("step-*")] == ["step-00000005"]
    assert signal.getsignal(signal.SIGTERM) == before
    seen: list[int] = []

    def sink(event: Event) -> None:
        if isinstance(event, Metric) and event.name == "loss":
            seen.append(event.step or 0)

    SFT.run(
        SftRecipe.model_validate(recipe), {}, Job("t", sink, outputs=tmp_path / "out", scratch=tmp_path / "scratch")
    )
    assert seen == list(range(6, STEPS + 1))
    assert left_in(tmp_path / "out", SFT) == whole(SFT, recipe, tmp_path / "whole")


def test_a_torn_checkpoint_is_passed_over(base: Path, data: Path, tmp_path: Path) -> None:
    recipe = settings(base, data)
    stopped_at(8, Job.cancel, recipe, tmp_path)
    names = sorted(path.name for path in (tmp_path / "scratch").glob("step-*"))
    assert names == ["step-00000006", "step-00000008"]
    weights = tmp_path / "scratch" / names[-1] / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1])
    SFT.run(SftRecipe.model_validate(recipe), {}, Job("t", outputs=tmp_path / "out", scratch=tmp_path / "scratch"))
    assert left_in(tmp_path / "out", SFT) == whole(SFT, recipe, tmp_path / "whole")


def test_a_checkpoint_of_another_run_is_refused(base: Path, data: Path, tmp_path: Path) -> None:
    stopped_at(4, Job.cancel, settings(base, data), tmp_path)
    other = SftRecipe.model_validate(settings(base, data, learning_rate=1e-3))
    with pytest.raises(UsageError) as raised:
        SFT.run(other, {}, Job("t", outputs=tmp_path / "out", scratch=tmp_path / "scratch"))
    assert raised.value.code == "train.other-run"
    assert newest(tmp_path / "nowhere", "") is None


def test_a_checkpoint_is_a_model_folder(base: Path, data: Path, tmp_path: Path) -> None:
    from lianlu.nn.weights import load_model, load_tokenizer

    stopped_at(4, Job.cancel, settings(base, data), tmp_path)
    folder = tmp_path / "scratch" / (tmp_path / "scratch" / "latest").read_text().strip()
    assert load_model(folder).config.vocab_size == len(load_tokenizer(folder))
    assert json.loads((folder / "trainer" / "state.json").read_text())["step"] == 4
    assert time.time() - (folder / "manifest.json").stat().st_mtime < 600
