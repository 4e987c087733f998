"""Dates and short values from what a document says of itself."""

import pytest

from lianlu.rag.facts import date_of, facts_of


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("2024-05-01", "2024-05-01"),
        ("2024/5/1", "2024-05-01"),
        ("2024-05-01T10:00:00+08:00", "2024-05-01"),
        ("2024", "2024"),
        (2024, "2024"),
        ("20240501", ""),
        ("1 May 2024", ""),
        ("", ""),
        (None, ""),
    ],
)
def test_dates(written: object, read: str) -> None:
    assert date_of({"date": written}) == read


def test_long_lists_and_deep_values_are_cut() -> None:
    facts = list(facts_of({"tags": list(range(500)), "nested": {"a": 1}, "text": "字" * 999}))
    assert len(facts) == 51
    assert max(len(value) for _, value in facts) == 200
