"""The words of this room's errors, in both languages."""

from __future__ import annotations

from lianlu.core.errors import ErrorText
from lianlu.core.i18n import Text

__all__ = ["ERRORS"]

ERRORS: dict[str, ErrorText] = {
    "nn.cannot-pack": ErrorText(
        Text("the attention of this model cannot be packed: {feature}", "该模型的注意力无法打包计算：{feature}"),
        Text("train it padded: lianlu does so by itself", "请改用补齐方式训练：lianlu 会自动这样做"),
    ),
    "nn.no-layers": ErrorText(
        Text("no list of decoder layers is found in {model}", "在 {model} 中找不到解码层列表"),
        Text("train it with recompute=none", "请使用 recompute=none 训练"),
    ),
    "nn.no-config": ErrorText(
        Text("{path!r} is no model folder: it has no readable {file}", "{path!r} 不是模型文件夹：缺少可读的 {file}"),
        Text(
            "name a Hugging Face folder with config.json and *.safetensors",
            "请指定含 config.json 与 *.safetensors 的 Hugging Face 文件夹",
        ),
    ),
    "nn.no-weights": ErrorText(
        Text("the model folder {path!r} has no weights: {missing}", "模型文件夹 {path!r} 缺少权重：{missing}"),
        Text("download it again; every *.safetensors file must be there", "请重新下载，并确认所有 *.safetensors 都在"),
    ),
    "nn.pickle": ErrorText(
        Text(
            "{path!r} has its weights in a pickle file only: {files}; such files can run code when they are read",
            "{path!r} 的权重只有 pickle 文件：{files}；读取这类文件可能执行其中的代码",
        ),
        Text(
            "take the safetensors version of the model, or convert it where you trust it",
            "请改用该模型的 safetensors 版本，或在可信环境中转换",
        ),
    ),
    "nn.broken-weights": ErrorText(
        Text("the weight file {path!r} cannot be read: {why}", "权重文件 {path!r} 无法读取：{why}"),
        Text("it is cut off or damaged; download it again", "文件不完整或已损坏，请重新下载"),
    ),
    "nn.wrong-weights": ErrorText(
        Text("the weights of {path!r} do not fit its config.json: {why}", "{path!r} 的权重与 config.json 不符：{why}"),
        Text("take config.json and weights from the same source", "请确认 config.json 与权重出自同一来源"),
    ),
    "nn.unknown-model": ErrorText(
        Text("transformers does not know the model in {path!r}: {why}", "transformers 不认识 {path!r} 中的模型：{why}"),
        Text(
            "code shipped inside model folders is never run; take a model that transformers has itself",
            "模型文件夹自带的代码不会被执行；请选用 transformers 内置的模型",
        ),
    ),
    "nn.no-scorer": ErrorText(
        Text("no reward model can be made of a {kind} model", "{kind} 模型无法改造为奖励模型"),
        Text(
            "take a Llama, Qwen, Mistral, Gemma or InternLM model",
            "请选用 Llama、Qwen、Mistral、Gemma 或 InternLM 模型",
        ),
    ),
    "nn.no-tokenizer": ErrorText(
        Text("no tokenizer can be read from {path!r}: {why}", "无法从 {path!r} 读取分词器：{why}"),
        Text(
            "the folder needs tokenizer.json and tokenizer_config.json",
            "文件夹中应有 tokenizer.json 与 tokenizer_config.json",
        ),
    ),
    "nn.bad-internlm2": ErrorText(
        Text(
            "{path!r} is said to be an InternLM2 model, but cannot be one: {why}",
            "{path!r} 声明为 InternLM2 模型，但内容不符：{why}",
        ),
        Text(
            "take config.json as its publisher wrote it; weights must be float32, float16 or bfloat16",
            "请使用发布者原始的 config.json；权重应为 float32、float16 或 bfloat16",
        ),
    ),
    "nn.no-layout": ErrorText(
        Text("this model cannot be written in the {layout} layout: {why}", "该模型无法按 {layout} 布局保存：{why}"),
        Text(
            "the layouts are for Llama and InternLM2 models; save it as it is",
            "这两种布局只适用于 Llama 与 InternLM2 模型；请按原样保存",
        ),
    ),
    "nn.bad-sentencepiece": ErrorText(
        Text("the tokenizer file {path!r} cannot be read: {why}", "分词器文件 {path!r} 无法读取：{why}"),
        Text(
            "download tokenizer.model again, or put the tokenizer.json of the model beside it",
            "请重新下载 tokenizer.model，或把该模型的 tokenizer.json 放在旁边",
        ),
    ),
}
