"""The error for an HTTP status, in the family of the one who must act. Used by the client and by the fake alike."""

from __future__ import annotations

from typing import Any

from lianlu.core.errors import BackendError
from lianlu.core.i18n import Text

__all__ = ["RETRIED", "refusal"]

RETRIED = frozenset({408, 409, 425, 429})
_NO_HINT = Text("", "")


def refusal(
    status: int, message: str, *, url: str, model: str, key: str = "", suggestion: Text = _NO_HINT
) -> BackendError:
    """What to raise when a service answers with an error status.

    Args:
        message: the server's own words, already free of keys.
        key: where the API key was taken from, for the hint; empty when none was sent.
        suggestion: the nearest model names, where the server told them.
    """
    facts: dict[str, Any] = {"status": status, "message": message, "url": url, "model": model}
    if status in (401, 403):
        source = (
            Text(f"the key was read from {key}", f"密钥取自 {key}") if key else Text("no key was sent", "未发送密钥")
        )
        return BackendError("llm.unauthorized", source=source, **facts)
    if status == 404:
        return BackendError("llm.not-found", suggestion=suggestion, **facts)
    if status == 429:
        return BackendError("llm.rate-limited", **facts)
    if status >= 500 or status in RETRIED:
        return BackendError("llm.server-error", **facts)
    return BackendError("llm.bad-request", **facts)
