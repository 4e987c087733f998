"""Questions with what should be found for them: SQuAD's JSON as CMRC, DRCD and XQuAD use it, JSON lines, or a table.

A line has `question`, and of `answer` (a string or several), `source` (the file or files it is in) and `answerable` what is
known. Wrong lines are named; nothing is guessed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from lianlu.core.errors import DataError
from lianlu.rag.labelled_rows import rows_of, text_of, yes_or_no
from lianlu.rag.question import LONGEST_QUESTION

__all__ = ["EvalQuestion", "read_questions"]

_CODE = "rag.bad-question"


class EvalQuestion(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A question and what is right.

    Attributes:
        answers: strings of which one should stand in an answer.
        sources: uris of the documents that answer; empty where any document with an answer will do.
        paragraph: the text that it was asked of, where the file carries it.
        is_answerable: False where "not in the documents" is right.
        place: `file:line`, or the id that the file gives it.
    """

    question: str
    answers: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    paragraph: str = ""
    is_answerable: bool = True
    place: str = ""


def read_questions(path: Path) -> list[EvalQuestion]:
    """The questions of a file, in its order.

    Raises:
        UsageError: file.missing, file.unreadable
        DataError: rag.bad-question, with the line; rag.no-questions
    """
    found = list(_squad(path) if path.suffix.lower() == ".json" else _rows(path))
    if not found:
        raise DataError("rag.no-questions", path=str(path))
    return found


def _squad(path: Path) -> Iterator[EvalQuestion]:
    try:
        data = json.loads(text_of(path, _CODE))
    except (ValueError, RecursionError) as error:
        raise _bad(path, getattr(error, "lineno", 1), str(error)[:200]) from error
    articles = data.get("data") if isinstance(data, dict) else None
    if not isinstance(articles, list):
        raise _bad(path, 1, "no SQuAD file: `data` is missing")
    for article in articles:
        for paragraph in _maps(article, "paragraphs"):
            context = paragraph.get("context")
            for asked in _maps(paragraph, "qas"):
                question = asked.get("question")
                if not isinstance(question, str) or not any(each.isalnum() for each in question):
                    continue  # DRCD has a few
                if len(question) > LONGEST_QUESTION:
                    raise _bad(path, 1, f"the question {str(asked.get('id', ''))!r}: {_too_long(question)}")
                answers = dict.fromkeys(
                    _sound(each["text"])
                    for each in _maps(asked, "answers")
                    if isinstance(each.get("text"), str) and each["text"]
                )
                yield EvalQuestion(
                    question=_sound(question).strip(),
                    answers=tuple(answers),
                    paragraph=_sound(context) if isinstance(context, str) else "",
                    is_answerable=not asked.get("is_impossible", False),
                    place=_sound(str(asked.get("id", ""))),
                )


def _maps(value: Any, key: str) -> list[dict[str, Any]]:
    listed = value.get(key) if isinstance(value, dict) else None
    return [each for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []


def _rows(path: Path) -> Iterator[EvalQuestion]:
    for line, row in rows_of(path, _CODE):
        yield _question(row, path, line)


def _question(row: Any, path: Path, line: int) -> EvalQuestion:
    question = row.get("question") if isinstance(row, dict) else None
    if not isinstance(question, str) or not any(each.isalnum() for each in question):
        raise _bad(path, line, "no `question`")
    if len(question) > LONGEST_QUESTION:
        raise _bad(path, line, _too_long(question))
    told = row.get("answerable")
    is_answerable = True if told in (None, "") else yes_or_no(told)
    if is_answerable is None:
        raise _bad(path, line, f"`answerable` is {told!r}")
    answers, sources = (_texts(row, names, path, line) for names in (("answers", "answer"), ("sources", "source")))
    if is_answerable and not answers and not sources:
        raise _bad(path, line, "neither `answer` nor `source`, so nothing can be right")
    return EvalQuestion(
        question=_sound(question).strip(),
        answers=answers,
        sources=sources,
        is_answerable=is_answerable,
        place=f"{path.name}:{line}",
    )


def _texts(row: dict[str, Any], names: tuple[str, ...], path: Path, line: int) -> tuple[str, ...]:
    value = next((row[name] for name in names if row.get(name)), ())
    listed = [value] if isinstance(value, str) else value
    if not isinstance(listed, (list, tuple)) or not all(isinstance(each, str) and each.strip() for each in listed):
        raise _bad(path, line, f"`{names[-1]}` is {value!r}, neither a text nor a list of texts")
    return tuple(_sound(each).strip() for each in listed)


def _too_long(question: str) -> str:
    return f"{len(question)} characters are no question; at most {LONGEST_QUESTION} are read"


def _sound(text: str) -> str:
    """Without halves of surrogate pairs, which JSON can spell and no file can hold."""
    return text.encode("utf-8", "replace").decode()


def _bad(path: Path, line: int, why: str) -> DataError:
    return DataError(_CODE, path=str(path), line=line, why=why)
