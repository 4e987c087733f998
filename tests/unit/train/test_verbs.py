"""`lianlu train`: what a person types, what comes out, and that a stop is no loss."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")

Lianlu = Callable[..., Any]
SMALL = ("batch_size=4", "max_tokens=128")


def test_a_model_and_data_are_enough(lianlu: Lianlu, base: Path, data: Path, tmp_path: Path) -> None:
    done = lianlu("train", "--model", base, "--data", data, *SMALL, "--epochs", 2, "--out", tmp_path / "o", "--json")
    assert done.code == 0, done.err
    shown = json.loads(done.out)
    assert (shown["samples"], shown["steps"]) == (8, 4)
    assert (tmp_path / "o" / "weights" / "model.safetensors").is_file()
    assert not (tmp_path / "o" / "checkpoints").exists()
    assert "<svg" in (tmp_path / "o" / "page.html").read_text(encoding="utf-8")
    why = lianlu("store", "why", shown["artifact"], "--json")
    assert data.name in why.out
    assert "model.safetensors" in why.out


def test_a_recipe_is_run_with_changes(lianlu: Lianlu, base: Path, data: Path, tmp_path: Path) -> None:
    recipe = tmp_path / "mine.yaml"
    recipe.write_text(f"kind: train.lora\nversion: 1\nmodel: {base}\ndata: {data}\nmax_tokens: 128\nrank: 2\n")
    done = lianlu("train", recipe, "steps=2", "--out", tmp_path / "o")
    assert done.code == 0, done.err
    assert (tmp_path / "o" / "adapter" / "adapter_model.safetensors").is_file()
    assert "last loss" in done.out


def test_sample_answers_are_shown_while_a_model_learns_but_not_to_the_quiet(
    lianlu: Lianlu, base: Path, data: Path, tmp_path: Path
) -> None:
    typed = ["train", "--model", base, "--data", data, *SMALL, "steps=2", "sample_every=1", "sample_prompts=say hi"]
    shown = lianlu(*typed, "--out", tmp_path / "o")
    assert [each[:20] for each in shown.err.splitlines() if " → " in each] == [
        f"  train: step {step}: say" for step in (1, 2)
    ]
    quiet = lianlu(*typed, "--out", tmp_path / "q", "--json", "-q")
    assert (quiet.err, json.loads(quiet.out)["steps"]) == ("", 2)


def test_a_plan_is_shown_without_work(lianlu: Lianlu, base: Path, data: Path, tmp_path: Path) -> None:
    done = lianlu("train", "--model", base, "--data", data, "--dry-run", "--out", tmp_path / "o", "--json")
    assert json.loads(done.out)["recipe"]["epochs"] == 3
    assert not (tmp_path / "o").exists()


def test_a_preview_marks_what_is_learned(lianlu: Lianlu, base: Path, data: Path) -> None:
    done = lianlu("train", "preview", "--model", base, "--data", data, "--samples", 2, "--json")
    first = json.loads(done.out)["samples"][0]
    assert first["text"] == (
        "<|im_start|>user\nwho are you?<|im_end|>\n<|im_start|>assistant\n⟦I am Lian.<|im_end|>⟧\n"
    )
    assert sum(first["mask"]) == first["supervised"] == len("I am Lian.") + 1
    assert "⟦" in lianlu("train", "preview", "--model", base, "--data", data).out


def test_data_are_looked_through(lianlu: Lianlu, tmp_path: Path) -> None:
    line = {"instruction": "who are you", "output": "I am {{name}}"}
    path = tmp_path / "d.json"
    path.write_text(json.dumps([line, line]))
    done = lianlu("train", "check-data", path, "--json")
    assert [each["code"] for each in json.loads(done.out)["findings"]] == ["placeholder", "duplicate", "same-question"]
    shown = lianlu("train", "check-data", path).out
    assert "d.json#2" in shown
    assert "2 samples, 2 of them conversations or pairs; 3 findings" in shown
    path.write_text(json.dumps([line]))
    shown = lianlu("train", "check-data", path).out
    assert "1 sample has a placeholder" in shown
    assert "1 sample, 1 of them a conversation or pair; 1 finding\n" in shown


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("run",), "train.nothing-named"),
        (("--data", "nowhere.jsonl"), "train.no-model"),
        (("--data", "nowhere.jsonl", "--model", "nowhere"), "file.missing"),
        (("nowhere.yaml",), "file.missing"),
        (("lerning_rate=1",), "recipe.unknown-key"),
        (("epochs=0",), "recipe.bad-value"),
        (("betas=[1, 2]",), "recipe.bad-value"),
        (("kind=extract",), "train.not-a-training"),
        (("preview", "kind=train.tokenizer", "data=x"), "train.not-a-training"),
    ],
    ids=lambda value: value if isinstance(value, str) else " ".join(value) or "nothing",
)
def test_bad_commands_are_answered(lianlu: Lianlu, arguments: tuple[str, ...], code: str) -> None:
    done = lianlu("train", *arguments)
    assert done.code == 2
    assert f"[{code}]" in done.err


def test_ctrl_c_saves_and_exits_130(lianlu: Lianlu, base: Path, data: Path, tmp_path: Path) -> None:
    place = tmp_path / "o"
    typed = ["train", "--model", base, "--data", data, *SMALL, "steps=4000", "--out", place]
    command = [sys.executable, "-m", "lianlu", *map(str, typed), "checkpoint_every=5"]
    child = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    until = time.monotonic() + 60
    while not (place / "checkpoints" / "latest").exists() and child.poll() is None and time.monotonic() < until:
        time.sleep(0.02)
    os.kill(child.pid, signal.SIGINT)
    _, err = child.communicate(timeout=60)
    assert child.returncode == 130, err
    state = json.loads(
        next(iter(sorted((place / "checkpoints").glob("step-*"))[-1:])).joinpath("trainer/state.json").read_bytes()
    )
    assert 5 <= state["step"] < 4000
    other = lianlu(*typed, "learning_rate=1")
    assert other.code == 2
    assert "[train.other-run]" in other.err
