"""events.jsonl: what is written can be read, whatever a killed process left."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from lianlu.core.errors import LianluError
from lianlu.core.events import Event, Finished, JsonLinesSink, Made, Metric, Note, Progress, Started, decode_events

EVERY: list[Event] = [
    Started(job="run", at=1.0, meta={"recipe": "a"}),
    Progress(job="run/a", at=2.0, label="pages", done=1, total=3, unit="page"),
    Metric(job="run/a", at=3.0, name="loss", value=0.5, step=7),
    Note(job="run/a", at=4.0, level="warning", text="torn", text_zh="损坏", code="x.y"),
    Made(job="run/a", at=5.0, artifact_kind="documents", artifact_id="a1", name="handbook"),
    Finished(job="run", at=6.0, outcome="failed", seconds=5.0, code="bug", message="m"),
]


def progress(at: float, done: int, *, job: str = "run", total: int | None = 10) -> Progress:
    return Progress(job=job, at=at, label="pages", done=done, total=total)


def written(path: Path, events: list[Event], every_seconds: float = 0.5) -> list[Event]:
    sink = JsonLinesSink(path, every_seconds=every_seconds)
    for event in events:
        sink(event)
    sink.close()
    return decode_events(path.read_bytes())


def test_every_kind_of_event_survives_the_file(tmp_path: Path) -> None:
    assert written(tmp_path / "runs" / "1" / "events.jsonl", EVERY) == EVERY


def test_events_are_tagged_by_kind() -> None:
    kinds = [msgspec.json.decode(msgspec.json.encode(event))["kind"] for event in EVERY]
    assert kinds == ["started", "progress", "metric", "note", "made", "finished"]


def test_each_event_is_on_disk_before_the_next_one_comes(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    sink = JsonLinesSink(path)
    sink(EVERY[0])
    assert decode_events(path.read_bytes()) == [EVERY[0]]
    sink.close()


def test_progress_is_thinned_out_but_its_first_and_last_are_kept(tmp_path: Path) -> None:
    events: list[Event] = [progress(0.1 * done, done) for done in range(1, 11)]
    assert [event.done for event in written(tmp_path / "e", events)] == [1, 6, 10]  # type: ignore[union-attr]


def test_progress_of_one_job_does_not_hide_that_of_another(tmp_path: Path) -> None:
    events: list[Event] = [progress(1.0, 1, job="a"), progress(1.1, 1, job="b"), progress(1.2, 2, job="a")]
    assert [event.job for event in written(tmp_path / "e", events)] == ["a", "b"]


def test_other_events_are_never_thinned_out(tmp_path: Path) -> None:
    events: list[Event] = [Metric(job="a", at=1.0, name="loss", value=1.0, step=step) for step in range(5)]
    assert written(tmp_path / "e", events) == events


def test_a_line_torn_by_a_kill_costs_only_itself(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    written(path, EVERY[:2])
    path.write_bytes(path.read_bytes()[:-9])
    assert written(path, EVERY[2:]) == [EVERY[0], *EVERY[2:]]


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"{",
        b"null",
        b'{"kind":"rumour","job":"a","at":1}',
        b'{"kind":"note","job":"\xff","at":1,"level":"info","text":""}',
        b'{"kind":"started","job":"a","at":1,"meta":{"a":' + b"[" * 100_000,
    ],
    ids=["empty", "half", "null", "unknown kind", "not UTF-8", "too deep"],
)
def test_unreadable_lines_are_skipped(line: bytes) -> None:
    good = msgspec.json.encode(EVERY[0])
    assert decode_events(good + b"\n" + line + b"\n" + good) == [EVERY[0], EVERY[0]]


def test_a_place_that_cannot_hold_a_log_is_an_error_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(LianluError) as caught:
        JsonLinesSink(tmp_path / "file" / "events.jsonl")
    assert caught.value.code == "file.unwritable"
    assert str(tmp_path) in caught.value.message()
