"""A page of a server: one HTML document with its style and script inside, which talks to that server and nothing else.

The rooms that serve bring a body, a style and a script; the shell, the common style and the kit of the script
(`page_kit.js`) are here. A content security policy allows the one script, by its hash. What people, documents and models
say is put into a page as text nodes only, so their words can run no code either way.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from html import escape
from importlib.resources import files

from lianlu.core.i18n import Language

__all__ = ["ServedPage", "served_page"]


@dataclass(frozen=True)
class ServedPage:
    """The document, and the policy to send with it."""

    html: str
    policy: str


def served_page(package: str, name: str, lang: Language, facts: Mapping[str, str]) -> ServedPage:
    """A page, in the language shown first.

    Args:
        package, name: where `<name>.html`, `.css` and `.js` lie.
        facts: what the script reads from `document.documentElement.dataset`.
    """
    script = f"{_asset('lianlu.web', 'page_kit.js')}\n{_asset(package, f'{name}.js')}"
    style = f"{_asset('lianlu.web', 'page_kit.css')}\n{_asset(package, f'{name}.css')}"
    allowed = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = (
        f"default-src 'none'; connect-src 'self'; style-src 'unsafe-inline'; script-src 'sha256-{allowed}'; "
        "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    told = "".join(f' data-{key}="{escape(value)}"' for key, value in facts.items())
    html = (
        _asset("lianlu.web", "page_shell.html")
        .replace("<html>", f'<html lang="{"zh-CN" if lang == "zh" else "en"}" data-lang="{lang}"{told}>', 1)
        .replace("<style></style>", f"<style>{style}</style>", 1)
        .replace("<body>", f"<body>\n{_asset(package, f'{name}.html')}", 1)
        .replace("<script></script>", f"<script>{script}</script>", 1)
    )
    return ServedPage(html, policy)


@lru_cache(maxsize=16)
def _asset(package: str, name: str) -> str:
    return files(package).joinpath(name).read_text(encoding="utf-8").strip()
