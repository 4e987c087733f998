"""Disks that are full or read-only."""

import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from lianlu import rag
from lianlu.core.errors import LimitError, UsageError
from lianlu.rag.asking import ask_by_quoting
from lianlu.rag.shelf import open_base


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MB that holds a base of one page."""
    place = tmp_path / "disk"
    place.mkdir()
    try:
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place)], capture_output=True, check=False
        )
    except OSError:
        pytest.skip("there is no mount command here")
    if done.returncode:
        pytest.skip("this machine does not let tests mount a small disk")
    notes = tmp_path / "notes"
    notes.mkdir()
    (notes / "a.md").write_text("# Backups\n\nBackups are made every night.\n", encoding="utf-8")
    rag.build("notes", notes, root=place / "store")[0].close()
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def _fill(path: Path) -> None:
    with suppress(OSError), path.open("wb", buffering=0) as file:
        while file.write(b"x" * 1024):
            pass


def test_a_base_on_a_full_disk_answers_takes_nothing_and_can_be_deleted(disk: Path, tmp_path: Path) -> None:
    store = disk / "store"
    for number in range(40):
        (tmp_path / "notes" / f"{number}.txt").write_text(f"{number} " * 20_000, encoding="utf-8")
    with open_base("notes", root=store) as base, pytest.raises(LimitError):
        base.update()
    _fill(disk / "rest")
    with open_base("notes", root=store) as base:
        assert "every night" in ask_by_quoting(base, "Are backups made?").text
    with open_base("notes", root=store) as base:
        base.delete()
    assert rag.names(root=store) == []


def test_a_base_in_a_store_that_is_read_only_is_asked_but_not_changed(disk: Path, tmp_path: Path) -> None:
    store = disk / "store"
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    assert rag.names(root=store) == ["notes"]
    with open_base("notes", root=store) as base:
        assert [passage.uri for passage in base.search("backups")] == ["a.md"]
        with pytest.raises(UsageError) as caught:
            base.add([tmp_path / "notes"])
    assert caught.value.code in ("file.unwritable", "store.unusable")


def test_asking_for_the_bases_makes_no_store(tmp_path: Path) -> None:
    assert rag.names(root=tmp_path / "store") == []
    with pytest.raises(UsageError) as caught:
        open_base("notes", root=tmp_path / "store")
    assert caught.value.code == "rag.unknown-base"
    assert not (tmp_path / "store").exists()
