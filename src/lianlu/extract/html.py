"""Web pages: the article out of everything around it, as markdown blocks, with what the page says of itself as meta."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from lianlu.core.errors import DataError
from lianlu.extract.dates import iso_date
from lianlu.extract.html_blocks import blocks_of, parse_html
from lianlu.extract.html_main import keep_main
from lianlu.extract.lines import Lines
from lianlu.extract.reader import ReadConfig, document_of
from lianlu.records import Document, Source
from lianlu.text.decode import decode

__all__ = ["read"]

_HEAD_BYTES = 4096
_PUBLISHED = ("datePublished", "dateCreated")
_FACTS = {
    "og:title": "title",
    "author": "author",
    "article:author": "author",
    "description": "description",
    "og:description": "description",
    "og:url": "url",
    "og:site_name": "site",
    "keywords": "keywords",
}
# By preference: when it appeared, then when it was last changed.
_DATES = (
    *("article:published_time", "og:published_time", "datepublished", "dc.date.issued", "dcterms.issued", "dc.date"),
    *("dcterms.date", "dc.date.created", "dcterms.created", "datecreated", "pubdate", "publishdate", "publish-date"),
    *("publication_date", "date", "article:modified_time", "og:updated_time", "datemodified", "dcterms.modified"),
    *("last-modified", "lastmod"),
)
_LINKED_DATES = tuple(
    re.compile(rf"\"{name}\"\s*:\s*\"([^\"]{{4,60}})\"")
    for name in (*_PUBLISHED, "dateModified")  # of JSON-LD
)
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
    said = _said(root)
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
    date = _date(root, said)
    return facts | ({"date": date} if date else {})


def _said(root: Any) -> dict[str, str]:
    said: dict[str, str] = {}
    for element in root.iter("meta"):
        name = (element.get("property") or element.get("name") or element.get("itemprop") or "").lower()
        text = " ".join((element.get("content") or "").split())
        if text:
            said.setdefault(name, text[:500])
    return said


def _date(root: Any, said: Mapping[str, str]) -> str:
    """The date in the head, in the data for search engines, or the only day that the page marks as a time."""
    named = next((date for name in _DATES if (date := iso_date(said.get(name, "")))), "")
    if named:
        return named
    data = "\n".join(each.text or "" for each in root.iter("script") if each.get("type") == "application/ld+json")
    found = (iso_date(match) for name in _LINKED_DATES for match in name.findall(data))
    linked = next(filter(None, found), "")
    if linked:
        return linked
    marked = {each: iso_date(each.get("datetime") or each.text_content()) for each in root.iter("time")}
    published = [
        date for each, date in marked.items() if "pubdate" in each.attrib or each.get("itemprop") in _PUBLISHED
    ]
    days = set(filter(None, published)) or set(filter(None, marked.values()))
    return days.pop() if len(days) == 1 else ""  # a list of news has many
