"""Artifacts are kept whole, by content, and found again by id, beginning of an id, or name."""

from __future__ import annotations

import os
import shutil
import stat
import time
from pathlib import Path

import msgspec
import pytest

from lianlu.core.errors import DataError, UsageError
from lianlu.core.hashing import canonical_json, sha256_bytes, short_id
from lianlu.records import Source, StepStamp
from lianlu.store import StepRecord, open_store


def blob(store, content: bytes) -> Path:
    sha256 = sha256_bytes(content)
    return store.root / "blobs" / sha256[:2] / sha256


def test_files_come_back_byte_by_byte(store, write):
    artifact = store.put({"a.md": write("a", "x"), "b/c.bin": write("b", b"\0\xff" * 2_000_000)}, kind="documents")
    files = store.files(artifact)
    assert {name: path.read_bytes() for name, path in files.items()} == {"a.md": b"x", "b/c.bin": b"\0\xff" * 2_000_000}
    assert (files.kind, files.artifact_id) == ("documents", artifact.id)


def test_id_is_the_hash_that_the_design_names(store, write):
    stamp = StepStamp(name="s", version=1, key="k", output="out")
    artifact = store.put({"b": write("b", "B"), "a": write("a", "A")}, kind="samples", format_version=3, step=stamp)
    files = [["a", sha256_bytes(b"A")], ["b", sha256_bytes(b"B")]]
    assert artifact.id == short_id(canonical_json(["samples", 3, files, [], "k"]))


def test_id_depends_on_nothing_of_this_machine(tmp_path, write):
    source = Source(uri="a.md", sha256="0" * 64, size=1)
    ids = {
        open_store(tmp_path / name)
        .put({"f": write(f"{name}/f", "x")}, kind="documents", sources=[source], sources_root=tmp_path / name)
        .id
        for name in ("one", "two")
    }
    assert len(ids) == 1


def test_putting_the_same_again_writes_nothing(store, put):
    first = put("text")
    before = {path: path.stat().st_mtime_ns for path in store.root.rglob("*") if path.is_file()}
    assert put("text") == first
    after = {path: path.stat().st_mtime_ns for path in store.root.rglob("*") if path.is_file()}
    assert {path: at for path, at in after.items() if "catalogue" not in path.name and path.suffix != ".lock"} == {
        path: at for path, at in before.items() if "catalogue" not in path.name and path.suffix != ".lock"
    }


def test_blobs_are_read_only_and_the_users_file_is_left_alone(store, write):
    path = write("a", "x")
    store.put({"a": path}, kind="documents")
    path.write_text("changed by the user")
    assert blob(store, b"x").read_bytes() == b"x"
    assert stat.S_IMODE(blob(store, b"x").stat().st_mode) == 0o444
    assert stat.S_IMODE(path.stat().st_mode) & 0o200


def test_move_takes_the_file_without_a_second_copy(store):
    with store.workspace() as place:
        path = place / "big"
        path.write_bytes(b"y" * 100)
        inode = path.stat().st_ino
        store.put({"big": path}, kind="weights", move=True)
        assert not path.exists()
    assert blob(store, b"y" * 100).stat().st_ino == inode


@pytest.mark.parametrize("link", [os.link, os.symlink], ids=["hard link", "symbolic link"])
def test_move_never_takes_a_file_that_has_another_name(store, write, link):
    path = write("a", "x")
    link(path, path.with_name("other"))
    store.put({"a": path.with_name("other")}, kind="documents", move=True)
    path.write_text("changed by the user")
    assert blob(store, b"x").read_bytes() == b"x"


def test_by_reference_copies_no_byte(store, write):
    path = write("weights.bin", "w" * 1000)
    artifact = store.put({"weights.bin": path}, kind="weights", by_reference=True)
    assert not list((store.root / "blobs").rglob("*"))
    assert dict(store.files(artifact)) == {"weights.bin": path}


def test_referenced_file_that_changed_or_went_is_told(store, write):
    path = write("w", "abc")
    artifact = store.put({"w": path}, kind="weights", by_reference=True)
    path.write_text("abd")
    with pytest.raises(DataError) as changed:
        store.files(artifact)
    path.unlink()
    with pytest.raises(DataError) as gone:
        store.files(artifact)
    assert (changed.value.code, gone.value.code) == ("store.file-changed", "store.file-gone")
    assert str(path) in gone.value.message("zh")


def test_the_hash_of_a_referenced_file_is_remembered_until_it_is_touched(store, write, monkeypatch):
    monkeypatch.setattr("lianlu.store.catalogue._SETTLED_NS", -1)
    path = write("w", "abc")
    os.utime(path, (1, 1))
    artifact = store.put({"w": path}, kind="weights", by_reference=True)
    store.files(artifact)
    with monkeypatch.context() as unread:
        unread.setattr("lianlu.store.catalogue.sha256_file", pytest.fail)
        store.files(artifact)
    time.sleep(0.02)  # a tick of the file system's clock
    path.write_text("xyz")
    os.utime(path, (1, 1))  # same size, same time: the change time still tells
    with pytest.raises(DataError):
        store.files(artifact)


