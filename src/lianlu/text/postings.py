"""Many texts turned over: for each term the texts that hold it, as numpy arrays.

The terms are those of `text.tokens`, but no string is made for a Chinese one: characters and pairs become numbers, and a
batch of texts is cut, sorted and counted at once. A term is known by a key of 64 bits, so that a vocabulary is a sorted
array: it can lie in a file, is searched without being read, and two are joined by array work. One and two characters of CJK
are their own key, and so are seven of ASCII; the key of a longer word is a hash of 62 bits, and among five million of them
two are alike with a chance of three in a million.
"""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b

import numpy as np
import numpy.typing as npt

from lianlu.text.normalise import CJK, is_cjk
from lianlu.text.tokens import LETTER, WORD, word_terms

__all__ = ["Counts", "Int32s", "Int64s", "Keys", "Postings", "blocks", "invert", "join", "term_key"]

Keys = npt.NDArray[np.uint64]
Int32s = npt.NDArray[np.int32]
Int64s = npt.NDArray[np.int64]
Counts = npt.NDArray[np.unsignedinteger]

# Compiled by `re` at the first use: who only asks needs none of them, and they take as long as a question.
_WORDS = WORD
_ASCII_WORDS = WORD.replace(LETTER, "[A-Za-z0-9]")  # the same words of a text in ASCII, found faster
_CODE_BITS = 21
_IS_WORD = 1 << 63
_IS_HASH = 3 << 62
_LONGEST_EXACT = 7
_LARGEST_CODE = 0x110000


@dataclass(frozen=True)
class Postings:
    """For each term the texts that hold it.

    Attributes:
        keys: of the terms, ascending; every term has a text.
        starts: where the postings of each term begin; one more than there are terms.
        places: number of the text of each posting, ascending within a term.
        counts: how often the term occurs in that text.
        lengths: number of terms of each text, repeated ones counted.
    """

    keys: Keys
    starts: Int64s
    places: Int32s
    counts: Counts
    lengths: Int32s

    @classmethod
    def none(cls) -> Postings:
        return invert(())


def term_key(term: str) -> int:
    """The key of a term: its characters themselves where they have room, else a hash.

    >>> term_key("微") == ord("微") << 21, term_key("xtuner") >> 62, term_key("transformer") >> 62
    (True, 2, 3)
    """
    if term.isascii():
        content = term.encode()
        if len(content) <= _LONGEST_EXACT:
            return int.from_bytes(content, "big") | _IS_WORD
    elif len(term) <= 2 and all(map(is_cjk, term)):
        return ord(term[0]) << _CODE_BITS | (ord(term[1]) if len(term) == 2 else 0)
    digest = blake2b(term.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "little") | _IS_HASH


def invert(texts: Sequence[str]) -> Postings:
    """The postings of some texts; places are their numbers in the sequence."""
    plain = [unicodedata.normalize("NFKC", text) for text in texts]
    word_keys, words, word_texts = _words(plain)
    codes, cjk, cjk_texts = _characters(plain)
    wide = len(codes) + 1  # a character alone stands before its pairs, as in the keys
    single = (cjk.numbers + 1) * wide
    pairs = single[:-1][cjk.is_followed] + cjk.numbers[1:][cjk.is_followed] + 1
    first_word = (len(codes) + 1) * wide
    term_numbers = np.concatenate((single, pairs, first_word + words))
    places = np.concatenate((cjk_texts, cjk_texts[:-1][cjk.is_followed], word_texts))
    shift = max(len(texts), 1).bit_length()
    found, counts = _counted((term_numbers << shift) | places)
    numbers, sizes = _counted(found >> shift, is_sorted=True)
    chars, pair = numbers[numbers < first_word] // wide - 1, numbers[numbers < first_word] % wide - 1
    keys = codes[chars] << np.uint64(_CODE_BITS) | np.where(pair < 0, np.uint64(0), codes[pair])
    return Postings(
        keys=np.concatenate((keys, word_keys[numbers[numbers >= first_word] - first_word])),
        starts=_offsets(sizes),
        places=(found & ((1 << shift) - 1)).astype(np.int32),
        counts=_narrowest(counts),
        lengths=np.bincount(places, minlength=len(texts)).astype(np.int32),
    )


@dataclass(frozen=True)
class _Characters:
    numbers: Int64s
    is_followed: npt.NDArray[np.bool_]


def _characters(texts: Sequence[str]) -> tuple[Keys, _Characters, Int64s]:
    """The distinct CJK characters; of each occurrence its number and whether another one follows; the text it is in."""
    codes = np.frombuffer("\n".join(texts).encode("utf-32-le", "surrogatepass"), dtype="<u4")
    at = np.flatnonzero(_cjk_table()[codes])
    codes = codes[at]
    there = np.zeros(int(codes.max(initial=0)) + 1, dtype=bool)
    there[codes] = True
    numbers = (np.cumsum(there) - 1)[codes]
    ends = np.cumsum(np.fromiter((len(text) + 1 for text in texts), np.int64, len(texts)))
    inside = np.repeat(np.arange(len(texts)), np.diff(np.searchsorted(at, ends), prepend=0))
    characters = _Characters(numbers=numbers, is_followed=np.diff(at) == 1)
    return np.flatnonzero(there).astype(np.uint64), characters, inside


