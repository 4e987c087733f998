"""A damaged byte is found and named with whom it hurts; what only changed outside is told apart."""

from __future__ import annotations

import threading

import pytest

from lianlu.core.errors import Cancelled
from lianlu.core.hashing import sha256_bytes
from lianlu.core.job import Job


def blob_of(store, content: bytes):
    sha256 = sha256_bytes(content)
    return store.root / "blobs" / sha256[:2] / sha256


def flip(path) -> None:
    path.chmod(0o644)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))


def test_sound_store_is_said_to_be_sound(store, put):
    store.set_ref("a", put("text", parents=(put("parent").id,)).id)
    found = store.verify()
    assert (found.is_sound, found.blobs, found.size, found.artifacts) == (True, 2, 10, 2)


def test_flipped_byte_is_named_with_artifacts_and_refs(store, put):
    first, second = put("text"), put("text", kind="samples")
    put("other")
    store.set_ref("demo/a", first.id)
    store.set_ref("demo/b", second.id)
    flip(blob_of(store, b"text"))
    [finding] = store.verify().findings
    assert (finding.problem, finding.sha256) == ("blob-corrupt", sha256_bytes(b"text"))
    assert finding.path == str(blob_of(store, b"text"))
    assert finding.artifacts == tuple(sorted([first.id, second.id]))
    assert finding.refs == ("demo/a", "demo/b")


def test_missing_blob_is_named(store, put):
    artifact = put("text")
    blob_of(store, b"text").unlink()
    [finding] = store.verify().findings
    assert (finding.problem, finding.artifacts) == ("blob-missing", (artifact.id,))


def test_damaged_blob_that_nothing_uses_is_named_too(store, put):
    artifact = put("text")
    (store.root / "artifacts" / f"{artifact.id}.json").unlink()
    flip(blob_of(store, b"text"))
    assert [(each.problem, each.artifacts) for each in store.verify().findings] == [("blob-corrupt", ())]


def test_dropping_makes_the_next_run_do_it_again(store, put):
    artifact = put("text")
    flip(blob_of(store, b"text"))
    assert not store.verify(drop=True).is_sound
    assert not blob_of(store, b"text").exists()
    put("text")
    assert store.verify().is_sound
    assert store.files(artifact)["a.json"].read_bytes() == b"text"


def test_spoiled_changed_and_missing_manifests_are_told_apart(store, put):
    spoiled, changed, lost = put("1"), put("2"), put("3")
    child = put("4", parents=(lost.id,))
    store.set_ref("lost", lost.id)
    place = store.root / "artifacts"
    (place / f"{spoiled.id}.json").write_bytes(b"{")
    text = (place / f"{changed.id}.json").read_bytes()
    (place / f"{changed.id}.json").write_bytes(text.replace(b"documents", b"samples"))
    (place / f"{lost.id}.json").unlink()
    found = {(finding.problem, finding.artifacts, finding.refs) for finding in store.verify().findings}
    assert found == {
        ("manifest-unreadable", (spoiled.id,), ()),
        ("manifest-changed", (changed.id,), ()),
        ("parent-missing", (child.id,), ()),
        ("ref-dangling", (lost.id,), ("lost",)),
    }


def test_files_outside_that_changed_do_not_make_the_store_unsound(store, write):
    kept, changed, gone = write("kept", "k"), write("changed", "c"), write("gone", "g")
    store.put({"k": kept, "c": changed, "g": gone}, kind="documents", by_reference=True)
    changed.write_text("C")
    gone.unlink()
    found = store.verify()
    assert found.is_sound
    assert [(each.problem, each.path) for each in found.drifted] == [
        ("file-changed", str(changed)),
        ("file-gone", str(gone)),
    ]


def test_verifying_can_be_stopped(store, put):
    put()
    stop = threading.Event()
    stop.set()
    with pytest.raises(Cancelled):
        store.verify(Job("verify", cancelled=stop))
