"""`lianlu demo`: the shipped chain on the shipped handbook, then how to do the same with one's own files and model.

Without PyTorch there is only the first half, from documents to answers; the demo then says how to get the second.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import msgspec

from lianlu.chain import RunResult
from lianlu.cli.run import execute
from lianlu.cli.show import show_run
from lianlu.core.console import print_table, say
from lianlu.core.errors import failure_text
from lianlu.core.extras import pip_command
from lianlu.core.i18n import Text, pick
from lianlu.core.verb import Call, Outcome, argument, verb
from lianlu.records import Failure

__all__ = ["demo"]

_FOR_TRAINING = ("torch", "transformers", "peft", "fastapi", "uvicorn")


@verb(
    "demo",
    Text(
        "The whole chain, offline, from documents to an evaluated assistant: no key, no GPU, no download.",
        "离线演示整条链路，从文档到经过评测的助手：无需密钥、GPU 与下载。",
    ),
)
@argument("overrides", nargs=-1)
def demo(call: Call, overrides: tuple[str, ...]) -> Outcome:
    missing = [name for name in _FOR_TRAINING if find_spec(name) is None]
    result = execute(call, "answers" if missing else "demo", overrides)
    return Outcome(result.as_json(), lambda: _show(result, missing))


def _show(result: RunResult, missing: list[str]) -> None:
    documents = _summary(result, "documents")
    if {"documents", "failed"} <= documents.keys():
        _show_documents(documents)
    show_run(result)
    report = result.results.get("report")
    if isinstance(report, str):
        address = Path(report).resolve().as_uri()
        say(pick(f"open the report:  {address}", f"打开报告：  {address}"))
    if missing:
        _show_second_half(missing)
    say()
    say(pick("The same with your own files, endpoint and model:", "换成你自己的文件、服务与模型："))
    for line in (
        "lianlu demo documents=FOLDER question='…'",
        *(() if missing else ("lianlu demo assistant=小明 author='Ann Lee'  &&  lianlu serve @demo/merged",)),
        "lianlu rag build handbook FOLDER  &&  lianlu rag ask handbook '…'",
        "export INTERNLM_API_KEY=…  &&  lianlu rag ask handbook '…' --model internlm:internlm2.5-latest",
    ):
        say(f"  {line}")


def _show_second_half(missing: list[str]) -> None:
    say()
    names = ", ".join(missing)
    say(
        pick(
            f"This was the first half. The second trains, serves and evaluates a small assistant; it needs {names}:",
            f"以上是前半部分。后半部分训练、部署并评测一个小助手，需要 {names}：",
        )
    )
    say(f"  {pip_command('all,train')}  &&  lianlu demo")


def _summary(result: RunResult, step: str) -> Mapping[str, Any]:
    return next((each.summary for each in result.steps if each.name == step), {})


def _show_documents(summary: Mapping[str, Any]) -> None:
    say(
        pick(
            f"{summary['documents']} documents read, {summary['failed']} failed",
            f"已读 {summary['documents']} 份文档，{summary['failed']} 份失败",
        )
    )
    failures = summary.get("failures", ())
    if failures:
        columns = (pick("file", "文件"), pick("why it was left out", "未读入的原因"))
        known = msgspec.convert(failures, list[Failure])
        print_table(columns, [(failure.uri, failure_text(failure).message.show()) for failure in known])
