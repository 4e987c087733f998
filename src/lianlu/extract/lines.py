"""Lines of a decoded text with their offsets, so that a run of lines becomes an exact Span. Newlines are \\n, \\r\\n or \\r."""

from __future__ import annotations

import re
from bisect import bisect_right

from lianlu.records import Block, BlockKind, Span

__all__ = ["Lines"]

_NEWLINE = re.compile(r"\r\n|\r|\n")


class Lines:
    """A text cut into lines; line numbers here count from 0, those of a Span from 1."""

    def __init__(self, text: str) -> None:
        self.text = text
        breaks = list(_NEWLINE.finditer(text))
        self.starts = [0, *(found.end() for found in breaks)]
        self.ends = [*(found.start() for found in breaks), len(text)]

    def __len__(self) -> int:
        return len(self.starts)

    def __getitem__(self, line: int) -> str:
        return self.text[self.starts[line] : self.ends[line]]

    def span(self, first: int, end: int) -> Span:
        """The span of lines `first` up to `end` (exclusive) without the blank lines around them."""
        while first < end - 1 and not self[first].strip():
            first += 1
        while end > first + 1 and not self[end - 1].strip():
            end -= 1
        start, stop = self.starts[first], self.ends[end - 1]
        stop = start + len(self.text[start:stop].rstrip())
        return Span(start=start, end=stop, first_line=first + 1, last_line=end)

    def span_of(self, start: int, end: int) -> Span:
        """The span of a range of characters, with its lines."""
        first = bisect_right(self.starts, start)
        last = bisect_right(self.starts, max(start, end - 1))
        return Span(start=start, end=end, first_line=first, last_line=last)

    def block(self, kind: BlockKind, first: int, end: int, level: int | None = None) -> Block:
        """The verbatim block of lines `first` up to `end` (exclusive)."""
        span = self.span(first, end)
        return Block(kind=kind, markdown=span.cut(self.text), level=level, span=span, verbatim=True)
