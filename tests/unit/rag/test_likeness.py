"""How alike texts are: the sparse way gives what the plain one gives."""

from __future__ import annotations

import numpy as np
import pytest

from lianlu.rag.likeness import likeness_of


def slow_centrality(texts: list[str]) -> list[float]:
    """LexRank with the whole matrix of likenesses, words as they are."""
    words = [text.lower().rstrip(".").split() for text in texts]
    known = sorted({word for each in words for word in each})
    counts = np.array([[each.count(word) for word in known] for each in words], dtype=float)
    rarity = np.log(1 + len(texts) / (counts > 0).sum(0))
    weights = np.where(counts > 0, 1 + np.log(np.maximum(counts, 1)), 0) * rarity
    weights /= np.linalg.norm(weights, axis=1, keepdims=True)
    likeness = weights @ weights.T
    walk = likeness / likeness.sum(1)
    at = np.full(len(texts), 1 / len(texts))
    for _ in range(25):
        at = 0.15 / len(texts) + 0.85 * walk @ at
    return (at / at.max()).tolist()


def test_the_sparse_walk_is_that_over_the_whole_matrix() -> None:
    texts = ["red pump water", "red pump tank", "pump water tank", "boat sail wind", "red red boat"]
    assert likeness_of(texts).centrality().tolist() == pytest.approx(slow_centrality(texts))


def test_the_likeness_to_one_text_is_a_cosine() -> None:
    texts = ["red pump water", "red pump tank", "boat sail", "red pump water"]
    alike = likeness_of(texts).likeness(0)
    assert alike[[0, 3]] == pytest.approx([1.0, 1.0])
    assert 0 < alike[1] < 1
    assert alike[2] == 0


def test_each_text_is_compared_to_a_row_of_its_own() -> None:
    found = likeness_of(["red pump", "boat sail", "green oar"], ["pump", "sail"])
    own = found.likeness_to_own(np.array([3, 3, 4]))
    assert own[0] == pytest.approx(found.likeness(3)[0])
    assert own.tolist()[1:] == [0.0, 0.0]


def test_coverage_counts_what_is_there_and_not_what_is_besides() -> None:
    found = likeness_of(["red pump", "red pump in a very long sentence about many other things", "boat"], ["red pump"])
    assert found.coverage(3)[:3].tolist() == pytest.approx([1.0, 1.0, 0.0])


def test_what_stands_everywhere_tells_nothing_apart() -> None:
    found = likeness_of([f"the number {number} the" for number in range(100)])
    assert found.likeness(0)[1] == 0


@pytest.mark.parametrize("texts", [[""], ["", "…"], ["水"], ["水", "水"]])
def test_texts_without_terms_do_no_harm(texts: list[str]) -> None:
    found = likeness_of(texts)
    assert np.isfinite(found.centrality()).all()
    assert np.isfinite(found.likeness(0)).all()
