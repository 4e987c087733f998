"""The words of the errors of model, in both languages."""

from __future__ import annotations

from lianlu.core.errors import ErrorText
from lianlu.core.i18n import Text

__all__ = ["ERRORS"]

ERRORS: dict[str, ErrorText] = {
    "model.bad-id": ErrorText(
        Text("{id!r} is no model id", "{id!r} 不是合法的模型 id"),
        Text(
            "write OWNER/NAME for Hugging Face, modelscope:OWNER/NAME for ModelScope",
            "Hugging Face 请写 所有者/名称，ModelScope 请写 modelscope:所有者/名称",
        ),
    ),
    "model.bad-endpoint": ErrorText(
        Text("{variable}={value!r} is no http(s) address", "{variable}={value!r} 不是 http(s) 地址"),
        Text("`export {variable}=https://…`, or unset it", "请 `export {variable}=https://…`，或取消设置"),
    ),
    "model.bad-token": ErrorText(
        Text("{variable} holds characters that no token has", "{variable} 中含有令牌不会有的字符"),
        Text("copy the token again from the hub's settings page", "请从模型站的设置页重新复制令牌"),
    ),
    "model.bad-revision": ErrorText(
        Text("{revision!r} is no branch, tag or commit", "{revision!r} 不是分支、标签或提交"),
        Text("leave --revision out for the main branch", "省略 --revision 即使用主分支"),
    ),
    "model.not-found": ErrorText(
        Text("the hub knows no model {model!r}", "模型站上没有模型 {model!r}"),
        Text(
            "check the id at {page}; a private model needs `export {variable}=…`",
            "请在 {page} 核对 id；私有模型需要 `export {variable}=…`",
        ),
        http=404,
    ),
    "model.no-revision": ErrorText(
        Text("the model {model!r} has no such branch, tag or commit", "模型 {model!r} 没有该分支、标签或提交"),
        Text("its revisions are listed at {page}", "可用的版本见 {page}"),
        http=404,
    ),
    "model.gated": ErrorText(
        Text("the hub does not give {model!r} to you", "模型站拒绝提供 {model!r}"),
        Text(
            "accept its terms at {page}, then `export {variable}=…` with a token of that account",
            "请先在 {page} 接受其条款，再用该账户的令牌 `export {variable}=…`",
        ),
        http=403,
    ),
    "model.nothing-chosen": ErrorText(
        Text("none of the {count} files of {model!r} is to be fetched", "{model!r} 的 {count} 个文件均未选中"),
        Text(
            "check --include; --all also takes pickle weights, other frameworks and code",
            "请检查 --include；--all 还会包含 pickle 权重、其他框架的权重和代码",
        ),
    ),
    "model.unreachable": ErrorText(
        Text("{url} does not deliver: {why}", "{url} 无法下载：{why}"),
        Text(
            "what was fetched is kept: run the same command again; a mirror is set by HF_ENDPOINT",
            "已下载的部分都已保留，重新运行同一命令即可继续；可用 HF_ENDPOINT 设置镜像",
        ),
    ),
    "model.hub-refused": ErrorText(
        Text("{url} answered with HTTP status {status}", "{url} 返回 HTTP 状态 {status}"),
        Text("check HF_ENDPOINT or MODELSCOPE_ENDPOINT", "请检查 HF_ENDPOINT 或 MODELSCOPE_ENDPOINT"),
    ),
    "model.odd-answer": ErrorText(
        Text("{url} answered something that no hub says: {why}", "{url} 的回答不像模型站：{why}"),
        Text(
            "check HF_ENDPOINT or MODELSCOPE_ENDPOINT: a login page or proxy may have answered",
            "请检查 HF_ENDPOINT 或 MODELSCOPE_ENDPOINT：回答者可能是登录页或代理",
        ),
    ),
    "model.bad-name": ErrorText(
        Text("the hub names a file {name!r}, which would leave the folder", "模型站的文件名 {name!r} 会离开目标文件夹"),
        Text("do not trust this model; nothing was written", "请勿信任该模型；未写入任何文件"),
    ),
    "model.wrong-hash": ErrorText(
        Text("{file!r} is not what the hub announced: its hash differs", "{file!r} 与模型站公布的内容不符：哈希不同"),
        Text(
            "it was removed; run the same command again, and if it fails again compare with {page}",
            "该文件已删除；请重新运行同一命令，若仍失败请与 {page} 核对",
        ),
    ),
    "model.wrong-size": ErrorText(
        Text("{file!r} is larger than the {size} bytes announced", "{file!r} 超过公布的 {size} 字节"),
        Text(
            "the server or a proxy sends something else; try another endpoint",
            "服务器或代理发送了别的内容；请换一个地址",
        ),
    ),
    "model.no-space": ErrorText(
        Text(
            "{needed} bytes are needed for {path!r}, {free} are free",
            "{path!r} 需要 {needed} 字节，剩余 {free} 字节",
        ),
        Text(
            "free some space (`lianlu store gc`) or choose another disk with --out",
            "请清理磁盘（`lianlu store gc`），或用 --out 换一个磁盘",
        ),
        http=507,
    ),
    "model.no-weights": ErrorText(
        Text("there are no safetensors weights among {files}", "文件中没有 safetensors 权重：{files}"),
        Text("name a model folder with model.safetensors", "请指定含有 model.safetensors 的模型文件夹"),
    ),
    "model.only-pickle": ErrorText(
        Text(
            "the weights are pickle files ({files}), which can run code when loaded",
            "权重是 pickle 文件（{files}），加载时可能执行代码",
        ),
        Text(
            "lianlu never loads them; fetch a revision with safetensors, or convert them where you trust their origin",
            "lianlu 不会加载它们；请下载 safetensors 版本，或在确信来源可信时自行转换",
        ),
    ),
    "model.bad-index": ErrorText(
        Text("the weight index {path!r} is broken: {why}", "权重索引 {path!r} 已损坏：{why}"),
        Text("fetch or save the model again", "请重新下载或保存该模型"),
    ),
    "model.bad-weights": ErrorText(
        Text("the weight file {path!r} is broken: {why}", "权重文件 {path!r} 已损坏：{why}"),
        Text(
            "fetch or save it again; `lianlu model fetch` mends a folder it made",
            "请重新下载或保存；`lianlu model fetch` 可修复其下载的文件夹",
        ),
    ),
    "model.bad-json": ErrorText(
        Text("{path!r} cannot be used: {why}", "无法使用 {path!r}：{why}"),
        Text("fetch or save the model again", "请重新下载或保存该模型"),
    ),
    "model.no-config": ErrorText(
        Text("there is no config.json among {files}", "文件中没有 config.json：{files}"),
        Text("the first argument is the base model, the second the adapter", "第一个参数是基座模型，第二个是适配器"),
    ),
    "model.no-adapter": ErrorText(
        Text("there is no {file} among {files}", "文件中没有 {file}：{files}"),
        Text(
            "name an adapter folder that `lianlu train` or peft wrote",
            "请指定由 `lianlu train` 或 peft 写出的适配器文件夹",
        ),
    ),
    "model.adapter-kind": ErrorText(
        Text("adapters of the kind {kind} cannot be merged", "无法合并 {kind} 类型的适配器"),
        Text(
            "LoRA, rsLoRA and DoRA of linear layers can; merge others with peft's merge_and_unload",
            "可合并线性层的 LoRA、rsLoRA 与 DoRA；其他类型请用 peft 的 merge_and_unload",
        ),
    ),
    "model.not-reversible": ErrorText(
        Text("this adapter cannot be taken out again: {why}", "无法再移除该适配器：{why}"),
        Text(
            "use the base it was trained on, which adapter_config.json names",
            "请使用 adapter_config.json 中写明的训练基座",
        ),
    ),
    "model.adapter-mismatch": ErrorText(
        Text(
            "the adapter does not fit this base: {name} should be {wanted}, the base has {found}",
            "适配器与该基座不匹配：{name} 应为 {wanted}，而基座为 {found}",
        ),
        Text("use the base that adapter_config.json names", "请使用 adapter_config.json 中写明的基座"),
    ),
    "model.quantized": ErrorText(
        Text(
            "the base is quantized ({kind}); an adapter is merged into full weights",
            "基座已量化（{kind}）；适配器只能合并到完整权重",
        ),
        Text("use the model it was quantized from", "请使用量化之前的模型"),
    ),
}
