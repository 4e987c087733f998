"""Answers as markdown, to be read or pasted: the text with its [n], then each source with the passage it was taken from."""

from __future__ import annotations

from collections.abc import Sequence

from lianlu.core.i18n import pick
from lianlu.rag.answer import Answer
from lianlu.rag.comparing import Comparison, Side
from lianlu.rag.shown import place

__all__ = ["answers_markdown", "comparison_markdown"]


def answers_markdown(answers: Sequence[Answer], title: str = "") -> str:
    """One answer, or a talk under a title; in the language of the reader."""
    depth = 2 if title else 1
    parts = [f"# {_line(title)}"] if title else []
    for answer in answers:
        parts += [f"{'#' * depth} {_line(answer.question)}", *_answer(answer, depth + 1)]
    return "\n\n".join(parts) + "\n"


def comparison_markdown(compared: Comparison) -> str:
    """Both answers, one below the other."""
    without, within = compared.without, compared.within
    parts = [
        f"# {_line(compared.question)}",
        f"## {pick(f'{compared.model} alone', f'仅 {compared.model}')} ({without.seconds:.1f} s)",
        *([without.text] if without.text else []),
        *(f"*{note.show()}*" for note in without.notes),
        *_failed(without),
        f"## {pick(f'{compared.model} with {compared.base}', f'{compared.model} + {compared.base}')} ({within.seconds:.1f} s)",
        *(_answer(within.answer, 3) if within.answer is not None else []),
        *_failed(within),
    ]
    return "\n\n".join(parts) + "\n"


def _answer(answer: Answer, depth: int) -> list[str]:
    parts: list[str] = []
    if answer.rewritten:
        parts.append(f"*{pick('understood as', '理解为')}: {_line(answer.rewritten)}*")
    parts.append(answer.text)
    parts += (f"*{note.show()}*" for note in answer.notes)
    if answer.citations:
        parts.append(f"{'#' * depth} {pick('Sources', '出处')}")
    for cited in answer.citations:
        also = f"\n({pick('also in', '也见于')} {', '.join(map(_line, cited.also))})" if cited.also else ""
        parts += [f"[{cited.number}] {_line(place(cited))}{also}", _quoted(cited.quote)]
    if answer.dropped:
        parts.append(f"{'#' * depth} {pick('Dropped', '已删去')}")
        parts.append("\n".join(f"- {_line(each.claim)} — {each.reason.show()}" for each in answer.dropped))
    if answer.nearest:
        parts.append(f"{'#' * depth} {pick('Nearest passages', '最接近的段落')}")
        parts.append("\n".join(f"- {_line(place(each))}" for each in answer.nearest))
    return parts


def _failed(side: Side) -> list[str]:
    return [] if side.error is None else [f"**{pick('error', '错误')}: {side.error.message()}**"]


def _quoted(text: str) -> str:
    return "\n".join(f"> {line}".rstrip() for line in text.splitlines())


def _line(text: str) -> str:
    return " ".join(text.split())
