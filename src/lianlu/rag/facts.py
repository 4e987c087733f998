"""What a document says of itself, as it can be filtered by: its date, and short values by name."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from lianlu.text.normalise import fold

__all__ = ["date_of", "facts_of"]

_ISO_DATE = re.compile(r"\s*(\d{4})(?:-(\d{1,2})(?:-(\d{1,2}))?)?(?!\d)")
_LONGEST_VALUE = 200
_MOST_VALUES = 50


def date_of(meta: Mapping[str, Any]) -> str:
    """The date of a document as `YYYY`, `YYYY-MM` or `YYYY-MM-DD`; empty when it gives none that can be read.

    >>> date_of({"date": "2026-3-1T08:00"})
    '2026-03-01'
    """
    match = _ISO_DATE.match(str(meta.get("date", "")).replace("/", "-"))
    if match is None:
        return ""
    return "-".join((match[1], *(f"{int(part):02d}" for part in match.groups()[1:] if part)))


def facts_of(meta: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Name and value of what can be asked for, both folded; of a list each value. Long texts are no facts.

    >>> sorted(facts_of({"Author": "Li Lei", "tags": ["A", "b"], "pages": 3}))
    [('author', 'li lei'), ('pages', '3'), ('tags', 'a'), ('tags', 'b')]
    """
    seen: set[tuple[str, str]] = set()
    for key, value in meta.items():
        values = value if isinstance(value, (list, tuple)) else (value,)
        for each in values[:_MOST_VALUES]:
            fact = (fold(str(key)), fold(str(each)).strip()[:_LONGEST_VALUE])
            if isinstance(each, (str, int, float)) and fact[1] and fact not in seen:
                seen.add(fact)
                yield fact
