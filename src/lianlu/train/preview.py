"""Samples as text with what is learned marked: in brackets, and in colour where a terminal shows it. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from lianlu.core.console import harmless, is_coloured

__all__ = ["CLOSE", "OPEN", "coloured", "marked"]

OPEN, CLOSE = "⟦", "⟧"
_LEARNED, _GIVEN, _PLAIN = "\x1b[1;32m", "\x1b[2m", "\x1b[0m"


def marked(tokenizer: Any, ids: Sequence[int], mask: Sequence[bool]) -> str:
    """The text with what is learned between brackets."""
    return "".join(f"{OPEN}{text}{CLOSE}" if learned else text for text, _, learned in _runs(tokenizer, ids, mask))


def coloured(tokenizer: Any, ids: Sequence[int], mask: Sequence[bool], *, with_ids: bool) -> str:
    """The same for a terminal: what is learned bright, the rest dim; `with_ids` puts `id` behind each token."""
    lines: list[str] = []
    for text, tokens, learned in _runs(tokenizer, ids, mask):
        shown = harmless(text)
        if with_ids:
            shown = " ".join(f"{harmless(tokenizer.decode([token]))!r}:{token}" for token in tokens)
        shown = f"{OPEN}{shown}{CLOSE}" if learned else shown
        lines.append(f"{_LEARNED if learned else _GIVEN}{shown}{_PLAIN}" if is_coloured() else shown)
    return (" " if with_ids else "").join(lines)


def _runs(tokenizer: Any, ids: Sequence[int], mask: Sequence[bool]) -> Iterator[tuple[str, Sequence[int], bool]]:
    """(text, ids, whether they are learned) of neighbours that are alike."""
    start = 0
    for end in range(1, len(ids) + 1):
        if end == len(ids) or mask[end] != mask[start]:
            yield tokenizer.decode(ids[start:end]), ids[start:end], bool(mask[start])
            start = end
