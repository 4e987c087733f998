"""The training steps on CUDA learn what they learn on a CPU."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")

import torch  # noqa: TID253 - this folder is for torch

from gpu.place import DEVICE, MARKS
from lianlu.core.job import Job
from lianlu.train import fit as room
from lianlu.train.steps import LORA, SFT

pytestmark = MARKS
STEPS = 6
SETTINGS: dict[str, Any] = {
    "steps": STEPS,
    "batch_size": 3,
    "max_tokens": 128,
    "row_tokens": 40,  # several rows a step
    "learning_rate": 2e-3,
    "eval_share": 0.25,
    "eval_every": 3,
}


def trained(step: Any, base: Path, data: Path, place: Path, **more: Any) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Metrics and weights of a run."""
    from safetensors.torch import load_file

    recipe = step.recipe.model_validate({"model": str(base), "data": str(data), **SETTINGS, **more})
    step.run(recipe, {}, Job("t", outputs=place))
    folder = place / next(iter(step.outputs))
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_bytes().splitlines()]
    return lines, load_file(next(folder.glob("*.safetensors")))


def check_equal_lines(found: list[dict[str, Any]], wanted: list[dict[str, Any]], rel: float) -> None:
    assert [line.keys() for line in found] == [line.keys() for line in wanted]
    for made, line in zip(found, wanted, strict=True):
        assert made == pytest.approx(line, rel=rel)


def apart(found: dict[str, Any], wanted: dict[str, Any], start: dict[str, Any]) -> float:
    """How far two runs ended from each other, as a share of the way from the start: Adam makes much of little."""

    def way(one: dict[str, Any], other: dict[str, Any]) -> float:
        return sum(float((one[name] - other[name]).square().sum()) for name in one) ** 0.5

    return way(found, wanted) / way(wanted, start)


def test_full_tuning_equals_the_cpu(base: Path, data: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file

    wanted, weights = trained(SFT, base, data, tmp_path / "cpu", device="cpu")
    found, found_weights = trained(SFT, base, data, tmp_path / "cuda", device=DEVICE)
    check_equal_lines(found, wanted, 2e-5)
    assert apart(found_weights, weights, load_file(base / "model.safetensors")) < 5e-4


def test_an_adapter_equals_the_cpu(base: Path, data: Path, tmp_path: Path) -> None:
    pytest.importorskip("peft")
    wanted, weights = trained(LORA, base, data, tmp_path / "cpu", device="cpu", rank=4)
    found, found_weights = trained(LORA, base, data, tmp_path / "cuda", device=DEVICE, rank=4)
    check_equal_lines(found, wanted, 2e-5)
    made, known = ({name: each for name, each in of.items() if "lora_B" in name} for of in (found_weights, weights))
    assert made
    assert apart(made, known, {name: torch.zeros_like(each) for name, each in known.items()}) < 5e-4


@pytest.mark.parametrize("step", [SFT, LORA], ids=lambda step: step.name)
def test_half_precision_learns(step: Any, base: Path, data: Path, tmp_path: Path) -> None:
    if step is LORA:
        pytest.importorskip("peft")
    more = {"steps": 40, "learning_rate": 1e-2, "eval_share": 0.0, "device": DEVICE}
    exact, _ = trained(step, base, data, tmp_path / "fp32", **more)
    lines, weights = trained(step, base, data, tmp_path / "bf16", precision="bf16", **more)
    assert lines[-1]["loss"] < lines[0]["loss"] / 2
    assert [line["loss"] for line in lines[:2]] == pytest.approx([line["loss"] for line in exact[:2]], rel=2e-2)
    assert {each.dtype for each in weights.values()} == {torch.float32}


def test_auto_takes_the_device(base: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []

    class Watched(room.Training):
        def run(self, *given: Any) -> Any:
            seen.extend(sorted({each.device.type for each in self.model.parameters()}))
            return super().run(*given)

    monkeypatch.setattr(room, "Training", Watched)
    trained(SFT, base, data, tmp_path, device="auto", steps=1)
    assert seen == ["cuda" if torch.cuda.is_available() else "cpu"]


def test_a_device_that_is_not_there_is_said(base: Path, data: Path, tmp_path: Path) -> None:
    from lianlu.core.errors import UsageError

    with pytest.raises(UsageError) as raised:
        trained(SFT, base, data, tmp_path, device="cuda:99")
    assert raised.value.code == "train.bad-device"
