"""Server-sent events, read from bytes as they come. Knows the line format only (WHATWG HTML, section 9.2).

Bytes may be cut anywhere, inside a character or between \\r and \\n. Comments (keep-alives) and fields other than `data`
are passed over.
"""

from __future__ import annotations

from collections.abc import Iterator

__all__ = ["EventLines"]


class EventLines:
    """Feed it bytes, take the data of complete events.

    >>> events = EventLines()
    >>> list(events.feed(b": ping\\n\\ndata: a\\ndata: b\\n\\ndata: ha"))
    ['a\\nb']
    >>> list(events.end())
    ['ha']
    """

    def __init__(self) -> None:
        self._rest = b""
        self._data: list[str] = []
        self._ended_on_cr = False

    @property
    def waiting_bytes(self) -> int:
        """How much is kept for an event that is not complete."""
        return len(self._rest) + sum(map(len, self._data))

    def feed(self, content: bytes) -> Iterator[str]:
        """The events that `content` completes."""
        if self._ended_on_cr and content.startswith(b"\n"):
            content = content[1:]
        if content:
            self._ended_on_cr = content.endswith(b"\r")
        lines = (self._rest + content).replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
        self._rest = lines.pop()
        for line in lines:
            yield from self._line(line)

    def end(self) -> Iterator[str]:
        """The event that the stream broke off in, if any: servers forget the last blank line."""
        yield from self._line(self._rest)
        yield from self._line(b"")
        self._rest = b""

    def _line(self, line: bytes) -> Iterator[str]:
        if not line:
            if self._data:
                yield "\n".join(self._data)
            self._data = []
            return
        text = line.decode("utf-8", "replace").removeprefix("\ufeff")
        field, _, value = text.partition(":")
        if field == "data":
            self._data.append(value.removeprefix(" "))