def test_a_copied_artifact_is_never_turned_back_into_references(store, write):
    path = write("a", "x")
    first = store.put({"a": path}, kind="documents")
    store.put({"a": path}, kind="documents", by_reference=True)
    path.unlink()
    assert store.files(store.get(first.id))["a"].read_bytes() == b"x"


def test_a_referenced_artifact_becomes_a_copied_one(store, write):
    path = write("a", "x")
    first = store.put({"a": path}, kind="documents", by_reference=True)
    store.put({"a": path}, kind="documents")
    path.unlink()
    assert store.files(store.get(first.id))["a"].read_bytes() == b"x"


def test_the_newest_place_of_sources_is_kept(store, write, tmp_path):
    path, source = write("a", "x"), Source(uri="a.md", sha256="0" * 64, size=1)
    for place in ("old", "new"):
        artifact = store.put({"a": path}, kind="documents", sources=[source], sources_root=tmp_path / place)
    assert store.get(artifact.id).sources_root == str(tmp_path / "new")


def test_missing_blob_is_told_with_the_artifact_it_belongs_to(store, put):
    artifact = put("text")
    blob(store, b"text").unlink()
    with pytest.raises(DataError) as raised:
        store.files(artifact)
    assert raised.value.code == "store.blob-gone"
    assert artifact.id in raised.value.message()


def test_a_truncated_blob_is_mended_by_putting_again(store, put):
    artifact = put("text")
    blob(store, b"text").chmod(0o644)
    blob(store, b"text").write_bytes(b"te")
    put("text")
    assert store.files(artifact)["a.json"].read_bytes() == b"text"


@pytest.mark.parametrize(
    "name",
    ["../a", "/etc/passwd", "a/../../b", "", "a//b", ".", "..", "a/", "a\0b", "x" * 300, "bad\udc80name", "a/./b"],
)
def test_file_names_that_leave_their_folder_are_refused(store, write, name):
    with pytest.raises(UsageError) as raised:
        store.put({name: write("a", "x")}, kind="documents")
    assert raised.value.code == "store.bad-file-name"
    assert raised.value.message("zh")
    assert not store.artifacts()


@pytest.mark.parametrize("name", ["手册/第一章.md", "a b.md", ".hidden", "C:\\x", "-rf"])
def test_file_names_of_people_are_kept(store, write, name):
    assert list(store.files(store.put({name: write("a", "x")}, kind="documents"))) == [name]


def test_a_file_cannot_also_be_a_folder(store, write):
    with pytest.raises(UsageError, match="is a file already"):
        store.put({"a": write("a", "x"), "a/b": write("b", "y")}, kind="documents")


def test_missing_file_folder_and_unknown_kind_are_told(store, write, tmp_path):
    for files, kind, code in [
        ({"a": tmp_path / "none"}, "documents", "file.missing"),
        ({"a": tmp_path}, "documents", "file.unreadable"),
        ({"a": write("a", "x")}, "document", "store.unknown-kind"),
    ]:
        with pytest.raises(UsageError) as raised:
            store.put(files, kind=kind)
        assert raised.value.code == code
        assert raised.value.hint("zh")


def test_parent_must_be_there(store, put):
    with pytest.raises(UsageError) as raised:
        put("x", parents=("0" * 24,))
    assert raised.value.code == "store.unknown-artifact"


def test_artifact_without_files_can_be_kept(store):
    artifact = store.put({}, kind="documents")
    assert dict(store.files(store.get(artifact.id))) == {}


def test_found_by_id_prefix_ref_and_with_an_at_sign(store, put):
    artifact = put()
    store.set_ref("demo/documents", artifact.id)
    for name in (artifact.id, artifact.id[:6], "demo/documents"):
        assert store.get(name) == store.get(f"@{name}") == artifact


def test_unknown_name_answers_with_the_nearest_ref(store, put):
    store.set_ref("demo/documents", put().id)
    with pytest.raises(UsageError) as raised:
        store.get("demo/document")
    assert "did you mean 'demo/documents'?" in raised.value.hint()


@pytest.mark.parametrize("name", ["", "@", "abcde", "../x", "x" * 5000, "\0", "*", "[0-9]*"])
def test_names_that_name_nothing_are_unknown(store, put, name):
    put()
    with pytest.raises(UsageError) as raised:
        store.get(name)
    assert raised.value.code == "store.unknown-artifact"


