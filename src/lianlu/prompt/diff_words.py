"""Two texts compared word by word: Chinese by character, other scripts by word, very long ones by line."""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import SequenceMatcher
from typing import Literal

import msgspec

__all__ = ["Piece", "likeness_of", "marked", "pieces"]

PieceKind = Literal["same", "added", "removed"]
_CHINESE = "\\u3400-\\u9fff\\uf900-\\ufaff\\u3040-\\u30ff"
_WORD = re.compile(rf"[{_CHINESE}]|[^\W{_CHINESE}]+|\s+|[^\w\s]")
_MOST_WORDS = 4_000
"""Beyond it the comparison of words takes seconds."""


class Piece(msgspec.Struct, frozen=True):
    """A run of words that both have, or one of them."""

    kind: PieceKind
    text: str


def likeness_of(before: str, after: str) -> float:
    """The share of words that two texts have in common, 0 to 1; 0 where a quick look already says less than half."""
    if not before or not after:
        return 0.0
    matcher = SequenceMatcher(None, _words(before)[:_MOST_WORDS], _words(after)[:_MOST_WORDS], autojunk=False)
    return matcher.ratio() if matcher.quick_ratio() >= 0.5 else 0.0


def _words(text: str) -> list[str]:
    return _WORD.findall(text)


def pieces(before: str, after: str) -> tuple[Piece, ...]:
    """Two texts in one, run by run; Chinese by character, other scripts by word.

    >>> [(each.kind, each.text) for each in pieces("be brief", "be kind")]
    [('same', 'be '), ('removed', 'brief'), ('added', 'kind')]
    """
    was, now = _words(before), _words(after)
    if len(was) > _MOST_WORDS or len(now) > _MOST_WORDS:
        was, now = before.splitlines(keepends=True), after.splitlines(keepends=True)
    found: list[Piece] = []
    for tag, a, b, c, d in SequenceMatcher(None, was, now, autojunk=False).get_opcodes():
        if tag == "equal":
            found.append(Piece("same", "".join(was[a:b])))
            continue
        found += [Piece("removed", "".join(was[a:b]))] if b > a else []
        found += [Piece("added", "".join(now[c:d]))] if d > c else []
    return tuple(found)


def marked(
    words: Iterable[Piece], added: tuple[str, str] = ("{+", "+}"), removed: tuple[str, str] = ("[-", "-]")
) -> str:
    """The pieces as one text with marks around what was added and removed."""
    marks = {"same": ("", ""), "added": added, "removed": removed}
    return "".join(f"{marks[each.kind][0]}{each.text}{marks[each.kind][1]}" for each in words)
