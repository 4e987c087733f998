"""A talk with a base, kept where `lianlu chat` keeps its own: a Conversation in a file, with the whole answers beside it.

So a kept talk can be trained on as it is, and after a resume the sources of the last answer can still be opened.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from lianlu.core.errors import DataError, UsageError
from lianlu.core.files import named_path, write_bytes
from lianlu.core.settings import Settings
from lianlu.rag.answer import Answer
from lianlu.records import Conversation, assistant, user

__all__ = ["conversation_of", "load_talk", "save_talk", "talk_path"]


class _Kept(msgspec.Struct, frozen=True):
    base: str
    answers: tuple[Answer, ...]


def talk_path(given: str, settings: Settings) -> Path:
    """Where a talk lies: a file if it is called `….json`, else the session of that name.

    Raises:
        UsageError: llm.bad-session-name
    """
    if given.lower().endswith(".json"):
        return named_path(given)
    from lianlu.llm.session import session_path

    return session_path(settings, given)


def conversation_of(base: str, answers: Sequence[Answer]) -> Conversation:
    """A talk as a record."""
    return Conversation(
        messages=tuple(message for each in answers for message in (user(each.question), assistant(each.text))),
        source=f"rag:{base}",
        meta={"rag": msgspec.to_builtins(_Kept(base=base, answers=tuple(answers)))},
    )


def save_talk(path: Path, base: str, answers: Sequence[Answer]) -> None:
    """Keep a talk; when this returns it is on the disk.

    Raises:
        UsageError: file.unwritable
        LimitError: file.disk-full
    """
    content = msgspec.json.encode(conversation_of(base, answers))
    write_bytes(path, (msgspec.json.format(content, indent=2) if path.suffix == ".json" else content) + b"\n")


def load_talk(path: Path, base: str) -> list[Answer]:
    """The answers of a kept talk with a base.

    Raises:
        UsageError: file.missing, file.unreadable, rag.other-talk: it was with another base, or with none
        DataError: rag.broken-talk
    """
    try:
        conversation = msgspec.json.decode(path.read_bytes(), type=Conversation)
        kept = msgspec.convert(conversation.meta.get("rag"), _Kept | None)
    except FileNotFoundError:
        raise UsageError("file.missing", path=str(path)) from None
    except OSError as error:
        raise UsageError("file.unreadable", path=str(path), why=error.strerror or str(error)) from None
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise DataError("rag.broken-talk", path=str(path), why=str(error)) from None
    if kept is None or kept.base != base:
        raise UsageError("rag.other-talk", path=str(path), name=base, other=kept.base if kept is not None else "-")
    return list(kept.answers)
