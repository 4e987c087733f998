"""Files: a killed process leaves nothing half visible; full disks, odd names and odd things in folders say what to do."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lianlu.core.errors import LimitError, UsageError
from lianlu.core.files import Files, as_lianlu_error, named_path, walk, write_bytes, writing


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_what_is_written_appears_whole_with_its_folders(tmp_path: Path) -> None:
    write_bytes(tmp_path / "a" / "b" / "c.bin", b"\x00\xff")
    assert (tmp_path / "a" / "b" / "c.bin").read_bytes() == b"\x00\xff"
    assert names(tmp_path / "a" / "b") == ["c.bin"]


def test_nothing_is_visible_before_the_block_ends(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    with writing(path) as file:
        file.write(b"half")
        assert not path.exists()
    assert path.read_bytes() == b"half"


def test_an_error_in_the_block_keeps_the_old_content_and_no_trace(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    write_bytes(path, b"old")
    with pytest.raises(RuntimeError), writing(path) as file:  # noqa: PT012 - the block is what fails
        file.write(b"new")
        raise RuntimeError
    assert (path.read_bytes(), names(tmp_path)) == (b"old", ["a.txt"])


def test_a_process_killed_while_writing_leaves_the_old_content(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    write_bytes(path, b"old")
    script = (
        "import sys, time; from pathlib import Path; from lianlu.core.files import writing\n"
        "with writing(Path(sys.argv[1])) as file:\n"
        "    file.write(b'new' * 100_000); file.flush(); print('half', flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", script, str(path)], stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "half\n"
        child.send_signal(signal.SIGKILL)
    assert path.read_bytes() == b"old"
    assert walk(tmp_path) == [path]


def test_with_exclusive_the_first_writer_wins(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    for content in (b"first", b"second"):
        with writing(path, exclusive=True) as file:
            file.write(content)
    assert (path.read_bytes(), names(tmp_path)) == (b"first", ["a.txt"])


def test_a_file_where_a_folder_is_needed_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(UsageError) as caught:
        write_bytes(tmp_path / "file" / "a.txt", b"x")
    assert caught.value.code == "file.unwritable"
    assert str(tmp_path / "file" / "a.txt") in caught.value.message()


def test_a_folder_where_a_file_should_come_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    with pytest.raises(UsageError, match="cannot be written"):
        write_bytes(tmp_path / "a", b"x")
    assert names(tmp_path) == ["a"]


def test_a_source_that_fails_inside_the_block_is_named_instead_of_the_target(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught, writing(tmp_path / "a") as file:
        file.write((tmp_path / "absent").read_bytes())
    assert caught.value.facts["path"] == str(tmp_path / "absent")
    assert names(tmp_path) == []


def test_a_name_too_long_for_the_disk_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be written"):
        write_bytes(tmp_path / ("x" * 300), b"x")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    place = tmp_path / "disk"
    place.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(place)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        pytest.skip(f"mounting a small disk is refused here: {done.stderr.strip()}")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_a_full_disk_is_a_limit_and_keeps_the_old_content(small_disk: Path) -> None:
    path = small_disk / "a.bin"
    write_bytes(path, b"old")
    with pytest.raises(LimitError) as caught:
        write_bytes(path, bytes(1 << 20))
    assert (caught.value.code, caught.value.exit_code, caught.value.http_status) == ("file.disk-full", 5, 507)
    assert (path.read_bytes(), names(small_disk)) == (b"old", ["a.bin"])


def test_a_full_device_is_a_limit() -> None:
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    with pytest.raises(OSError, match="No space") as caught, Path("/dev/full").open("wb", buffering=0) as file:
        file.write(b"x")
    assert as_lianlu_error(caught.value, Path("a")).code == "file.disk-full"


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (errno.ENOSPC, "file.disk-full"),
        (errno.EDQUOT, "file.disk-full"),
        (errno.EACCES, "file.unwritable"),
        (errno.EROFS, "file.unwritable"),
        (errno.ENOENT, "file.missing"),
    ],
    ids=lambda value: errno.errorcode.get(value, "") if isinstance(value, int) else "",
)
def test_an_error_of_the_system_becomes_one_with_a_hint(number: int, code: str) -> None:
    error = as_lianlu_error(OSError(number, os.strerror(number)), Path("a.txt"))
    assert (error.code, error.facts["path"]) == (code, "a.txt")
    assert error.hint("en")
    assert error.hint("zh")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write and read everywhere")
def test_a_folder_that_may_not_be_written_is_named(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(UsageError, match="Permission denied"):
            write_bytes(tmp_path / "a", b"x")
    finally:
        tmp_path.chmod(0o700)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write and read everywhere")
def test_a_folder_that_may_not_be_read_is_not_left_out_in_silence(tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir(mode=0o000)
    with pytest.raises(UsageError) as caught:
        walk(tmp_path)
    assert caught.value.code == "file.unreadable"


def test_walk_is_sorted_by_path_and_leaves_out_what_is_hidden(tmp_path: Path) -> None:
    for name in ("b/2.md", "a.md", "b.md", "b/10.md", ".git/config", "b/.DS_Store", "中/文.md"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    found = [path.relative_to(tmp_path).as_posix() for path in walk(tmp_path)]
    assert found == ["a.md", "b.md", "b/10.md", "b/2.md", "中/文.md"]


def test_walk_follows_no_loop_of_links(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "file.md").touch()
    (tmp_path / "a" / "loop").symlink_to(tmp_path)
    assert walk(tmp_path) == [tmp_path / "a" / "file.md"]


def test_walk_takes_links_to_files_and_leaves_out_what_cannot_be_read_as_a_file(tmp_path: Path) -> None:
    (tmp_path / "real.md").touch()
    (tmp_path / "link.md").symlink_to("real.md")
    (tmp_path / "dangling.md").symlink_to("absent.md")
    os.mkfifo(tmp_path / "pipe.md")
    assert [path.name for path in walk(tmp_path)] == ["link.md", "real.md"]


def test_a_file_is_its_own_walk_and_an_absent_one_is_an_error(tmp_path: Path) -> None:
    (tmp_path / ".hidden").touch()
    assert walk(tmp_path / ".hidden") == [tmp_path / ".hidden"]
    with pytest.raises(UsageError) as caught:
        walk(tmp_path / "absent")
    assert caught.value.code == "file.missing"


def test_a_name_from_an_old_archive_is_an_error_that_shows_its_bytes(tmp_path: Path) -> None:
    try:
        (tmp_path / os.fsdecode("手册.md".encode("gbk"))).touch()
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    with pytest.raises(UsageError) as caught:
        walk(tmp_path)
    assert caught.value.code == "file.bad-name"
    assert "\\xca" in caught.value.message()


def test_files_of_a_folder_are_found_by_relative_name(tmp_path: Path) -> None:
    write_bytes(tmp_path / "b" / "x.json", b"{}")
    write_bytes(tmp_path / "a.md", b"")
    files = Files.of_folder(tmp_path, kind="documents")
    assert (list(files), len(files), files.kind) == (["a.md", "b/x.json"], 2, "documents")
    assert files["b/x.json"].read_bytes() == b"{}"


def test_a_tilde_is_home_or_part_of_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/anna")
    assert named_path("~/notes") == Path("/home/anna/notes")
    assert named_path("~$report.docx") == Path("~$report.docx")
    assert named_path("~no such user/x") == Path("~no such user/x")


def test_the_empty_path_is_not_this_folder() -> None:
    with pytest.raises(UsageError) as caught:
        named_path("")
    assert caught.value.code == "file.missing"
