"""Who may ask, how many are answered at once, and how often one caller may come.

A caller is a key where keys are asked for, and an address otherwise. Behind a proxy all are one address: there the proxy
has to count, or callers need keys. What is remembered of callers is bounded, so that many of them fill no memory.
"""

from __future__ import annotations

import hashlib
import math
import time
from collections import OrderedDict
from collections.abc import Callable, Generator
from contextlib import contextmanager

from starlette.requests import Request

from lianlu.core.errors import BackendError, LimitError, UsageError
from lianlu.web.keys import Keys

__all__ = ["Gate"]

_MOST_CALLERS = 10_000
_MINUTE = 60.0
_STOPPING_SECONDS = 5.0


class Gate:
    """Lets requests in.

    Args:
        keys: asked of every request that is admitted; None lets everyone in.
        most_running: answers at once; more are told to come again.
        per_minute: requests of one caller in a minute, which may come all at once; 0 sets no limit.
        now: seconds of a clock that never goes back.
    """

    def __init__(
        self,
        keys: Keys | None = None,
        *,
        most_running: int = 64,
        per_minute: int = 0,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self.running = 0
        self._keys = keys
        self._most_running = most_running
        self._per_minute = per_minute
        self._now = now
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()  # by caller: requests left, and when
        self._stops_at = math.inf

    def admit(self, request: Request) -> None:
        """Raises UsageError web.unauthorized."""
        if self._keys is not None and not self._keys.admit(request.headers.get("authorization", "")):
            raise UsageError("web.unauthorized")

    def count(self, request: Request) -> None:
        """Admit a request and take it off what its caller may ask in a minute.

        Raises:
            UsageError: web.unauthorized
            LimitError: web.too-often
        """
        self.admit(request)
        if not self._per_minute:
            return
        caller, now = self._caller(request), self._now()
        left, at = self._left.pop(caller, (float(self._per_minute), now))
        left = min(left + (now - at) * self._per_minute / _MINUTE, float(self._per_minute))
        self._left[caller] = (left - 1 if left >= 1 else left, now)
        if len(self._left) > _MOST_CALLERS:
            self._left.popitem(last=False)
        if left < 1:
            wait = math.ceil((1 - left) * _MINUTE / self._per_minute)
            raise LimitError("web.too-often", per_minute=self._per_minute, retry_after_seconds=wait)

    @contextmanager
    def answering(self) -> Generator[None]:
        """The time of one answer. Raises LimitError web.busy."""
        if self.running >= self._most_running:
            raise LimitError("web.busy", running=self.running, retry_after_seconds=1)
        self.running += 1
        try:
            yield
        finally:
            self.running -= 1

    def stop(self) -> None:
        """Let running answers go on for some seconds, then end them where they call `check`."""
        self._stops_at = min(self._stops_at, self._now() + _STOPPING_SECONDS)

    def check(self) -> None:
        """Raises BackendError web.stopping when the time that was left to answers is over."""
        if self._now() > self._stops_at:
            raise BackendError("web.stopping")

    def _caller(self, request: Request) -> str:
        if self._keys is not None:  # its hash: the key itself is kept nowhere
            return hashlib.sha256(request.headers["authorization"].encode("utf-8", "surrogateescape")).hexdigest()
        return request.client.host if request.client else ""
