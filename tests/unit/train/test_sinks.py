"""Metrics go to where the user wants them, stay on the machine, and never end a run. (Each sink: conformance/test_sinks.)"""

from __future__ import annotations

import errno
import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from lianlu.core.errors import Cancelled, DataError, UsageError
from lianlu.core.events import Event, Note
from lianlu.core.job import Job
from lianlu.train.sinks import Sinks, WatchedRun, open_sinks, open_swanlab, open_wandb

WATCHERS = Path(__file__).resolve().parents[2] / "plugins" / "watchers"


@pytest.fixture
def watchers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Modules that stand in for wandb and swanlab."""
    monkeypatch.syspath_prepend(str(WATCHERS))
    for variable in ("WANDB_MODE", "SWANLAB_MODE", "WANDB_ERROR_REPORTING"):
        monkeypatch.setenv(variable, "")
        monkeypatch.delenv(variable)
    for module in ("wandb", "swanlab", "swanboard"):
        monkeypatch.setitem(sys.modules, module, None)
        monkeypatch.delitem(sys.modules, module)


@pytest.fixture
def absent(monkeypatch: pytest.MonkeyPatch) -> None:
    """No sink's package can be imported."""
    for module in ("wandb", "swanlab", "swanboard", "tensorboard"):
        monkeypatch.delitem(sys.modules, module, raising=False)
    monkeypatch.setattr(sys, "meta_path", [_Hidden(), *sys.meta_path])
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)


