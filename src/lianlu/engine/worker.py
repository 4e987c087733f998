"""The thread that owns the model: answers in the making and scoring take turns on it, step by step.

Whoever waits may sit in any event loop, or in none: news is handed over by a plain call. Nothing that goes wrong in a
step ends the thread; those who were being served are told.
"""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

from lianlu.core.errors import BackendError, LianluError
from lianlu.engine.engine import Engine
from lianlu.engine.sequence import News, Sequence

__all__ = ["Worker"]

Tell = Callable[[Any], None]
"""Called in the worker's thread: with News for a sequence, with the last value or a LianluError for a task."""


class Worker:
    """Runs an engine and tasks in a thread of its own.

    Args:
        prepare: called first in the thread (its number of compute threads).
    """

    def __init__(self, engine: Engine, prepare: Callable[[], None]) -> None:
        self._engine = engine
        self._prepare = prepare
        self._inbox: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._listeners: dict[Sequence, Tell] = {}
        self._tasks: deque[tuple[Iterator[Any], Tell]] = deque()
        self._is_over = False
        self._thread = threading.Thread(target=self._work, name="lianlu-engine", daemon=True)
        self._thread.start()

    @property
    def engine(self) -> Engine:
        return self._engine

    def add(self, sequence: Sequence, tell: Tell) -> None:
        """Begin an answer; `tell` hears of it until its last news."""
        self._inbox.put(lambda: self._begin(sequence, tell))

    def drop(self, sequence: Sequence) -> None:
        """Stop an answer: nobody listens any more."""
        self._inbox.put(lambda: self._forget(sequence))

    def run(self, task: Iterator[Any], tell: Tell) -> None:
        """Work through `task` between the steps of the engine; its last value is told."""
        self._inbox.put(lambda: self._tasks.append((task, tell)))

    def stop(self) -> None:
        """End the thread after the step it is in; those who still wait are told."""
        self._inbox.put(self._end)
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def _begin(self, sequence: Sequence, tell: Tell) -> None:
        self._listeners[sequence] = tell
        self._engine.add(sequence)

    def _forget(self, sequence: Sequence) -> None:
        self._listeners.pop(sequence, None)
        self._engine.abort(sequence)

    def _end(self) -> None:
        self._is_over = True

    def _work(self) -> None:
        self._prepare()
        while not self._is_over:
            is_idle = not (self._engine.has_work or self._tasks)
            self._take_calls(wait=is_idle)
            try:
                self._step()
                self._task()
            except Exception as error:  # noqa: BLE001 - the worker loop: whatever fails is told, and the thread lives on
                self._fail(_told(error))
        self._fail(BackendError("engine.closed"))

    def _take_calls(self, *, wait: bool) -> None:
        if wait:
            self._inbox.get()()
        while not self._inbox.empty():
            self._inbox.get()()

    def _step(self) -> None:
        if self._is_over or not self._engine.has_work:
            return
        for sequence in self._engine.step():
            news = sequence.news()
            if news is not None:
                self._tell(sequence, news)

    def _tell(self, sequence: Sequence, news: News) -> None:
        tell = self._listeners.pop(sequence, None) if news.is_last else self._listeners.get(sequence)
        if tell is not None:
            tell(news)

    def _task(self) -> None:
        if self._is_over or not self._tasks:
            return
        task, tell = self._tasks.popleft()
        try:
            value = next(task)
        except Exception as error:  # noqa: BLE001 - the worker loop: a task fails alone
            tell(_told(error))
            return
        if value is None:
            self._tasks.append((task, tell))
        else:
            tell(value)

    def _fail(self, error: LianluError) -> None:
        for sequence in self._engine.sequences():
            self._engine.abort(sequence)
        listeners, self._listeners = self._listeners, {}
        for tell in listeners.values():
            tell(News(error=error))
        while self._tasks:
            self._tasks.popleft()[1](error)


def _told(error: Exception) -> LianluError:
    if isinstance(error, LianluError):
        return error
    return BackendError("engine.step-failed", why=f"{type(error).__name__}: {error}"[:300])
