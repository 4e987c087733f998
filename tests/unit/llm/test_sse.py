"""Events are read the same however the bytes are cut."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from lianlu.llm.sse import EventLines

STREAM = (
    ': ping\r\n\r\ndata: {"a": "链路"}\n\nid: 3\nevent: x\ndata:b\ndata: c\r\n\r\ndata: [DONE]\r\rdata: rest'.encode()
)
EVENTS = ['{"a": "链路"}', "b\nc", "[DONE]", "rest"]


@given(st.lists(st.integers(min_value=0, max_value=len(STREAM)), max_size=12))
def test_cuts_do_not_matter(cuts: list[int]) -> None:
    places = [0, *sorted(cuts), len(STREAM)]
    lines = EventLines()
    found = [event for at, to in itertools.pairwise(places) for event in lines.feed(STREAM[at:to])]
    assert [*found, *lines.end()] == EVENTS


@given(st.binary(max_size=200))
def test_any_bytes_are_survived(content: bytes) -> None:
    lines = EventLines()
    assert all(isinstance(event, str) for event in [*lines.feed(content), *lines.end()])
