"""The page at `/`: one HTML document with style and script inside, which talks to this server and nothing else.

A content security policy allows the one script by its hash. What documents and models say is put into the page as text
nodes only (base_page.js), so their words can run no code either way.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from functools import lru_cache
from html import escape
from importlib.resources import files

from lianlu.core.i18n import Language

__all__ = ["BasePage", "base_page"]


@dataclass(frozen=True)
class BasePage:
    """The document, and the policy to send with it."""

    html: str
    policy: str


def base_page(name: str, greeting: str, lang: Language) -> BasePage:
    """The page of a base, in the language shown first."""
    script, style = _asset("base_page.js"), _asset("base_page.css")
    allowed = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = (
        f"default-src 'none'; connect-src 'self'; style-src 'unsafe-inline'; script-src 'sha256-{allowed}'; "
        "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    attributes = f'data-lang="{lang}" data-name="{escape(name)}" data-greeting="{escape(greeting)}"'
    html = (
        _asset("base_page.html")
        .replace("<html>", f'<html lang="{"zh-CN" if lang == "zh" else "en"}" {attributes}>', 1)
        .replace("<style></style>", f"<style>{style}</style>", 1)
        .replace("<script></script>", f"<script>{script}</script>", 1)
    )
    return BasePage(html, policy)


@lru_cache(maxsize=4)
def _asset(name: str) -> str:
    return files("lianlu.rag").joinpath(name).read_text(encoding="utf-8").strip()
