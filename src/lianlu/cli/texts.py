"""The words of the command line's own errors, in both languages."""

from __future__ import annotations

from lianlu.core.errors import ErrorText
from lianlu.core.i18n import Text

__all__ = ["ERRORS"]

ERRORS: dict[str, ErrorText] = {
    "cli.planned-verb": ErrorText(
        Text("`lianlu {verb}` is planned and not there yet", "`lianlu {verb}` 在计划中，尚未提供"),
        Text("the table in the README says what works today", "README 的对照表列出了目前可用的功能"),
    ),
    "cli.recipe-exists": ErrorText(
        Text("{path!r} exists already", "{path!r} 已经存在"),
        Text(
            "choose another name: `lianlu recipe copy {name} OTHER.yaml`",
            "请换一个文件名：`lianlu recipe copy {name} 另一个.yaml`",
        ),
    ),
    "cli.space-bad-secret-name": ErrorText(
        Text("--secret number {number} is no name of a variable", "第 {number} 个 --secret 不是变量名"),
        Text(
            "give the name, never the value: `export API_KEY=…`, then `--secret API_KEY`",
            "请给出变量名而不是值：先 `export API_KEY=…`，再 `--secret API_KEY`",
        ),
    ),
    "cli.space-secret-unset": ErrorText(
        Text("the secret {variable} is not set", "没有设置 secret {variable}"),
        Text(
            "`export {variable}=…` before you push; nothing was sent",
            "推送前先 `export {variable}=…`；没有发送任何内容",
        ),
    ),
    "cli.space-secret-short": ErrorText(
        Text("the value of {variable} has fewer than {least} characters", "{variable} 的值不足 {least} 个字符"),
        Text(
            "no key is that short, and it could not be told from ordinary text; check what the variable holds",
            "密钥不会这么短，也无法与普通文本区分；请检查变量的内容",
        ),
    ),
    "cli.space-secret-inside": ErrorText(
        Text("the value of {variable} stands in {file}", "{variable} 的值出现在 {file} 中"),
        Text(
            "take it out of the document it is in and update the base; the Space was not written and nothing was sent",
            "请从所在文档中删除该值并更新知识库；Space 未写出，也没有发送任何内容",
        ),
    ),
    "cli.space-static-model": ErrorText(
        Text("a static Space has no server that could keep a key", "静态 Space 没有能保管密钥的服务器"),
        Text(
            "leave out --model and --secret: it quotes the documents; or use --sdk docker",
            "请去掉 --model 与 --secret（静态页面会引用原文），或使用 --sdk docker",
        ),
    ),
    "cli.space-empty": ErrorText(
        Text("the base {name!r} has no passages", "知识库 {name!r} 中没有片段"),
        Text("add documents: `lianlu rag add {name} PATHS…`", "先加入文档：`lianlu rag add {name} 路径…`"),
    ),
    "cli.space-model-stays": ErrorText(
        Text("the model {ref!r} cannot come along into a Space", "模型 {ref!r} 无法带入 Space"),
        Text(
            "use a service (`https://host/v1#model`, or a name of `lianlu endpoint list`); an embedder may also be"
            " `local:FOLDER`, `onnx:FOLDER` or `bundled:…`",
            "请使用服务（`https://host/v1#model` 或 `lianlu endpoint list` 中的名字）；向量模型还可以是"
            " `local:文件夹`、`onnx:文件夹` 或 `bundled:…`",
        ),
    ),
    "cli.space-too-large": ErrorText(
        Text("the passages are {size}; a static page holds {most}", "片段共 {size}；静态页面最多容纳 {most}"),
        Text("use --sdk docker", "请使用 --sdk docker"),
    ),
    "cli.space-not-installed": ErrorText(
        Text("lianlu is not installed as a package here", "当前环境没有以包的形式安装 lianlu"),
        Text(
            "a Space carries the wheel of this installation: `pip install -e .` in the source tree",
            "Space 会带上当前安装的 wheel：请在源码目录运行 `pip install -e .`",
        ),
    ),
    "cli.space-not-ours": ErrorText(
        Text("{path!r} is not empty and holds no {marker}", "{path!r} 不为空，且没有 {marker}"),
        Text("name an empty folder, or one that this command wrote", "请给出空文件夹，或由本命令写出的文件夹"),
    ),
    "cli.space-edited": ErrorText(
        Text(
            "files in {path!r} were changed since they were written: {files}",
            "{path!r} 中的文件在写出后被改动过：{files}",
        ),
        Text("move them away, or write to another folder", "请先移走它们，或写到其他文件夹"),
    ),
    "cli.space-foreign-file": ErrorText(
        Text(
            "files in {path!r} are not ours and in the way: {files}", "{path!r} 中有不是由本命令写出的同名文件：{files}"
        ),
        Text("move them away, or write to another folder", "请先移走它们，或写到其他文件夹"),
    ),
    "cli.hub-bad-name": ErrorText(
        Text("{name!r} is no name of a Space", "{name!r} 不是 Space 的名字"),
        Text(
            "write OWNER/NAME in letters, digits, `-`, `_` and `.`",
            "请写成 所有者/名字，只用字母、数字、`-`、`_` 和 `.`",
        ),
    ),
    "cli.hub-bad-endpoint": ErrorText(
        Text("HF_ENDPOINT is no address: {endpoint!r}", "HF_ENDPOINT 不是网址：{endpoint!r}"),
        Text("it begins with https://", "应以 https:// 开头"),
    ),
    "cli.hub-no-token": ErrorText(
        Text("there is no token for the hub", "没有 hub 的访问令牌"),
        Text(
            "`export HF_TOKEN=…`, or `hf auth login`; a token with the right to write is made on the hub under Settings",
            "请 `export HF_TOKEN=…` 或运行 `hf auth login`；可写的令牌在 hub 的 Settings 中创建",
        ),
    ),
    "cli.hub-token": ErrorText(
        Text("the hub does not accept the token: {why}", "hub 不接受该令牌：{why}"),
        Text(
            "make a new one with the right to write, then `export HF_TOKEN=…`",
            "请新建可写的令牌，再 `export HF_TOKEN=…`",
        ),
    ),
    "cli.hub-payment": ErrorText(
        Text("the hub wants a subscription for this kind of Space: {why}", "hub 要求订阅后才能使用这类 Space：{why}"),
        Text("a static Space is free: --sdk static", "静态 Space 免费：--sdk static"),
    ),
    "cli.hub-forbidden": ErrorText(
        Text("this token may not write to {name!r}: {why}", "该令牌无权写入 {name!r}：{why}"),
        Text(
            "check the owner's name, and that the token has the right to write",
            "请检查所有者名字，以及令牌是否有写权限",
        ),
    ),
    "cli.hub-foreign-space": ErrorText(
        Text("the Space {name!r} exists and was not made by lianlu", "Space {name!r} 已存在，且不是由 lianlu 创建"),
        Text("choose another name; {url} was not changed", "请换一个名字；{url} 没有改动"),
    ),
    "cli.hub-changed": ErrorText(
        Text("the Space {name!r} was changed by somebody else meanwhile", "Space {name!r} 同时被其他人修改"),
        Text("push again", "请再次推送"),
    ),
    "cli.hub-unreachable": ErrorText(
        Text("the hub at {url} cannot be reached: {why}", "无法连接 {url} 的 hub：{why}"),
        Text(
            "check the network, or set HF_ENDPOINT to a mirror that takes pushes, and push again; a Space has all files of a"
            " push or none",
            "请检查网络，或把 HF_ENDPOINT 设为支持推送的镜像，然后再次推送；一次推送的文件要么全部生效，要么全不生效",
        ),
    ),
    "cli.hub-refused": ErrorText(
        Text("the hub refused: {why}", "hub 拒绝了请求：{why}"),
        Text(
            "push again; {url} has all files of a push or none",
            "请再次推送；{url} 对一次推送的文件要么全部接受，要么全不接受",
        ),
    ),
    "cli.prompt-and-system": ErrorText(
        Text("--prompt and --system both give a system prompt", "--prompt 与 --system 都会给出系统提示词"),
        Text("give one of the two", "请只用其中之一"),
    ),
}
