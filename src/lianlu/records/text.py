"""Offsets into text. A span is what makes a citation checkable, so it lives beside every quoted string."""

from __future__ import annotations

import msgspec

__all__ = ["Span"]


class Span(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """A half-open range of characters (code points), with the 1-based lines it covers where the source has lines.

    >>> text = "first\\nsecond"
    >>> Span(start=6, end=12, first_line=2, last_line=2).cut(text)
    'second'
    """

    start: int
    end: int
    first_line: int | None = None
    last_line: int | None = None

    def cut(self, text: str) -> str:
        """The characters of `text` inside the span."""
        return text[self.start : self.end]
