"""A Space without a server: one page that holds the passages, searches them by words and quotes sentences.

Everything happens in the browser. That fits a small base only, so a large one is refused with the way out.
"""

from __future__ import annotations

import base64
import hashlib
import json
from html import escape
from importlib.resources import files
from typing import Any

from lianlu.core.errors import LimitError
from lianlu.rag.base import KnowledgeBase
from lianlu.rag.extractive import Found, indexed_text
from lianlu.text.tokens import is_stop_term, terms

__all__ = ["LARGEST_BYTES", "static_page"]

LARGEST_BYTES = 8 << 20
# Words of questions: they may stand in no document, and the page must still know that they say nothing of the subject.
_ASKING = (
    "请问 什么 什么时候 怎么 怎样 如何 为什么 哪些 哪个 哪里 谁 多少 多大 多久 几个 是否 可以 吗 呢 what when where which who whom"
    " whose why how is are was were do does did can could should would will there any much many the a an of for to in on"
)


def static_page(base: KnowledgeBase, title: str, *, largest_bytes: int = LARGEST_BYTES) -> str:
    """The page as one HTML document.

    Raises:
        LimitError: cli.space-too-large
    """
    told = json.dumps(_told(base), ensure_ascii=False, separators=(",", ":"))
    size = len(told.encode())
    if size > largest_bytes:
        raise LimitError("cli.space-too-large", size=f"{size / 1e6:.1f} MB", most=f"{largest_bytes / 1e6:.1f} MB")
    script, style = _asset("page.js"), _asset("page.css")
    allowed = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = (
        f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{allowed}'; img-src data:; base-uri 'none'"
    )
    filled = {"POLICY": policy, "TITLE": escape(title), "STYLE": style, "SCRIPT": script, "BASE": _inert(told)}
    before, *rest = _asset("page.html").split("@")
    # split once, so that an `@BASE@` inside a document stays what it is
    return before + "".join(filled[part] if at % 2 == 0 else part for at, part in enumerate(rest))


def _told(base: KnowledgeBase) -> dict[str, Any]:
    truth = base.truth
    with truth.reading():
        rows = [row for document in truth.documents() for row in truth.chunks_of(document.row)]
        rows.sort(key=lambda row: row.row)
        texts = (_ASKING, *(indexed_text(row) for row in rows))
        stops = sorted({term for text in texts for term in terms(text) if is_stop_term(term)})
        chunks: list[dict[str, Any]] = []
        for row in rows:
            passage = base.passage(Found(row, 0.0))
            chunk: dict[str, Any] = {
                "uri": row.uri,
                "text": row.chunk.text,
                "above": indexed_text(row).removesuffix(row.chunk.text).removesuffix("\n"),
                "headings": list(row.chunk.headings),
            }
            if passage.page:
                chunk["page"] = passage.page
            if passage.first_line and passage.last_line:
                chunk["lines"] = [passage.first_line, passage.last_line]
            chunks.append(chunk)
    return {"stops": stops, "chunks": chunks}


def _inert(told: str) -> str:
    """JSON that no parser of HTML takes for the end of its element."""
    return told.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def _asset(name: str) -> str:
    return files("lianlu.cli.space").joinpath(name).read_text(encoding="utf-8")
