"""Answers in a terminal: sentence by sentence as they come, then the places they rest on and what was dropped."""

from __future__ import annotations

import sys

from lianlu.core.console import harmless, say
from lianlu.core.i18n import pick
from lianlu.rag.answer import Answer, Answered, AnswerEvent, Citation, Claimed, Passage, Rewritten
from lianlu.rag.options import show_notes

__all__ = ["Printer", "place", "show_passage", "show_proof", "show_sources"]

_INVERSE, _PLAIN = "\x1b[7m", "\x1b[0m"


class Printer:
    """Writes an answer to stdout while it comes about."""

    def __init__(self) -> None:
        self._is_begun = False
        self._is_understood = False
        self._held = ""

    def take(self, event: AnswerEvent) -> None:
        """Show what is new. Blanks at the end of a sentence are held back: nothing may follow."""
        match event:
            case Rewritten():
                self._understood(event.question)
            case Claimed():
                self._write(event.text)
            case Answered():
                self._end(event.answer)
            case _:
                pass

    def end(self) -> None:
        """End the line of an answer that was stopped."""
        if self._is_begun:
            say()
        self._is_begun = False

    def _end(self, answer: Answer) -> None:
        if not self._is_begun:
            if answer.rewritten and not self._is_understood:
                self._understood(answer.rewritten)
            self._write(answer.text)
        self.end()

    def _understood(self, question: str) -> None:
        say(pick(f"(understood as: {harmless(question)})", f"（理解为：{harmless(question)}）"))
        self._is_understood = True

    def _write(self, text: str) -> None:
        text = self._held + (text if self._is_begun else text.lstrip())
        shown = text.rstrip()
        self._held = text[len(shown) :]
        self._is_begun = self._is_begun or bool(shown)
        sys.stdout.write(harmless(shown))
        sys.stdout.flush()


def show_proof(answer: Answer) -> None:
    """The places of an answer, what was dropped of it, and what went otherwise than it should."""
    if answer.is_partial:
        say(
            pick(
                "(incomplete: what stands here was checked, the rest is missing)",
                "（不完整：以上内容均已核对，其余缺失）",
            )
        )
    if answer.citations:
        say()
    show_sources(answer)
    for dropped in answer.dropped:
        say(pick("dropped: ", "已删去：") + harmless(f"{dropped.claim} — {dropped.reason.show()}"))
    if answer.nearest:
        say(pick("nearest passages:", "最接近的段落："))
    for passage in answer.nearest:
        say(f"  · {place(passage)}")
    show_notes(answer.notes)


def show_sources(answer: Answer) -> None:
    """The places of an answer, each with the other documents that say the same."""
    for citation in answer.citations:
        say(f"[{citation.number}] {place(citation)}")
        if citation.also:
            say("    " + pick("also in: ", "也见于：") + harmless(", ".join(citation.also)))


def show_passage(citation: Citation) -> None:
    """The passage around a quote, with the quote marked: inverse on a terminal, between »« elsewhere."""
    say(f"[{citation.number}] {place(citation)}")
    start, end = citation.mark if citation.context else (0, len(citation.quote))
    text = citation.context or citation.quote
    before, quote, after = (harmless(each) for each in (text[:start], text[start:end], text[end:]))
    marked = f"{_INVERSE}{quote}{_PLAIN}" if sys.stdout.isatty() else f"»{quote}«"
    say(before + marked + after)


def place(found: Citation | Passage) -> str:
    """Where something stands: document, headings, page, lines."""
    parts = [found.uri, *([" › ".join(found.headings)] if found.headings else [])]
    if found.page:
        parts.append(pick(f"page {found.page}", f"第 {found.page} 页"))
    if found.first_line:
        lines = (
            str(found.first_line) if found.first_line == found.last_line else f"{found.first_line}–{found.last_line}"
        )
        parts.append(pick(f"line {lines}", f"第 {lines} 行"))
    return harmless(" · ".join(parts))
