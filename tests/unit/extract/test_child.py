from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest

from lianlu.core.errors import Cancelled, DataError, LianluError
from lianlu.extract.child import Child
from lianlu.extract.reader import ReadConfig
from lianlu.extract.worker import Limits
from made_files import plugin_folder

LIMITS = Limits(max_bytes=1_000_000, max_seconds=60, max_memory_bytes=1 << 30)


@pytest.fixture
def odd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PYTHONPATH", str(plugin_folder(tmp_path / "plugin")))
    return tmp_path


def code(child: Child, folder: Path, name: str) -> str:
    path = folder / name
    path.write_text("some text")
    try:
        child.read(path, name, ReadConfig())
    except LianluError as error:
        return error.code
    return "read"


def test_death_costs_one_file_and_the_rest_go_on(odd: Path) -> None:
    child = Child(LIMITS)
    try:
        codes = [code(child, odd, name) for name in ("a.md", "b.die", "c.txt", "d.fail", "e.fine")]
    finally:
        child.close()
    assert codes == ["read", "extract.parser-died", "read", "extract.parser-failed", "read"]


@pytest.mark.parametrize("name", ["a.hang", "a.spin"])
def test_file_that_takes_too_long_is_given_up(odd: Path, name: str) -> None:
    child = Child(Limits(max_bytes=1000, max_seconds=1.5, max_memory_bytes=1 << 30))
    try:
        assert code(child, odd, name) == "extract.too-slow"
        assert code(child, odd, "b.md") == "read"
    finally:
        child.close()


def test_memory_is_limited(odd: Path) -> None:
    child = Child(LIMITS)
    try:
        assert code(child, odd, "a.eat") == "extract.out-of-memory"
        assert code(child, odd, "b.md") == "read"
    finally:
        child.close()


def test_waiting_ends_when_the_work_is_stopped(odd: Path) -> None:
    stopped = threading.Event()
    child = Child(LIMITS, stopped.is_set)
    threading.Timer(0.5, stopped.set).start()
    (odd / "a.hang").write_text("x")
    began = time.monotonic()
    with pytest.raises(Cancelled):
        child.read(odd / "a.hang", "a.hang", ReadConfig())
    assert time.monotonic() - began < 10
    child.close()


@pytest.mark.parametrize(
    ("name", "expected"),
    [("empty.md", "extract.empty"), ("blank.txt", "extract.empty"), ("gone.md", "file.missing")],
)
def test_files_without_content_are_named_as_such(tmp_path: Path, name: str, expected: str) -> None:
    (tmp_path / "empty.md").write_bytes(b"")
    (tmp_path / "blank.txt").write_bytes(b"\xef\xbb\xbf \n\t\n")
    child = Child(LIMITS)
    with pytest.raises(LianluError) as caught:
        child.read(tmp_path / name, name, ReadConfig())
    child.close()
    assert caught.value.code == expected


def test_pipes_folders_and_large_files_are_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.md")
    (tmp_path / "folder.md").mkdir()
    (tmp_path / "large.md").write_bytes(b"x" * 1_000_001)
    (tmp_path / "loop.md").symlink_to(tmp_path / "loop.md")
    child = Child(LIMITS)
    codes: list[str] = []
    for name in ("pipe.md", "folder.md", "large.md", "loop.md"):
        with pytest.raises(LianluError) as caught:
            child.read(tmp_path / name, name, ReadConfig())
        codes.append(caught.value.code)
    child.close()
    assert codes == ["extract.not-a-file", "extract.not-a-file", "extract.too-large", "file.unreadable"]


def test_modules_in_the_current_folder_are_not_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "msgspec.py").write_text("raise SystemExit('imported a stranger')")
    (tmp_path / "a.md").write_text("# text")
    monkeypatch.chdir(tmp_path)
    child = Child(LIMITS)
    assert child.read(Path("a.md"), "a.md", ReadConfig()).title == "text"
    child.close()


def test_child_that_does_not_start_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "msgspec.py").write_text("raise ImportError('no such thing here')")
    monkeypatch.setenv("PYTHONPATH", str(broken))
    child = Child(LIMITS)
    with pytest.raises(LianluError, match="no such thing here"):
        child.read(tmp_path / "a.md", "a.md", ReadConfig())


def test_errors_cross_the_pipe_with_their_facts(tmp_path: Path) -> None:
    (tmp_path / "a.xyz").write_text("x")
    child = Child(LIMITS)
    with pytest.raises(DataError) as caught:
        child.read(tmp_path / "a.xyz", "a.xyz", ReadConfig())
    child.close()
    assert ".xyz" in caught.value.message("en")
    assert "格式" in caught.value.message("zh")
