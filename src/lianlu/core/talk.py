"""A talk in the terminal: messages are typed one after the other, each is answered before the next is read.

Ctrl-C stops an answer; a second one, with nothing typed between, leaves. An error of one message is said, and the talk
goes on.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable

from lianlu.core.console import say
from lianlu.core.errors import LianluError
from lianlu.core.i18n import pick

__all__ = ["hold_talk"]

_PROMPT = "> "


def hold_talk(take: Callable[[str], bool], is_over: Callable[[], bool]) -> int:
    """Read messages until the end of the input, Ctrl-C twice, or `is_over`.

    Args:
        take: answers one message; False when its answer was stopped.

    Returns:
        How many messages were answered.
    """
    _with_line_editing()
    turns = 0
    was_stopped = False
    while not is_over():
        try:
            line = _read_message()
        except EOFError:
            say()
            break
        except KeyboardInterrupt:
            say()
            if was_stopped:
                break
            was_stopped = True
            say(pick("Ctrl-C again leaves", "再按一次 Ctrl-C 退出"))
            continue
        was_stopped = False
        if not line.strip():
            continue
        try:
            was_stopped = not take(line)
            turns += 1
        except LianluError as error:
            say(
                f"{pick('error', '错误')}: {error.message()} [{error.code}]\n{pick('hint', '提示')}: {error.hint()}",
                stream=sys.stderr,
            )
    return turns


def _with_line_editing() -> None:
    try:
        importlib.import_module("readline")  # its import gives input() history and editing
    except ImportError:
        return


def _read_message() -> str:
    """One message; a line that ends with a backslash goes on in the next."""
    lines = [input(_PROMPT)]
    while lines[-1].endswith("\\"):
        lines[-1] = lines[-1][:-1]
        lines.append(input("… "))
    return "\n".join(lines)
