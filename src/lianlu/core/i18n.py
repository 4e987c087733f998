"""Chinese and English side by side. Every text a user reads is a `Text`; which half is shown is decided when it is shown.

Code, records and event logs stay English: only what reaches a terminal, a page or an HTTP client is translated.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Literal

__all__ = ["Language", "Text", "language", "pick", "suggest", "using_language"]

Language = Literal["en", "zh"]

_chosen: ContextVar[Language | None] = ContextVar("lianlu_language", default=None)


def language() -> Language:
    """The language to show: set by `using_language`, else LIANLU_LANG, else LC_ALL / LC_MESSAGES / LANG, else English."""
    chosen = _chosen.get()
    if chosen is not None:
        return chosen
    for variable in ("LIANLU_LANG", "LC_ALL", "LC_MESSAGES", "LANG"):
        value = os.environ.get(variable, "")
        if value:
            return "zh" if value.lower().startswith(("zh", "cn")) else "en"
    return "en"


class using_language:  # noqa: N801 - a context manager read as a verb
    """Show texts in one language inside a `with` block (an HTTP request, a page built twice)."""

    def __init__(self, lang: Language) -> None:
        self._lang: Language = lang

    def __enter__(self) -> None:
        self._token = _chosen.set(self._lang)

    def __exit__(self, *_: object) -> None:
        _chosen.reset(self._token)


@dataclass(frozen=True)
class Text:
    """One text in both languages. `{name}` and `{name!r}` are filled from facts; facts may be Texts themselves."""

    en: str
    zh: str

    def show(self, lang: Language | None = None, /, **facts: Any) -> str:
        lang = lang or language()
        template = self.zh if lang == "zh" else self.en
        if not facts:
            return template
        shown: Mapping[str, Any] = {
            name: fact.show(lang) if isinstance(fact, Text) else fact for name, fact in facts.items()
        }
        return template.format_map(shown)

    def __str__(self) -> str:
        return self.show()


def pick(en: str, zh: str) -> str:
    """The half of a fixed pair to show now, for short console texts.

    >>> with using_language("zh"):
    ...     pick("done", "完成")
    '完成'
    """
    return Text(en, zh).show()


def suggest(name: str, choices: Iterable[str], *, limit: int = 12) -> Text:
    """What to say when `name` is not one of `choices`: the nearest ones, else the first few.

    >>> suggest("lerning_rate", ["learning_rate", "epochs"]).en
    "did you mean 'learning_rate'?"
    """
    import difflib  # 2 ms that `lianlu --help` need not pay

    known = sorted(set(choices))
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.6)
    if near:
        listed = ", ".join(repr(each) for each in near)
        return Text(f"did you mean {listed}?", f"是不是想写 {listed}？")
    listed = ", ".join(known[:limit]) + (", …" if len(known) > limit else "")
    return Text(f"known: {listed or 'none'}", f"可用：{listed or '无'}。")
