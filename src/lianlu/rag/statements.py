"""What a model wrote as a list, read as statements: the sentences up to a mark, which speaks for all of them.

In a list one mark often closes two sentences, so a sentence without a mark rests on the next one of its line. Each is
checked by itself; a statement is what is left of its sentences. Of several sources named at once those are cited that bear
the sentence out, together or each alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lianlu.rag.answer import Dropped
from lianlu.rag.claims import Claim, check_claim, reason_text, split_claims
from lianlu.text.normalise import is_cjk

__all__ = ["Statements", "Supported", "read_statements"]

_LIST_MARK = re.compile(r"[ \t]*(?:[-*+•·]|\d{1,3}[.)、])[ \t]*(?=\S)")
_CLOSED = re.compile(r"[\]】］]\W{0,3}$")
_MOST = 120  # sentences of one answer


@dataclass(frozen=True)
class Supported:
    """A statement that the texts it cites bear out; numbers count from 1."""

    text: str
    numbers: tuple[int, ...]


@dataclass(frozen=True)
class Statements:
    """What an answer comes to.

    Attributes:
        supported: in the order of the answer.
        dropped: sentences that the texts they cite do not bear out.
        is_refusal: the model says that there is nothing.
    """

    supported: tuple[Supported, ...]
    dropped: tuple[Dropped, ...]
    is_refusal: bool


def read_statements(answer: str, texts: Sequence[str]) -> Statements:
    """The statements of an answer that stand in the numbered texts.

    >>> read_statements("- Tea is sold; coffee is free. [1]", ["Tea is sold; coffee is free."]).supported
    (Supported(text='Tea is sold; coffee is free.', numbers=(1,)),)
    """
    supported: list[Supported] = []
    dropped: list[Dropped] = []
    is_refusal = False
    seen = 0
    for line in _lines(answer.replace("**", "")):
        for group in _closed(split_claims(line)):
            kept: list[str] = []
            numbers: list[int] = []
            for claim in group[: max(_MOST - seen, 0)]:
                seen += 1
                code, bearing = _checked(claim, texts)
                if code is None:
                    kept.append(claim.text)
                    numbers += bearing
                elif code == "refusal":
                    is_refusal = True
                elif not _is_frame(claim):
                    why = reason_text(code, claim, len(texts))
                    dropped.append(Dropped(claim=claim.shown, code=code, why=why.show("en"), why_zh=why.show("zh")))
            if kept:
                supported.append(Supported(_joined(kept), tuple(dict.fromkeys(numbers))))
    return Statements(tuple(supported), tuple(dropped), is_refusal)


def _lines(answer: str) -> Iterator[str]:
    """The items of a list, each in one line, without its bullet or number; a line that is merely wrapped goes on."""
    begun = ""
    for line in answer.splitlines():
        marker = _LIST_MARK.match(line)
        said = line[marker.end() :] if marker else line
        if begun and (marker or not line.strip() or _CLOSED.search(begun)):
            yield begun
            begun = ""
        begun = _joined([begun, said.strip()]) if begun else said.strip()
    if begun:
        yield begun


def _closed(claims: Sequence[Claim]) -> Iterator[list[Claim]]:
    """Runs of claims up to one with marks, which hold for the whole run; those behind the last marks have none."""
    run: list[Claim] = []
    for claim in claims:
        run.append(claim)
        if claim.numbers:
            yield [each if each is claim else Claim(each.text, claim.numbers, each.shown) for each in run]
            run = []
    if run:
        yield run


def _checked(claim: Claim, texts: Sequence[str]) -> tuple[str | None, tuple[int, ...]]:
    """Why a claim must be dropped, or the numbers of the texts that bear it out."""
    code = check_claim(claim, texts)
    if code is None or len(claim.numbers) < 2 or code in ("refusal", "no-such-source"):
        return code, claim.numbers
    alone = [
        number for number in claim.numbers if check_claim(Claim(claim.text, (number,), claim.shown), texts) is None
    ]
    return (None if alone else code), tuple(alone)


def _is_frame(claim: Claim) -> bool:
    """A heading or an opening that no rule could keep the model from writing: nothing is lost with it."""
    return not claim.numbers and (claim.shown.lstrip().startswith("#") or claim.text.rstrip(" _").endswith((":", "：")))


def _joined(parts: Sequence[str]) -> str:
    """Sentences as one text: with a blank between them unless both sides are Chinese."""
    text = parts[0]
    for part in parts[1:]:
        is_tight = bool(part) and bool(text) and (is_cjk(part[0]) or text[-1] in "。；，！？：")
        text += part if is_tight else f" {part}"
    return text
