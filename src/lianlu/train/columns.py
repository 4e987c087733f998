"""The names that columns of training data go by, and what must stand in them.

Knows no shape: which of these names together make a sample is said in `shapes`. A null counts as a column that is not
there, because tables give every row the columns of all the others.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, cast

from lianlu.core.i18n import Text

__all__ = [
    "ANSWERS",
    "CONVERSATIONS",
    "LABELS",
    "PROMPTS",
    "SYSTEMS",
    "Misfit",
    "Row",
    "first_of",
    "kind_of",
    "mapping_in",
    "prefix_of",
    "text_key",
    "words",
]

Row = Mapping[str, Any]

CONVERSATIONS = ("messages", "conversations", "conversation")
PROMPTS = ("prompt", "question", "query", "input")
ANSWERS = ("completion", "response", "answer", "output", "target")
SYSTEMS = ("system", "system_prompt")
LABELS = ("kto_tag", "label")

_KINDS = {
    "NoneType": Text("null", "null"),
    "bool": Text("true or false", "布尔值"),
    "int": Text("a number", "数字"),
    "float": Text("a number", "数字"),
    "list": Text("a list", "列表"),
    "dict": Text("an object", "对象"),
    "str": Text("text", "文本"),
    "bytes": Text("bytes", "字节"),
}


class Misfit(ValueError):
    """Why a row is no training sample, in both languages. `is_nested`: something stands where text should."""

    def __init__(self, en: str, zh: str, *, is_nested: bool = False) -> None:
        super().__init__(en)
        self.why = Text(en, zh)
        self.is_nested = is_nested


def kind_of(value: object) -> Text:
    """What a value is, in words."""
    return _KINDS.get(type(value).__name__, Text(type(value).__name__, type(value).__name__))


def first_of(row: Row, names: Iterable[str]) -> str | None:
    """The first of these columns that the row has."""
    return next((name for name in names if row.get(name) is not None), None)


def mapping_in(value: object, en: str, zh: str) -> Row:
    """The value as an object. Raises Misfit, which calls it by `en` or `zh`."""
    if not isinstance(value, Mapping):
        kind = kind_of(value)
        raise Misfit(f"{en} must be an object, not {kind.en}", f"{zh}应为对象，而不是{kind.zh}")
    return cast("Row", value)


def words(value: object, key: str) -> str:
    """The value as text that can be written again: half a surrogate pair becomes U+FFFD. Raises Misfit."""
    if not isinstance(value, str):
        kind = kind_of(value)
        raise Misfit(
            f"`{key}` must be text, not {kind.en}",
            f"`{key}` 应为文本，而不是{kind.zh}",
            is_nested=isinstance(value, list | dict),
        )
    if value.isascii():
        return value
    try:
        value.encode()
    except UnicodeEncodeError:
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return value


def prefix_of(row: Row) -> str | None:
    """What stands before `input` and `output` in the names of a turn's columns, as `toy_` in XTuner's demo sets."""
    for key in row:
        if key == "input" or key.endswith("_input"):
            prefix = key.removesuffix("input")
            if prefix + "output" in row:
                return prefix
    return None


def text_key(row: Row) -> str | None:
    """The one column of plain text: `text`, or the only one whose name ends in `_text`."""
    if row.get("text") is not None:
        return "text"
    ending = [key for key in row if key.lower().endswith("_text") and row[key] is not None]
    return ending[0] if len(ending) == 1 else None
