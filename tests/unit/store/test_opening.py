"""The store is found where the user means it, refused where it cannot be, and never costs a verb its results."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from lianlu.core.errors import UsageError
from lianlu.core.job import Job
from lianlu.core.settings import Settings
from lianlu.store import open_store, register_folder


def settings(tmp_path: Path, **environment: str) -> Settings:
    return Settings.from_environment({"LIANLU_DATA": str(tmp_path / "mine"), **environment})


def test_places_are_tried_from_the_most_to_the_least_explicit(tmp_path):
    (tmp_path / "project" / ".lianlu").mkdir(parents=True)
    deep = tmp_path / "project" / "a" / "b"
    deep.mkdir(parents=True)
    plain, named = settings(tmp_path), settings(tmp_path, LIANLU_STORE=str(tmp_path / "named"))
    assert open_store(tmp_path / "said", settings=named, start=deep).root == tmp_path / "said"
    assert open_store(settings=named, start=deep).root == tmp_path / "named"
    assert open_store(settings=plain, start=deep).root == tmp_path / "project" / ".lianlu"
    assert open_store(settings=plain, start=tmp_path).root == tmp_path / "mine"


def test_layout_is_made_once_and_mended(tmp_path):
    store = open_store(tmp_path / "s")
    assert (store.root / "format").read_text() == "lianlu store 1\n"
    (store.root / "work").rmdir()
    open_store(store.root)
    assert (store.root / "work").is_dir()


def refused(root: Path, **more: bool) -> UsageError:
    with pytest.raises(UsageError) as raised:
        open_store(root, **more)
    assert raised.value.hint("zh")
    return raised.value


def test_newer_store_is_refused(tmp_path):
    root = open_store(tmp_path / "s").root
    (root / "format").write_text("lianlu store 2\n")
    error = refused(root)
    assert (error.code, error.facts["found"]) == ("store.newer-format", 2)


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"git 1\n"])
def test_foreign_format_file_is_refused(tmp_path, content):
    (tmp_path / "format").write_bytes(content)
    assert refused(tmp_path).code == "store.unusable"


def test_folders_of_another_program_are_never_taken_over(tmp_path):
    (tmp_path / "blobs").mkdir()
    error = refused(tmp_path)
    assert error.code == "store.unusable"
    assert "blobs" in error.message()
    assert [path.name for path in tmp_path.iterdir()] == ["blobs"]


def test_a_file_in_the_way_is_told(tmp_path):
    (tmp_path / "file").write_text("x")
    for root in (tmp_path / "file", tmp_path / "file" / "below"):
        assert refused(root).code == "store.unusable"


def test_reading_never_makes_a_store(tmp_path):
    assert refused(tmp_path / "none", create=False).code == "store.absent"
    assert not (tmp_path / "none").exists()


@pytest.fixture
def read_only(store, put, tmp_path):
    """The store with one artifact, mounted (or, for a plain user, set) read-only."""
    put("text", sources={"a.md": b"A"})
    if os.geteuid() != 0:
        for place in (store.root, *store.root.rglob("*")):
            place.chmod(0o555 if place.is_dir() else 0o444)
        yield store.root
        for place in (store.root, *store.root.rglob("*")):
            place.chmod(0o755)
        return
    place = tmp_path / "read-only"
    place.mkdir()
    done = subprocess.run(["mount", "--bind", "-o", "ro", store.root, place], capture_output=True, check=False)
    if done.returncode != 0:
        pytest.skip("this machine does not let tests mount a folder read-only")
    yield place
    subprocess.run(["umount", place], check=True)


def test_unwritable_store_is_refused(read_only):
    error = refused(read_only)
    assert error.code == "store.unusable"
    assert str(read_only) in error.message()


def test_read_only_store_can_be_looked_at(read_only):
    store = open_store(read_only, create=False)
    [artifact] = store.artifacts()
    assert store.files(artifact)["a.json"].read_bytes() == b"text"
    assert [source.state for source in store.why(artifact.id).sources] == ["same"]
    assert store.verify().is_sound
    with pytest.raises(UsageError) as raised:
        store.set_ref("a", artifact.id)
    assert raised.value.code == "file.unwritable"


def test_folder_is_registered_by_reference(tmp_path, write):
    write("out/a.json", "A")
    write("out/sub/b.json", "B")
    write("out/.hidden", "h")
    artifact = register_folder(tmp_path / "user" / "out", kind="documents", store_root=tmp_path / "s")
    assert [file.name for file in artifact.files] == ["a.json", "sub/b.json"]
    assert artifact.files[0].path == str(tmp_path / "user" / "out" / "a.json")
    assert open_store(tmp_path / "s").get(artifact.id) == artifact


def test_store_that_cannot_be_used_is_only_a_warning(tmp_path, write):
    folder = write("out/a.json", "A").parent
    events = []
    found = register_folder(folder, kind="documents", store_root=folder / "a.json", job=Job("extract", events.append))
    assert found is None
    [note] = events
    assert (note.level, note.code) == ("warning", "store.unusable")
    assert "登记" in note.text_zh


def test_a_folder_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(UsageError):
        register_folder(tmp_path / "none", kind="documents", store_root=tmp_path / "s")
