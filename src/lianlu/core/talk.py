"""A talk in the terminal: messages are typed one after the other, each is answered before the next is read.

Ctrl-C stops an answer; a second one, with nothing typed between, leaves. An error of one message is said, and the talk
goes on.
"""

from __future__ import annotations

import importlib
import signal
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress

from lianlu.core.console import say, say_error
from lianlu.core.errors import LianluError
from lianlu.core.i18n import pick

__all__ = ["hold_talk"]

_PROMPT = "> "
_LOOK_EVERY_SECONDS = 0.2


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
    with suppress(KeyboardInterrupt):  # one between two steps, such as the second while the first is being told
        while not is_over():
            try:
                line = _read_message()
                was_stopped = False
                if line.strip():
                    was_stopped = not take(line)
                    turns += 1
            except EOFError:
                say()
                break
            except KeyboardInterrupt:
                say()
                if was_stopped:
                    break
                was_stopped = True
                say(pick("Ctrl-C again leaves", "再按一次 Ctrl-C 退出"))
            except LianluError as error:
                say_error(error)
    return turns


def _with_line_editing() -> None:
    try:
        importlib.import_module("readline")  # its import gives input() history and editing
    except ImportError:
        return


def _read_message() -> str:
    """One message; a line that ends with a backslash goes on in the next."""
    with _interruptible():
        lines = [input(_PROMPT)]
        while lines[-1].endswith("\\"):
            lines[-1] = lines[-1][:-1]
            lines.append(input("… "))
    return "\n".join(lines)


@contextmanager
def _interruptible() -> Generator[None]:
    """Let Ctrl-C end an `input()` also if it comes between the prompt and the wait for keys.

    readline waits in a select() that a signal just before it does not end, and Python looks for signals only behind it:
    such a Ctrl-C was lost until the next key. A timer ends the wait every so often; readline then waits again.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handler = signal.signal(signal.SIGALRM, lambda *_: None)
    timer = signal.setitimer(signal.ITIMER_REAL, _LOOK_EVERY_SECONDS, _LOOK_EVERY_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, *timer)
        signal.signal(signal.SIGALRM, handler)
