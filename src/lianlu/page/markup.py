"""From text to harmless HTML. Every string of a page passes through `escape` or `attribute`; nothing else writes text.

Characters that change how their neighbours read (bidirectional overrides, controls, NUL) are made visible as `[U+202E]`:
a file name must not be able to disguise its ending.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable
from itertools import count

from lianlu.core.i18n import Language, Text
from lianlu.page.parts import Badge, Cell, Code, Label, Link

__all__ = [
    "Ids",
    "anchor",
    "attribute",
    "badge",
    "cell",
    "escape",
    "inline",
    "label",
    "link",
    "number",
    "safe_href",
    "swapped",
]

_UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff\ufffe\uffff]"
)
_SCHEME = re.compile(r"[a-z][a-z0-9+.\-]*:", re.IGNORECASE)
_ALLOWED = ("http:", "https:", "mailto:")


class Ids:
    """Anchors that are unique on one page and the same on every rendering."""

    def __init__(self, *reserved: str) -> None:
        self._taken = set(reserved)

    def take(self, wanted: str, *endings: str) -> str:
        """`wanted` reduced to letters, digits and dashes, with a number behind it if it is taken.

        With `endings` the anchor and each of anchor + ending are free, and taken together.
        """
        base = re.sub(r"[^\w.\-]+", "-", wanted).strip("-") or "part"
        names = (base if serial == 1 else f"{base}-{serial}" for serial in count(1))
        found = next(name for name in names if self._taken.isdisjoint(name + ending for ending in ("", *endings)))
        self._taken.update(found + ending for ending in ("", *endings))
        return found


def escape(text: str) -> str:
    """Text for an element's content or a quoted attribute."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return html.escape(_UNSAFE.sub(_visible, text), quote=True)


def _visible(match: re.Match[str]) -> str:
    return f"[U+{ord(match.group()):04X}]"


def attribute(name: str, text: str) -> str:
    """` name="text"`; an attribute stays on one line."""
    return f' {name}="{escape(text).replace(chr(10), " ")}"'


def label(words: Label, tag: str = "span") -> str:
    """A plain string as it is; a Text as two spans (in SVG: tspans) of which the style sheet shows one."""
    if isinstance(words, str):
        return escape(words)
    if words.en == words.zh:
        return escape(words.en)
    english = f'<{tag} class="l-en" lang="en">{escape(words.en)}</{tag}>'
    return f'{english}<{tag} class="l-zh" lang="zh-CN">{escape(words.zh)}</{tag}>'


def swapped(name: str, words: Label, language: Language) -> str:
    """An attribute in two languages: the script swaps it where the style sheet cannot reach."""
    both = words if isinstance(words, Text) else Text(words, words)
    shown = attribute(name, both.show(language))
    if both.en == both.zh:
        return shown
    return f"{shown}{attribute(f'data-{name}-en', both.en)}{attribute(f'data-{name}-zh', both.zh)}"


def safe_href(href: str) -> str | None:
    """The address if a click on it can only open a document, else None.

    >>> safe_href("docs/a.md#L3"), safe_href("java\\nscript:alert(1)")
    ('docs/a.md#L3', None)
    """
    cleaned = re.sub(r"[\x00-\x20\x7f-\x9f]", "", href)
    if not cleaned or cleaned.startswith(("//", "\\", "/\\")):
        return None
    scheme = _SCHEME.match(cleaned)
    if scheme and scheme.group().lower() not in _ALLOWED:
        return None
    return cleaned


def link(target: Link) -> str:
    return anchor(label(target.label), target.href)


def anchor(inner: str, href: str) -> str:
    """`inner` (HTML) as a link, or left as it is where the address is not safe."""
    safe = safe_href(href)
    if safe is None:
        return inner
    outside = ' rel="noopener noreferrer"' if _SCHEME.match(safe) else ""
    return f"<a{attribute('href', safe)}{outside}>{inner}</a>"


def badge(state: Badge) -> str:
    return f'<span class="badge {state.tone}">{label(state.label)}</span>'


def number(value: float, digits: int | None = None) -> str:
    """A number as people write it: grouped thousands, four significant digits unless `digits` are asked for.

    >>> number(1234567), number(0.123456), number(2.5, 2), number(float("nan"))
    ('1,234,567', '0.1235', '2.50', 'nan')
    """
    if digits is not None:
        return f"{value:,.{digits}f}"
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:,.0f}" if abs(value) >= 10_000 else f"{value:.4g}"


def cell(value: Cell, digits: int | None = None) -> str:
    """One value inside a table, a tile or a sentence."""
    match value:
        case None:
            return '<span class="none">–</span>'
        case bool():
            return label(Text("yes", "是") if value else Text("no", "否"))
        case int() | float():
            return number(value, digits)
        case Badge():
            return badge(value)
        case Link():
            return link(value)
        case Code():
            return f"<code>{escape(value.text)}</code>"
        case _:
            return label(value)


def inline(pieces: Iterable[str], separator: str = " ") -> str:
    """The non-empty pieces of HTML, joined."""
    return separator.join(piece for piece in pieces if piece)
