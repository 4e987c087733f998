"""What every Sink must keep, as a test class to sub-class:

class TestMine(SinkConformance):
    name = "mine"

    def read(self, folder: Path) -> list[tuple[int, str, float]]:
        return what it wrote below the folder of the run, as (step, name, value)
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

from lianlu.core import registry
from lianlu.train.sinks import Sink, SinkOpener, WatchedRun

__all__ = ["SinkConformance"]

SETTINGS: dict[str, Any] = {"learning_rate": 1e-4, "data": ["对话.jsonl"], "model": None, "shape": {"layers": 2}}


class SinkConformance(ABC):
    name = ""

    @abstractmethod
    def read(self, folder: Path) -> list[tuple[int, str, float]]:
        """What the sink keeps below `folder`."""

    def opened(self, folder: Path, *, done: int = 0) -> Sink:
        return registry.find("sink", self.name)(WatchedRun("a run", folder, done), SETTINGS)

    def test_its_opener_opens_a_sink(self, tmp_path: Path) -> None:
        sink = self.opened(tmp_path)
        assert isinstance(registry.find("sink", self.name), SinkOpener)
        assert isinstance(sink, Sink)
        sink.close()

    def test_it_keeps_every_value_under_its_name_and_step(self, tmp_path: Path) -> None:
        sink = self.opened(tmp_path)
        sink.log(1, {"loss": 2.5, "lr": 0.5})
        sink.log(2, {"loss": 1.25})
        sink.close()
        assert sorted(self.read(tmp_path)) == [(1, "loss", 2.5), (1, "lr", 0.5), (2, "loss", 1.25)]

    def test_it_keeps_to_the_folder_of_the_run(self, tmp_path: Path) -> None:
        (tmp_path / "run").mkdir()
        self.opened(tmp_path / "run").close()
        assert [path.name for path in tmp_path.iterdir()] == ["run"]
        assert [path.name for path in (tmp_path / "run").iterdir()] == [self.name]

    def test_a_step_without_values_is_no_fault(self, tmp_path: Path) -> None:
        sink = self.opened(tmp_path)
        sink.log(1, {})
        sink.close()

    def test_a_run_that_goes_on_keeps_what_it_had(self, tmp_path: Path) -> None:
        (tmp_path / "second").mkdir()
        sink = self.opened(tmp_path / "second", done=5)
        sink.log(6, {"loss": 1.0})
        sink.close()
        assert self.read(tmp_path / "second") == [(6, "loss", 1.0)]
