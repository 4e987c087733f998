"""`lianlu serve REF`: one model over HTTP with OpenAI's interface, and a chat page beside it."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from lianlu.core import aio
from lianlu.core.console import say
from lianlu.core.errors import BackendError, LianluError, UsageError
from lianlu.core.i18n import Text, pick
from lianlu.core.verb import Call, Outcome, argument, option, verb
from lianlu.llm import Backend, Identity, open_backend
from lianlu.store import open_store

if TYPE_CHECKING:
    from lianlu.serve.service import Service

__all__ = ["serve"]

_DEFAULT_PORT = 23333
_FIRST_TEXT = "lianlu"  # what an embedder is asked first, so that its weights are there


@verb("serve", Text("serve a model over HTTP", "以 HTTP 提供模型服务"))
@argument("ref")
@option("--host", default="127.0.0.1", show_default=True, help=Text("address to listen at", "监听地址"))
@option(
    "--port",
    type=click.IntRange(0, 65535),
    default=_DEFAULT_PORT,
    show_default=True,
    help=Text("port to listen at; 0 takes a free one", "监听端口；0 表示任选空闲端口"),
)
@option("--model-name", default="", help=Text("name that clients ask for", "客户端使用的模型名"))
@option(
    "--require-keys",
    metavar="FILE|VARIABLE",
    default="",
    help=Text("let in only the keys of a file or environment variable", "只接受文件或环境变量中的密钥"),
)
@option("--log-prompts", is_flag=True, help=Text("keep what was asked in the request log", "在请求日志中保留请求内容"))
def serve(call: Call, ref: str, host: str, port: int, model_name: str, require_keys: str, log_prompts: bool) -> Outcome:
    """REF names the model: local:FOLDER, @name, http://host/v1#model, fake:echo; an embedder or a reranker too. It stays
    in the foreground."""
    from lianlu import web
    from lianlu.serve.app import PATHS, serving_app
    from lianlu.serve.log import RequestLog
    from lianlu.serve.service import Service, new_instance
    from lianlu.web.keys import read_keys

    keys = read_keys(require_keys, os.environ) if require_keys else None
    backend = open_backend(ref, settings=call.settings)
    identity = aio.run(backend.identity)
    _check_able(backend, ref)
    name = model_name or _short_name(identity)
    log_path = _log_path(call, name, is_made=not call.dry_run)
    told: dict[str, Any] = {
        "ref": ref,
        "model": name,
        "fingerprint": identity.fingerprint,
        "engine": identity.engine,
        "paths": list(PATHS),
        "log": str(log_path) if log_path else None,
    }
    if call.dry_run:
        aio.run(backend.close)
        return Outcome({"host": host, "port": port, **told}, lambda: _show_plan(host, port, told))
    if not identity.url:
        aio.run(lambda: _get_ready(backend, ref))
    instance = new_instance()
    log = RequestLog(log_path, instance=instance, with_prompts=log_prompts)
    service = Service(backend, name, identity, log, instance)

    def listening(url: str, tunnel: str) -> None:
        if call.json:
            shown = {"url": url, **told, "instance": instance, "tunnel": tunnel}
            say(msgspec.json.format(msgspec.json.encode(shown), indent=2).decode())
        else:
            _show_start(url, tunnel, service)
        sys.stdout.flush()

    try:
        web.serve(serving_app(service, keys=keys), host, port, on_listening=listening, on_stopping=service.stop)
    except KeyboardInterrupt:
        say(pick("stopped", "已停止"), stream=sys.stderr)
    raise click.exceptions.Exit(0)  # the one JSON object was printed when the server was up


async def _get_ready(backend: Backend, ref: str) -> None:
    """Load a model of this process before clients may come. A remote one is not asked until somebody asks us.

    Raises:
        DataError: engine.*: what is wrong with its folder, under its own name
        BackendError: serve.not-ready
    """
    if "tokenize" in backend.abilities:
        await backend.tokenize("")
    elif "embed" in backend.abilities:
        await backend.embed([_FIRST_TEXT])
    elif "rerank" in backend.abilities:
        await backend.rerank(_FIRST_TEXT, [_FIRST_TEXT])
    if "health" in backend.abilities:
        found = await backend.health()
        if not found.is_ok:
            raise BackendError("serve.not-ready", ref=ref, why=found.why)


def _check_able(backend: Backend, ref: str) -> None:
    if not {"chat", "complete", "embed", "rerank"} & backend.abilities:
        offered = ", ".join(sorted(backend.abilities)) or "-"
        raise UsageError("serve.cannot-answer", ref=ref, offered=offered)


def _short_name(identity: Identity) -> str:
    """The last part of a path or hub id: what people would call the model."""
    return re.split(r"[/\\]", identity.model.rstrip("/\\"))[-1] or identity.engine


def _log_path(call: Call, name: str, *, is_made: bool) -> Path | None:
    """`--out`, else the state folder of the store; a store that cannot be used is a warning, and no log is kept."""
    if call.out is not None:
        return call.out / "requests.jsonl"
    folder = re.sub(r"[^\w.-]+", "-", name).strip(".-") or "model"
    try:
        return open_store(call.store, settings=call.settings, create=is_made).state("serve", folder, "requests.jsonl")
    except LianluError as error:
        if is_made:
            say(pick(f"! no request log: {error.message()}", f"! 不记录请求日志：{error.message()}"), stream=sys.stderr)
        return None


def _show_plan(host: str, port: int, told: dict[str, Any]) -> None:
    at = f"http://{host}:{port or pick('(a free port)', '（空闲端口）')}"
    say(
        pick(
            f"would serve {told['ref']} as {told['model']!r} at {at}",
            f"将以 {told['model']!r} 之名提供 {told['ref']}：{at}",
        )
    )
    for path in told["paths"]:
        say(f"  {path}")


def _show_start(url: str, tunnel: str, service: Service) -> None:
    from lianlu import web

    fingerprint = (service.identity.fingerprint or "-")[:16]
    say(pick(f"model {service.name!r} ({fingerprint})", f"模型 {service.name!r}（{fingerprint}）"))
    web.announce(url, tunnel)
    if "chat" in service.backend.abilities:
        say(pick(f"chat page: {url}/    OpenAI base URL: {url}/v1", f"聊天页面：{url}/    OpenAI base URL：{url}/v1"))
    else:
        say(f"OpenAI base URL: {url}/v1")
    if service.log.path is not None:
        say(pick(f"request log: {service.log.path}", f"请求日志：{service.log.path}"))
