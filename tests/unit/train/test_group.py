"""Which process this is, who speaks, and what is said where there is no group."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from lianlu.core.errors import Cancelled, DataError, UsageError
from lianlu.core.events import Event
from lianlu.core.job import Job
from lianlu.train.group import Alone, Elsewhere, Place, is_first, join, one_speaker, silent

SECOND = {"RANK": "1", "WORLD_SIZE": "2", "LOCAL_RANK": "1", "LOCAL_WORLD_SIZE": "2"}


@pytest.fixture
def second(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in SECOND.items():
        monkeypatch.setenv(name, value)


def test_torchrun_tells_which_process_this_is() -> None:
    assert Place.from_environment(SECOND) == Place(1, 2, 1, 2)
    assert Place.from_environment({}) == Place.from_environment({**SECOND, "WORLD_SIZE": "1"}) == Place()


@pytest.mark.parametrize(
    "wrong", [{"RANK": "2"}, {"RANK": ""}, {"WORLD_SIZE": "many"}, {"LOCAL_RANK": "-1"}, {"LOCAL_WORLD_SIZE": "1"}]
)
def test_a_place_that_cannot_be_is_told(wrong: dict[str, str]) -> None:
    with pytest.raises(UsageError) as raised:
        Place.from_environment({**SECOND, **wrong})
    assert raised.value.code == "train.bad-group"
    ((name, value),) = wrong.items()
    assert f"{name}={value}" in raised.value.message("en")
    assert "torchrun" in raised.value.hint("zh")


def test_one_process_alone_is_a_group() -> None:
    with join(Place()) as group:
        assert (group.sums([1.5, 2.0]), group.gather("a"), group.from_first(lambda: 3)) == ([1.5, 2.0], ["a"], 3)
        with group.first():
            group.barrier()


def test_one_process_alone_needs_nothing_of_torch() -> None:
    code = "import sys, lianlu.train.group as g\nwith g.join(): pass\nassert 'torch' not in sys.modules"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.usefixtures("second")
def test_a_group_without_a_meeting_place_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("torch")
    monkeypatch.delenv("MASTER_ADDR", raising=False)
    with pytest.raises(UsageError) as raised, join():
        pass
    assert raised.value.code == "train.bad-group"
    assert "MASTER_ADDR" in raised.value.message("en")


def test_the_first_goes_on_and_the_others_end_quietly(monkeypatch: pytest.MonkeyPatch) -> None:
    with one_speaker():
        assert is_first()
    for name, value in SECOND.items():
        monkeypatch.setenv(name, value)
    assert not is_first()
    with pytest.raises(SystemExit) as raised, one_speaker():
        pass
    assert raised.value.code == 0


def test_what_another_process_tells_is_not_told_twice() -> None:
    with pytest.raises(SystemExit) as raised, one_speaker():
        raise Cancelled from Elsewhere("process 1")
    assert raised.value.code == 130
    with pytest.raises(DataError), one_speaker():
        raise DataError("train.not-finite", step=1, samples="a")


def test_a_silent_job_is_the_same_and_tells_nothing(tmp_path: Path) -> None:
    heard: list[Event] = []
    loud = Job("t", heard.append, seed=3, outputs=tmp_path)
    quiet = silent(loud)
    quiet.note("a")
    assert heard == []
    assert (quiet.seed, quiet.folder("x")) == (3, tmp_path / "x")
    loud.cancel()
    assert quiet.is_cancelled


def test_a_group_of_one_is_what_a_run_has_without_torchrun() -> None:
    group: Any = Alone()
    assert (group.place.rank, group.place.world) == (0, 1)
