"""The catalogue is an index: whatever happens to it, the answers are those of the manifests."""

from __future__ import annotations

import os
import sqlite3

import pytest

from lianlu.core.errors import UsageError
from lianlu.store import open_store


def ids(store, kind=None):
    return {artifact.id for artifact in open_store(store.root).artifacts(kind)}


def test_lists_newest_first_and_by_kind(store, put):
    made = [put(str(index), kind="samples" if index % 2 else "scores") for index in range(4)]
    for age, artifact in enumerate(made):
        os.utime(store.root / "artifacts" / f"{artifact.id}.json", (100 + age, 100 + age))
    assert [artifact.id for artifact in store.artifacts()] == [artifact.id for artifact in reversed(made)]
    assert ids(store, "samples") == {made[1].id, made[3].id}
    with pytest.raises(UsageError):
        store.artifacts("sample")


def spoil_table(path):
    with sqlite3.connect(path) as index:
        index.executescript("DROP TABLE artifact; CREATE TABLE artifact (x TEXT)")


def spoil_rows(path):
    with sqlite3.connect(path) as index:
        index.execute("UPDATE artifact SET record = x'7b7d'")


def another_version(path):
    with sqlite3.connect(path) as index:
        index.execute("PRAGMA user_version = 99")


def spoil_middle(path):
    content = bytearray(path.read_bytes())
    content[1000:9000] = b"\xff" * 8000
    path.write_bytes(bytes(content))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda path: path.unlink(),
        lambda path: path.write_bytes(b"garbage" * 1000),
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(path.read_bytes()[:5000]),
        spoil_middle,
        spoil_table,
        spoil_rows,
        another_version,
    ],
    ids=["deleted", "garbage", "empty", "cut", "overwritten", "other table", "other rows", "other version"],
)
def test_spoiled_catalogue_is_made_anew_silently(store, put, spoil):
    made = {put(str(index)).id for index in range(5)}
    assert ids(store) == made
    spoil(store.root / "catalogue.sqlite")
    assert ids(store) == made
    made.add(put("one more").id)
    assert ids(store) == made


def test_manifests_that_come_and_go_behind_its_back_are_noticed(store, put):
    first, second = put("1"), put("2")
    assert ids(store) == {first.id, second.id}
    (store.root / "artifacts" / f"{first.id}.json").unlink()
    assert ids(store) == {second.id}


def test_where_it_cannot_be_written_answers_come_from_the_manifests(store, put):
    made = {put(str(index)).id for index in range(3)}
    (store.root / "catalogue.sqlite").unlink(missing_ok=True)
    (store.root / "catalogue.sqlite").mkdir()
    assert ids(store) == made


def test_a_locked_catalogue_is_not_thrown_away(store, put, monkeypatch):
    monkeypatch.setattr("lianlu.store.catalogue._BUSY_SECONDS", 0.05)
    made = {put("1").id}
    assert ids(store) == made
    with sqlite3.connect(store.root / "catalogue.sqlite", isolation_level=None) as index:
        index.execute("BEGIN EXCLUSIVE")
        made.add(put("2").id)
        assert ids(store) == made
        index.execute("ROLLBACK")
    assert ids(store) == made


def test_unreadable_manifests_are_left_out(store, put):
    good, bad = put("1"), put("2")
    (store.root / "artifacts" / f"{bad.id}.json").write_bytes(b"{")
    assert ids(store) == {good.id}
