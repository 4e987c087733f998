"""The words of serve's errors, in both languages."""

from __future__ import annotations

from lianlu.core.errors import ErrorText
from lianlu.core.i18n import Text

__all__ = ["ERRORS"]

ERRORS: dict[str, ErrorText] = {
    "serve.unknown-field": ErrorText(
        Text("{path} has no field {param!r}", "{path} 没有字段 {param!r}"),
        Text("{suggestion}; a field is never ignored silently", "{suggestion} 本服务不会悄悄忽略任何字段"),
    ),
    "serve.unsupported-field": ErrorText(
        Text(
            "the field {param!r} with the value {value} is not supported here", "此处不支持字段 {param!r} 取值 {value}"
        ),
        Text("leave it out; {why}", "请去掉该字段；{why}"),
    ),
    "serve.bad-field": ErrorText(
        Text("the field {param!r} cannot be used: {why}", "字段 {param!r} 无法使用：{why}"),
        Text(
            "mend it; the fields are those of OpenAI's interface (the guide `serve` lists them)",
            "请修改该字段；字段与 OpenAI 接口一致（见文档“serve”）",
        ),
    ),
    "serve.unknown-model": ErrorText(
        Text(
            "this server has no model {asked!r}, it serves {served!r}", "本服务没有模型 {asked!r}，提供的是 {served!r}"
        ),
        Text(
            "send {served!r} as `model`, or start the server with --model-name {asked}",
            "请把 `model` 设为 {served!r}，或用 --model-name {asked} 启动服务",
        ),
        http=404,
    ),
    "serve.not-ready": ErrorText(
        Text("the model {ref!r} does not answer: {why}", "模型 {ref!r} 无法作答：{why}"),
        Text("mend what it says and start the server again", "请先解决上述问题，再重新启动服务"),
    ),
    "serve.cannot-answer": ErrorText(
        Text(
            "{ref!r} can neither answer nor embed nor rerank, so there is nothing to serve",
            "{ref!r} 不能对话、续写、嵌入或重排，没有可提供的服务",
        ),
        Text("it offers: {offered}", "它提供：{offered}"),
    ),
}
