"""Texts of conversations -> token ids and which of them are learned, many at once.

A token is learned if it begins inside a learned span, up to the end marker: what a template writes behind it (ChatML's
newline) no model needs to say. Where tokens begin is known from their offsets, which cost a fifth of the encoding and as
much again to read. Texts of a known outline do without: the tokenizer cuts a text at its added tokens first, so that an
answer stands between two of them, behind a header whose tokens are known. That is checked for each text, token by token;
one in which a word is an added token, or begins inside the header's last token, is encoded again with offsets.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lianlu.core.errors import DataError
from lianlu.train.chat_outline import Outline, Span
from lianlu.train.chat_text import ChatText
from lianlu.train.samples import Encoded

__all__ = ["ChatTokens", "encode_texts"]

Ids = NDArray[np.int32]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class _Layout:
    """The added tokens of an outline, and for each answer: which of them stands before it, the header, which ends it.

    A header is the bytes of its ids (int32): to compare bytes is quicker than to compare small arrays.
    """

    markers: Ids
    answers: dict[int, tuple[int, bytes, int]]


@dataclass
class ChatTokens:
    """Encodes with one tokenizer, which must be a fast one."""

    tokenizer: Any
    _layouts: dict[int, tuple[Outline, _Layout | None]] = field(default_factory=dict[int, Any])

    def __post_init__(self) -> None:
        added: dict[int, Any] = self.tokenizer.added_tokens_decoder
        ends = {token for token, each in added.items() if each.special} | set(self.tokenizer.all_special_ids)
        size = max([len(self.tokenizer), *(token + 1 for token in ends | added.keys())])
        self._is_added = np.zeros(size, dtype=bool)
        self._is_added[list(added)] = True
        self._is_end = np.zeros(size, dtype=bool)
        self._is_end[list(ends)] = True

    def encode(self, chats: Sequence[ChatText]) -> list[Encoded]:
        """Ids and masks, in order. The ids are those of the tokenizer for the text as it stands.

        Raises:
            DataError: train.bad-sample: a text holds half a surrogate pair
        """
        masks: list[Mask | None] = [None] * len(chats)
        layouts = [self._layout(chat) for chat in chats]
        quick = [place for place, chat in enumerate(chats) if layouts[place] is not None or not chat.spans]
        ids: list[Ids] = [np.empty(0, dtype=np.int32)] * len(chats)
        if quick:
            encodings = self._encoded([chats[place] for place in quick], with_offsets=False)
            for place, each in zip(quick, _rows([each.ids for each in encodings]), strict=True):
                ids[place] = each
                masks[place] = self._quick_mask(layouts[place], chats[place].answers, each)
        slow = [place for place, mask in enumerate(masks) if mask is None]
        for place, encoding in zip(slow, self._encoded([chats[each] for each in slow]), strict=True):
            ids[place] = np.array(encoding.ids, dtype=np.int32)
            masks[place] = self._mask(ids[place], encoding.offsets, chats[place].text, chats[place].spans)
        return [
            Encoded(chat.id, row, mask) for chat, row, mask in zip(chats, ids, masks, strict=True) if mask is not None
        ]

    def _encoded(self, chats: Sequence[ChatText], *, with_offsets: bool = True) -> list[Any]:
        try:
            return encode_texts(self.tokenizer, [chat.text for chat in chats], with_offsets=with_offsets)
        except (TypeError, UnicodeError):
            culprit = next((chat.id for chat in chats if not _is_text(chat.text)), chats[0].id)
            why = "it holds half a surrogate pair, which is no character"
            raise DataError("train.bad-sample", id=culprit, why=why) from None

    def _quick_mask(self, layout: _Layout | None, answers: Sequence[int], row: Ids) -> Mask | None:
        """Which tokens are learned (none without a layout); None if the ids are not as the layout has them."""
        if layout is None:
            return np.zeros(len(row), dtype=bool)
        at = np.flatnonzero(self._is_added[row])
        if len(at) != len(layout.markers) or not (row[at] == layout.markers).all():
            return None
        mask = np.zeros(len(row), dtype=bool)
        for answer in answers:
            before, header, end = layout.answers[answer]
            start = int(at[before]) + 1
            behind = start + len(header) // row.itemsize
            if row[start:behind].tobytes() != header:
                return None
            mask[behind : int(at[end]) + 1] = True
        return mask

    def _mask(self, row: Ids, offsets: Sequence[Span], text: str, spans: Sequence[Span]) -> Mask:
        starts = np.fromiter((start for start, _ in offsets), dtype=np.int64, count=len(offsets))
        mask = np.zeros(len(row), dtype=bool)
        for start, end in spans:
            inside = np.flatnonzero((starts >= start) & (starts < end))
            markers = np.flatnonzero(self._is_end[row[inside]])
            if len(markers) and not text[offsets[int(inside[markers[-1]])][1] : end].strip():
                inside = inside[: int(markers[-1]) + 1]
            mask[inside] = True
        return mask

    def _layout(self, chat: ChatText) -> _Layout | None:
        if chat.outline is None:
            return None
        key = id(chat.outline)
        if key not in self._layouts:  # the outline is kept with it, so that its id is not given to another
            self._layouts[key] = chat.outline, self._learned(chat.outline)
        return self._layouts[key][1]

    def _learned(self, outline: Outline) -> _Layout | None:
        """The layout of an outline; None if an answer does not stand between two added tokens."""
        spans = outline.spans(outline.probe, outline.probe_words)
        (encoding,) = encode_texts(self.tokenizer, [outline.probe])
        row = np.array(encoding.ids, dtype=np.int32)
        at = np.flatnonzero(self._is_added[row])
        starts = np.array([start for start, _ in encoding.offsets], dtype=np.int64)
        answers: dict[int, tuple[int, bytes, int]] = {}
        for answer, (start, end) in (spans or {}).items():
            mask = self._mask(row, encoding.offsets, outline.probe, [(start, end)])
            last = int(np.flatnonzero(mask)[-1]) if mask.any() else 0
            before = np.flatnonzero(starts[at] < start)
            if not len(before) or not self._is_end[row[last]] or not mask.any():
                return None
            header_from = int(at[before[-1]]) + 1
            header = row[header_from : int(np.flatnonzero(mask)[0])]
            answers[answer] = int(before[-1]), header.tobytes(), int(np.searchsorted(at, last))
        return _Layout(row[at], answers)


def encode_texts(
    tokenizer: Any, texts: Sequence[str], *, with_offsets: bool = True, with_special: bool = False
) -> list[Any]:
    """Encodings of the tokenizers library, on all cores: `ids`, and `offsets` in characters if wanted.

    Args:
        with_special: add what the tokenizer adds to a text, such as a start token.

    Raises:
        TypeError: a text holds half a surrogate pair
    """
    fast = tokenizer.backend_tokenizer
    fast.no_truncation()
    fast.no_padding()
    encode = fast.encode_batch if with_offsets else fast.encode_batch_fast
    return encode(list(texts), add_special_tokens=with_special)


def _rows(lists: Sequence[Sequence[int]]) -> list[Ids]:
    """One array for all, and a view of it for each."""
    lengths = [len(each) for each in lists]
    flat = np.fromiter(chain.from_iterable(lists), dtype=np.int32, count=sum(lengths))
    ends = np.cumsum(lengths).tolist()
    return [flat[end - length : end] for end, length in zip(ends, lengths, strict=True)]


def _is_text(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
