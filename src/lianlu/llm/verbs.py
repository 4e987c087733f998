"""`lianlu endpoint`: name model services, look at them, try them."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import click

from lianlu.core import aio
from lianlu.core.console import print_table, say
from lianlu.core.errors import LianluError, UsageError
from lianlu.core.i18n import Text, pick, suggest
from lianlu.core.verb import Call, Outcome, RoomGroup, argument, option, verb
from lianlu.llm.backend import Sampling
from lianlu.llm.client import Client
from lianlu.llm.endpoint import Endpoint, add_endpoint, checked_url, endpoints, remove_endpoint, user_endpoints
from lianlu.llm.limits import Limits
from lianlu.records import Conversation, user

__all__ = ["endpoint"]

_MODELS_SHOWN = 10


@verb("add", Text("name a service; one of that name is replaced", "登记一个服务；同名则替换"))
@argument("name")
@argument("url")
@option(
    "--key-env",
    multiple=True,
    metavar="VARIABLE",
    help=Text("environment variable that holds the key; may be repeated", "存放密钥的环境变量，可重复"),
)
@option("--model", default="", help=Text("model to ask when none is named", "默认模型"))
@option(
    "--price-in", type=click.FloatRange(min=0), help=Text("price of a million prompt tokens", "每百万输入 token 的价格")
)
@option(
    "--price-out",
    type=click.FloatRange(min=0),
    help=Text("price of a million answer tokens", "每百万输出 token 的价格"),
)
@option("--currency", default="USD", show_default=True, help=Text("currency of the prices", "价格的货币"))
@option(
    "--query-per-second",
    type=click.FloatRange(min=0, min_open=True),
    help=Text("ask at most so often, all processes together", "每秒最多请求数，所有进程合计"),
)
def _add(
    call: Call,
    name: str,
    url: str,
    key_env: tuple[str, ...],
    model: str,
    price_in: float | None,
    price_out: float | None,
    currency: str,
    query_per_second: float | None,
) -> Outcome:
    made = Endpoint(
        url=checked_url(url),
        key_env=key_env,
        model=model,
        price_in=price_in,
        price_out=price_out,
        currency=currency,
        limits=Limits(query_per_second=query_per_second),
    )
    before = endpoints(call.settings).get(name)
    if not call.dry_run:
        add_endpoint(call.settings, name, made)
    then = f"lianlu endpoint test {name}"

    def show() -> None:
        if before is not None and before.url != made.url:
            say(pick(f"replaces {name} → {before.url}", f"取代 {name} → {before.url}"))
        say(pick(f"{name} → {made.url}; try it: {then}", f"{name} → {made.url}；试一试：{then}"))

    replaced = {"replaced": before.url} if before is not None else {}
    return Outcome({"name": name, **_row(made, is_preset=False), **replaced}, show)


@verb("list", Text("all services, presets first", "列出全部服务，预设在前"))
def _list(call: Call) -> Outcome:
    own = user_endpoints(call.settings)
    found = {name: _row(each, is_preset=name not in own) for name, each in endpoints(call.settings).items()}
    columns = (
        pick("name", "名称"),
        "URL",
        pick("key from", "密钥来源"),
        pick("model", "模型"),
        pick("price", "价格"),
        "",
    )
    rows = [
        (name, row["url"], " / ".join(row["key_env"]) or "-", row["model"] or "-", _price(row), _origin(row))
        for name, row in found.items()
    ]
    return Outcome({"endpoints": found}, lambda: print_table(columns, rows))


@verb("remove", Text("forget one of your services", "删除一个已登记的服务"))
@argument("name")
def _remove(call: Call, name: str) -> Outcome:
    if call.dry_run:
        own = user_endpoints(call.settings)
        if name not in own:
            raise UsageError("llm.unknown-endpoint", name=name, suggestion=suggest(name, own))
    else:
        remove_endpoint(call.settings, name)
    return Outcome({"removed": name}, lambda: say(pick(f"{name} is forgotten", f"已删除 {name}")))


@verb("test", Text("ask a service for its models and one short answer", "向服务查询模型列表并请求一次简短回答"))
@argument("name")
@option("--model", default="", help=Text("model to ask", "要询问的模型"))
def _test(call: Call, name: str, model: str) -> Outcome:
    known = endpoints(call.settings)
    if name not in known:
        raise UsageError("llm.unknown-endpoint", name=name, suggestion=suggest(name, known))
    with_one_try = known[name].model_copy(update={"retries": 0})
    trial = aio.run(
        lambda: _tried(partial(Client, with_one_try, ref=name, environment=os.environ), model or known[name].model)
    )
    data = {"name": name, "url": known[name].url, "ok": trial.is_ok, **trial.shown()}
    return Outcome(data, lambda: _show_trial(name, trial), verdict=trial.is_ok)


endpoint = RoomGroup("endpoint", Text("named model services", "已命名的模型服务"), [_add, _list, _remove, _test])


@dataclass
class _Trial:
    models: tuple[str, ...] = ()
    models_seconds: float = 0.0
    model: str = ""
    answer: str = ""
    answer_seconds: float = 0.0
    models_error: LianluError | None = None
    answer_error: LianluError | None = None

    @property
    def is_ok(self) -> bool:
        return bool(self.model) and self.answer_error is None

    def shown(self) -> dict[str, Any]:
        return {
            "models": self.models,
            "models_seconds": round(self.models_seconds, 3),
            "model": self.model,
            "answer": self.answer,
            "answer_seconds": round(self.answer_seconds, 3),
            "errors": [_error(each) for each in self.errors()],
        }

    def errors(self) -> list[LianluError]:
        return [each for each in (self.models_error, self.answer_error) if each is not None]


async def _tried(open_client: Callable[[str], Client], model: str) -> _Trial:
    trial = _Trial()
    began = time.monotonic()
    async with open_client(model) as client:
        try:
            trial.models = await client.models()
        except LianluError as error:
            trial.models_error = error
    trial.models_seconds = time.monotonic() - began
    trial.model = model or next(iter(trial.models), "")
    if trial.model:
        await _ask(open_client(trial.model), trial)
    return trial


async def _ask(client: Client, trial: _Trial) -> None:
    began = time.monotonic()
    hello = Conversation(messages=(user(pick("Say hello.", "请说：你好")),))
    async with client:
        try:
            reply = await client.chat(hello, Sampling(max_tokens=16))
            trial.answer = reply.message.text
        except LianluError as error:
            trial.answer_error = error
    trial.answer_seconds = time.monotonic() - began


def _show_trial(name: str, trial: _Trial) -> None:
    if trial.models_error is None:
        more = ", …" if len(trial.models) > _MODELS_SHOWN else ""
        listed = ", ".join(trial.models[:_MODELS_SHOWN]) + more
        say(
            pick(
                f"✓ {len(trial.models)} models in {trial.models_seconds:.2f} s: {listed}",
                f"✓ {len(trial.models)} 个模型，{trial.models_seconds:.2f} 秒：{listed}",
            )
        )
    if trial.is_ok:
        say(
            pick(
                f"✓ {trial.model} answered in {trial.answer_seconds:.2f} s: {trial.answer!r}",
                f"✓ {trial.model} 在 {trial.answer_seconds:.2f} 秒内回答：{trial.answer!r}",
            )
        )
        say(pick(f"use it as {name}:{trial.model}", f"使用方式：{name}:{trial.model}"))
    said = {f"✗ {error.message()} [{error.code}]\n  {error.hint()}": None for error in trial.errors()}
    for line in said:
        say(line)


def _error(error: LianluError) -> dict[str, str]:
    return {"code": error.code, "message": error.message("en"), "hint": error.hint("en")}


def _row(each: Endpoint, *, is_preset: bool) -> dict[str, Any]:
    row = each.model_dump(mode="json", include={"url", "key_env", "model", "price_in", "price_out", "currency"})
    return {**row, "preset": is_preset}


def _price(row: dict[str, Any]) -> str:
    if row["price_in"] is None and row["price_out"] is None:
        return "-"
    return f"{row['price_in'] or 0:g} / {row['price_out'] or 0:g} {row['currency']}"


def _origin(row: dict[str, Any]) -> str:
    return pick("preset", "预设") if row["preset"] else pick("yours", "自定义")
