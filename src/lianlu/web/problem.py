"""What an HTTP client is told of an error: code, words in its language, hint, family. Internals never leave."""

from __future__ import annotations

import re
from typing import Any

from lianlu.core.errors import ErrorText, LianluError, UsageError
from lianlu.core.i18n import Language, Text, language

__all__ = ["bug_body", "error_body", "language_of", "status_error"]

_ACCEPTED = re.compile(r"\s*([A-Za-z]{1,8}|\*)(?:-[\w-]*)?\s*(?:;\s*q\s*=\s*([01](?:\.\d{0,3})?))?\s*")


def error_body(error: LianluError, lang: Language) -> dict[str, Any]:
    """The JSON of an error; `error.http_status` is the status that goes with it.

    A fact `param` names the field of the request that is wrong, as OpenAI's clients expect it.
    """
    shown: dict[str, Any] = {
        "code": error.code,
        "message": error.message(lang),
        "hint": error.hint(lang),
        "type": type(error).__name__,
        "param": error.facts.get("param"),
    }
    return {"error": shown}


def bug_body(number: str, lang: Language) -> dict[str, Any]:
    """The JSON of an error that is ours; `number` finds it in the log."""
    message = Text("the server met an error it did not expect", "服务器遇到了意料之外的错误").show(lang)
    hint = Text(f"report it with this number: {number}", f"请附上此编号反馈：{number}").show(lang)
    return {"error": {"code": "bug", "message": message, "hint": hint, "type": "Bug", "id": number}}


def status_error(status: int, what: str) -> LianluError:
    """An error of the HTTP layer itself (no such path, wrong method, a body that is not as described)."""
    words = ErrorText(
        Text("{what}", "{what}"), Text("see /openapi.json for what there is", "可用接口见 /openapi.json"), http=status
    )
    return UsageError("web.bad-request", text=words, what=what)


def language_of(accept_language: str) -> Language:
    """The language to answer in, by an Accept-Language header; the server's own where it names neither.

    >>> language_of("fr, zh-CN;q=0.9, en;q=0.8")
    'zh'
    """
    wanted: list[tuple[float, Language]] = []
    for part in accept_language.split(",")[:20]:
        match = _ACCEPTED.fullmatch(part)
        if match and match.group(1).lower() in ("zh", "en"):
            wanted.append((float(match.group(2) or 1), "zh" if match.group(1).lower() == "zh" else "en"))
    best = max(wanted, key=lambda each: each[0], default=(0.0, language()))
    return best[1] if best[0] > 0 else language()
