"""The messages of a prompt file: lines that are exactly `system:`, `user:` or `assistant:` part its body, as in prompty.

Nothing is lost: lead and sources, joined, are the body. A body without such lines is one system message.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec

from lianlu.core.errors import UsageError
from lianlu.prompt.sections import Title, split

__all__ = ["RoleMessage", "check_order", "split_roles"]

RoleName = Literal["system", "user", "assistant"]
_ROLES: tuple[RoleName, ...] = ("system", "user", "assistant")


class RoleMessage(msgspec.Struct, frozen=True, kw_only=True):
    """One message. `mark` is its role line as written, empty where there is none; `line` is where its text begins."""

    role: RoleName
    text: str
    mark: str = ""
    line: int = 1

    @property
    def source(self) -> str:
        return self.mark + self.text


def split_roles(body: str, first_line: int = 1) -> tuple[RoleMessage, ...]:
    """The messages of a body, the system's own words first where no line names a role for them.

    >>> [(each.role, each.text) for each in split_roles("Be brief.\\nuser:\\n{{input}}\\n")]
    [('system', 'Be brief.\\n'), ('user', '{{input}}\\n')]
    """
    before, sections = split(body, _role)
    found: list[RoleMessage] = []
    if not sections or before.strip():
        found.append(RoleMessage(role="system", text=before, line=first_line))
        before = ""
    line = first_line + (found[0].text if found else before).count("\n")
    for section in sections:
        mark = section.source[: len(section.source) - len(section.body)]
        line += mark.count("\n")
        role = _ROLES[_ROLES.index(section.title.words)]  # pyright: ignore[reportArgumentType] - `_role` gives no other
        found.append(RoleMessage(role=role, text=section.body, mark=before + mark, line=line))
        line += section.body.count("\n")
        before = ""
    return tuple(found)


def _role(line: str) -> Title | None:
    word = line.rstrip()
    return Title(word[:-1]) if word.endswith(":") and word[:-1] in _ROLES else None


def check_order(messages: Sequence[RoleMessage], origin: str) -> None:
    """Whether chat templates take the messages in this order: the system first and once, then user and assistant in turn.

    Raises:
        UsageError: prompt.role-order
    """
    wanted = "user"
    for at, message in enumerate(messages):
        if message.role == "system" and at == 0:
            continue
        if message.role != wanted:
            raise UsageError("prompt.role-order", at=f"{origin}:{message.line}", role=message.role, wanted=wanted)
        wanted = "assistant" if wanted == "user" else "user"
