"""The words of evaluate's errors, in both languages."""

from __future__ import annotations

from lianlu.core.errors import ErrorText
from lianlu.core.i18n import Text

__all__ = ["ERRORS"]

ERRORS: dict[str, ErrorText] = {
    "evaluate.unknown-benchmark": ErrorText(
        Text("there is no benchmark {name!r}", "没有名为 {name!r} 的评测集"),
        Text(
            "{suggestion} — `lianlu eval list` shows all; a samples.jsonl file can be named directly",
            "{suggestion} 运行 `lianlu eval list` 查看全部；也可直接写 samples.jsonl 文件的路径",
        ),
    ),
    "evaluate.no-samples": ErrorText(
        Text("the benchmark {name!r} needs samples of your own", "评测集 {name!r} 需要您提供样本"),
        Text(
            "make some (`lianlu synth`), then write {name}=FILE: `--benchmark {name}=out/samples.jsonl`",
            "先生成样本（`lianlu synth`），再写成 {name}=文件：`--benchmark {name}=out/samples.jsonl`",
        ),
    ),
    "evaluate.bad-sample": ErrorText(
        Text("{at}: this is no sample: {why}", "{at}：不是合法的样本：{why}"),
        Text(
            "each line is one JSON object: {example}",
            "每行应为一个 JSON 对象：{example}",
        ),
    ),
    "evaluate.empty-benchmark": ErrorText(
        Text("{path!r} has no samples", "{path!r} 中没有样本"),
        Text("a benchmark needs at least one line", "评测集至少要有一行样本"),
    ),
    "evaluate.which-file": ErrorText(
        Text("{place!r} has no samples.jsonl, but: {found}", "{place!r} 中没有 samples.jsonl，只有：{found}"),
        Text("name the file itself", "请直接写出文件"),
    ),
    "evaluate.bad-template": ErrorText(
        Text("{at}: {why}", "{at}：{why}"),
        Text(
            "the last message is the user's and holds {{input}}; choice questions hold {{options}} too",
            "最后一条消息应来自用户并含有 {{input}}；选择题还应含有 {{options}}",
        ),
    ),
    "evaluate.few-shots": ErrorText(
        Text("{name!r} has {has} examples to show, not {wanted}", "{name!r} 只有 {has} 个示例，不足 {wanted} 个"),
        Text(
            "ask for fewer with --shots, or name more under `shots:` of the benchmark",
            "请减小 --shots，或在评测集的 `shots:` 中提供更多示例",
        ),
    ),
    "evaluate.no-model": ErrorText(
        Text("there is no model to evaluate", "没有要评测的模型"),
        Text(
            "name one: `--model fake:echo`, `--model local:out/sft`, `--model http://127.0.0.1:8000/v1#MODEL`",
            "请指定模型：`--model fake:echo`、`--model local:out/sft` 或 `--model http://127.0.0.1:8000/v1#MODEL`",
        ),
    ),
    "evaluate.no-benchmark": ErrorText(
        Text("there is nothing to evaluate on", "没有指定评测集"),
        Text(
            "name one: `--benchmark zh-choice`; `lianlu eval list` shows all",
            "请指定评测集：`--benchmark zh-choice`；运行 `lianlu eval list` 查看全部",
        ),
    ),
    "evaluate.same-name": ErrorText(
        Text("{name!r} is named twice", "{name!r} 出现了两次"),
        Text("give each a name of its own: NAME=REF", "请分别取名：名字=REF"),
    ),
    "evaluate.wrong-input": ErrorText(
        Text(
            "the input {name!r} is of kind {kind}; weights and samples are taken",
            "输入 {name!r} 的类型是 {kind}；只接受 weights 与 samples",
        ),
        Text(
            "connect an output of kind weights (a model) or samples (a benchmark)",
            "请接入 weights（模型）或 samples（评测集）类型的产物",
        ),
    ),
    "evaluate.cannot": ErrorText(
        Text(
            "{model} can neither chat nor give likelihoods, so {benchmark!r} cannot be asked",
            "{model} 既不能对话也不能给出似然，无法评测 {benchmark!r}",
        ),
        Text("it can: {offered}", "它支持：{offered}"),
    ),
    "evaluate.refuses-all": ErrorText(
        Text(
            "{model} refused all of the first {n} items of {benchmark!r}: {why}",
            "{model} 拒绝了 {benchmark!r} 的前 {n} 题：{why}",
        ),
        Text(
            "mend what the model says; `lianlu chat {ref}` asks it a single question",
            "请按提示处理；可用 `lianlu chat {ref}` 单独提问",
        ),
    ),
    "evaluate.stopped": ErrorText(
        Text(
            "{model} stopped answering after {done} of {total} items of {benchmark!r}: {why}",
            "{model} 在 {benchmark!r} 的 {total} 题中答完 {done} 题后停止应答：{why}",
        ),
        Text(
            "what was answered is kept; bring the model back and type the same command to go on",
            "已有的回答均已保存；恢复服务后重新运行同一命令即可继续",
        ),
    ),
    "evaluate.no-scores": ErrorText(
        Text("this artifact of kind {kind} holds no {file}", "该 {kind} 产物中没有 {file}"),
        Text(
            "scores are made by `eval.run`; parity by `eval.parity`",
            "分数由 `eval.run` 生成，一致性由 `eval.parity` 生成",
        ),
    ),
    "evaluate.bad-scores": ErrorText(
        Text("{file} cannot be read: {why}", "无法读取 {file}：{why}"),
        Text("run the evaluation again", "请重新评测"),
    ),
}
