"""Jobs: items fail alone, limits and cancelling end the loop, every event is reported once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from lianlu.core.errors import Cancelled, DataError, LimitError, UsageError
from lianlu.core.events import Event, Finished, Made, Metric, Note, Progress, Started
from lianlu.core.i18n import Text
from lianlu.core.job import Job


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        self.now += 1.0
        return self.now


@pytest.fixture
def events() -> list[Event]:
    return []


@pytest.fixture
def job(events: list[Event]) -> Job:
    return Job("run", events.append, seed=7, clock=Clock())


def invert(item: int) -> float:
    if item < 0:
        raise DataError("file.unreadable", path=str(item), why="negative")
    return 1 / item


def test_items_that_fail_are_reported_with_their_reason_and_the_rest_go_on(job: Job, events: list[Event]) -> None:
    tried = list(job.each([1, 0, -1, 2], invert, label="numbers", uri=lambda item: f"n{item}"))
    assert [each.value for each in tried] == [1.0, None, None, 0.5]
    codes = [(each.failure.uri, each.failure.code) for each in tried if each.failure]
    assert codes == [("n0", "bug"), ("n-1", "file.unreadable")]
    warnings = [event.text for event in events if isinstance(event, Note)]
    assert warnings[0].startswith("n0: ZeroDivisionError")
    assert warnings[1] == "n-1: '-1' cannot be read: negative"


def test_a_failure_says_what_to_do(job: Job) -> None:
    failure = next(iter(job.each([-1], invert, label="numbers"))).failure
    assert failure is not None
    assert failure.hint == "check the permissions of the file and of its folders"


@pytest.mark.parametrize("error", [LimitError("file.disk-full", path="x"), Cancelled(), KeyboardInterrupt()], ids=repr)
def test_what_every_further_item_would_meet_ends_the_loop(job: Job, error: BaseException) -> None:
    seen: list[int] = []

    def work(item: int) -> None:
        seen.append(item)
        raise error

    with pytest.raises(type(error)):
        list(job.each([1, 2, 3], work, label="items"))
    assert seen == [1]


def test_a_full_disk_ends_the_loop_and_another_refusal_only_its_item(job: Job) -> None:
    def work(item: int) -> None:
        raise OSError(*([28, "No space left on device"] if item else [13, "Permission denied", "a.md"]))

    tried = job.each([0, 1, 2], work, label="items")
    failure = next(tried).failure
    assert failure is not None
    assert (failure.code, failure.reason) == ("file.refused", "'a.md' cannot be used: Permission denied")
    with pytest.raises(LimitError):
        next(tried)


def test_cancelling_stops_before_the_next_item(job: Job) -> None:
    done: list[int] = []
    with pytest.raises(Cancelled):  # noqa: PT012 - cancelled in the middle of the loop
        for tried in job.each(range(10), done.append, label="items"):
            if tried.item == 2:
                job.cancel()
    assert done == [0, 1, 2]
    assert job.is_cancelled


def test_a_child_is_cancelled_with_its_parent(job: Job) -> None:
    with pytest.raises(Cancelled), job.child("a") as child:  # noqa: PT012 - the block is what fails
        job.cancel()
        child.check()


def test_track_knows_the_total_of_a_list_and_not_that_of_a_stream(job: Job, events: list[Event]) -> None:
    def stream() -> Iterator[int]:
        yield from (1, 2)

    assert list(job.track([1, 2], "list")) == list(job.track(stream(), "stream")) == [1, 2]
    assert list(job.track(stream(), "told", total=2)) == [1, 2]
    seen = [(event.label, event.done, event.total) for event in events if isinstance(event, Progress)]
    assert seen[0::2] == [("list", 1, 2), ("stream", 1, None), ("told", 1, 2)]


def test_a_child_reports_its_start_and_its_end_under_its_path(job: Job, events: list[Event]) -> None:
    with job.child("read", meta={"files": 3}) as child, child.child("pdf"):
        pass
    assert events == [
        Started(job="run/read", at=101.0, meta={"files": 3}),
        Started(job="run/read/pdf", at=102.0),
        Finished(job="run/read/pdf", at=103.0, outcome="done", seconds=1.0),
        Finished(job="run/read", at=104.0, outcome="done", seconds=3.0),
    ]


@pytest.mark.parametrize(
    ("error", "outcome", "code"),
    [
        (UsageError("file.missing", path="a"), "failed", "file.missing"),
        (Cancelled(), "cancelled", ""),
        (KeyboardInterrupt(), "cancelled", ""),
        (ValueError("x"), "failed", "bug"),
        (SystemExit(1), "failed", "bug"),
    ],
    ids=repr,
)
def test_the_end_tells_how_it_went(
    job: Job, events: list[Event], error: BaseException, outcome: str, code: str
) -> None:
    with pytest.raises(type(error)), job.child("a"):
        raise error
    last = events[-1]
    assert isinstance(last, Finished)
    assert (last.outcome, last.code) == (outcome, code)


def test_a_child_shares_the_seed_and_has_places_of_its_own(job: Job, tmp_path: Path) -> None:
    with job.child("a", outputs=tmp_path / "out", scratch=tmp_path / "scratch") as child:
        assert child.seed == 7
        assert child.folder("documents") == tmp_path / "out" / "documents"
        assert child.scratch == tmp_path / "scratch"
        assert (tmp_path / "out" / "documents").is_dir()
        assert (tmp_path / "scratch").is_dir()


def test_without_places_outputs_are_refused_and_nothing_is_kept(job: Job) -> None:
    assert job.scratch is None
    with pytest.raises(UsageError) as caught:
        job.folder("documents")
    assert caught.value.code == "file.unwritable"


def test_a_place_that_cannot_be_made_is_an_error_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    job = Job(outputs=tmp_path / "file", scratch=tmp_path / "file" / "s")
    for ask in (lambda: job.folder("documents"), lambda: job.scratch):
        with pytest.raises(UsageError, match="cannot be written"):
            ask()


def test_notes_metrics_and_artifacts_are_events(job: Job, events: list[Event]) -> None:
    job.note(Text("torn", "损坏"), "warning", "x.y")
    job.note("plain")
    job.metric("loss", 0.5, step=3)
    job.made("documents", "a1", "handbook")
    assert events == [
        Note(job="run", at=101.0, level="warning", text="torn", text_zh="损坏", code="x.y"),
        Note(job="run", at=102.0, level="info", text="plain"),
        Metric(job="run", at=103.0, name="loss", value=0.5, step=3),
        Made(job="run", at=104.0, artifact_kind="documents", artifact_id="a1", name="handbook"),
    ]


def test_a_job_without_a_sink_works_in_silence() -> None:
    job = Job()
    assert [each.value for each in job.each([2], invert, label="n")] == [0.5]
