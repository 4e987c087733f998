"""Names for artifacts keep their history, and survive torn lines."""

from __future__ import annotations

import pytest

from lianlu.core.errors import UsageError
from lianlu.store import open_store


def test_name_means_the_newest_and_remembers_the_rest(store, put):
    first, second = put("1"), put("2")
    store.set_ref("demo/a", first.id)
    store.set_ref("demo/a", second.id)
    again = open_store(store.root)
    assert again.ref("demo/a").artifact_id == second.id
    assert [ref.artifact_id for ref in again.ref_history("demo/a")] == [first.id, second.id]
    assert again.ref("demo/a").set_at.endswith("Z")


def test_giving_the_same_meaning_again_adds_nothing(store, put):
    artifact = put()
    assert store.set_ref("a", artifact.id) == store.set_ref("a", artifact.id)
    assert len(store.ref_history("a")) == 1


def test_names_with_common_beginnings_live_together(store, put):
    artifact = put()
    for name in ("a/b/c", "a", "a/b", "a.b"):
        store.set_ref(name, artifact.id)
    assert [ref.name for ref in store.refs()] == ["a", "a.b", "a/b", "a/b/c"]


@pytest.mark.parametrize("torn", [b'{"name":"a","artifact_id":"0000', b"\xff\xff", b"\0\0\0"])
def test_torn_last_line_is_ignored_and_closed_by_the_next_writer(store, put, torn):
    first, second = put("1"), put("2")
    store.set_ref("a", first.id)
    path = store.root / "refs" / "a.jsonl"
    path.write_bytes(path.read_bytes() + torn)
    assert store.ref("a").artifact_id == first.id
    store.set_ref("a", second.id)
    assert [ref.artifact_id for ref in store.ref_history("a")] == [first.id, second.id]


@pytest.mark.parametrize(
    "name",
    ["", "../a", "a/../b", "/a", "a/", "a//b", ".a", "a/.b", "a b", "名", "a\n", "-a", "x" * 300, "a.jsonl", "0" * 24],
)
def test_bad_names_are_refused(store, put, name):
    artifact = put()
    for use in (lambda: store.set_ref(name, artifact.id), lambda: store.ref(name), lambda: store.ref_history(name)):
        with pytest.raises(UsageError) as raised:
            use()
        assert raised.value.code == "store.bad-name"
    assert not list((store.root / "refs").iterdir())


def test_name_for_nothing_is_refused(store):
    with pytest.raises(UsageError) as raised:
        store.set_ref("a", "f" * 24)
    assert raised.value.code == "store.unknown-artifact"
    assert store.ref("a") is None
