"""`lianlu rag serve NAME`: a base over HTTP, with a page to ask it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click
import msgspec

from lianlu.core.console import say
from lianlu.core.i18n import Text, pick
from lianlu.core.verb import Call, Outcome, argument, option, verb
from lianlu.rag.base import KnowledgeBase
from lianlu.rag.shelf import open_base

__all__ = ["serve"]

_DEFAULT_PORT = 23334


@verb("serve", Text("serve a base over HTTP, with a page", "以 HTTP 提供知识库，并附网页"))
@argument("name")
@option(
    "--model",
    help=Text(
        "ModelRef that writes the answers; without it sentences are quoted", "撰写回答的模型；不给则逐句引用原文"
    ),
)
@option("--host", default="127.0.0.1", show_default=True, help=Text("address to listen at", "监听地址"))
@option(
    "--port",
    type=click.IntRange(0, 65535),
    default=_DEFAULT_PORT,
    show_default=True,
    help=Text("port to listen at; 0 takes a free one", "监听端口；0 表示任选空闲端口"),
)
@option("--greeting", default="", help=Text("first words of the page", "网页的欢迎语"))
@option(
    "--framed-by",
    multiple=True,
    metavar="ORIGIN",
    help=Text("site whose pages may show this one in a frame; repeatable", "允许以框架嵌入本页的网站，可重复"),
)
def serve(
    call: Call, name: str, model: str | None, host: str, port: int, greeting: str, framed_by: tuple[str, ...]
) -> Outcome:
    """NAME is a knowledge base, or a file that `rag export` wrote. It stays in the foreground."""
    from lianlu import web
    from lianlu.rag.app import PATHS, base_app

    def opened() -> KnowledgeBase:
        path = Path(name)
        return KnowledgeBase.open_snapshot(path) if path.is_file() else open_base(name, root=call.store)

    with opened() as base:  # what is wrong with it is said before the server is up
        status = base.status()
    told: dict[str, Any] = {"name": name, "documents": status.documents, "model": model, "paths": list(PATHS)}
    if call.dry_run:
        return Outcome({"host": host, "port": port, **told})

    def listening(url: str, tunnel: str) -> None:
        if call.json:
            say(msgspec.json.format(msgspec.json.encode({"url": url, **told, "tunnel": tunnel}), indent=2).decode())
        else:
            say(pick(f"{name}: {status.documents} documents", f"{name}：{status.documents} 篇文档"))
            web.announce(url, tunnel)
        sys.stdout.flush()

    title = Path(name).stem if Path(name).is_file() else name
    app = base_app(opened, model=model, title=title, greeting=greeting, framed_by=framed_by, settings=call.settings)
    try:
        web.serve(app, host, port, on_listening=listening)
    except KeyboardInterrupt:
        say(pick("stopped", "已停止"), stream=sys.stderr)
    raise click.exceptions.Exit(0)  # the one JSON object was printed when the server was up
