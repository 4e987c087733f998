"""Talks that are kept: one JSON line, a Conversation, in one file for each name, so that they can be trained on as they are."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec

from lianlu.core.errors import DataError, UsageError
from lianlu.core.files import write_bytes
from lianlu.core.i18n import suggest
from lianlu.core.settings import Settings
from lianlu.records import Conversation

__all__ = ["load_session", "save_session", "session_path", "sessions"]

_NAME = re.compile(r"\w[\w.-]{0,63}")


def session_path(settings: Settings, name: str) -> Path:
    """Where a session lies. Raises UsageError llm.bad-session-name."""
    if not _NAME.fullmatch(name):
        raise UsageError("llm.bad-session-name", name=name)
    return settings.data_folder / "chats" / f"{name}.jsonl"


def sessions(settings: Settings) -> list[str]:
    """The names of all kept sessions."""
    folder = settings.data_folder / "chats"
    return sorted(path.stem for path in folder.glob("*.jsonl")) if folder.is_dir() else []


def save_session(settings: Settings, name: str, conversation: Conversation) -> None:
    """Keep a conversation; when this returns it is on the disk.

    Raises:
        UsageError: llm.bad-session-name, file.unwritable
        LimitError: file.disk-full
    """
    write_bytes(session_path(settings, name), msgspec.json.encode(conversation) + b"\n")


def load_session(settings: Settings, name: str) -> Conversation:
    """A kept conversation.

    Raises:
        UsageError: llm.bad-session-name, llm.unknown-session, file.unreadable
        DataError: llm.damaged-session
    """
    path = session_path(settings, name)
    try:
        return msgspec.json.decode(path.read_bytes(), type=Conversation)
    except FileNotFoundError:
        raise UsageError("llm.unknown-session", name=name, suggestion=suggest(name, sessions(settings))) from None
    except OSError as error:
        raise UsageError("file.unreadable", path=str(path), why=error.strerror or str(error)) from None
    except msgspec.DecodeError as error:
        raise DataError("llm.damaged-session", path=str(path), why=str(error)) from None
