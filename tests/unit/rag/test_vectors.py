"""The nearest vectors: right ones whatever came and went before, and files that are never trusted when they should not be."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lianlu.core.errors import LianluError
from lianlu.rag.vectors import (
    VectorIndex,
    load_vectors,
    save_vectors,
    try_save_vectors,
    vector_files,
    widened,
)

DIMENSIONS = 70
Halves = npt.NDArray[np.float16]
Floats = npt.NDArray[np.float32]


def unit(rows: Floats) -> Floats:
    return rows / np.linalg.norm(rows, axis=-1, keepdims=True)


def rows_of(count: int, seed: int, spread: float = 0.8) -> Halves:
    random = np.random.default_rng(seed)
    centers = unit(random.standard_normal((max(count // 50, 3), DIMENSIONS), dtype=np.float32))
    around = unit(random.standard_normal((count, DIMENSIONS), dtype=np.float32))
    return unit(centers[random.integers(0, len(centers), count)] + spread * around).astype(np.float16)


ROWS = rows_of(400, seed=1)
QUERY = unit(ROWS[7].astype(np.float32) + ROWS[90].astype(np.float32))


def vectors_of(ids: Sequence[int]) -> Halves:
    return ROWS[[row % len(ROWS) for row in ids]]


def index_of(ids: Sequence[int]) -> VectorIndex:
    return VectorIndex.empty(DIMENSIONS).changed(ids, [], vectors_of)


def plain(ids: Sequence[int], query: Floats, limit: int) -> list[int]:
    scores = {row: round(float(vectors_of([row])[0].astype(np.float32) @ query), 6) for row in ids}
    return sorted(scores, key=lambda row: (-scores[row], row))[:limit]


def assert_same(found: list[tuple[int, float]], expected: list[tuple[int, float]]) -> None:
    assert [row for row, _ in found] == [row for row, _ in expected]
    assert [score for _, score in found] == pytest.approx([score for _, score in expected], abs=2e-6)


def test_the_nearest_come_first() -> None:
    ids = range(1, 401)
    found = index_of(ids).search(QUERY, 10)
    assert [row for row, _ in found] == plain(ids, QUERY, 10)
    assert found[0][1] == pytest.approx(float(vectors_of([found[0][0]])[0].astype(np.float32) @ QUERY), abs=1e-5)


def test_equal_vectors_come_by_row_and_only_allowed_ones_are_found() -> None:
    index = index_of([5, 405, 805, 1000])
    assert [row for row, _ in index.search(ROWS[5].astype(np.float32), 3)] == [5, 405, 805]
    assert [row for row, _ in index.search(ROWS[5].astype(np.float32), 3, np.asarray([6, 405, 1000]))] == [405, 1000]
    assert index.search(QUERY, 3, np.asarray([], dtype=np.int64)) == []


def test_scores_are_given_in_the_order_asked_for() -> None:
    index = index_of([5, 6, 7])
    known = dict(index.search(QUERY, 9))
    assert index.scores_of(QUERY, [7, 9, 5, 7]) == pytest.approx([known[7], 0.0, known[5], known[7]], abs=2e-6)


def test_an_index_of_nothing_finds_nothing(tmp_path: Path) -> None:
    index = VectorIndex.empty(DIMENSIONS)
    assert (index.search(QUERY, 3), index.scores_of(QUERY, [1]), index.last_id) == ([], [0.0], 0)
    save_vectors(tmp_path / "v", index, "base", 1, "space")
    loaded = load_vectors(tmp_path / "v", "base", "space")
    assert loaded is not None
    assert (loaded[0].dimensions, loaded[0].changed([1], [], vectors_of).search(QUERY, 3)[0][0]) == (DIMENSIONS, 1)


@pytest.mark.parametrize("exact_rows", [10_000, 0])
@given(changes=st.lists(st.tuples(st.integers(0, 9), st.sets(st.integers(1, 90), max_size=5)), max_size=12))
@settings(max_examples=40, deadline=None)
def test_any_changes_give_the_results_of_a_fresh_index(
    tmp_path_factory: pytest.TempPathFactory, exact_rows: int, changes: list[tuple[int, set[int]]]
) -> None:
    path = tmp_path_factory.mktemp("sidecar") / "v"
    ids = list(range(1, 61))
    index = VectorIndex.empty(DIMENSIONS, exact_rows=exact_rows).changed(ids, [], vectors_of)
    last = 60
    for generation, (more, gone) in enumerate(changes):
        new = list(range(last + 1, last + 1 + more))
        last += more
        index = index.changed(new, sorted(gone - set(new)), vectors_of)
        ids = [row for row in ids if row not in gone] + new
        if generation % 2:
            save_vectors(path, index, "base", generation, "space")
            loaded = load_vectors(path, "base", "space", exact_rows=exact_rows)
            assert loaded is not None
            assert loaded[1] == generation
            index = loaded[0]
    assert (index.chunk_ids.tolist(), index.last_id) == (ids, last)
    fresh = index_of(ids) if ids else VectorIndex.empty(DIMENSIONS)
    assert_same(index.search(QUERY, 8), fresh.search(QUERY, 8))
    allowed = np.asarray(ids[::2], dtype=np.int64)
    assert_same(index.search(QUERY, 8, allowed), fresh.search(QUERY, 8, allowed))


@pytest.mark.parametrize(
    ("spread", "least"), [(0.3, 0.99), (0.8, 0.99), (2.0, 0.9)], ids=["tight", "clustered", "diffuse"]
)
def test_of_many_rows_nearly_all_of_the_nearest_are_found(spread: float, least: float) -> None:
    rows = rows_of(6000, seed=3, spread=spread)
    many = VectorIndex.empty(DIMENSIONS, exact_rows=100)
    index = many.changed(range(5900), [], lambda ids: rows[list(ids)]).changed(
        range(5900, 6000), [3, 4], lambda ids: rows[list(ids)]
    )
    exact = (
        VectorIndex.empty(DIMENSIONS)
        .changed(range(6000), [3, 4], lambda ids: rows[list(ids)])
        .changed([], [3, 4], vectors_of)
    )
    random = np.random.default_rng(4)
    hits = 0
    for row in random.integers(0, 6000, 40):
        query = unit(rows[row].astype(np.float32) + 0.5 * unit(random.standard_normal(DIMENSIONS, dtype=np.float32)))
        found = index.search(query, 10)
        hits += len(dict(found).keys() & dict(exact.search(query, 10)).keys())
        assert [score for _, score in found] == sorted((score for _, score in found), reverse=True)
    assert hits / 400 >= least


def test_many_equal_rows_cost_no_more_than_some() -> None:
    compared: list[int] = []
    index = VectorIndex.empty(DIMENSIONS, exact_rows=100).changed(range(20_000), [], lambda ids: ROWS[[0] * len(ids)])
    contents = index._contents
    compared = contents.likely(QUERY, 1000, None).tolist()
    assert compared == list(range(4000))
    assert [row for row, _ in index.search(QUERY, 3)] == [0, 1, 2]


@given(st.lists(st.floats(width=16, allow_nan=False, allow_infinity=False), min_size=1, max_size=40))
def test_sixteen_bits_are_widened_without_loss(values: list[float]) -> None:
    rows = np.asarray([values], dtype=np.float16)
    np.testing.assert_array_equal(widened(rows), rows.astype(np.float32))


def test_a_small_change_writes_a_small_file(tmp_path: Path) -> None:
    path = tmp_path / "v"
    save_vectors(path, index_of(range(1, 401)), "base", 1, "space")
    before = path.read_bytes()
    loaded = load_vectors(path, "base", "space")
    assert loaded is not None
    save_vectors(path, loaded[0].changed([401], [5], vectors_of), "base", 2, "space")
    assert path.read_bytes() == before
    assert sum(each.stat().st_size for each in vector_files(path) if each.exists()) < len(before) + 2000


def test_vectors_of_another_base_or_space_are_not_used(tmp_path: Path) -> None:
    save_vectors(tmp_path / "v", index_of([1, 2]), "base", 1, "space")
    assert load_vectors(tmp_path / "v", "base", "space") is not None
    assert load_vectors(tmp_path / "v", "another", "space") is None
    assert load_vectors(tmp_path / "v", "base", "another") is None


def test_where_nothing_can_be_written_saving_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    path = tmp_path / "file" / "v"
    assert not try_save_vectors(path, index_of([1]), "base", 1, "space")
    with pytest.raises(LianluError):
        save_vectors(path, index_of([1]), "base", 1, "space")


@pytest.mark.parametrize("damage", ["flip", "cut"])
def test_a_damaged_file_is_not_used(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "v"
    save_vectors(path, index_of(range(1, 31)), "base", 1, "space")
    content = path.read_bytes()
    change: Callable[[int], bytes] = (
        (lambda at: content[:at] + bytes([content[at] ^ 4]) + content[at + 1 :])
        if damage == "flip"
        else (lambda at: content[:at])
    )
    for at in range(0, len(content), 7):
        path.write_bytes(change(at))
        assert load_vectors(path, "base", "space") is None
