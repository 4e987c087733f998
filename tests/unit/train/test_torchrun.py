"""Two processes started by torchrun learn what one learns, stop together, and go on from each other's checkpoints.

One launch shows all of it, because importing takes long: first what must be first, and last the kill, of which the launch
dies.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")
pytest.importorskip("peft")

from lianlu.core import registry
from lianlu.core.errors import Cancelled
from lianlu.core.events import Event, Metric
from lianlu.core.job import Job
from lianlu.train.checkpoint import newest

from .conftest import ANSWERS, QUESTIONS, chats, write_lines

SCRIPT = Path(__file__).parents[2] / "torchrun_train.py"
CLOSE = 1e-5
KINDS = ("sft", "lora", "dpo")
Wanted = dict[str, Any]


def torchrun(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2", *arguments]
    settings = {**os.environ, "OMP_NUM_THREADS": "1", "LIANLU_THREADS": "1"}
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False, env=settings)


def alone(wanted: Wanted, place: Path, *, stop_at: int | None = None) -> Path:
    step = registry.find("step", wanted["step"])

    def sink(event: Event) -> None:
        if isinstance(event, Metric) and (event.step, event.name) == (stop_at, "loss"):
            job.cancel()

    job = Job("t", sink, outputs=place / "out", scratch=place / "scratch")
    if stop_at is None:
        step.run(step.recipe.model_validate(wanted["recipe"]), {}, job)
    else:
        with pytest.raises(Cancelled):
            step.run(step.recipe.model_validate(wanted["recipe"]), {}, job)
    return place


def metrics(place: Path) -> bytes:
    (path,) = (place / "out").glob("*/metrics.jsonl")
    return path.read_bytes()


def said(place: Path) -> list[str]:
    return [(place / f"said-{rank}").read_text() for rank in (0, 1)]


def farthest(one: Path, two: Path) -> float:
    """The largest difference of any number of any step: of losses relative, of rewards, which may be near 0, absolute."""
    lines = [[json.loads(line) for line in metrics(place).splitlines()] for place in (one, two)]
    pairs = list(zip(*lines, strict=True))
    assert pairs
    assert all(a.keys() == b.keys() for a, b in pairs)
    return max(abs(a[name] - b[name]) / (abs(a[name]) if "loss" in name else 1.0) for a, b in pairs for name in a)


@pytest.fixture(scope="module")
def wanted(base: Path, corpus: Path, tokenizer: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Wanted]:
    """Runs by name, with rows so small that each process has several or none."""
    place = tmp_path_factory.mktemp("lines")
    asked = [[{"role": "user", "content": each}] for each in QUESTIONS]
    said = [{"role": "assistant", "content": each} for each in ANSWERS]
    data = str(write_lines(place / "chats.jsonl", chats()))
    shared = str(write_lines(place / "shared.jsonl", chats("you are Lian, a patient friend of all " * 3)))
    pairs = [
        {"messages": a, "chosen": b, "rejected": said[n - 1]} for n, (a, b) in enumerate(zip(asked, said, strict=True))
    ]
    rated = [{"messages": [*a, b], "label": n % 3 > 0} for n, (a, b) in enumerate(zip(asked, said, strict=True))]
    tuned = {"model": str(base), "data": data, "steps": 3, "batch_size": 5, "max_tokens": 128, "learning_rate": 3e-3,
             "row_tokens": 60}  # fmt: skip
    tested = {**tuned, "eval_share": 0.25, "eval_every": 2}
    judged = {**tested, "data": str(write_lines(place / "pairs.jsonl", pairs))}
    new = {"data": str(corpus), "tokenizer": str(tokenizer), "steps": 3, "batch_size": 5, "max_tokens": 64,
           "row_tokens": 100, "shape": {"layers": 2, "hidden": 32, "heads": 2, "intermediate": 48, "tie": False}}  # fmt: skip
    recipes: dict[str, tuple[str, dict[str, Any]]] = {
        "sft": ("sft", {**tested, "sample_prompts": ["say hi"], "weights": "bf16"}),
        "one sample": ("sft", {**tuned, "batch_size": 1}),
        "last layer": ("sft", {**tuned, "train_layers": 1}),
        "recompute": ("sft", {**tuned, "recompute": "full"}),
        "bf16": ("sft", {**tuned, "precision": "bf16", "steps": 1}),
        "shared": ("sft", {**tuned, "data": shared, "row_tokens": 400, "max_tokens": 256}),
        "lora": ("lora", {**tested, "rank": 1}),
        "dora": ("lora", {**tuned, "rank": 3, "variant": "dora"}),
        "dpo": ("dpo", judged),
        "kto": ("kto", {**judged, "data": str(write_lines(place / "rated.jsonl", rated))}),
        "reward": ("reward", judged),
        "pretrain": ("pretrain", new),
    }
    return {name: {"step": f"train.{step}", "recipe": recipe} for name, (step, recipe) in recipes.items()}


def command(wanted: Wanted, place: Path) -> dict[str, Any]:
    """`lianlu train run` with a recipe that is a file."""
    place.mkdir()
    path = place / "a.yaml"
    path.write_text(json.dumps({"kind": wanted["step"], "version": 1, **wanted["recipe"]}), encoding="utf-8")
    return {"typed": ["train", "run", str(path), "--out", str(place / "out"), "--json", "-q"], "place": str(place)}


@dataclass(frozen=True)
class Launch:
    """Where the runs are, and how torchrun ended."""

    place: Path
    ended: subprocess.CompletedProcess[str]


def longer(wanted: Wanted) -> Wanted:
    """Long enough to be stopped between two checkpoints, and without questions, whose answers take most of the time."""
    more = {"steps": 7, "checkpoint_every": 3, "eval_every": 5, "sample_prompts": []}
    return {**wanted, "recipe": {**wanted["recipe"], **more}}


@pytest.fixture(scope="module")
def launch(wanted: dict[str, Wanted], tmp_path_factory: pytest.TempPathFactory) -> Launch:
    """All that needs two processes."""
    place = tmp_path_factory.mktemp("runs")
    runs: list[dict[str, Any]] = [
        {**longer(wanted["sft"]), "place": str(place / "failed"), "fail": [1, 2]},
        command(wanted["sft"], place / "command"),  # nothing of a test is in these processes yet
    ]
    runs += [{**each, "place": str(place / "two" / name)} for name, each in wanted.items()]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LIANLU_THREADS", "1")
        for name, each in wanted.items():
            alone(each, place / "one" / name)
        for name in KINDS:
            each = longer(wanted[name])
            alone(each, place / "whole-1" / name)
            alone(each, place / "1-2" / name, stop_at=4)
            runs += [{**each, "place": str(place / kind / name)} for kind in ("whole-2", "1-2")]
            runs += [{**each, "place": str(place / kind / name), "stop": [1, 4]} for kind in ("2-1", "2-2")]
            runs += [{**each, "place": str(place / "2-2" / name)}]
        runs += [{**longer(wanted["sft"]), "place": str(place / "killed"), "kill-saving": [1, 6]}]
        ended = torchrun(str(SCRIPT), json.dumps(runs))
        for each in runs[:-1]:
            assert len(said(Path(each["place"]))) == 2, ended.stderr
        for name in KINDS:
            assert said(place / "2-1" / name)[0].startswith("run.cancelled")
            alone(longer(wanted[name]), place / "2-1" / name)
    return Launch(place, ended)


@pytest.fixture
def launched(launch: Launch) -> Path:
    return launch.place


def test_two_processes_learn_what_one_learns(launched: Path, wanted: dict[str, Wanted]) -> None:
    found = {name: farthest(launched / "one" / name, launched / "two" / name) for name in wanted}
    assert max(value for name, value in found.items() if name != "bf16") < CLOSE, found
    assert found["bf16"] < 1e-2


def test_the_weights_are_those_of_one_process(launched: Path) -> None:
    import torch
    from safetensors.torch import load_file

    for name in ("sft/out/weights/model", "lora/out/adapter/adapter_model", "reward/out/weights/model"):
        one, two = (load_file(launched / each / f"{name}.safetensors") for each in ("one", "two"))
        assert one.keys() == two.keys()
        assert all(one[key].dtype == two[key].dtype for key in one)
        torch.testing.assert_close(two, one, rtol=1e-2, atol=1e-4)  # AdamW's first steps turn on the sign of a gradient


def test_questions_are_answered_while_weights_are_dealt_out(launched: Path) -> None:
    one, two = ((launched / each / "sft" / "out" / "weights" / "samples.jsonl").read_bytes() for each in ("one", "two"))
    assert two == one
    assert two.count(b"\n") == 3


@pytest.mark.parametrize("name", KINDS)
def test_a_stopped_run_of_two_goes_on_to_the_bit(name: str, launched: Path) -> None:
    assert metrics(launched / "2-2" / name) == metrics(launched / "whole-2" / name)


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("kind", ["2-1", "1-2"])
def test_another_number_of_processes_goes_on(kind: str, name: str, launched: Path) -> None:
    found = farthest(launched / "whole-1" / name, launched / kind / name)
    assert found < CLOSE


def test_one_that_is_stopped_stops_all_and_one_tells_it(launched: Path) -> None:
    assert sorted(said(launched / "2-1" / "sft")) == ["run.cancelled", "run.cancelled elsewhere"]


def test_one_that_fails_ends_all(launched: Path) -> None:
    assert said(launched / "failed") == ["train.other-process elsewhere", "broken on purpose"]


def test_a_kill_while_saving_leaves_the_checkpoint_before(launch: Launch) -> None:
    assert launch.ended.returncode != 0
    assert (launch.place / "killed" / "said-0").read_text() == "train.lost-process"
    scratch = launch.place / "killed" / "scratch"
    kept = sorted(path.name for path in scratch.glob("step-*"))
    assert kept == ["step-00000003"]
    key = json.loads((scratch / kept[0] / "trainer" / "state.json").read_bytes())["key"]
    start = newest(scratch, key)
    assert start is not None
    assert start.state.step == 3


def test_the_command_speaks_once(launch: Launch) -> None:
    assert said(launch.place / "command") == ["left with 0"] * 2
    assert json.loads(launch.ended.stdout)["steps"] == 3
    found = (launch.place / "command" / "out" / "weights" / "metrics.jsonl").read_bytes()
    assert found == metrics(launch.place / "two" / "sft")
