"""Order, rows, windows and rates: functions of their arguments, every sample once."""

from __future__ import annotations

from itertools import chain

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lianlu.train.encode import hold_out
from lianlu.train.reading import Item
from lianlu.train.samples import order_of_epoch, rows_of, samples_of_step, windows
from lianlu.train.schedule import rate_share


def test_an_epoch_sees_every_sample_once_and_the_next_in_another_order() -> None:
    seen = [samples_of_step(step, 10, 4, seed=3).tolist() for step in range(6)]
    assert [len(each) for each in seen] == [4, 4, 2, 4, 4, 2]
    assert sorted(chain(*seen[:3])) == sorted(chain(*seen[3:])) == list(range(10))
    assert seen[:3] != seen[3:]
    assert order_of_epoch(10, 3, 0).tolist() == order_of_epoch(10, 3, 0).tolist() != order_of_epoch(10, 4, 0).tolist()


@given(st.lists(st.integers(1, 50), max_size=40), st.integers(1, 60))
def test_rows_hold_every_sample_once_and_keep_the_limit(lengths: list[int], limit: int) -> None:
    rows = rows_of(lengths, limit)
    assert sorted(chain(*rows)) == list(range(len(lengths)))
    assert all(len(row) == 1 or sum(lengths[index] for index in row) <= limit for row in rows)


@given(st.integers(1, 200), st.integers(8, 40))
def test_windows_predict_every_token_but_the_first_once(length: int, size: int) -> None:
    pieces = windows("d", range(length), size)
    assert all(len(piece.ids) <= size for piece in pieces)
    assert np.concatenate([piece.ids[1:] for piece in pieces]).tolist() == list(range(1, length))


@pytest.mark.parametrize("kind", ["cosine", "wsd", "linear", "constant"])
@given(steps=st.integers(1, 60), warmup=st.floats(0, 1), decay=st.floats(0, 1), final=st.floats(0, 1))
def test_a_rate_stays_between_nothing_and_the_highest(
    kind: str, steps: int, warmup: float, decay: float, final: float
) -> None:
    rates = [
        rate_share(step, steps, kind=kind, warmup=warmup, decay=decay, final=final)  # type: ignore[arg-type]
        for step in range(steps)
    ]
    assert all(0 < rate <= 1 or final == 0 for rate in rates)
    top = rates.index(max(rates))
    assert rates[:top] == sorted(rates[:top])
    assert rates[top:] == sorted(rates[top:], reverse=True)


def test_some_items_are_kept_apart_and_none_is_lost() -> None:
    items = [Item(str(number), "x") for number in range(10)]
    learned, kept = hold_out(items, 0.2, 0)
    assert len(kept) == 2
    assert sorted([*learned, *kept], key=lambda item: int(item.id)) == items
    assert hold_out(items, 0.0, 0) == (items, [])
    assert hold_out(items[:1], 0.5, 0) == (items[:1], [])
