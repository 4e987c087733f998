"""The words of this room's errors, in both languages."""

from __future__ import annotations

from lianlu.core.errors import ErrorText
from lianlu.core.i18n import Text

__all__ = ["ERRORS"]

ERRORS: dict[str, ErrorText] = {
    "train.no-data": ErrorText(
        Text("there is nothing to learn in {paths}", "{paths} 中没有可训练的数据"),
        Text(
            "name .jsonl, .json, .csv, .parquet, .txt or .md files (or folders of them) with --data or the recipe key `data`",
            "请用 --data 或配方键 `data` 指定 .jsonl、.json、.csv、.parquet、.txt、.md 文件或其文件夹",
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
    "train.line-too-long": ErrorText(
        Text("{at} is longer than {limit} bytes", "{at} 超过 {limit} 字节"),
        Text(
            "one line is one sample; is the file an array (.json) or text (.txt) under another name?",
            "一行是一条样本；请确认该文件是否其实是数组（.json）或纯文本（.txt）",
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
            "set `template: chatml` (or internlm2, qwen, llama3, mistral, gemma, deepseek), or name a jinja file; "
            "a chat (instruct) model has one of its own",
            "请设置 `template: chatml`（或 internlm2、qwen、llama3、mistral、gemma、deepseek），或指定 jinja 文件；对话模型自带模板",
        ),
    ),
    "train.bad-template": ErrorText(
        Text("the chat template cannot be used: {why}", "对话模板无法使用：{why}"),
        Text(
            "mend it in tokenizer_config.json (or chat_template.jinja), or set another with `template:`",
            "请在 tokenizer_config.json（或 chat_template.jinja）中修正，或用 `template:` 另行设置",
        ),
    ),
    "train.unknown-template": ErrorText(
        Text("there is no chat template {template!r}", "没有名为 {template!r} 的对话模板"),
        Text("known: {known}; or name a jinja file", "可用：{known}；或指定 jinja 文件"),
    ),
    "train.no-marker": ErrorText(
        Text(
            "the tokenizer has no token {marker!r}, which the template {template} is written with",
            "分词器没有模板 {template} 所需的标记 {marker!r}",
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
            "{path!r} holds checkpoints of a run with other settings or data: {changed}",
            "{path!r} 中的检查点属于另一次设置或数据不同的训练：{changed}",
        ),
        Text("choose another --out, or start over with --no-resume", "请换一个 --out，或用 --no-resume 重新开始"),
    ),
    "train.no-references": ErrorText(
        Text(
            "{path!r} has a checkpoint, but the scores of the model before the first step are gone",
            "{path!r} 中有检查点，但训练开始前模型的参考分数已丢失",
        ),
        Text("start over with --no-resume", "请用 --no-resume 重新开始"),
    ),
    "train.wrong-kind": ErrorText(
        Text(
            "the sample {id} is of another kind: this objective wants {wanted}",
            "样本 {id} 的类型不符：该目标需要{wanted}",
        ),
        Text(
            "choose the objective that fits the data (sft, dpo, orpo, simpo, kto, reward), or other data",
            "请选择与数据相符的目标（sft、dpo、orpo、simpo、kto、reward），或换用其他数据",
        ),
    ),
    "train.no-such-method": ErrorText(
        Text("{objective} has no method {method}", "{objective} 不支持方法 {method}"),
        Text("train all weights: --method full", "请训练全部权重：--method full"),
    ),
    "train.too-many-layers": ErrorText(
        Text(
            "train_layers is {wanted}, but the model has {layers} layers",
            "train_layers 为 {wanted}，但模型只有 {layers} 层",
        ),
        Text("choose fewer layers, or null to train all weights", "请减少层数，或设为 null 以训练全部权重"),
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
    "train.sink-failed": ErrorText(
        Text("{sink} cannot take the metrics of this run: {why}", "{sink} 无法接收本次训练的指标：{why}"),
        Text(
            "mend what it says, or leave it out of the recipe; metrics.jsonl and the page are written anyway",
            "请按提示修复，或从配方中去掉它；metrics.jsonl 和网页总会生成",
        ),
    ),
    "train.no-metrics": ErrorText(
        Text("the metrics of this model cannot be read: {why}", "无法读取该模型的训练指标：{why}"),
        Text("train it again, or remove metrics.jsonl from its folder", "请重新训练，或从文件夹中删除 metrics.jsonl"),
    ),
    "train.xtuner-config": ErrorText(
        Text("{path!r} is an XTuner configuration, not a recipe", "{path!r} 是 XTuner 配置，不是配方"),
        Text(
            "`lianlu train from-xtuner {path} --out {recipe}` writes the recipe, without running the file",
            "`lianlu train from-xtuner {path} --out {recipe}` 可写出对应的配方，不会执行该文件",
        ),
    ),
    "train.not-xtuner": ErrorText(
        Text(
            "{path!r} is no XTuner configuration: it does not set {name}", "{path!r} 不是 XTuner 配置：没有设置 {name}"
        ),
        Text("name the .py file that was given to `xtuner train`", "请指定传给 `xtuner train` 的 .py 文件"),
    ),
    "train.bad-xtuner": ErrorText(
        Text("{at} is not Python: {why}", "{at} 不是合法的 Python：{why}"),
        Text("name the .py file that was given to `xtuner train`", "请指定传给 `xtuner train` 的 .py 文件"),
    ),
    "train.xtuner-too-large": ErrorText(
        Text("{path!r} is larger than {limit} bytes", "{path!r} 超过 {limit} 字节"),
        Text("name the .py file that was given to `xtuner train`", "请指定传给 `xtuner train` 的 .py 文件"),
    ),
    "train.xtuner-name": ErrorText(
        Text("no training method stands in the name {name!r}", "名称 {name!r} 中没有训练方法"),
        Text(
            "a name is MODEL_METHOD_DATA_eN with a method of {known}; `lianlu train list-cfg` lists our recipes",
            "名称形如 模型_方法_数据_eN，方法为 {known} 之一；`lianlu train list-cfg` 列出现有配方",
        ),
    ),
    "train.xtuner-unknown": ErrorText(
        Text("the command {command!r} is not known here", "无法识别命令 {command!r}"),
        Text(
            '{suggestion} — quote the whole line: lianlu train from-xtuner "xtuner train my_config.py"',
            '{suggestion} 请用引号括住整行：lianlu train from-xtuner "xtuner train my_config.py"',
        ),
    ),
    "train.no-memory-plan": ErrorText(
        Text("the memory of this training cannot be told beforehand: {why}", "无法预估此次训练的内存：{why}"),
        Text(
            "start it with a small row_tokens and look at the memory it takes",
            "请先用较小的 row_tokens 启动训练，并观察实际内存占用",
        ),
    ),
    "train.bad-memory-plan": ErrorText(
        Text(
            "a memory plan counts from 1, and its supervised share is above 0 and at most 1",
            "内存计划的各项计数至少为 1，且监督比例应大于 0、不超过 1",
        ),
        Text(
            "mend rank, train_layers, row_tokens, max_tokens, tokens_per_step, shards or supervised",
            "请修改 rank、train_layers、row_tokens、max_tokens、tokens_per_step、shards 或 supervised",
        ),
    ),
    "train.memory-unknown": ErrorText(
        Text("this system does not tell how much memory it has", "无法得知本系统的内存大小"),
        Text("compare the estimate with what you know of the machine", "请将预估值与您了解的内存大小自行比较"),
    ),
    "train.bad-group": ErrorText(
        Text("the processes of this run do not find each other: {why}", "本次训练的各进程无法互联：{why}"),
        Text(
            "start them with `torchrun --nproc-per-node N -m lianlu train run …`; "
            "for one process alone unset WORLD_SIZE",
            "请用 `torchrun --nproc-per-node N -m lianlu train run …` 启动；单进程训练请取消环境变量 WORLD_SIZE",
        ),
    ),
    "train.lost-process": ErrorText(
        Text("another process of this run ended without a word", "本次训练的另一进程无声退出"),
        Text(
            "the system may have ended it for want of memory; the same command goes on from the newest checkpoint",
            "可能因内存不足被系统终止；用相同命令即可从最新检查点继续",
        ),
    ),
    "train.other-process": ErrorText(
        Text("process {rank} of this run failed: {why}", "本次训练的进程 {rank} 失败：{why}"),
        Text("its own message stands above", "其自身的报错见上文"),
    ),
}
