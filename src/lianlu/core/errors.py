"""One tree of errors, by who must act. Anything outside the tree that reaches a boundary is a bug.

    LianluError
    ├── UsageError     the user mends the command or recipe      exit 2    HTTP 400
    ├── DataError      the user mends a file or record           exit 3    HTTP 422
    ├── BackendError   the model or service failed               exit 4    HTTP 502, 429
    ├── LimitError     a quota, disk, memory or size limit       exit 5    HTTP 429, 507
    └── Cancelled      the user stopped it                       exit 130  HTTP 499

Exit 1 means "finished, and the verdict is no"; 70 (HTTP 500) is a bug.

An error carries a stable code and facts; its words stand in `lianlu/<room>/texts.py` in both languages, where <room> is
the first part of the code, or in `lianlu/core/texts.py`. So the same error reads well in a terminal, a page and a log.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar

from lianlu.core.i18n import Language, Text
from lianlu.core.system_words import system_words
from lianlu.records import Failure

__all__ = [
    "BUG_EXIT",
    "VERDICT_NO_EXIT",
    "BackendError",
    "Cancelled",
    "DataError",
    "ErrorText",
    "LianluError",
    "LimitError",
    "UsageError",
    "error_text",
    "failure_text",
    "reasons_text",
]

VERDICT_NO_EXIT = 1
BUG_EXIT = 70
_SHOWN_REASONS = 10


@dataclass(frozen=True)
class ErrorText:
    """The words of one error code: what happened, and what to do next. `http` overrides the family's status."""

    message: Text
    hint: Text
    http: int | None = None


class LianluError(Exception):
    """Something a person can act on: `code`, a message, a hint.

    >>> error = UsageError("file.missing", path="a.md")
    >>> error.code, error.exit_code
    ('file.missing', 2)
    >>> error.message("en")
    "there is no file or folder 'a.md'"
    """

    exit_code: ClassVar[int] = BUG_EXIT
    family_http: ClassVar[int] = 500

    def __init__(self, code: str, /, *, text: ErrorText | None = None, **facts: Any) -> None:
        super().__init__(code)
        self.code = code
        self.facts = facts
        self._text = text

    @property
    def text(self) -> ErrorText:
        return self._text or error_text(self.code)

    @property
    def http_status(self) -> int:
        return self.text.http or self.family_http

    def message(self, lang: Language | None = None) -> str:
        return self.text.message.show(lang, **_worded(self.facts))

    def hint(self, lang: Language | None = None) -> str:
        return self.text.hint.show(lang, **_worded(self.facts))

    def __str__(self) -> str:
        return self.message("en")

    def __reduce__(self) -> tuple[Any, ...]:
        return (_rebuild, (type(self), self.code, self._text, self.facts))


def _rebuild(family: type[LianluError], code: str, text: ErrorText | None, facts: dict[str, Any]) -> LianluError:
    return family(code, text=text, **facts)


class UsageError(LianluError):
    exit_code = 2
    family_http = 400


class DataError(LianluError):
    exit_code = 3
    family_http = 422


class BackendError(LianluError):
    exit_code = 4
    family_http = 502


class LimitError(LianluError):
    exit_code = 5
    family_http = 429


class Cancelled(LianluError):
    exit_code = 130
    family_http = 499

    def __init__(self, code: str = "run.cancelled", /, **facts: Any) -> None:
        super().__init__(code, **facts)


@lru_cache(maxsize=64)
def _texts_of(room: str) -> Mapping[str, ErrorText]:
    name = f"lianlu.{room}.texts"
    try:
        return getattr(importlib.import_module(name), "ERRORS", {})
    except ModuleNotFoundError as absent:
        if absent.name not in (name, f"lianlu.{room}"):
            raise
        return {}


def error_text(code: str) -> ErrorText:
    """The words of `code`, looked up in its room and then in core; an unknown code shows itself."""
    for room in (code.split(".", 1)[0].replace("-", "_"), "core"):
        found = _texts_of(room).get(code)
        if found is not None:
            return found
    return ErrorText(Text(code, code), Text("", ""))


def failure_text(failure: Failure) -> ErrorText:
    """Why an item failed, in both languages; a failure without a known code keeps its English reason."""
    text = error_text(failure.code)
    has_words = text.message.en not in ("", failure.code)
    if not failure.facts and (not has_words or "{" in text.message.en + text.hint.en):
        return ErrorText(Text(failure.reason, failure.reason), Text(failure.hint, failure.hint))
    return ErrorText(_filled(text.message, failure.facts), _filled(text.hint, failure.facts))


def reasons_text(failures: Sequence[Failure]) -> Text:
    """A line for each of the first failures, in both languages."""
    shown = [(failure.uri, failure_text(failure).message) for failure in failures[:_SHOWN_REASONS]]
    more = [f"  … {len(failures) - _SHOWN_REASONS}"] if len(failures) > _SHOWN_REASONS else []
    return Text(
        "\n".join([f"  {uri}: {reason.en}" for uri, reason in shown] + more),
        "\n".join([f"  {uri}：{reason.zh}" for uri, reason in shown] + more),
    )


def _filled(text: Text, facts: Mapping[str, Any]) -> Text:
    worded = _worded(facts)
    return Text(text.show("en", **worded), text.show("zh", **worded))


def _worded(facts: Mapping[str, Any]) -> Mapping[str, Any]:
    return {name: system_words(fact) if name in ("why", "at") else fact for name, fact in facts.items()}
