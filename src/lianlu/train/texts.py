"""The words of this room's errors, in both languages."""

from __future__ import annotations

from lianlu.core.errors import ErrorText
from lianlu.core.i18n import Text

__all__ = ["ERRORS"]

ERRORS: dict[str, ErrorText] = {
    "train.no-data": ErrorText(
        Text("there is nothing to learn in {paths}", "{paths} 中没有可训练的数据"),
        Text(
            "name .jsonl, .json, .txt or .md files (or folders of them) with --data or the recipe key `data`",
            "请用 --data 或配方键 `data` 指定 .jsonl、.json、.txt、.md 文件或其文件夹",
        ),
    ),
    "train.bad-line": ErrorText(
        Text("{at} is no training sample: {why}", "{at} 不是训练样本：{why}"),
        Text(
            'a line is {{"messages": [{{"role": "user", "content": "…"}}, …]}} or {{"text": "…"}}; '
            "`lianlu train check-data FILE` looks through a whole file",
            '每行应为 {{"messages": [{{"role": "user", "content": "…"}}, …]}} 或 {{"text": "…"}}；'
            "可用 `lianlu train check-data 文件` 检查整个文件",
        ),
    ),
    "train.no-conversations": ErrorText(
        Text("this {kind} artifact has no {file}", "该 {kind} 产物中没有 {file}"),
        Text("give the step an artifact of conversations", "请给该步骤一个 conversations 产物"),
    ),
    "train.bad-sample": ErrorText(
        Text("the sample {id} cannot be learned: {why}", "样本 {id} 无法学习：{why}"),
        Text(
            "mend or remove it; `lianlu train preview` shows how samples are rendered",
            "请修改或删除该样本；`lianlu train preview` 可查看样本的渲染结果",
        ),
    ),
    "train.nothing-supervised": ErrorText(
        Text("none of the {samples} samples has a token to learn", "{samples} 条样本中没有任何可学习的 token"),
        Text(
            "each conversation needs an answer, and must fit into max_tokens={limit}",
            "每条对话都应有回答，且长度不超过 max_tokens={limit}",
        ),
    ),
    "train.no-template": ErrorText(
        Text("the tokenizer of {model!r} has no chat template", "{model!r} 的分词器没有对话模板"),
        Text(
            "set `template: chatml`, or name a jinja file; a chat (instruct) model has one of its own",
            "请设置 `template: chatml` 或指定 jinja 文件；对话模型自带模板",
        ),
    ),
    "train.no-marker": ErrorText(
        Text(
            "the tokenizer has no token {marker!r}, which chatml ends its messages with",
            "分词器没有 chatml 所需的标记 {marker!r}",
        ),
        Text(
            "name a jinja file that uses the markers this tokenizer has, or start from a chat model",
            "请指定使用该分词器已有标记的 jinja 文件，或从对话模型开始训练",
        ),
    ),
    "train.no-model": ErrorText(
        Text("no model to start from is named", "没有指定要训练的模型"),
        Text(
            "give --model FOLDER, the recipe key `model`, or the chain input `base`",
            "请用 --model 文件夹、配方键 `model` 或链的输入 `base` 指定",
        ),
    ),
    "train.no-tokenizer": ErrorText(
        Text("a new model needs a tokenizer", "新模型需要分词器"),
        Text(
            "learn one with the step train.tokenizer and pass it as the input `tokenizer`, or name its folder",
            "请先用 train.tokenizer 步骤训练分词器并作为输入 `tokenizer` 传入，或指定其文件夹",
        ),
    ),
    "train.bad-device": ErrorText(
        Text("the device {device!r} is not there: {why}", "设备 {device!r} 不可用：{why}"),
        Text("use device=cpu, or device=auto to take what there is", "请使用 device=cpu，或 device=auto 自动选择"),
    ),
    "train.bad-targets": ErrorText(
        Text("LoRA cannot be put on this model: {why}", "无法在该模型上使用 LoRA：{why}"),
        Text(
            "leave `targets` empty, or name linear layers such as q_proj, v_proj",
            "请将 `targets` 留空，或指定 q_proj、v_proj 等线性层",
        ),
    ),
    "train.too-many-ids": ErrorText(
        Text(
            "the tokenizer has {tokens} tokens, the model only {rows} embeddings",
            "分词器有 {tokens} 个 token，而模型只有 {rows} 个嵌入",
        ),
        Text("take model and tokenizer from the same source", "请确认模型与分词器出自同一来源"),
    ),
    "train.not-finite": ErrorText(
        Text(
            "the loss is no longer a number at step {step}; samples: {samples}",
            "第 {step} 步的损失不再是数；相关样本：{samples}",
        ),
        Text(
            "look at these samples with `lianlu train preview`, lower learning_rate, or use precision=fp32; "
            "the last checkpoint is kept",
            "请用 `lianlu train preview` 检查这些样本，降低 learning_rate，或使用 precision=fp32；最近的检查点仍保留",
        ),
    ),
    "train.other-run": ErrorText(
        Text(
            "{path!r} holds checkpoints of a run with other settings or data",
            "{path!r} 中的检查点属于另一次设置或数据不同的训练",
        ),
        Text("choose another --out, or start over with --no-resume", "请换一个 --out，或用 --no-resume 重新开始"),
    ),
    "train.nothing-named": ErrorText(
        Text("neither a recipe nor data are named", "既没有指定配方，也没有指定数据"),
        Text(
            "`lianlu train RECIPE.yaml`, or `lianlu train --model FOLDER --data FILE`",
            "`lianlu train 配方.yaml`，或 `lianlu train --model 文件夹 --data 文件`",
        ),
    ),
    "train.not-a-training": ErrorText(
        Text("{at}: a recipe of kind {kind!r} does not train", "{at}：类型为 {kind!r} 的配方不是训练配方"),
        Text("known: {known}; a chain is run with `lianlu run`", "可用：{known}；链请用 `lianlu run` 运行"),
    ),
    "train.no-metrics": ErrorText(
        Text("the metrics of this model cannot be read: {why}", "无法读取该模型的训练指标：{why}"),
        Text("train it again, or remove metrics.jsonl from its folder", "请重新训练，或从文件夹中删除 metrics.jsonl"),
    ),
}
