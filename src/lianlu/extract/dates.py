"""Dates as people and programs write them, to `YYYY-MM-DD`. Nothing is guessed: what two readers read differently is no date.

So `03/05/2024`, the fifth of March to some and the third of May to others, gives nothing. What is less than a day stays
less: `2024年3月` is `2024-03`. Hours and zones are left out: a day is the one that the writer wrote.
"""

from __future__ import annotations

import re
from datetime import date

__all__ = ["iso_date"]

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH = (
    r"(?P<month>jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?"
    r"|nov(?:ember)?|dec(?:ember)?)\.?"
)
_DAY = r"(?P<day>\d{1,2})(?:st|nd|rd|th)?"
_YEAR = r"(?P<year>[12]\d{3})"
_WRITTEN = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"{_YEAR}(?:(?P<mark>[-/.])(?P<month>\d{{1,2}})(?:(?P=mark)(?P<day>\d{{1,2}}))?)?(?![\d/.-]|\s*年)",
        rf"(?:D:)?{_YEAR}(?P<month>\d\d)(?P<day>\d\d)(?:\d{{6}})?(?!\d)",  # ISO 8601 without dashes, and PDF
        rf"{_YEAR}\s*年(?:\s*(?P<month>\d{{1,2}})\s*月(?:\s*(?P<day>\d{{1,2}})\s*[日号])?)?",
        rf"{_MONTH}\s+(?:{_DAY},?\s+)?{_YEAR}(?!\d)",
        rf"(?:[a-z]{{3,9}},?\s+)?{_DAY}[\s-]+{_MONTH},?[\s-]+{_YEAR}(?!\d)",  # also RFC 5322, with the day of the week
    )
)
_LONGEST = 60  # characters


def iso_date(written: object) -> str:
    """A date as `YYYY`, `YYYY-MM` or `YYYY-MM-DD`; empty when it is none that exists.

    >>> iso_date("2024年3月5日"), iso_date("Tue, 05 Mar 2024 10:00:00 GMT"), iso_date("2024/3/5 08:00")
    ('2024-03-05', '2024-03-05', '2024-03-05')
    """
    text = str(written).strip()[:_LONGEST]
    for pattern in _WRITTEN:
        found = pattern.match(text)
        if found is not None:
            return _checked(found["year"], _number(found["month"]), found["day"])
    return ""


def _number(month: str | None) -> str | None:
    """The number of a month that is named."""
    return month if month is None or month.isdigit() else str(_MONTHS.index(month[:3].lower()) + 1)


def _checked(year: str, month: str | None, day: str | None) -> str:
    try:
        first = date(int(year), int(month or 1), int(day or 1)).isoformat()
    except ValueError:
        return ""
    return first if day else first[:7] if month else year
