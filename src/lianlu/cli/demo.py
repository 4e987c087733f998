"""`lianlu demo`: the shipped chain on the shipped handbook, then how to do the same with one's own files and model."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from lianlu.chain import RunResult
from lianlu.cli.run import execute
from lianlu.cli.show import show_run
from lianlu.core.console import print_table, say
from lianlu.core.errors import failure_text
from lianlu.core.i18n import Text, pick
from lianlu.core.verb import Call, Outcome, argument, verb
from lianlu.records import Failure

__all__ = ["demo"]


@verb(
    "demo",
    Text(
        "From documents to cited answers, offline: no key, no GPU, no download.",
        "离线演示：从文档到带引用的回答，无需密钥、GPU 与下载。",
    ),
)
@argument("overrides", nargs=-1)
def demo(call: Call, overrides: tuple[str, ...]) -> Outcome:
    result = execute(call, "demo", overrides)
    return Outcome(result.as_json(), lambda: _show(result))


def _show(result: RunResult) -> None:
    documents = _summary(result, "documents")
    if {"documents", "failed"} <= documents.keys():
        _show_documents(documents)
    show_run(result)
    report = result.results.get("report")
    if isinstance(report, str):
        address = Path(report).resolve().as_uri()
        say(pick(f"open the report:  {address}", f"打开报告：  {address}"))
    say()
    say(pick("The same with your own files, endpoint and model:", "换成你自己的文件、服务与模型："))
    for line in (
        "lianlu demo documents=FOLDER question='…'",
        "lianlu rag build handbook FOLDER  &&  lianlu rag ask handbook '…'",
        "export INTERNLM_API_KEY=…  &&  lianlu rag ask handbook '…' --model internlm:internlm2.5-latest",
    ):
        say(f"  {line}")


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
