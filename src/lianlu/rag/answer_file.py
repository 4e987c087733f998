"""Answers and comparisons as files: `.html` to look at, `.md` to read or paste, `.json` to go on with."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import msgspec

from lianlu.core.errors import UsageError
from lianlu.core.files import write_bytes
from lianlu.core.i18n import language, pick
from lianlu.rag.answer import Answer
from lianlu.rag.comparing import Comparison
from lianlu.rag.kept_talk import save_talk

__all__ = ["ENDINGS", "Ending", "ending_of", "write_answer", "write_comparison", "write_talk"]

Ending = Literal[".html", ".md", ".json"]
ENDINGS: tuple[Ending, ...] = (".html", ".md", ".json")


def ending_of(path: Path) -> Ending:
    """How a file is to be written.

    Raises:
        UsageError: rag.answer-file
    """
    for ending in ENDINGS:
        if path.suffix.lower() == ending and not path.is_dir():
            return ending
    raise UsageError("rag.answer-file", path=str(path), endings=", ".join(ENDINGS))


def write_answer(path: Path, answer: Answer, base: str) -> None:
    """Write an answer.

    Raises:
        UsageError: rag.answer-file, file.unwritable
        LimitError: file.disk-full
    """
    if ending_of(path) == ".json":
        write_bytes(path, msgspec.json.format(msgspec.json.encode(answer), indent=2) + b"\n")
    else:
        _write_read(path, [answer], base)


def write_talk(path: Path, answers: Sequence[Answer], base: str) -> None:
    """Write a talk; a `.json` can be gone on with. Raises as `write_answer`."""
    if ending_of(path) == ".json":
        save_talk(path, base, answers)
    else:
        _write_read(path, answers, base, title=pick(f"Talk with {base}", f"与 {base} 的对话"))


def write_comparison(path: Path, compared: Comparison) -> None:
    """Write a comparison. Raises as `write_answer`."""
    ending = ending_of(path)
    if ending == ".json":
        content = msgspec.json.format(msgspec.json.encode(compared.told()), indent=2) + b"\n"
    elif ending == ".md":
        from lianlu.rag.answer_markdown import comparison_markdown

        content = _encoded(comparison_markdown(compared))
    else:
        from lianlu.page import render
        from lianlu.rag.compare_page import compare_page

        content = _encoded(render(compare_page(compared), language()))
    write_bytes(path, content)


def _write_read(path: Path, answers: Sequence[Answer], base: str, title: str = "") -> None:
    """What people read: a page, or markdown."""
    if ending_of(path) == ".md":
        from lianlu.rag.answer_markdown import answers_markdown

        content = answers_markdown(answers, title)
    else:
        from lianlu.page import render
        from lianlu.rag.answer_page import answers_page

        content = render(answers_page(answers, base), language())
    write_bytes(path, _encoded(content))


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "replace")
