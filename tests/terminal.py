"""A child process on a pseudo terminal: what a person types and sees."""

from __future__ import annotations

import codecs
import os
import pty
import select
import signal
import subprocess
import sys
import time

__all__ = ["Terminal"]


class Terminal:
    """Python with some arguments, such as `"-m", "lianlu", "chat", "fake:echo"`, on a terminal of its own."""

    def __init__(self, *arguments: str) -> None:
        self._ours, theirs = pty.openpty()
        environment = {**os.environ, "TERM": "dumb"}
        self.child = subprocess.Popen(
            [sys.executable, *arguments],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env=environment,
            start_new_session=True,
            close_fds=True,
        )
        os.close(theirs)
        self.seen = ""
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def until(self, wanted: str, seconds: float = 20) -> str:
        """What is shown before `wanted`, which is waited for."""
        end = time.monotonic() + seconds
        while wanted not in self.seen:
            assert time.monotonic() < end, f"{wanted!r} not seen in {self.seen!r}"
            if select.select([self._ours], [], [], 0.1)[0]:
                try:
                    self.seen += self._decoder.decode(os.read(self._ours, 4096))
                except OSError as error:
                    raise AssertionError(f"{wanted!r} not seen before the end: {self.seen!r}") from error
        found, _, self.seen = self.seen.partition(wanted)
        return found

    def type(self, line: str, end: str = "\n") -> None:
        os.write(self._ours, (line + end).encode())

    def interrupt(self) -> None:
        os.kill(self.child.pid, signal.SIGINT)

    def wait(self) -> int:
        try:
            return self.child.wait(20)
        finally:
            self.child.kill()
            os.close(self._ours)
