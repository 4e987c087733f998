"""The words of serve's errors, in both languages."""

from __future__ import annotations

from lianlu.core.errors import ErrorText
from lianlu.core.i18n import Text

__all__ = ["ERRORS"]

ERRORS: dict[str, ErrorText] = {
    "serve.not-json": ErrorText(
        Text("the request body is not JSON: {why}", "请求体不是 JSON：{why}"),
        Text("send one JSON object in UTF-8", "请发送一个 UTF-8 编码的 JSON 对象"),
    ),
    "serve.content-type": ErrorText(
        Text("the request has the content type {given!r}", "请求的内容类型是 {given!r}"),
        Text(
            "send the header `Content-Type: application/json` (curl: -H 'Content-Type: application/json')",
            "请发送请求头 `Content-Type: application/json`（curl：-H 'Content-Type: application/json'）",
        ),
        http=415,
    ),
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
    "serve.busy": ErrorText(
        Text("{running} requests are running already", "已有 {running} 个请求正在处理"),
        Text("try again in {retry_after_seconds} s", "请在 {retry_after_seconds} 秒后重试"),
        http=429,
    ),
    "serve.stopping": ErrorText(
        Text("the server was stopped in the middle of this answer", "回答尚未结束，服务已停止"),
        Text(
            "what has arrived so far is all there is; ask again when the server is back",
            "已收到的内容即为全部；请等服务恢复后重新提问",
        ),
        http=503,
    ),
    "serve.no-keys": ErrorText(
        Text("{source!r} holds no key", "{source!r} 中没有密钥"),
        Text(
            "--require-keys takes a file with one key in each line, or the name of an environment variable with keys"
            " between commas",
            "--require-keys 接受每行一个密钥的文件，或以逗号分隔密钥的环境变量名",
        ),
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
