"""A talk in the terminal is left when it should be, and never before."""

from __future__ import annotations

import time

from terminal import Terminal

TALK = """
import signal, threading, time
from lianlu.core.talk import hold_talk

{before}

def take(line):
    print("took " + line, flush=True)
    return line != "stop"

print(hold_talk(take, lambda: False), "answered", flush=True)
"""
# A SIGINT that another thread takes does not end the main thread's select(): what one just before the select() does too.
ELSEWHERE = """
threading.Thread(target=lambda: time.sleep(600), daemon=True).start()
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
"""


def talking(before: str = "") -> Terminal:
    return Terminal("-c", TALK.format(before=before))


def test_an_interrupt_just_before_the_wait_for_keys_is_not_lost() -> None:
    terminal = talking(ELSEWHERE)
    terminal.until("> ")
    terminal.interrupt()
    terminal.until("again leaves")
    terminal.until("> ")
    terminal.interrupt()
    terminal.until("0 answered")
    assert terminal.wait() == 0


def test_what_is_typed_between_two_interrupts_keeps_the_talk() -> None:
    terminal = talking()
    terminal.until("> ")
    terminal.interrupt()
    terminal.until("again leaves")
    terminal.until("> ")
    terminal.type("hello")
    terminal.until("took hello")
    terminal.until("> ")
    terminal.interrupt()
    terminal.until("again leaves")
    terminal.until("> ")
    terminal.type("stop")
    terminal.until("took stop")
    terminal.until("> ")
    terminal.interrupt()
    terminal.until("2 answered")
    assert terminal.wait() == 0


def test_the_end_of_the_input_leaves_and_long_waits_lose_nothing() -> None:
    terminal = talking()
    terminal.until("> ")
    terminal.type("a line in two\\", end="")
    time.sleep(0.5)  # the timer has ended the wait for keys twice
    terminal.type("")
    terminal.until("… ")
    terminal.type("halves")
    terminal.until("took a line in two")
    terminal.until("halves")
    terminal.until("> ")
    terminal.type("\x04", end="")
    terminal.until("1 answered")
    assert terminal.wait() == 0
