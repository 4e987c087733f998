"""Which documents a question is asked of: by date, language, place and what they say of themselves.

News and regulations go stale: a search can be held to a span of time. A document without a date is outside every span.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from lianlu.core.errors import UsageError
from lianlu.text.normalise import fold

__all__ = ["Filters", "conditions", "read_filters"]

_DATE = re.compile(r"\d{4}(-\d{2}(-\d{2})?)?")
_AFTER_ALL = "~"  # sorts behind every digit and dash: 2024-05-31 is not after `--until 2024`


@dataclass(frozen=True)
class Filters:
    """What a document must fulfil; an empty field asks nothing.

    Attributes:
        since: first date, `YYYY`, `YYYY-MM` or `YYYY-MM-DD`.
        until: last date, the same; the whole year or month counts.
        language: `zh`, `en`, ...
        path: pattern on the uri, such as `zh_cn/*`.
        facts: values of the document's metadata, by name.
    """

    since: str = ""
    until: str = ""
    language: str = ""
    path: str = ""
    facts: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def is_empty(self) -> bool:
        return not (self.since or self.until or self.language or self.path or self.facts)


def read_filters(
    where: Iterable[str] = (), *, since: str = "", until: str = "", language: str = "", path: str = ""
) -> Filters:
    """Filters as a person types them; `where` holds `name=value`.

    Raises:
        UsageError: rag.bad-filter, rag.bad-date

    >>> read_filters(["author=Li Lei"], since="2025").facts
    {'author': 'Li Lei'}
    """
    for date in (since, until):
        if date and not _DATE.fullmatch(date):
            raise UsageError("rag.bad-date", date=date)
    facts: dict[str, str] = {}
    for each in where:
        name, equals, value = each.partition("=")
        if not equals or not name.strip() or not value.strip():
            raise UsageError("rag.bad-filter", filter=each)
        facts[name.strip()] = value.strip()
    return Filters(since=since, until=until, language=language, path=path, facts=facts)


def conditions(filters: Filters) -> tuple[str, list[str]]:
    """The filter as a condition on the table of documents, and the values for its marks."""
    parts: list[str] = []
    values: list[str] = []
    if filters.since:
        parts.append("date >= ?")
        values.append(filters.since)
    if filters.until:
        parts.append("date != '' AND date <= ?")
        values.append(filters.until + _AFTER_ALL)
    if filters.language:
        parts.append("language = ?")
        values.append(fold(filters.language))
    if filters.path:
        parts.append("uri GLOB ?")
        values.append(filters.path)
    for name, value in filters.facts.items():
        parts.append("id IN (SELECT document FROM facts WHERE key = ? AND value = ?)")
        values += (fold(name), fold(value))
    return " AND ".join(parts) or "1", values