def _words(texts: Sequence[str]) -> tuple[Keys, Int64s, Int64s]:
    """The distinct keys of words, ascending; of each occurrence its number, and the text it is in."""
    number_of: defaultdict[str, int] = defaultdict(itertools.count().__next__)
    found: list[int] = []
    sizes: list[int] = []
    for text in texts:
        before = len(found)
        pattern = _ASCII_WORDS if text.isascii() else _WORDS
        found.extend(map(number_of.__getitem__, re.findall(pattern, text)))
        sizes.append(len(found) - before)
    keys_of = [_word_keys(word) for word in number_of]
    key_counts = np.fromiter(map(len, keys_of), np.int64, len(keys_of))
    flat = np.fromiter(itertools.chain.from_iterable(keys_of), np.uint64, int(key_counts.sum()))
    keys, ranks = np.unique(flat, return_inverse=True)
    words = np.asarray(found, dtype=np.int64)
    repeats = key_counts[words]
    inside = np.repeat(np.repeat(np.arange(len(texts)), sizes), repeats)
    return keys, ranks[_ranges(_offsets(key_counts)[words], repeats)].astype(np.int64), inside


@lru_cache(maxsize=200_000)
def _word_keys(word: str) -> tuple[int, ...]:
    return tuple(map(term_key, word_terms(word)))


@lru_cache(maxsize=1)
def _cjk_table() -> npt.NDArray[np.bool_]:
    """Whether each code point is CJK."""
    table = np.zeros(_LARGEST_CODE, dtype=bool)
    for first, last in re.findall("(.)-(.)", CJK):
        table[ord(first) : ord(last) + 1] = True
    return table


def _counted(values: Int64s, *, is_sorted: bool = False) -> tuple[Int64s, Int64s]:
    """The distinct values, ascending, and how often each stands there."""
    values = values if is_sorted else np.sort(values)
    begins = np.flatnonzero(np.diff(values, prepend=-1))
    return values[begins], np.diff(begins, append=len(values))


def _narrowest(counts: Int64s) -> Counts:
    most = int(counts.max(initial=0))
    return counts.astype(np.uint8 if most < 1 << 8 else np.uint32)


def _offsets(sizes: Int64s) -> Int64s:
    return np.concatenate((np.zeros(1, dtype=np.int64), np.cumsum(sizes, dtype=np.int64)))


def _ranges(starts: Int64s, sizes: Int64s) -> Int64s:
    """start, start + 1 … of each range, one range after the other."""
    ends = np.cumsum(sizes)
    return np.repeat(starts - ends + sizes, sizes) + np.arange(int(ends[-1]) if len(ends) else 0)


def join(parts: Sequence[Postings], kept: Sequence[npt.NDArray[np.bool_]]) -> Postings:
    """The postings of the texts of all parts, in their order, without those that are not kept.

    Args:
        kept: for each part whether each of its texts stays.
    """
    thinned = [part if mask.all() else _thinned(part, mask) for part, mask in zip(parts, kept, strict=True)]
    if len(thinned) == 1:
        return thinned[0]
    keys = np.unique(np.concatenate([part.keys for part in thinned]))
    numbers = [np.searchsorted(keys, part.keys) for part in thinned]
    sizes = np.zeros(len(keys), dtype=np.int64)
    for part, terms in zip(thinned, numbers, strict=True):
        sizes[terms] += np.diff(part.starts)
    starts = _offsets(sizes)
    places = np.empty(int(starts[-1]), dtype=np.int32)
    counts = np.empty(len(places), dtype=np.result_type(*(part.counts for part in thinned)))
    free = starts[:-1].copy()
    first = 0
    for part, terms in zip(thinned, numbers, strict=True):
        part_sizes = np.diff(part.starts)
        for begin, end in blocks(part.starts):
            some = slice(int(part.starts[begin]), int(part.starts[end]))
            to = _ranges(free[terms[begin:end]], part_sizes[begin:end])
            places[to] = part.places[some] + np.int32(first)
            counts[to] = part.counts[some]
        free[terms] += part_sizes
        first += len(part.lengths)
    return Postings(keys, starts, places, counts, np.concatenate([part.lengths for part in thinned]))


_BLOCK = 1 << 20


def blocks(starts: Int64s) -> list[tuple[int, int]]:
    """Ranges of terms that together have about a million postings: what is made on the way stays small."""
    last = len(starts) - 1
    marks = np.searchsorted(starts, np.arange(0, int(starts[-1]), _BLOCK))
    edges = np.unique(np.concatenate((marks, np.asarray((0, last)))))
    return [(int(begin), int(end)) for begin, end in itertools.pairwise(edges)]


def _thinned(part: Postings, mask: npt.NDArray[np.bool_]) -> Postings:
    """Only the texts of a mask, numbered anew."""
    stays = mask[part.places]
    sizes = np.diff(_offsets(stays.astype(np.int64))[part.starts])
    used = sizes > 0
    number_of = (np.cumsum(mask) - 1).astype(np.int32)
    return Postings(
        keys=part.keys[used],
        starts=_offsets(sizes[used]),
        places=number_of[part.places[stays]],
        counts=part.counts[stays],
        lengths=part.lengths[mask],
    )
