"""Web pages: the article out of everything around it, as markdown blocks, with what the page says of itself as meta."""

from __future__ import annotations

import re
from typing import Any

from lianlu.core.errors import DataError
from lianlu.extract.html_blocks import blocks_of, parse_html
from lianlu.extract.html_main import keep_main
from lianlu.extract.lines import Lines
from lianlu.extract.reader import ReadConfig, document_of
from lianlu.records import Document, Source
from lianlu.text.decode import decode

__all__ = ["read"]

_HEAD_BYTES = 4096
_FACTS = {
    "og:title": "title",
    "article:published_time": "date",
    "datepublished": "date",
    "dc.date": "date",
    "date": "date",
    "author": "author",
    "article:author": "author",
    "description": "description",
    "og:description": "description",
    "og:url": "url",
    "og:site_name": "site",
    "keywords": "keywords",
}
_DATE = re.compile(r"\d{4}[-/.]\d{1,2}[-/.]\d{1,2}")
_CHARSET = re.compile(rb"charset\s*=\s*[\"']?\s*([\w:.-]+)|<\?xml[^>]*encoding=[\"']([\w:.-]+)", re.IGNORECASE)


def read(content: bytes, source: Source, config: ReadConfig) -> Document:
    """Read a web page.

    Raises:
        DataError: text.binary, extract.no-content
    """
    declared = _CHARSET.search(content[:_HEAD_BYTES])
    decoded = decode(content, (declared[1] or declared[2]).decode() if declared else "")
    root = parse_html(decoded.text)
    if root is None:
        raise DataError("extract.no-content", what="html")
    lines = Lines(decoded.text)
    meta = page_facts(root) | {"encoding": decoded.encoding}
    blocks = blocks_of(keep_main(root), lines) if config.main_content else blocks_of(root, lines)
    return document_of(source, blocks, title=str(meta.get("title", "")), meta=meta)


def page_facts(root: Any) -> dict[str, Any]:
    """Title, language, date, author, description and address as the page gives them in its head."""
    said: dict[str, str] = {}
    for element in root.iter("meta"):
        name = (element.get("property") or element.get("name") or element.get("itemprop") or "").lower()
        text = " ".join((element.get("content") or "").split())
        if name in _FACTS and text:
            said.setdefault(name, text[:500])
    facts: dict[str, Any] = {}
    for name, fact in _FACTS.items():
        if name in said:
            facts.setdefault(fact, said[name])
    title = root.find(".//title")
    if title is not None and title.text_content().strip():
        facts.setdefault("title", " ".join(title.text_content().split())[:300])
    headings = {" ".join(heading.text_content().split()) for heading in root.iter("h1")} - {""}
    if len(headings) == 1 and (heading := headings.pop()) in facts.get("title", heading):
        facts["title"] = heading[:300]  # without the name of the site
    language = (root.get("lang") or root.get("{http://www.w3.org/XML/1998/namespace}lang") or "").strip()
    if language:
        facts["language"] = language[:20]
    if "date" in facts and not _DATE.match(facts["date"]):
        del facts["date"]
    return facts
