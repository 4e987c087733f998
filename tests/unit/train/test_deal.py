"""Every sample is dealt once, evenly, and all processes pass as often."""

from __future__ import annotations

import numpy as np
import pytest

from lianlu.train.deal import deal
from lianlu.train.samples import Encoded


def units(*lengths: int) -> list[Encoded]:
    return [
        Encoded(str(n), np.arange(size, dtype=np.int32), np.ones(size, dtype=bool)) for n, size in enumerate(lengths)
    ]


@pytest.mark.parametrize("world", [1, 2, 3, 8])
@pytest.mark.parametrize("least_shared", [None, 4])
def test_every_sample_is_dealt_once(world: int, least_shared: int | None) -> None:
    dealt = deal(units(9, 3, 7, 7, 2, 30, 5), world, 12, least_shared)
    found = [unit.id for rows in dealt.rows for row in rows for unit in row]
    assert sorted(found) == list("0123456")
    assert [[unit for part in each for unit in part] for each in dealt.rounds()] == [
        [unit for rank in range(world) for row, counts in [dealt.of(rank)[turn]] if counts for unit in row]
        for turn in range(dealt.passes)
    ]


def test_all_pass_as_often_with_spare_rows_of_the_shortest() -> None:
    dealt = deal(units(9, 3), 3, 12, None)
    passes = [[(row[0].id, counts) for row, counts in dealt.of(rank)] for rank in range(3)]
    assert passes == [[("0", True)], [("1", True)], [("1", False)]]


def test_processes_have_about_as_many_tokens() -> None:
    random = np.random.Generator(np.random.PCG64(0))
    dealt = deal(units(*random.integers(5, 200, 64).tolist()), 4, 512, None)
    held = [sum(unit.tokens for row in rows for unit in row) for rows in dealt.rows]
    assert max(held) / min(held) < 1.1


def test_one_process_has_the_rows_it_always_had() -> None:
    dealt = deal(units(5, 3, 4, 2), 1, 7, None)
    assert [[unit.id for unit in row] for row in dealt.rows[0]] == [["0", "3"], ["2", "1"]]
