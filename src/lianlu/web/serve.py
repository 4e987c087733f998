"""Serve an app: bind first, so that a busy port is an error with a way out, then print where it is.

Under SSH the exact `ssh -CNg -L` line is printed, to be typed on the machine with the browser.
"""

from __future__ import annotations

import errno
import getpass
import os
import socket
import threading
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import closing, contextmanager
from types import FrameType

import uvicorn
from starlette.types import ASGIApp

from lianlu.core.console import say
from lianlu.core.errors import BackendError, UsageError
from lianlu.core.i18n import pick

__all__ = ["announce", "bind", "running", "serve", "tunnel_line"]

_GRACE_SECONDS = 10
_LAST_PORT = 65535
_START_SECONDS = 10.0


def serve(
    app: ASGIApp,
    host: str = "127.0.0.1",
    port: int = 0,
    *,
    environment: Mapping[str, str] = os.environ,
    log_level: str = "warning",
    on_listening: Callable[[str, str], None] | None = None,
    on_stopping: Callable[[], None] | None = None,
) -> None:
    """Serve until SIGINT or SIGTERM; running requests get ten seconds to end.

    Args:
        port: 0 takes a free one.
        on_listening: called with the URL and the tunnel line (`announce`, when None) as soon as clients may connect.
        on_stopping: called when a signal asks the server to stop, before requests are waited for.

    Raises:
        UsageError: web.port-in-use (with a free one), web.port-forbidden, web.bad-host
    """
    with closing(bind(host, port)) as listener:
        (on_listening or announce)(_url(listener), tunnel_line(listener.getsockname()[1], environment))
        _server(app, log_level, on_stopping=on_stopping).run(sockets=[listener])


def announce(url: str, tunnel: str) -> None:
    """Say where the server is, and how to reach it from the machine one came from."""
    say(pick(f"serving at {url} (Ctrl-C stops)", f"服务地址：{url}（Ctrl-C 停止）"))
    if tunnel:
        say(pick(f"from your own machine: {tunnel}", f"在自己的电脑上运行：{tunnel}"))


@contextmanager
def running(app: ASGIApp, host: str = "127.0.0.1", port: int = 0) -> Generator[str]:
    """A server in a thread for the length of a block; gives its URL. For tests and for one-shot pages.

    Raises:
        UsageError: as `serve`
        BackendError: web.not-started
    """
    with closing(bind(host, port)) as listener:
        server = _server(app, "critical", grace_seconds=1)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        try:
            _await_start(server, thread)
            yield _url(listener)
        finally:
            server.should_exit = True
            thread.join(_GRACE_SECONDS)


def bind(host: str, port: int) -> socket.socket:
    """A listening socket. Raises as `serve`."""
    if not 0 <= port <= _LAST_PORT:  # getaddrinfo would wrap it around
        raise UsageError("web.bad-host", host=host, port=port, why="no such port")
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
    except (socket.gaierror, OverflowError, UnicodeError) as error:
        raise UsageError("web.bad-host", host=host, port=port, why=str(error)) from None
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(2048)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise UsageError("web.port-in-use", port=port, free=_free_port(host)) from None
        if error.errno == errno.EACCES:
            raise UsageError("web.port-forbidden", port=port) from None
        raise UsageError("web.bad-host", host=host, port=port, why=error.strerror or str(error)) from None
    return listener


def tunnel_line(port: int, environment: Mapping[str, str]) -> str:
    """The command that brings `port` to the machine one came from by SSH; empty without SSH.

    >>> tunnel_line(7860, {"SSH_CONNECTION": "10.0.0.2 50022 10.0.0.9 2222", "USER": "ann"})
    'ssh -CNg -L 7860:127.0.0.1:7860 ann@10.0.0.9 -p 2222'
    """
    fields = environment.get("SSH_CONNECTION", "").split()
    if len(fields) != 4:
        return ""
    user = environment.get("USER") or getpass.getuser()
    return f"ssh -CNg -L {port}:127.0.0.1:{port} {user}@{fields[2]} -p {fields[3]}"


def _url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)  # noqa: S104 - a name, not a bind
    return f"http://{shown}:{port}"


def _free_port(host: str) -> int:
    with closing(bind(host, 0)) as listener:
        return listener.getsockname()[1]


class _Server(uvicorn.Server):
    """Tells the app that it is asked to stop: uvicorn's own shutdown event comes after the last request."""

    def __init__(self, config: uvicorn.Config, on_stopping: Callable[[], None] | None) -> None:
        super().__init__(config)
        self._on_stopping = on_stopping

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if self._on_stopping is not None:
            self._on_stopping()
        super().handle_exit(sig, frame)


def _server(
    app: ASGIApp,
    log_level: str,
    *,
    grace_seconds: int = _GRACE_SECONDS,
    on_stopping: Callable[[], None] | None = None,
) -> uvicorn.Server:
    config = uvicorn.Config(
        app,
        log_level=log_level,
        access_log=False,
        timeout_graceful_shutdown=grace_seconds,
        server_header=False,
        lifespan="auto",
    )
    return _Server(config, on_stopping)


def _await_start(server: uvicorn.Server, thread: threading.Thread) -> None:
    until = time.monotonic() + _START_SECONDS
    while not server.started:
        if not thread.is_alive() or time.monotonic() > until:
            raise BackendError("web.not-started", seconds=_START_SECONDS)
        time.sleep(0.01)
