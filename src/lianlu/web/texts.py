"""The words of web's errors, in both languages."""

from __future__ import annotations

from lianlu.core.errors import ErrorText
from lianlu.core.i18n import Text

__all__ = ["ERRORS"]

ERRORS: dict[str, ErrorText] = {
    "web.unauthorized": ErrorText(
        Text("this server asks for a key", "该服务需要密钥"),
        Text("send the header `Authorization: Bearer <key>`", "请发送请求头 `Authorization: Bearer <密钥>`"),
        http=401,
    ),
    "web.too-large": ErrorText(
        Text("the request is larger than {limit} MiB", "请求超过 {limit} MiB"),
        Text("send less at once", "请减少单次发送的内容"),
        http=413,
    ),
    "web.timeout": ErrorText(
        Text("the answer did not begin within {seconds:g} s", "在 {seconds:g} 秒内没有开始回答"),
        Text("try again later, or ask for less at once", "请稍后再试，或减少单次请求的内容"),
        http=504,
    ),
    "web.port-in-use": ErrorText(
        Text("port {port} is in use by another program", "端口 {port} 已被其他程序占用"),
        Text(
            "port {free} is free: give --port {free}, or --port 0 for any",
            "端口 {free} 空闲：用 --port {free}，或 --port 0 自动选择",
        ),
    ),
    "web.port-forbidden": ErrorText(
        Text("port {port} may not be opened by this user", "当前用户无权打开端口 {port}"),
        Text("choose a port from 1024 upwards", "请选择 1024 以上的端口"),
    ),
    "web.bad-host": ErrorText(
        Text("cannot serve at {host!r} port {port}: {why}", "无法在 {host!r} 端口 {port} 提供服务：{why}"),
        Text(
            "127.0.0.1 serves this machine only, 0.0.0.0 the whole network; ports go from 0 to 65535",
            "127.0.0.1 仅供本机，0.0.0.0 供整个网络；端口范围 0–65535",
        ),
    ),
    "web.not-started": ErrorText(
        Text("the server did not start within {seconds:g} s", "服务在 {seconds:g} 秒内未能启动"),
        Text("its log says why; run it with -v", "原因见日志；可加 -v 运行"),
    ),
    "web.not-json": ErrorText(
        Text("the request body is not JSON: {why}", "请求体不是 JSON：{why}"),
        Text("send one JSON object in UTF-8", "请发送一个 UTF-8 编码的 JSON 对象"),
    ),
    "web.content-type": ErrorText(
        Text("the request has the content type {given!r}", "请求的内容类型是 {given!r}"),
        Text(
            "send the header `Content-Type: application/json` (curl: -H 'Content-Type: application/json')",
            "请发送请求头 `Content-Type: application/json`（curl：-H 'Content-Type: application/json'）",
        ),
        http=415,
    ),
    "web.busy": ErrorText(
        Text("{running} requests are running already", "已有 {running} 个请求正在处理"),
        Text("try again in {retry_after_seconds} s", "请在 {retry_after_seconds} 秒后重试"),
        http=429,
    ),
    "web.stopping": ErrorText(
        Text("the server was stopped in the middle of this answer", "回答尚未结束，服务已停止"),
        Text(
            "what has arrived so far is all there is; ask again when the server is back",
            "已收到的内容即为全部；请等服务恢复后重新提问",
        ),
        http=503,
    ),
    "web.no-keys": ErrorText(
        Text("{source!r} holds no key", "{source!r} 中没有密钥"),
        Text(
            "--require-keys takes a file with one key in each line, or the name of an environment variable with keys"
            " between commas",
            "--require-keys 接受每行一个密钥的文件，或以逗号分隔密钥的环境变量名",
        ),
    ),
    "web.bad-origin": ErrorText(
        Text("{origin!r} is no origin of web pages", "{origin!r} 不是有效的网页来源"),
        Text("write scheme and host, such as https://example.org", "请写出协议与主机，例如 https://example.org"),
    ),
    "web.too-often": ErrorText(
        Text("more than {per_minute} requests a minute came from here", "来自此处的请求已超过每分钟 {per_minute} 次"),
        Text("try again in {retry_after_seconds} s", "请在 {retry_after_seconds} 秒后重试"),
        http=429,
    ),
}
