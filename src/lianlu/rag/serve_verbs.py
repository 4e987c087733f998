"""`lianlu rag serve NAME`: a base over HTTP, with a page to ask it."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import Any

import click
import msgspec

from lianlu.core.console import say
from lianlu.core.errors import UsageError
from lianlu.core.i18n import Text, pick
from lianlu.core.verb import Call, Outcome, argument, option, verb
from lianlu.rag.base import KnowledgeBase
from lianlu.rag.shelf import open_base

__all__ = ["serve"]

_DEFAULT_PORT = 23334
_ORIGIN = re.compile(r"https?://[A-Za-z0-9*][A-Za-z0-9.-]*(:[0-9]{1,5})?")


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
@option(
    "--require-keys",
    metavar="FILE|VARIABLE",
    default="",
    help=Text("let in only the keys of a file or environment variable", "只接受文件或环境变量中的密钥"),
)
@option(
    "--per-minute",
    type=click.IntRange(0),
    default=0,
    help=Text("most questions a minute from one key or address", "每个密钥或地址每分钟最多提问次数"),
)
@option("--title", default="", help=Text("what the page and clients call it", "网页与客户端使用的名称"))
@option("--greeting", default="", help=Text("first words of the page", "网页的欢迎语"))
@option(
    "--framed-by",
    multiple=True,
    metavar="ORIGIN",
    help=Text("site whose pages may show this one in a frame; repeatable", "允许以框架嵌入本页的网站，可重复"),
)
def serve(
    call: Call,
    name: str,
    model: str | None,
    host: str,
    port: int,
    require_keys: str,
    per_minute: int,
    title: str,
    greeting: str,
    framed_by: tuple[str, ...],
) -> Outcome:
    """NAME is a knowledge base, or a file that `rag export` wrote. It stays in the foreground."""
    from lianlu import web
    from lianlu.rag.app import PATHS, Face, base_app
    from lianlu.web.gate import Gate
    from lianlu.web.keys import read_keys

    for origin in framed_by:
        if not _ORIGIN.fullmatch(origin):
            raise UsageError("web.bad-origin", origin=origin)
    gate = Gate(read_keys(require_keys, os.environ) if require_keys else None, per_minute=per_minute)

    def opened() -> KnowledgeBase:
        path = Path(name)
        return KnowledgeBase.open_snapshot(path) if path.is_file() else open_base(name, root=call.store)

    with opened() as base:  # what is wrong with it or with the model is said before the server is up
        status = base.status()
    if model is not None:
        _check_able(model, call)
    shown = " ".join(title.split()) or (Path(name).stem if Path(name).is_file() else name)
    told: dict[str, Any] = {"name": shown, "documents": status.documents, "model": model, "paths": list(PATHS)}
    if call.dry_run:
        return Outcome({"host": host, "port": port, **told})

    def listening(url: str, tunnel: str) -> None:
        if call.json:
            say(msgspec.json.format(msgspec.json.encode({"url": url, **told, "tunnel": tunnel}), indent=2).decode())
        else:
            say(pick(f"{shown}: {status.documents} documents", f"{shown}：{status.documents} 篇文档"))
            web.announce(url, tunnel)
            say(pick(f"page: {url}/    OpenAI base URL: {url}/v1", f"网页：{url}/    OpenAI base URL：{url}/v1"))
        sys.stdout.flush()

    app = base_app(opened, Face(model, shown, greeting, framed_by), gate=gate, settings=call.settings)
    try:
        web.serve(app, host, port, on_listening=listening, on_stopping=gate.stop)
    except KeyboardInterrupt:
        say(pick("stopped", "已停止"), stream=sys.stderr)
    raise click.exceptions.Exit(0)  # the one JSON object was printed when the server was up


def _check_able(ref: str, call: Call) -> None:
    """Raises UsageError llm.no-ability, and what `open_backend` raises for what is no model."""
    from lianlu.core import aio
    from lianlu.llm import open_backend

    backend = open_backend(ref, settings=call.settings)
    offered = backend.abilities
    aio.run(backend.close)
    if "chat" not in offered:
        raise UsageError("llm.no-ability", backend=ref, ability="chat", offered=", ".join(sorted(offered)))
