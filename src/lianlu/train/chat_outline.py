"""What a chat template writes around the messages of conversations that differ in words only.

Conversations with the same roles in the same order are mostly written the same way: fixed text, a message, fixed text.
An outline is learned once per order of roles, by rendering messages of made-up words and looking where these words and
the answers stand. A real conversation fits if its text is that outline filled with its messages; then where its answers
stand is known without a rendering per answer. What does not fit (a template that looks into the words) is no error here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["Outline", "Place", "learn_outline"]

Span = tuple[int, int]
_PAD = "\n \t"


@dataclass(frozen=True)
class Place:
    """A point in the fixed text number `piece`, `offset` characters from its start."""

    piece: int
    offset: int


@dataclass(frozen=True)
class Outline:
    """Fixed texts around the messages (one more than messages), how messages are stripped, where answers begin and end.

    `answers` has no entry for an answer that the template writes differently once messages follow.
    `probe` is the text of made-up words that it was learned from.
    """

    pieces: tuple[str, ...]
    strips: tuple[str, ...]
    answers: dict[int, tuple[Place, Place]]
    probe: str
    probe_words: tuple[str, ...]

    def spans(self, text: str, words: Sequence[str]) -> dict[int, Span] | None:
        """Where in `text` the answers stand, by their place; None if it is not this outline filled with `words`."""
        filled = [_stripped(each, strip) if strip else each for each, strip in zip(words, self.strips, strict=True)]
        parts = [part for pair in zip(self.pieces, filled, strict=False) for part in pair]
        if "".join(parts) + self.pieces[-1] != text:
            return None
        starts = [0]
        for piece, each in zip(self.pieces, filled, strict=False):
            starts.append(starts[-1] + len(piece) + len(each))
        return {
            place: (starts[start.piece] + start.offset, starts[end.piece] + end.offset)
            for place, (start, end) in self.answers.items()
        }


def learn_outline(
    roles: Sequence[str],
    rendered: Callable[[Sequence[dict[str, Any]]], str],
    answer_in: Callable[[Sequence[dict[str, Any]], int, str], Span | None],
) -> Outline | None:
    """The outline for these roles; None if the template does not write every message once, in order, as it is.

    Args:
        roles: of the messages.
        rendered: messages -> text; what it raises is passed on.
        answer_in: messages, the place of an answer, their text -> where that answer stands.
    """
    words = tuple(_made_up(place) for place in range(len(roles)))
    messages = [{"role": role, "content": each} for role, each in zip(roles, words, strict=True)]
    probe = rendered(messages)
    pieces = _between(probe, words)
    if pieces is None:
        return None
    padded = rendered([{**message, "content": f"{_PAD}{message['content']}{_PAD}"} for message in messages])
    strips = _strips(padded, pieces, words)
    if strips is None:
        return None
    answers: dict[int, tuple[Place, Place]] = {}
    for place, role in enumerate(roles):
        span = answer_in(messages, place, probe) if role == "assistant" else None
        if span is not None:
            start, end = (_place_of(point, pieces, words) for point in span)
            if start is None or end is None:
                return None
            answers[place] = start, end
    return Outline(pieces, strips, answers, probe, words)


def _made_up(place: int) -> str:
    """Words that no template knows, with what it would have to escape."""
    return f"Aq{place}x \"'\\<&>{{%é\n中 x{place}qZ"


def _between(text: str, words: Sequence[str]) -> tuple[str, ...] | None:
    pieces: list[str] = []
    start = 0
    for each in words:
        found = text.find(each, start)
        if found < 0 or text.count(each) != 1:
            return None
        pieces.append(text[start:found])
        start = found + len(each)
    return (*pieces, text[start:])


def _strips(padded: str, pieces: Sequence[str], words: Sequence[str]) -> tuple[str, ...] | None:
    """For each message which of its ends are stripped: some of the letters l and r."""
    gaps = _between(padded, words)
    if gaps is None:
        return None
    kept: list[tuple[bool, bool]] = []  # whether the pad stands at the end and at the start of each gap
    for index, (gap, piece) in enumerate(zip(gaps, pieces, strict=True)):
        lefts = (False, True) if index else (False,)
        rights = (False, True) if index < len(words) else (False,)
        choices = [(left, right) for left in lefts for right in rights]
        fits = [(left, right) for left, right in choices if gap == _PAD * left + piece + _PAD * right]
        if len(fits) != 1:
            return None
        kept.append(fits[0])
    return tuple(("" if kept[index][1] else "l") + ("" if kept[index + 1][0] else "r") for index in range(len(words)))


def _stripped(text: str, strip: str) -> str:
    return text.strip() if strip == "lr" else text.lstrip() if strip == "l" else text.rstrip()


def _place_of(point: int, pieces: Sequence[str], words: Sequence[str]) -> Place | None:
    start = 0
    for index, piece in enumerate(pieces):
        if start <= point <= start + len(piece):
            return Place(index, point - start)
        start += len(piece) + (len(words[index]) if index < len(words) else 0)
    return None
