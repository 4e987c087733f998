"""A run that was stopped and gone on with on CUDA is the run that was not. Last by name: what fails here may end CUDA."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")

import torch  # noqa: TID253 - this folder is for torch

from gpu.place import DEVICE, MARKS, ON_CUDA
from lianlu.core.errors import Cancelled
from lianlu.core.events import Event, Metric
from lianlu.core.job import Job
from lianlu.train import fit as room
from lianlu.train.steps import LORA, SFT

pytestmark = MARKS
STEPS, STOP = 8, 3


def settings(base: Path, data: Path, **more: Any) -> dict[str, Any]:
    return {
        "model": str(base),
        "data": str(data),
        "steps": STEPS,
        "batch_size": 3,
        "max_tokens": 128,
        "learning_rate": 2e-3,
        "eval_share": 0.25,
        "eval_every": 4,
        "device": DEVICE,
        **more,
    }


def run(step: Any, recipe: dict[str, Any], place: Path, *, stop: int | None = None) -> None:
    def sink(event: Event) -> None:
        if isinstance(event, Metric) and (event.step, event.name) == (stop, "loss"):
            job.cancel()

    job = Job("t", sink, outputs=place / "out", scratch=place / "scratch")
    step.run(step.recipe.model_validate(recipe), {}, job)


def left_in(step: Any, place: Path) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    from safetensors.torch import load_file

    folder = place / "out" / next(iter(step.outputs))
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_bytes().splitlines()]
    return lines, load_file(next(folder.glob("*.safetensors")))


def test_counters_are_taken_up_where_the_fused_optimizer_reads_them(
    base: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fused AdamW on CUDA reads `step` on the device; nothing is computed here, so that nothing breaks."""
    recipe = settings(base, data)
    with pytest.raises(Cancelled):
        run(SFT, recipe, tmp_path, stop=STOP)
    seen: set[tuple[str, str]] = set()

    class Stopping(room.Training):
        def run(self, start: Any = None) -> Any:
            self._take_up(start)
            group_is_fused = {group["fused"] for group in self._optimizer.param_groups}
            assert group_is_fused == {True}
            seen.update(
                (parameter.device.type, value.device.type)
                for parameter, state in self._optimizer.state.items()
                for value in state.values()
            )
            raise Cancelled

    monkeypatch.setattr(room, "Training", Stopping)
    with pytest.raises(Cancelled):
        run(SFT, recipe, tmp_path)
    device = torch.device(DEVICE).type
    assert seen == {(device, device)}


@pytest.mark.parametrize(
    ("step", "more", "rel"),
    [
        (SFT, {}, 1e-4),
        (LORA, {"rank": 4, "dropout": 0.3}, 1e-4),
        (SFT, {"precision": "bf16"}, 2e-2),
    ],
    ids=["full", "adapter-dropout", "bf16"],
)
def test_stopped_and_gone_on_with_is_as_if_never_stopped(
    step: Any, more: dict[str, Any], rel: float, base: Path, data: Path, tmp_path: Path
) -> None:
    """Equal on a CPU; on CUDA some backward kernels add up in the order of the moment, so the last digits may differ."""
    if step is LORA:
        pytest.importorskip("peft")
    recipe = settings(base, data, **more)
    with pytest.raises(Cancelled):
        run(step, recipe, tmp_path / "stopped", stop=STOP)
    assert [path.name for path in (tmp_path / "stopped" / "scratch").glob("step-*")] == [f"step-{STOP:08d}"]
    run(step, recipe, tmp_path / "stopped")
    run(step, recipe, tmp_path / "whole")
    (found, weights), (wanted, known) = left_in(step, tmp_path / "stopped"), left_in(step, tmp_path / "whole")
    assert [line["step"] for line in found] == list(range(1, STEPS + 1))
    if not ON_CUDA:
        assert found == wanted
        rel = 0.0
    for made, line in zip(found, wanted, strict=True):
        assert made == pytest.approx(line, rel=rel)
    way = sum(float((weights[name] - known[name]).square().sum()) for name in known) ** 0.5
    whole = sum(float(each.square().sum()) for each in known.values()) ** 0.5
    assert way <= rel * whole
