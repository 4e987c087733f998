"""Terms for lexical search: unigrams and bigrams for CJK, whole and split words for everything else.

No dictionary: on Traditional Chinese a segmenter loses four points of recall@1 to bigrams, and costs ten times the time.
An identifier such as `deepspeed_zero2` is kept whole and also split, so that both ways of asking find it. Stop words
stay in the index: a question may consist of them. `term_weight` only makes them count little.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from itertools import pairwise

from lianlu.text.normalise import CJK, fold

__all__ = ["LETTER", "WORD", "content_terms", "is_stop_term", "stem", "term_weight", "terms", "word_terms"]

LETTER = rf"[^\W_{CJK}]"
"""A letter or digit of scripts with spaces, as a pattern."""
WORD = rf"{LETTER}+(?:(?:[.\-'’/]|_+){LETTER}+)*(?:\+\+|#)?"
"""A word of scripts with spaces, as a pattern without groups: nothing in it is CJK."""
_PIECE = re.compile(rf"(?P<cjk>[{CJK}]+)|{WORD}")
_SPLIT = re.compile(r"[._\-'’/+#]+")
_HUMPS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_LETTERS_OR_DIGITS = re.compile(r"\d+|[^\W\d_]+")
_SIMPLE = re.compile(r"[A-Za-z]?[a-z]+|[A-Z]+|[0-9]+")
_VOWEL = re.compile("[aeiouy]")
_LONGEST_TERM = 64
_SHORTEST_STEM = 3


def _words(listed: str) -> frozenset[str]:
    return frozenset(listed.split())


_STOP_ENGLISH = _words(
    """a about all am an and any are as at be been being but by can could did do does doing for from had has have he her
    his how i if in into is it its me my no not of on or our she should so some such than that the their them then there
    these they this those to us was we were what when where which who whom whose why will with would you your please tell
    explain describe"""
)
# Function words and question words; a bigram counts as a stop term too when both its characters are stop characters.
_STOP_CHARACTERS = frozenset("的了是在和与及或也都就而着过吗呢吧啊么嗎呢嘛麼什怎哪谁誰何为為之其这那這那个個些请請问問")
_STOP_BIGRAMS = _words(
    "什么 什麼 怎么 怎麼 怎样 怎樣 如何 哪些 哪个 哪個 哪里 哪裡 多少 为什 為什 为何 為何 是什 是谁 是誰 请问 請問 "
    "一下 一个 一個 可以 有哪 的是 是否 我们 我們 你们 他们 以及 介绍 介紹"
)
_ASKING = frozenset("什么怎哪谁何吗呢吧是的了为于麼誰嗎為於")
_STOP_WEIGHT = 0.1


def terms(text: str) -> list[str]:
    """The index terms of a text, repeated as often as they occur, folded and stemmed.

    >>> terms("微调 deepspeed_zero2")
    ['微', '调', '微调', 'deepspeed_zero2', 'deepspeed', 'zero2', 'zero', '2']
    """
    found: list[str] = []
    for match in _PIECE.finditer(unicodedata.normalize("NFKC", text)):
        piece = match.group()
        if match.lastgroup == "cjk":
            found.extend(piece)
            found.extend([piece[at : at + 2] for at in range(len(piece) - 1)])
        else:
            found.extend(word_terms(piece))
    return found


def content_terms(text: str) -> set[str]:
    """The terms that carry meaning: stop terms left out, and CJK as bigrams where a run is longer than one character."""
    kept: set[str] = set()
    for match in _PIECE.finditer(unicodedata.normalize("NFKC", text)):
        piece = match.group()
        if match.lastgroup != "cjk":
            kept.update(word_terms(piece)[:1])
        elif len(piece) == 1:
            kept.add(piece)
        else:
            kept.update(a + b for a, b in pairwise(piece) if a not in _ASKING and b not in _ASKING)
    return {term for term in kept if not is_stop_term(term)}


def is_stop_term(term: str) -> bool:
    """Whether a term says nothing about the subject of a text."""
    if term in _STOP_ENGLISH or term in _STOP_BIGRAMS:
        return True
    return len(term) <= 2 and all(character in _STOP_CHARACTERS for character in term)


def term_weight(term: str) -> float:
    """How much a term of a question counts beside its rarity."""
    return _STOP_WEIGHT if is_stop_term(term) else 1.0


@lru_cache(maxsize=200_000)
def word_terms(word: str) -> tuple[str, ...]:
    """The whole word, then its parts: at joints, at humps, between letters and digits."""
    if _SIMPLE.fullmatch(word):
        return (_folded(word),)  # nothing to cut, and most words are like this
    found = [_folded(word)]
    for part in _SPLIT.split(word.replace("_", "-")):
        if part:
            found.extend(_part_terms(part))
    return tuple(dict.fromkeys(found))


@lru_cache(maxsize=100_000)
def _part_terms(part: str) -> tuple[str, ...]:
    if _SIMPLE.fullmatch(part):
        return (_folded(part),)
    return tuple(map(_folded, (part, *_HUMPS.split(part), *_LETTERS_OR_DIGITS.findall(part))))


def _folded(word: str) -> str:
    return stem((word.lower() if word.isascii() else fold(word))[:_LONGEST_TERM])


def stem(word: str) -> str:
    """Cut English plurals, -ing and -ed; other words pass unchanged.

    >>> [stem(word) for word in ("tuning", "tuned", "tunes", "models", "libraries", "string")]
    ['tun', 'tun', 'tun', 'model', 'library', 'string']
    """
    if not (word.isascii() and word.isalpha()) or len(word) <= _SHORTEST_STEM:
        return word
    if word.endswith("ies"):
        return word[:-3] + "y"
    if word.endswith("s") and not word.endswith(("ss", "us", "is")):
        word = word[:-1]
    for ending in ("ing", "ed"):
        rest = word.removesuffix(ending)
        if rest != word and not word.endswith("eed") and len(rest) >= _SHORTEST_STEM and _VOWEL.search(rest):
            if rest[-1] == rest[-2] and rest[-1] not in "lsz":
                rest = rest[:-1]
            return rest
    return word[:-1] if word.endswith("e") else word
