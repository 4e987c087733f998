from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lianlu.extract.dates import iso_date


@pytest.mark.parametrize(
    "written",
    [
        "2024-03-05",
        "2024-3-5T08:00:00+08:00",
        "2024/03/05 08:00",
        "2024.3.5",
        "20240305",
        20240305,
        "20240305T080000Z",
        "D:20240305080000+08'00'",
        "2024年3月5日",
        "2024 年 3 月 5 日 星期二",
        "March 5, 2024",
        "Mar. 5th 2024",
        "5 March 2024",
        "05-Mar-2024",
        "Tue, 05 Mar 2024 10:00:00 GMT",
    ],
)
def test_a_day_is_read_however_it_is_written(written: object) -> None:
    assert iso_date(written) == "2024-03-05"


@pytest.mark.parametrize(
    ("written", "read"),
    [("2024", "2024"), ("2024-03", "2024-03"), ("2024年", "2024"), ("2024年3月", "2024-03"), ("May 2024", "2024-05")],
)
def test_what_is_less_than_a_day_stays_less(written: str, read: str) -> None:
    assert iso_date(written) == read


@pytest.mark.parametrize(
    "written",
    [
        *(
            "",
            "soon",
            "03/05/2024",
            "2024-13-01",
            "2024-02-30",
            "0001-01-01",
            "2024-1-2-3",
            "12345678901234",
            "二〇二四年",
        ),
        *(None, 5, {"date": 1}, "Marvel 2024", "1" * 100_000, "2024年99月"),
    ],
)
def test_what_is_no_date_for_everyone_is_none(written: object) -> None:
    assert iso_date(written) == ""


@given(st.datetimes(min_value=datetime(1000, 1, 1), max_value=datetime(2999, 12, 31)))
def test_every_day_is_read_as_itself(day: datetime) -> None:
    for written in (day, day.replace(tzinfo=UTC).isoformat(), f"{day.year}年{day.month}月{day.day}日"):
        assert iso_date(written) == day.date().isoformat()


@given(st.text(max_size=80))
def test_no_text_is_too_strange(text: str) -> None:
    assert len(iso_date(text)) in (0, 4, 7, 10)
