"""A safe subset of markdown for previews: headings, paragraphs, lists, quotes, tables, fenced code, emphasis, links.

Not a full reader (that is extract's business): what it does not know stays visible as text, and raw HTML is text. One
pass over the lines, regular expressions without nested repetition: hostile input costs linear time.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from lianlu.page.markup import anchor, escape

__all__ = ["to_html"]

_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})\s*([\w+.#-]*)")
_HEADING = re.compile(r" {0,3}(#{1,6})\s+(.*)")
_ITEM = re.compile(r"(\s*)([-*+]|\d{1,9}[.)])\s+(.*)")
_ROW = re.compile(r"\s*\|.*\|\s*$")
_RULE_ROW = re.compile(r"[\s|:\-]+$")
_THEMATIC = re.compile(r" {0,3}([-*_])(?:\s*\1){2,}\s*$")
_INLINE = re.compile(  # possessive and bounded: text that never closes what it opens costs no more than its length
    r"`(?P<code>[^`\n]++)`"
    r"|!\[(?P<alt>[^\]\n]{0,300}+)\]\([^)\n]{0,500}+\)"
    r"|\[(?P<label>[^\]\n]{1,300}+)\]\((?P<href>[^)\s]{1,500}+)(?:\s[^)\n]{0,200}+)?\)"
    r"|\*\*(?P<strong>[^*\n]{1,1000}+)\*\*"
    r"|(?<![\w*])\*(?P<em>[^*\s][^*\n]{0,1000}+)\*(?![\w*])"
)


def to_html(text: str) -> str:
    """The HTML of a markdown text; headings start at level 4, below the page's own."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    made: list[str] = []
    at = 0
    while at < len(lines):
        html, at = _block(lines, at)
        made.append(html)
    return "".join(made)


def _block(lines: list[str], at: int) -> tuple[str, int]:
    line = lines[at]
    if not line.strip():
        return "", at + 1
    fence = _FENCE.match(line)
    if fence:
        return _fenced(lines, at, fence.group(1))
    heading = _HEADING.match(line)
    if heading:
        level = min(len(heading.group(1)) + 3, 6)
        return f"<h{level}>{_inline(heading.group(2).rstrip('# '))}</h{level}>", at + 1
    if _THEMATIC.match(line):
        return "<hr>", at + 1
    for starts, build in _KINDS:
        end = at
        while end < len(lines) and starts(lines[end]):
            end += 1
        if end > at:
            return build(lines[at:end]), end
    end = at + 1
    while end < len(lines) and not _begins_block(lines[end]):
        end += 1
    return f"<p>{_inline(chr(10).join(lines[at:end]))}</p>", end


def _begins_block(line: str) -> bool:
    if not line.strip() or _FENCE.match(line) or _HEADING.match(line):
        return True
    return any(starts(line) for starts, _ in _KINDS)


def _fenced(lines: list[str], at: int, fence: str) -> tuple[str, int]:
    end = at + 1
    while end < len(lines) and not lines[end].strip().startswith(fence):
        end += 1
    return f"<pre><code>{escape(chr(10).join(lines[at + 1 : end]))}</code></pre>", end + 1


def _quote(lines: list[str]) -> str:
    return f"<blockquote><p>{_inline(chr(10).join(line.lstrip().removeprefix('>').strip() for line in lines))}</p></blockquote>"


def _list(lines: list[str]) -> str:
    """Items keep their depth as a class, not as nested lists: a preview needs no more."""
    made: list[str] = []
    for line in lines:
        item = _ITEM.match(line)
        if item is None:
            continue
        depth = min(len(item.group(1).expandtabs(4)) // 2, 5)
        marker = "•" if item.group(2) in "-*+" else item.group(2)
        made.append(f'<li class="d{depth}"><span class="mark">{escape(marker)}</span>{_inline(item.group(3))}</li>')
    return f'<ul class="items">{"".join(made)}</ul>'


def _table(lines: list[str]) -> str:
    rows = [
        [cell.strip() for cell in line.strip().strip("|").split("|")] for line in lines if not _RULE_ROW.match(line)
    ]
    if not rows:
        return ""
    head = "".join(f"<th>{_inline(cell)}</th>" for cell in rows[0])
    body = "".join(f"<tr>{''.join(f'<td>{_inline(cell)}</td>' for cell in row)}</tr>" for row in rows[1:])
    return f'<div class="scroll" tabindex="0"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


_KINDS: tuple[tuple[Callable[[str], object], Callable[[list[str]], str]], ...] = (
    (lambda line: line.lstrip().startswith(">"), _quote),
    (_ITEM.match, _list),
    (_ROW.match, _table),
)


def _inline(text: str) -> str:
    made: list[str] = []
    at = 0
    for match in _INLINE.finditer(text):
        made.append(escape(text[at : match.start()]))
        made.append(_span(match))
        at = match.end()
    made.append(escape(text[at:]))
    return "".join(made)


def _span(match: re.Match[str]) -> str:
    found = match.groupdict()
    if found["code"] is not None:
        return f"<code>{escape(found['code'])}</code>"
    if found["alt"] is not None:
        return f'<span class="image">{escape(found["alt"] or "image")}</span>'
    if found["label"] is not None:
        outside = found["href"].lower().startswith(("http://", "https://"))  # relative ones lead nowhere from here
        return anchor(escape(found["label"]), found["href"]) if outside else escape(found["label"])
    if found["strong"] is not None:
        return f"<strong>{_inline(found['strong'])}</strong>"
    return f"<em>{escape(found['em'])}</em>"
