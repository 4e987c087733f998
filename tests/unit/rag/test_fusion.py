"""Two scores of the same chunks joined by weight."""

from hypothesis import given
from hypothesis import strategies as st

from lianlu.rag.fusion import fuse

SCORES = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), min_size=1, max_size=20)


@given(SCORES)
def test_weight_zero_is_the_lexical_order(scores: list[tuple[int, int]]) -> None:
    rows = list(range(len(scores)))
    lexical = [float(word) for word, _ in scores]
    joined = [row for row, _ in fuse(rows, lexical, [float(vector) for _, vector in scores], 0.0)]
    assert joined == sorted(rows, key=lambda row: (-lexical[row], row))


@given(SCORES, st.floats(0.1, 3))
def test_nothing_is_lost_or_invented(scores: list[tuple[int, int]], weight: float) -> None:
    rows = list(range(10, 10 + len(scores)))
    joined = fuse(rows, [float(word) for word, _ in scores], [float(vector) for _, vector in scores], weight)
    assert sorted(row for row, _ in joined) == rows
    assert [score for _, score in joined] == sorted((score for _, score in joined), reverse=True)


def test_scores_that_are_all_alike_say_nothing() -> None:
    assert [row for row, _ in fuse([1, 2, 3], [0.0, 0.0, 0.0], [0.1, 0.3, 0.2], 1.0)] == [2, 3, 1]
