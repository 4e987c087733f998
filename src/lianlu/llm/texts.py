"""The words of llm's errors, in both languages."""

from __future__ import annotations

from lianlu.core.errors import ErrorText
from lianlu.core.i18n import Text

__all__ = ["ERRORS"]

_FORMS = "fake:echo, replay:FILE, https://host/v1#MODEL, ENDPOINT:MODEL"

ERRORS: dict[str, ErrorText] = {
    "llm.no-ability": ErrorText(
        Text("{backend} cannot {ability}", "{backend} 不支持 {ability}"),
        Text("it can: {offered}. Name a model that can {ability}", "它支持：{offered}。请换一个支持 {ability} 的模型"),
    ),
    "llm.bad-ref": ErrorText(
        Text("{ref!r} does not name a model", "{ref!r} 不是模型的名字"),
        Text(f"write one of: {_FORMS}", f"可写：{_FORMS}"),
    ),
    "llm.unknown-ref": ErrorText(
        Text(
            "{ref!r} names neither a kind of model nor an endpoint",
            "{ref!r} 既不是模型类型，也不是已登记的服务",
        ),
        Text(
            "{suggestion} — `lianlu endpoint add NAME URL` names a service; forms: " + _FORMS,
            "{suggestion} 用 `lianlu endpoint add NAME URL` 登记服务；可写：" + _FORMS,
        ),
    ),
    "llm.not-installed": ErrorText(
        Text("{ref!r} needs the engine, which this version does not have yet", "{ref!r} 需要推理引擎，当前版本还没有"),
        Text(
            "running weights in process comes with the [torch] extra; until then serve the model"
            " (vLLM, LMDeploy, llama.cpp) and name it by its URL: http://127.0.0.1:8000/v1#MODEL",
            "进程内运行权重将随 [torch] 附加组件提供；在此之前请用 vLLM、LMDeploy 或 llama.cpp 部署，"
            "并以地址指定：http://127.0.0.1:8000/v1#MODEL",
        ),
    ),
    "llm.no-rule": ErrorText(
        Text("{ref}: no rule fits the request {last!r}", "{ref}：没有规则匹配请求 {last!r}"),
        Text("add a rule without `match` at the end of the script", "请在脚本末尾加一条不带 `match` 的规则"),
    ),
    "llm.unauthorized": ErrorText(
        Text("{url} refused the key ({status}): {message}", "{url} 拒绝了密钥（{status}）：{message}"),
        Text(
            "{source}; check it, and that it may use {model!r}",
            "{source}；请检查密钥是否正确、是否有权使用 {model!r}",
        ),
    ),
    "llm.not-found": ErrorText(
        Text(
            "{url} has no such model or path ({status}, model {model!r}): {message}",
            "{url} 没有该模型或路径（{status}，模型 {model!r}）：{message}",
        ),
        Text("{suggestion}", "{suggestion}"),
    ),
    "llm.bad-request": ErrorText(
        Text("{url} refused the request ({status}): {message}", "{url} 拒绝了该请求（{status}）：{message}"),
        Text(
            "mend what the message names; fields beyond the OpenAI interface go into `extra` and differ between servers",
            "请按提示修改；OpenAI 接口以外的字段放在 `extra` 中，各服务并不相同",
        ),
    ),
    "llm.rate-limited": ErrorText(
        Text("{url} asks to slow down ({status}): {message}", "{url} 要求降低请求频率（{status}）：{message}"),
        Text(
            "wait, or set limits for this endpoint so that requests are spread over time",
            "请稍后再试，或为该服务设置限流，使请求均匀分布",
        ),
        http=429,
    ),
    "llm.server-error": ErrorText(
        Text("{url} failed ({status}): {message}", "{url} 出错（{status}）：{message}"),
        Text(
            "the fault is on the server's side; try again later or read its log", "问题在服务端；请稍后再试或查看其日志"
        ),
    ),
}