def test_ambiguous_prefix_lists_the_ids(store, put):
    first = put()
    twin = store.root / "artifacts" / (first.id[:10] + "0" * 14 + ".json")
    shutil.copy(store.root / "artifacts" / f"{first.id}.json", twin)
    with pytest.raises(UsageError) as raised:
        store.get(first.id[:8])
    assert raised.value.code == "store.ambiguous-id"
    assert first.id in raised.value.message()
    with pytest.raises(DataError, match="id of another artifact"):
        store.get(twin.stem)


def test_newer_manifest_is_refused_with_a_hint(store, put):
    artifact = put()
    path = store.root / "artifacts" / f"{artifact.id}.json"
    path.write_bytes(path.read_bytes().replace(b'"manifest": 1', b'"manifest": 2'))
    with pytest.raises(UsageError) as raised:
        store.get(artifact.id)
    assert raised.value.code == "store.newer-format"
    assert "pip install -U lianlu" in raised.value.hint("zh")


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: text[:50],
        lambda text: b"",
        lambda text: b"\xff\xfe",
        lambda text: b"[]",
        lambda text: text.replace(b'"a.json"', b'"../a.json"'),
        lambda text: text.replace(sha256_bytes(b"text").encode(), b"../../../../etc/passwd"),
    ],
    ids=["cut", "empty", "not text", "a list", "name leads out", "hash leads out"],
)
def test_spoiled_manifest_is_named_and_written_anew_by_the_next_put(store, put, spoil):
    artifact = put("text")
    path = store.root / "artifacts" / f"{artifact.id}.json"
    path.write_bytes(spoil(path.read_bytes()))
    with pytest.raises(DataError) as raised:
        store.get(artifact.id)
    assert raised.value.code == "store.bad-manifest"
    assert str(path) in raised.value.message("zh")
    put("text")
    assert store.get(artifact.id) == artifact


def test_finished_step_is_remembered(store, put):
    record = StepRecord(
        key="k1", name="extract", version=2, outputs={"documents": put().id}, summary={"读": 3, "b": [1.5]}
    )
    assert store.finished_step("k1") is None
    store.finish_step(record)
    assert open_store(store.root).finished_step("k1") == record


def test_finished_step_counts_only_while_all_it_made_is_whole(store, put):
    artifact = put("text")
    store.finish_step(StepRecord(key="k", name="s", version=1, outputs={"out": artifact.id}))
    blob(store, b"text").rename(store.root / "aside")
    assert store.finished_step("k") is None
    (store.root / "aside").rename(blob(store, b"text"))
    assert store.finished_step("k") is not None
    (store.root / "artifacts" / f"{artifact.id}.json").unlink()
    assert store.finished_step("k") is None


def test_spoiled_step_record_means_do_it_again(store, put):
    store.finish_step(StepRecord(key="k", name="s", version=1, outputs={"out": put().id}))
    (store.root / "steps" / "k.json").write_bytes(b'{"key": "k"')
    assert store.finished_step("k") is None


def test_step_cannot_be_finished_with_outputs_that_are_not_there(store):
    with pytest.raises(UsageError):
        store.finish_step(StepRecord(key="k", name="s", version=1, outputs={"out": "0" * 24}))
    assert not list((store.root / "steps").iterdir())


def test_keys_runs_and_scratch_cannot_lead_out(store):
    for use in (
        lambda: store.scratch("../x"),
        lambda: store.drop_scratch(".."),
        lambda: store.run_folder("a/b"),
        lambda: store.state("kb", "../../x"),
        lambda: store.state(".."),
        lambda: store.state("kb", ""),
        lambda: store.finish_step(StepRecord(key="../k", name="s", version=1, outputs={})),
    ):
        with pytest.raises(UsageError) as raised:
            use()
        assert raised.value.code == "store.bad-name"
        assert raised.value.message("zh")


def test_state_folder_is_made_and_the_file_is_the_callers(store):
    path = store.state("kb", "员工手册.sqlite")
    assert path == store.root / "state" / "kb" / "员工手册.sqlite"
    assert path.parent.is_dir()
    assert not path.exists()


def test_scratch_survives_reopening_until_it_is_dropped(store):
    (store.scratch("k") / "checkpoint").write_text("half")
    again = open_store(store.root)
    assert (again.scratch("k") / "checkpoint").read_text() == "half"
    again.drop_scratch("k")
    assert list(again.scratch("k").iterdir()) == []


def test_runs_are_listed_last_first(store):
    for index, name in enumerate(("r1", "r2")):
        os.utime(store.run_folder(name), (index, index))
    assert [run.id for run in store.runs()] == ["r2", "r1"]


def test_artifact_record_round_trips_through_its_manifest(store, put):
    artifact = put("x", key="k", recipe={"a": {"b": [1, "二"]}}, sources={"s.md": b"S"}, volatile=True)
    assert msgspec.json.encode(store.get(artifact.id)) == msgspec.json.encode(artifact)
