"""`gc` removes what nothing reaches, and only that; it never runs beside running work."""

from __future__ import annotations

import os
import threading
import time

import msgspec
import pytest

from lianlu.core.errors import DataError
from lianlu.core.hashing import sha256_bytes
from lianlu.store import StepRecord, open_store
from lianlu.store.collect import remove_garbage
from lianlu.store.layout import Layout
from lianlu.store.locks import held
from lianlu.store.store import Store

DAY = 86400


def blobs(store):
    return {path.name for path in (store.root / "blobs").rglob("*") if path.is_file()}


def kept(store):
    return {artifact.id for artifact in open_store(store.root).artifacts()}


def later(store, days):
    """The same store seen `days` from now."""
    return Store(Layout(store.root), clock=lambda: time.time() + days * DAY)


def test_what_nothing_reaches_goes_with_its_bytes(store, put):
    put("unreached")
    named = put("named")
    store.set_ref("a", named.id)
    freed = store.gc()
    assert (len(freed.artifacts), len(freed.blobs), freed.size) == (1, 1, len("unreached"))
    assert kept(store) == {named.id}
    assert blobs(store) == {sha256_bytes(b"named")}
    assert store.verify().is_sound


def test_parents_of_what_is_kept_are_kept(store, put):
    parent = put("parent")
    child = put("child", parents=(parent.id,))
    store.set_ref("a", child.id)
    assert store.gc().artifacts == ()


def test_what_a_name_once_meant_is_kept(store, put):
    old, new = put("old"), put("new")
    store.set_ref("a", old.id)
    store.set_ref("a", new.id)
    assert store.gc().artifacts == ()


def test_what_a_recent_run_mentions_is_kept_and_an_old_one_is_not(store, put):
    artifact = put("text")
    (store.run_folder("r1") / "events.jsonl").write_text(f'{{"artifact_id":"{artifact.id}"}}\n{{"torn')
    assert later(store, 13).gc(keep_days=14).artifacts == ()
    assert later(store, 15).gc(keep_days=14).artifacts == (artifact.id,)
    assert store.run_folder("r1").joinpath("events.jsonl").exists()


def test_what_a_recent_step_made_is_kept_and_its_record_goes_with_it(store, put):
    artifact = put("text")
    store.finish_step(StepRecord(key="k", name="s", version=1, outputs={"out": artifact.id}))
    assert store.gc().artifacts == ()
    freed = later(store, 15).gc()
    assert (freed.artifacts, freed.steps) == ((artifact.id,), ("k",))
    assert not (store.root / "steps" / "k.json").exists()


def test_a_blob_two_artifacts_share_stays_for_the_other(store, put):
    put("text", kind="samples")
    named = put("text")
    store.set_ref("a", named.id)
    freed = store.gc()
    assert (len(freed.artifacts), freed.blobs) == (1, ())
    assert store.files(named)["a.json"].read_bytes() == b"text"


def test_bytes_without_a_manifest_go_only_after_an_hour(store, put):
    artifact = put("text")
    (store.root / "artifacts" / f"{artifact.id}.json").unlink()
    assert store.gc().blobs == ()
    os.utime(store.root / "blobs" / sha256_bytes(b"text")[:2] / sha256_bytes(b"text"), (1, 1))
    assert store.gc().blobs == (sha256_bytes(b"text"),)


def test_registered_folders_are_forgotten_only_when_their_files_are_gone(store, write):
    path = write("a", "x")
    artifact = store.put({"a": path}, kind="documents", by_reference=True)
    assert later(store, 100).gc().artifacts == ()
    path.unlink()
    assert later(store, 100).gc().artifacts == (artifact.id,)


def test_old_scratch_and_leftovers_go_and_new_ones_stay(store):
    (store.scratch("k") / "checkpoint").write_text("x")
    (store.root / "artifacts" / ".tmp-abc").write_text("x")
    with store.lock("step-k"):
        pass
    assert store.gc().scratch == ()
    freed = later(store, 15).gc()
    assert (freed.scratch, freed.leftovers) == (("k",), ("artifacts/.tmp-abc", "locks/step-k.lock"))
    assert sorted(path.name for path in (store.root / "locks").iterdir()) == [".in-use.lock", ".sweep.lock"]
    assert not (store.root / "work" / "k").exists()
    assert not (store.root / "artifacts" / ".tmp-abc").exists()


def test_dry_run_changes_nothing_and_says_the_same(store, put):
    put("unreached")
    before = sorted(store.root.rglob("*"))
    foreseen = store.gc(dry_run=True)
    assert [path for path in sorted(store.root.rglob("*")) if "catalogue" not in path.name] == [
        path for path in before if "catalogue" not in path.name
    ]
    assert store.gc() == foreseen


def test_nothing_goes_while_a_manifest_cannot_be_read(store, put):
    spoiled = put("spoiled")
    (store.root / "artifacts" / f"{spoiled.id}.json").write_bytes(b"{")
    with pytest.raises(DataError) as raised:
        store.gc()
    assert raised.value.code == "store.bad-manifest"
    assert blobs(store) == {sha256_bytes(b"spoiled")}


@pytest.mark.parametrize("use", ["lock", "in_use"])
def test_waits_for_running_work(store, put, use):
    put("unreached")
    waited = threading.Event()
    done: list[object] = []
    with store.lock("step-k") if use == "lock" else store.in_use():
        thread = threading.Thread(target=lambda: done.append(store.gc(on_wait=waited.set)))
        thread.start()
        assert waited.wait(10)
        reached = put("made meanwhile")
        store.set_ref("a", reached.id)
        assert done == []
    thread.join(10)
    assert len(done) == 1
    assert kept(store) == {reached.id}


def test_writers_wait_while_it_runs(store, put):
    done = threading.Event()
    with held(Layout(store.root).in_use):
        thread = threading.Thread(target=lambda: (put("text"), done.set()))
        thread.start()
        assert not done.wait(0.2)
    assert done.wait(10)
    thread.join()


@pytest.mark.parametrize("removed", range(5))
def test_stopped_between_two_removals_the_store_is_sound(store, put, removed):
    parent: tuple[str, ...] = ()
    for generation in range(5):
        parent = (put(str(generation), parents=parent).id,)
    garbage = store.gc(dry_run=True)
    assert garbage.artifacts[0] == parent[0]
    remove_garbage(
        Layout(store.root), msgspec.structs.replace(garbage, artifacts=garbage.artifacts[:removed], blobs=())
    )
    assert store.verify().is_sound
    assert store.gc().size == 5 - removed
