"""Which names may become paths. Everything the store turns into a file name passes here first.

Knows no folder. The strict rule (refs, locks, keys, runs) is ASCII so that names read the same in a shell, a URL and on
every file system; names of an artifact's files and of state keep what people write, and only may not leave their folder.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from lianlu.core.errors import UsageError
from lianlu.core.i18n import Text

__all__ = ["check_file_names", "check_name", "check_part", "file_name_problem", "is_sha256"]

_PART = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_LONGEST_PART_BYTES = 200  # leaves room for an ending below the usual limit of 255
_LONGEST_NAME_BYTES = 1000


def is_sha256(text: str) -> bool:
    return _SHA256.fullmatch(text) is not None


def check_name(name: str, *, what: Text, nested: bool = True) -> str:
    """A name of ASCII letters, digits, '_', '.', '-' in parts joined by '/'; no part begins with '.' or '-'.

    Without `nested` it is one part.

    Raises:
        UsageError: store.bad-name
    """
    parts = name.split("/") if nested else [name]
    if len(name) > _LONGEST_NAME_BYTES or not all(
        _PART.fullmatch(part) and len(part) <= _LONGEST_PART_BYTES for part in parts
    ):
        raise UsageError("store.bad-name", what=what, name=name)
    return name


def check_part(part: str, *, what: Text) -> str:
    """One part of a path in any script, that is neither hidden nor leads elsewhere.

    Raises:
        UsageError: store.bad-name
    """
    if part.startswith((".", "-")) or "/" in part or _part_problem(part):
        raise UsageError("store.bad-name", what=what, name=part)
    return part


def check_file_names(names: Iterable[str]) -> None:
    """Refuse names of files that could not be laid out below one folder.

    Raises:
        UsageError: store.bad-file-name
    """
    known = set(names)
    for name in sorted(known):
        problem = file_name_problem(name) or _shadowed(name, known)
        if problem:
            raise UsageError("store.bad-file-name", name=name, why=problem)


def file_name_problem(name: str) -> Text | None:
    """Why `name` is no relative posix path that stays below its folder; None when it is one."""
    if name.startswith("/"):
        return Text("it is an absolute path", "是绝对路径")
    if len(name.encode("utf-8", "surrogatepass")) > _LONGEST_NAME_BYTES:
        return Text("it is too long", "太长")
    for part in name.split("/"):
        problem = _part_problem(part)
        if problem:
            return problem
    return None


def _part_problem(part: str) -> Text | None:
    if part in ("", ".", ".."):
        return Text("it leads out of its folder or has an empty part", "会离开所在文件夹，或含有空的部分")
    if "\0" in part:
        return Text("it has a NUL character", "含有 NUL 字符")
    try:
        size = len(part.encode())
    except UnicodeEncodeError:
        return Text("it is not UTF-8", "不是 UTF-8")
    return Text("a part of it is too long", "某一部分太长") if size > _LONGEST_PART_BYTES + 55 else None


def _shadowed(name: str, known: set[str]) -> Text | None:
    parts = name.split("/")
    for length in range(1, len(parts)):
        above = "/".join(parts[:length])
        if above in known:
            return Text(f"{above!r} is a file already", f"{above!r} 已经是文件")
    return None
