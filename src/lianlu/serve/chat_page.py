"""The page at `/`: one HTML document with its style and script inside, which talks to this server and nothing else.

A content security policy allows the one script (by its hash), connections to where the page came from, and nothing else.
What a model says is put into the page as text nodes only (chat.js), so its words can run no code either way.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from functools import lru_cache
from html import escape
from importlib.resources import files

from lianlu.core.i18n import Language

__all__ = ["ChatPage", "chat_page"]


@dataclass(frozen=True)
class ChatPage:
    """The document, and the policy to send with it."""

    html: str
    policy: str


def chat_page(model: str, lang: Language) -> ChatPage:
    """The page for a model, in the language shown first."""
    script, style = _asset("chat.js"), _asset("chat.css")
    allowed = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = (
        f"default-src 'none'; connect-src 'self'; style-src 'unsafe-inline'; script-src 'sha256-{allowed}'; "
        "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    head = f'<html lang="{"zh-CN" if lang == "zh" else "en"}" data-lang="{lang}" data-model="{escape(model)}">'
    html = (
        _asset("chat.html")
        .replace("<html>", head, 1)
        .replace("<style></style>", f"<style>{style}</style>", 1)
        .replace("<script></script>", f"<script>{script}</script>", 1)
    )
    return ChatPage(html, policy)


@lru_cache(maxsize=4)
def _asset(name: str) -> str:
    return files("lianlu.serve").joinpath(name).read_text(encoding="utf-8").strip()