class _Hidden:
    def find_spec(self, name: str, path: object, target: object = None) -> None:
        if name.split(".")[0] in ("wandb", "swanlab", "swanboard", "tensorboard"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


_CUT = ConnectionError("the line is cut\nand more")


class Kept:
    """A sink that fails at the step it is told to."""

    def __init__(self, fails_at: int = 0, *, fails_to_close: bool = False, error: Exception = _CUT) -> None:
        self.lines: list[tuple[int, dict[str, float]]] = []
        self.closed = 0
        self._fails_at, self._fails_to_close, self._error = fails_at, fails_to_close, error

    def log(self, step: int, values: Mapping[str, float]) -> None:
        if step == self._fails_at:
            raise self._error
        self.lines.append((step, dict(values)))

    def close(self) -> None:
        self.closed += 1
        if self._fails_to_close:
            raise OSError("disk is gone")


def notes(events: list[Event]) -> list[Note]:
    return [each for each in events if isinstance(each, Note)]


def started(folder: Path, name: str) -> dict[str, Any]:
    return json.loads((folder / name / "started.json").read_text())


def test_numbers_are_passed_on_and_what_is_none_is_not() -> None:
    sink = Kept()
    Sinks({"a": sink}, Job()).log(3, {"step": 3, "loss": 2, "eval_loss": None, "grad_norm": float("nan"), "lr": 0.5})
    assert sink.lines == [(3, {"loss": 2.0, "lr": 0.5})]


def test_a_sink_that_fails_is_told_once_and_left_out() -> None:
    events: list[Event] = []
    bad, good = Kept(fails_at=2), Kept()
    with Sinks({"bad": bad, "good": good}, Job(sink=events.append)) as sinks:
        for step in (1, 2, 3):
            sinks.log(step, {"loss": 1.0})
    assert [step for step, _ in bad.lines] == [1]
    assert [step for step, _ in good.lines] == [1, 2, 3]
    assert [(each.code, each.level) for each in notes(events)] == [("train.sink-dropped", "warning")]
    assert notes(events)[0].text.endswith("ConnectionError: the line is cut")
    assert notes(events)[0].text_zh.startswith("bad")
    assert (bad.closed, good.closed) == (1, 1)


def test_a_sink_that_cannot_close_is_told_and_the_others_are_closed() -> None:
    events: list[Event] = []
    bad, good = Kept(fails_to_close=True), Kept()
    Sinks({"good": good, "bad": bad}, Job(sink=events.append)).close()
    assert (good.closed, len(notes(events))) == (1, 1)


@pytest.mark.parametrize(
    "error",
    [OSError(errno.ENOSPC, "full", "a"), DataError("train.no-metrics", why="x"), Cancelled(), RuntimeError()],
    ids=repr,
)
def test_no_error_of_a_sink_reaches_the_run(error: Exception) -> None:
    events: list[Event] = []
    sink = Kept(fails_at=1, error=error)
    Sinks({"a": sink}, Job(sink=events.append)).log(1, {"loss": 1.0})
    assert [type(each) for each in events] == [Note]


def test_a_run_that_is_stopping_still_tells_its_sinks() -> None:
    sink, job = Kept(), Job()
    job.cancel()
    with Sinks({"a": sink}, job) as sinks:
        sinks.log(1, {"loss": 1.0})
    assert (len(sink.lines), sink.closed) == (1, 1)


def test_sinks_are_closed_when_the_run_fails() -> None:
    sink = Kept()
    with pytest.raises(KeyboardInterrupt), Sinks({"a": sink}, Job()):
        raise KeyboardInterrupt
    assert sink.closed == 1


@pytest.mark.parametrize("name", ["tensorboard", "wandb", "swanlab"])
@pytest.mark.usefixtures("absent")
def test_a_sink_that_is_not_installed_is_told_with_its_pip_command(name: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError) as raised:
        open_sinks([name], WatchedRun("r", tmp_path), {}, Job())
    assert raised.value.code == "extra.missing"
    assert f"lianlu[{name}]" in raised.value.hint("en")


def test_an_unknown_sink_is_told_with_the_nearest_name(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as raised:
        open_sinks(["tensorbord"], WatchedRun("r", tmp_path), {}, Job())
    assert raised.value.code == "registry.unknown-name"
    assert "tensorboard" in raised.value.message("en") + raised.value.hint("en")


@pytest.mark.usefixtures("watchers")
def test_a_sink_that_cannot_be_opened_is_told_before_the_run(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as raised:
        open_sinks(["wandb"], WatchedRun("refused", tmp_path), {}, Job())
    assert raised.value.code == "train.sink-failed"
    assert raised.value.message("en").endswith("ValueError: the server said no")


@pytest.mark.usefixtures("watchers")
def test_sinks_opened_before_one_that_fails_are_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = Kept()
    found = {"first": lambda run, settings: opened, "wandb": open_wandb}
    monkeypatch.setattr("lianlu.core.registry.find", lambda group, name: found[name])
    with pytest.raises(UsageError):
        open_sinks(["first", "wandb"], WatchedRun("refused", tmp_path), {}, Job())
    assert opened.closed == 1


@pytest.mark.usefixtures("watchers")
def test_a_sink_named_twice_is_opened_once(tmp_path: Path) -> None:
    with open_sinks(["wandb", "wandb"], WatchedRun("r", tmp_path), {}, Job()) as sinks:
        sinks.log(1, {"loss": 1.0})
    assert (tmp_path / "wandb" / "log.jsonl").read_text() == '{"step": 1, "loss": 1.0}\n'


@pytest.mark.usefixtures("watchers")
def test_nothing_leaves_the_machine_by_itself(tmp_path: Path) -> None:
    open_wandb(WatchedRun("r", tmp_path), {}).close()
    open_swanlab(WatchedRun("r", tmp_path), {}).close()
    assert (started(tmp_path, "wandb")["mode"], started(tmp_path, "wandb")["reports"]) == ("offline", "false")
    assert started(tmp_path, "swanlab")["mode"] == "local"


@pytest.mark.usefixtures("watchers")
def test_who_wants_to_upload_says_so_in_the_words_of_the_tool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_MODE", "online")
    monkeypatch.setenv("SWANLAB_MODE", "online")
    open_wandb(WatchedRun("r", tmp_path), {"lr": 1.0}).close()
    open_swanlab(WatchedRun("r", tmp_path), {"lr": 1.0}).close()
    assert [started(tmp_path, name)["mode"] for name in ("wandb", "swanlab")] == [None, None]
    assert [started(tmp_path, name)["config"] for name in ("wandb", "swanlab")] == [{"lr": 1.0}] * 2


def test_tensorboard_drops_what_was_written_after_the_step_gone_on_from(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    for done, steps in ((0, (1, 2, 3)), (2, (3, 4))):
        with open_sinks(["tensorboard"], WatchedRun("r", tmp_path, done), {"lr": 1.0}, Job()) as sinks:
            for step in steps:
                sinks.log(step, {"loss": step + done})
    events = accumulator.EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    assert [(each.step, each.value) for each in events.Scalars("loss")] == [(1, 1.0), (2, 2.0), (3, 5.0), (4, 6.0)]


def test_the_module_is_light() -> None:
    script = "import sys, lianlu.train.sinks; print({'torch', 'wandb', 'swanlab', 'tensorboard'} & set(sys.modules))"
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "set()"
