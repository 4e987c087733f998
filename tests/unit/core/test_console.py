"""What a person sees: plain lines in both languages, bars on a terminal, tables that survive markup and long words."""

from __future__ import annotations

import io
import os
import pty

import pytest

from lianlu.core.console import LiveConsole, PlainConsole, console_sink, harmless, print_table, say, say_error
from lianlu.core.errors import UsageError
from lianlu.core.events import Event, Finished, Made, Metric, Note, Progress, Started
from lianlu.core.i18n import using_language

RUN: list[Event] = [
    Started(job="run", at=0.0),
    Started(job="run/read", at=0.0),
    Progress(job="run/read", at=0.0, label="files", done=1, total=40, unit="file"),
    Progress(job="run/read", at=4.9, label="files", done=20, total=40, unit="file"),
    Note(job="run/read", at=5.0, level="info", text="detected GBK", text_zh="识别为 GBK"),
    Note(job="run/read", at=5.0, level="warning", text="b.pdf: torn", text_zh="b.pdf：已损坏"),
    Progress(job="run/read", at=5.1, label="files", done=21, total=None),
    Metric(job="run/read", at=6.0, name="pages", value=12.0),
    Made(job="run/read", at=6.0, artifact_kind="documents", artifact_id="a1b2", name="handbook"),
    Finished(job="run/read", at=7.0, outcome="done", seconds=7.04),
    Finished(job="run/index", at=7.0, outcome="cached", seconds=0.0),
    Finished(job="run/ask", at=7.0, outcome="failed", seconds=1.0, code="x", message="m"),
    Finished(job="run/last", at=7.0, outcome="cancelled", seconds=1.0),
    Finished(job="run", at=7.0, outcome="done", seconds=9.0),
]

PLAIN = {
    ("en", 0): [
        "! read: b.pdf: torn",
        "  read: files 21",
        "✓ read: done (7.0 s)",
        "✓ index: from the cache (0.0 s)",
        "✗ ask: failed (1.0 s)",
        "✗ last: stopped (1.0 s)",
    ],
    ("zh", 0): [
        "! read: b.pdf：已损坏",
        "  read: files 21",
        "✓ read: 完成 (7.0 s)",
        "✓ index: 来自缓存 (0.0 s)",
        "✗ ask: 失败 (1.0 s)",
        "✗ last: 已停止 (1.0 s)",
    ],
    ("en", 1): [
        "  read: detected GBK",
        "! read: b.pdf: torn",
        "  read: files 21",
        "  read: pages = 12",
        "  read: documents a1b2 handbook",
        "✓ read: done (7.0 s)",
        "✓ index: from the cache (0.0 s)",
        "✗ ask: failed (1.0 s)",
        "✗ last: stopped (1.0 s)",
    ],
}


@pytest.mark.parametrize(("lang", "verbose"), PLAIN)
def test_a_run_in_plain_lines(lang: str, verbose: int) -> None:
    stream = io.StringIO()
    sink = PlainConsole(stream, verbose=verbose)
    with using_language("zh" if lang == "zh" else "en"):
        for event in RUN:
            sink(event)
    sink.close()
    assert stream.getvalue().splitlines() == PLAIN[lang, verbose]


def test_a_notice_is_for_whoever_started_the_job_itself() -> None:
    stream = io.StringIO()
    sink = PlainConsole(stream)
    for job in ("train", "run/train"):
        sink(Note(job=job, at=0.0, level="notice", text=f"memory of {job}"))
    assert stream.getvalue() == "  train: memory of train\n"


def test_a_note_without_chinese_words_is_shown_in_english() -> None:
    stream = io.StringIO()
    with using_language("zh"):
        PlainConsole(stream)(Note(job="run/a", at=0.0, level="error", text="no words"))
    assert stream.getvalue() == "✗ a: no words\n"


def drawn_on_a_terminal(events: list[Event], verbose: int = 0) -> str:
    ours, theirs = pty.openpty()
    with os.fdopen(theirs, "w", encoding="utf-8") as terminal:
        sink = console_sink(stream=terminal, verbose=verbose)
        assert isinstance(sink, LiveConsole)
        for event in events:
            sink(event)
        sink.close()
        terminal.flush()
        os.set_blocking(ours, False)
        parts: list[bytes] = []
        while True:
            try:
                parts.append(os.read(ours, 65536))
            except (BlockingIOError, OSError):
                break
    os.close(ours)
    return b"".join(parts).decode("utf-8")


def test_a_terminal_shows_bars_and_keeps_the_notes_above_them() -> None:
    drawn = drawn_on_a_terminal(RUN)
    assert "read" in drawn
    assert "━" in drawn
    assert "! read: b.pdf: torn" in drawn
    assert "✓ read: done (7.0 s)" in drawn


def test_a_terminal_shows_words_in_brackets_as_they_are() -> None:
    drawn = drawn_on_a_terminal([Note(job="run/a", at=0.0, level="warning", text="[red]not markup[/red] [3]")])
    assert "! a: [red]not markup[/red] [3]" in drawn


def test_a_job_that_never_finishes_leaves_the_terminal_usable() -> None:
    drawn = drawn_on_a_terminal([*RUN[:3], Progress(job="run/other", at=1.0, label="x", done=0)])
    assert drawn.rstrip().endswith("\x1b[?25h") or "\x1b[?25h" in drawn  # the cursor is shown again


def test_a_pipe_gets_lines_and_quiet_gets_nothing() -> None:
    assert isinstance(console_sink(stream=io.StringIO()), PlainConsole)
    assert console_sink(quiet=True) is None


def test_a_table_shows_cells_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("name", "数量"), [("[bold]a[/bold]", 3), ("很长的词" * 60, None)], title="标题")
    printed = capsys.readouterr().out
    assert "标题" in printed
    assert "[bold]a[/bold]" in printed
    assert printed.replace("\n", "").count("长") == 60
    assert max(len(line) for line in printed.splitlines()) <= 160


def test_say_writes_results_to_stdout_and_where_it_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    stream = io.StringIO()
    say("链路")
    say("aside", stream=stream)
    assert (capsys.readouterr().out, stream.getvalue()) == ("链路\n", "aside\n")


def test_an_error_is_told_with_its_hint_in_the_readers_language(capsys: pytest.CaptureFixture[str]) -> None:
    with using_language("zh"):
        say_error(UsageError("file.missing", path="a.md"))
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith("错误: ")
    assert "[file.missing]\n提示: " in shown.err


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\x1b[2Jb", "a\ufffd[2Jb"),
        ("甲\n\t乙", "甲\n\t乙"),
        ("\x9b1m\x07\r", "\ufffd1m\ufffd\ufffd"),
        ("👩‍🔬", "👩‍🔬"),
    ],
)
def test_words_of_others_steer_no_terminal(text: str, shown: str) -> None:
    assert harmless(text) == shown
