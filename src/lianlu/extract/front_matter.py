"""What a text says of itself before it begins: YAML between lines of `---`, TOML between lines of `+++`.

It is no part of the text, also where its syntax is wrong: a title with a colon in it is the most frequent mistake there is,
and then the plain `key: value` lines are read one by one. Aliases are not followed: aliases of aliases grow without limit.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from lianlu.extract.dates import iso_date

__all__ = ["FrontMatter", "dated", "front_matter"]

_MATTER = re.compile(
    r"(?P<mark>---|\+\+\+)[ \t]*\r?\n(?P<facts>.*?)(?<=\n)(?:(?P=mark)|\.\.\.)[ \t]*(?:\r?\n|$)", re.DOTALL
)
_LONGEST = 64_000
_LONGEST_VALUE = 1000
_ALIAS = re.compile(r"(?:^|[\s:\[{,-])[&*][\w-]", re.MULTILINE)
_LINE = re.compile(r"(?P<key>[^\W\d][\w.-]{0,40})\s*[:=](?:\s+(?P<value>.*))?$")
_OF_A_VALUE = ("#", "- ", "]", "}")
_DEEPEST = 6
_LARGEST_NUMBER = 1 << 63
# Names in order of preference: when it appeared, when it was last changed, when it was begun.
_DATES = (
    *("date", "日期", "published", "publishdate", "pubdate", "publishedat", "发布日期", "发布时间"),
    *("lastmod", "lastmodified", "lastupdate", "lastupdated", "updated", "updatedat", "modified"),
    *("更新日期", "更新时间"),
    *("created", "createdat", "creationdate"),
)


@dataclass(frozen=True)
class FrontMatter:
    """What was said, and the offset at which the text begins: 0 where nothing is said."""

    end: int = 0
    meta: Mapping[str, Any] = field(default_factory=dict[str, Any])


def front_matter(text: str) -> FrontMatter:
    """The front matter that a text begins with; `date` is `YYYY-MM-DD` where it can be read as a date."""
    found = _MATTER.match(text) if text.startswith(("---", "+++")) else None
    if found is None or len(found["facts"]) > _LONGEST:
        return FrontMatter()
    loaded = _toml(found["facts"]) if found["mark"] == "+++" else _yaml(found["facts"])
    if loaded is None:
        loaded = dict(_plain_lines(found["facts"]))
        if not loaded and found["facts"].strip():
            return FrontMatter()  # a line across the page, and no front matter
    return FrontMatter(found.end(), dated({str(key): _plain(value) for key, value in loaded.items()}))


def dated(facts: Mapping[str, Any]) -> dict[str, Any]:
    """The facts with their date under the name `date`, whatever name it had."""
    named = {re.sub(r"[\s_-]", "", key).casefold(): value for key, value in facts.items()}
    for name in _DATES:
        value = named.get(name)
        date = iso_date(value.get("date", "") if isinstance(value, dict) else value)
        if date:
            return {**facts, "date": date}
    return dict(facts)


def _yaml(text: str) -> Mapping[Any, Any] | None:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    if _ALIAS.search(text):
        return None
    try:
        loaded = YAML(typ="safe", pure=True).load(text)
    except (YAMLError, ValueError, RecursionError):
        return None
    return {} if loaded is None else loaded if isinstance(loaded, dict) else None


def _toml(text: str) -> Mapping[str, Any] | None:
    try:
        return tomllib.loads(text.replace("\r\n", "\n"))
    except (ValueError, RecursionError):
        return None


def _plain_lines(text: str) -> Iterator[tuple[str, str]]:
    """Keys and values of lines at the margin; nothing if one of them is prose."""
    at_margin = [line for line in text.splitlines() if line.strip() and not line[0].isspace()]
    found = [_LINE.match(line) for line in at_margin if not line.startswith(_OF_A_VALUE)]
    if not all(found):
        return
    for each in filter(None, found):
        value = (each["value"] or "").strip().strip("\"'")
        if value:
            yield each["key"], value[:_LONGEST_VALUE]


def _plain(value: Any, depth: int = 0) -> Any:
    """As records can hold it: no dates, no numbers beyond 64 bits, nothing deeper than a person writes."""
    if depth > _DEEPEST:
        return None
    if isinstance(value, dict):
        return {str(key): _plain(each, depth + 1) for key, each in value.items()}
    if isinstance(value, list):
        return [_plain(each, depth + 1) for each in value]
    if isinstance(value, int) and not -_LARGEST_NUMBER <= value < _LARGEST_NUMBER:
        return None
    return value if value is None or isinstance(value, (bool, int, float, str)) else str(value)
