"""The words of llm's errors, in both languages."""

from __future__ import annotations

from lianlu.core.errors import ErrorText
from lianlu.core.i18n import Text

__all__ = ["ERRORS"]

_FORMS = "local:FOLDER, @ARTIFACT, fake:echo, replay:FILE, https://host/v1#MODEL, ENDPOINT:MODEL"

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
            "{suggestion}用 `lianlu endpoint add NAME URL` 登记服务；可写：" + _FORMS,
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
    "llm.key-unset": ErrorText(
        Text("{ref} needs a key, and {variables} is not set", "{ref} 需要密钥，但 {variables} 未设置"),
        Text("`export {variable}=…` with your key, then run again", "先 `export {variable}=…` 设置密钥，再重新运行"),
    ),
    "llm.bad-key": ErrorText(
        Text("the key in {variable} has characters no key has", "{variable} 中的密钥含有非法字符"),
        Text(
            "copy it again: no spaces, quotes or line breaks inside (the value is not shown here)",
            "请重新复制：中间不能有空格、引号或换行（此处不显示其值）",
        ),
    ),
    "llm.literal-key": ErrorText(
        Text(
            "{where}: a key may not be written down here; only the name of its environment variable",
            "{where}：此处不能写入密钥本身，只能写环境变量的名字",
        ),
        Text(
            "`export MY_KEY=…`, then `lianlu endpoint add NAME URL --key-env MY_KEY` (upper-case letters, digits and _)",
            "先 `export MY_KEY=…`，再 `lianlu endpoint add NAME URL --key-env MY_KEY`（大写字母、数字与下划线）",
        ),
    ),
    "llm.bad-url": ErrorText(
        Text("{url!r} is not the address of a service", "{url!r} 不是服务地址"),
        Text(
            "write it like https://host/v1 or http://127.0.0.1:8000/v1",
            "应形如 https://host/v1 或 http://127.0.0.1:8000/v1",
        ),
    ),
    "llm.bad-proxy": ErrorText(
        Text(
            "the proxy of HTTP_PROXY, HTTPS_PROXY or ALL_PROXY cannot be used: {why}",
            "无法使用 HTTP_PROXY、HTTPS_PROXY 或 ALL_PROXY 指定的代理：{why}",
        ),
        Text("unset the variable, or give an http:// proxy", "请取消该变量，或改用 http:// 代理"),
    ),
    "llm.no-model": ErrorText(
        Text("{ref!r} does not say which model to ask", "{ref!r} 没有指明模型"),
        Text(
            "write ENDPOINT:MODEL or URL#MODEL; `lianlu endpoint test NAME` lists what a service offers",
            "请写成 ENDPOINT:MODEL 或 URL#MODEL；`lianlu endpoint test NAME` 会列出可用模型",
        ),
    ),
    "llm.bad-endpoint-name": ErrorText(
        Text("{name!r} cannot name an endpoint", "{name!r} 不能作为服务名"),
        Text(
            "use letters, digits, '.', '-', '_', and no kind of model (fake, replay, http, https)",
            "可用字母、数字、'.'、'-'、'_'，且不能是模型类型（fake、replay、http、https）",
        ),
    ),
    "llm.unknown-endpoint": ErrorText(
        Text("there is no endpoint {name!r}", "没有名为 {name!r} 的服务"),
        Text("{suggestion} — `lianlu endpoint list` shows all", "{suggestion}运行 `lianlu endpoint list` 查看全部"),
    ),
    "llm.unreachable": ErrorText(
        Text("{url} cannot be reached: {why}", "无法连接 {url}：{why}"),
        Text(
            "is the server running, the address right, and the proxy (HTTP_PROXY, NO_PROXY) meant for it?",
            "请确认服务已启动、地址无误，且代理设置（HTTP_PROXY、NO_PROXY）适用",
        ),
    ),
    "llm.timeout": ErrorText(
        Text("{url} did not answer within {seconds:g} s", "{url} 在 {seconds:g} 秒内没有回应"),
        Text(
            "ask for fewer tokens, or raise `timeouts` of the endpoint in endpoints.yaml",
            "请减少要求的 token 数，或在 endpoints.yaml 中调大该服务的 `timeouts`",
        ),
    ),
    "llm.broken-stream": ErrorText(
        Text(
            "the answer of {url} broke off after {characters} characters: {why}",
            "{url} 的回答在 {characters} 个字符后中断：{why}",
        ),
        Text("ask again; if it stays so, read the server's log", "请重试；若仍如此，请查看服务端日志"),
    ),
    "llm.bad-answer": ErrorText(
        Text("{url} answered what is no answer of this interface: {shown}", "{url} 的返回不符合接口格式：{shown}"),
        Text(
            "check that the address is the API's (often ending in /v1) and not that of a web page",
            "请确认地址是 API 地址（通常以 /v1 结尾），而不是网页地址",
        ),
    ),
    "llm.too-large": ErrorText(
        Text("{url} sent more than {limit} MiB in one answer", "{url} 的单次返回超过 {limit} MiB"),
        Text(
            "ask for less at once (max_tokens, n, top_logprobs)", "请减少一次要求的内容（max_tokens、n、top_logprobs）"
        ),
    ),
    "llm.redirected": ErrorText(
        Text(
            "{url} sends us on to {host} ({status}); redirects are not followed, the key would go along",
            "{url} 要求转到 {host}（{status}）；为避免泄露密钥，不跟随跳转",
        ),
        Text("if you trust that host, name its address directly", "若信任该主机，请直接使用它的地址"),
    ),
    "llm.quota-spent": ErrorText(
        Text("the account at {url} has nothing left: {message}", "{url} 的账户额度已用完：{message}"),
        Text("top up the account, or use another endpoint", "请充值，或改用其他服务"),
    ),
    "llm.no-echo": ErrorText(
        Text(
            "{url} does not give back the prompt with its log probabilities (echo)",
            "{url} 不支持返回提示词及其对数概率（echo）",
        ),
        Text(
            "likelihoods need a server that does (vLLM, llama.cpp server); score by generated answers instead",
            "计算似然需要支持 echo 的服务（如 vLLM）；也可改用生成式评分",
        ),
    ),
    "llm.store-damaged": ErrorText(
        Text("the request store {path!r} is damaged: {why}", "请求库 {path!r} 已损坏：{why}"),
        Text(
            "move the file away; the answers in it will be asked (and paid) again",
            "请移走该文件；其中的回答将被重新请求（并计费）",
        ),
    ),
    "llm.store-foreign": ErrorText(
        Text("{path!r} is a database, but no request store of this version", "{path!r} 是数据库，但不是本版本的请求库"),
        Text("name another file", "请换一个文件"),
    ),
    "llm.limits-damaged": ErrorText(
        Text("the file of the shared limiter {path!r} is damaged: {why}", "共享限流文件 {path!r} 已损坏：{why}"),
        Text("delete it; only the counts of the last minute are lost", "请删除该文件；只会丢失最近一分钟的计数"),
    ),
    "llm.bad-recording": ErrorText(
        Text("{path}:{line}: no recorded question and answer: {why}", "{path}:{line}：不是录制的问答：{why}"),
        Text("remove that line, or record again", "请删除该行，或重新录制"),
    ),
    "llm.replay-unknown": ErrorText(
        Text("{ref} has no answer to {asked!r}", "{ref} 中没有对 {asked!r} 的回答"),
        Text(
            "the nearest that was recorded: {nearest!r}; record again to add this one",
            "最接近的录制问题：{nearest!r}；如需此问题请重新录制",
        ),
    ),
    "llm.bad-body": ErrorText(
        Text("the body sent to {path} cannot be used: {why}", "发送到 {path} 的请求体有误：{why}"),
        Text("mend the field that is named; the interface is that of OpenAI", "请修改所指出的字段；接口与 OpenAI 相同"),
    ),
    "llm.bad-token-id": ErrorText(
        Text("these are not all ids of tokens: {ids}", "其中有些不是 token 的编号：{ids}"),
        Text("token ids are those that /tokenize of the same model gives", "请使用同一模型的 /tokenize 给出的编号"),
    ),
    "llm.unknown-path": ErrorText(
        Text("there is nothing at {path!r}", "{path!r} 不存在"),
        Text(
            "known: /chat/completions, /completions, /embeddings, /rerank, /tokenize, /detokenize, /models",
            "可用：/chat/completions、/completions、/embeddings、/rerank、/tokenize、/detokenize、/models",
        ),
        http=404,
    ),
    "llm.bad-session-name": ErrorText(
        Text("{name!r} cannot name a session", "{name!r} 不能作为会话名"),
        Text("use letters, digits, '.', '-' and '_'", "可用字母、数字、汉字、'.'、'-' 与 '_'"),
    ),
    "llm.unknown-session": ErrorText(
        Text("there is no saved session {name!r}", "没有名为 {name!r} 的已保存会话"),
        Text("{suggestion}", "{suggestion}"),
    ),
    "llm.damaged-session": ErrorText(
        Text("the saved session {path!r} cannot be read: {why}", "无法读取已保存的会话 {path!r}：{why}"),
        Text(
            "mend or remove the file: it holds one conversation as one line of JSON",
            "请修复或删除该文件：其内容为一行 JSON 会话",
        ),
    ),
    "llm.no-message": ErrorText(
        Text("there is nothing to ask", "没有要提问的内容"),
        Text(
            "give a message (`lianlu chat REF your question`), pipe one in, or run it in a terminal to talk",
            "请写上问题（`lianlu chat REF 你的问题`）、从管道输入，或在终端中运行以对话",
        ),
    ),
}
