"""An exported artifact is a plain folder that stands alone; what is there already is never overwritten."""

from __future__ import annotations

import json

import pytest

from lianlu.core.errors import DataError, UsageError
from lianlu.core.hashing import sha256_bytes


def test_files_manifest_and_lineage_are_written(store, put, tmp_path):
    documents = put("d", key="k1", sources={"a.md": b"A"}, name="深/a.json".replace("/", "-"))
    index = put("i", kind="index", parents=(documents.id,), key="k2", step="rag.build")
    store.set_ref("demo/documents", documents.id)
    folder = store.export(index.id, tmp_path / "deep" / "out")
    assert sorted(path.name for path in folder.iterdir()) == ["a.json", "lineage.json", "manifest.json"]
    assert json.loads((folder / "manifest.json").read_text())["id"] == index.id
    lineage = json.loads((folder / "lineage.json").read_text())
    assert lineage["names"] == {documents.id: "demo/documents"}
    assert [source["sha256"] for source in lineage["sources"]] == [sha256_bytes(b"A")]


def test_exported_files_belong_to_the_user(store, write, tmp_path):
    artifact = store.put({"sub/a": write("a", "x")}, kind="documents")
    path = store.export(artifact.id, tmp_path / "out") / "sub" / "a"
    path.write_text("changed")
    assert store.verify().is_sound


def test_own_files_step_aside_for_the_artifacts(store, write, tmp_path):
    artifact = store.put({"manifest.json": write("m", "mine")}, kind="weights")
    folder = store.export(artifact.id, tmp_path / "out")
    assert (folder / "manifest.json").read_text() == "mine"
    assert json.loads((folder / "lianlu-manifest.json").read_text())["id"] == artifact.id


def test_occupied_folder_is_left_alone_and_an_empty_one_is_used(store, put, tmp_path):
    artifact = put()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine").write_text("x")
    (tmp_path / "file").write_text("x")
    (tmp_path / "empty").mkdir()
    for taken in ("full", "file"):
        with pytest.raises(UsageError) as raised:
            store.export(artifact.id, tmp_path / taken)
        assert raised.value.code == "store.export-target"
    assert [path.name for path in (tmp_path / "full").iterdir()] == ["mine"]
    assert (store.export(artifact.id, tmp_path / "empty") / "a.json").exists()


def test_damaged_bytes_are_not_exported(store, put, tmp_path):
    artifact = put("text")
    sha256 = sha256_bytes(b"text")
    blob = store.root / "blobs" / sha256[:2] / sha256
    blob.chmod(0o644)
    blob.write_bytes(b"tezt")
    with pytest.raises(DataError) as raised:
        store.export(artifact.id, tmp_path / "out")
    assert raised.value.code == "store.corrupt-file"
    assert "--drop" in raised.value.hint("zh")
    assert not (tmp_path / "out").exists()
    assert not list(tmp_path.glob(".tmp-*"))
