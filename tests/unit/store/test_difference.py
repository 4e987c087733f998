"""Two artifacts are compared with what they were made from."""

from __future__ import annotations

import msgspec


def test_files_added_removed_changed_with_the_text_of_small_ones(store, write):
    same = write("same", "s")
    a = store.put({"same": same, "old": write("o", "1"), "t": write("t1", "one\ntwo\n")}, kind="documents")
    b = store.put({"same": same, "new": write("n", "2"), "t": write("t2", "one\n二\n")}, kind="documents")
    found = store.diff(a.id, b.id)
    assert (found.added, found.removed, found.changed) == (("new",), ("old",), ("t",))
    assert found.texts["t"].splitlines() == ["--- a/t", "+++ b/t", "@@ -1,2 +1,2 @@", " one", "-two", "+二"]


def test_large_and_binary_files_are_named_without_text(store, write):
    def pair(first: bytes, second: bytes):
        return [store.put({"f": write("f", content)}, kind="documents").id for content in (first, second)]

    for first, second in [(b"\0a", b"\0b"), (b"x" * 70_000, b"y"), (b"\xff", b"\xfe"), (b"l\n" * 3000, b"m\n" * 3000)]:
        found = store.diff(*pair(first, second))
        assert (found.changed, found.texts) == (("f",), {})


def test_recipe_keys_of_every_step_above_are_compared(store, put):
    ids = []
    for size in (100, 200):
        recipe = {"chunk": {"size": size, "overlap": 0}, "language": "zh"}
        documents = put(f"d{size}", key=f"k{size}", recipe=recipe)
        ids.append(put("i", kind="index", parents=(documents.id,), key=f"i{size}", step="rag.build").id)
    found = store.diff(*ids)
    assert [(each.step, each.key, each.a, each.b) for each in found.recipe] == [
        ("extract", "chunk.size", 100, 200),
        ("rag.build", "", "i100", "i200"),
    ]


def test_a_step_only_one_side_has_is_said(store, put):
    plain, stepped = put("p"), put("p", key="k")
    [only] = store.diff(plain.id, stepped.id).recipe
    assert (only.step, only.a, only.b) == ("extract", None, "k")


def test_sources_are_compared_by_name_and_hash(store, put):
    a = put("1", key="1", sources={"same.md": b"s", "edited.md": b"1", "gone.md": b"g"})
    b = put("2", key="2", sources={"same.md": b"s", "edited.md": b"2", "new.md": b"n"})
    found = store.diff(a.id, b.id)
    assert [each.uri for each in found.sources] == ["edited.md", "gone.md", "new.md"]
    assert [(each.a is None, each.b is None) for each in found.sources] == [
        (False, False),
        (False, True),
        (True, False),
    ]


def test_an_artifact_does_not_differ_from_itself(store, put):
    artifact = put(key="k", sources={"a.md": b"A"})
    found = store.diff(artifact.id, artifact.id)
    assert found.is_empty
    assert msgspec.json.encode(found)
