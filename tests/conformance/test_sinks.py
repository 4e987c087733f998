"""Our sinks keep what every Sink must keep: TensorBoard itself, the others through stand-ins of their modules."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from conformance.sink import SinkConformance

WATCHERS = Path(__file__).resolve().parents[1] / "plugins" / "watchers"


class TestTensorBoard(SinkConformance):
    name = "tensorboard"

    @pytest.fixture(autouse=True)
    def _installed(self) -> None:
        pytest.importorskip("torch")
        pytest.importorskip("tensorboard")

    def read(self, folder: Path) -> list[tuple[int, str, float]]:
        from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

        events = EventAccumulator(str(folder / "tensorboard"))
        events.Reload()
        return [(each.step, name, each.value) for name in events.Tags()["scalars"] for each in events.Scalars(name)]


class _StoodIn(SinkConformance):
    @pytest.fixture(autouse=True)
    def _stand_in(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.syspath_prepend(str(WATCHERS))
        for module in ("wandb", "swanlab", "swanboard"):
            monkeypatch.delitem(sys.modules, module, raising=False)
            monkeypatch.setitem(sys.modules, module, None)  # so that the end of the test forgets the stand-in too
            monkeypatch.delitem(sys.modules, module)

    def read(self, folder: Path) -> list[tuple[int, str, float]]:
        lines = [json.loads(line) for line in (folder / self.name / "log.jsonl").read_text().splitlines()]
        return [(line["step"], name, value) for line in lines for name, value in line.items() if name != "step"]


class TestWandb(_StoodIn):
    name = "wandb"


class TestSwanlab(_StoodIn):
    name = "swanlab"
