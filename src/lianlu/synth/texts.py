"""The words of the errors of synth, in both languages."""

from __future__ import annotations

from lianlu.core.errors import ErrorText
from lianlu.core.i18n import Text

__all__ = ["ERRORS"]

ERRORS: dict[str, ErrorText] = {
    "synth.no-documents": ErrorText(
        Text("the generator {generator!r} makes its questions from documents", "生成器 {generator!r} 需要文档才能出题"),
        Text(
            "give the step `inputs: {{documents: …}}`, or the verb --documents FOLDER (made by `lianlu extract`)",
            "请为步骤填写 `inputs: {{documents: …}}`，或为命令加上 --documents 文件夹（由 `lianlu extract` 生成）",
        ),
    ),
    "synth.nothing-made": ErrorText(
        Text("no conversation and no sample could be made", "没有生成任何对话或样本"),
        Text(
            "name at least one generator with `train` or `eval` above 0; documents need sentences of 12 characters or more",
            "请至少写一个生成器，且 `train` 或 `eval` 大于 0；文档中要有 12 个字符以上的句子",
        ),
    ),
    "synth.wrong-item": ErrorText(
        Text(
            "the generator {generator!r} made a wrong item: {why} ({question!r})",
            "生成器 {generator!r} 生成了错误的样本：{why}（{question!r}）",
        ),
        Text("this is a fault of the generator; report it to its author", "这是生成器的缺陷，请向其作者反馈"),
    ),
    "synth.too-few": ErrorText(
        Text(
            "the generator {generator!r} has only {found} different items of the {wanted} wanted for {split}",
            "生成器 {generator!r} 在 {split} 中只能生成 {found} 个不同样本，而要求 {wanted} 个",
        ),
        Text("ask for fewer, or allow longer words or numbers", "请减少数量，或放宽单词、数字的长度"),
    ),
    "synth.bad-file": ErrorText(
        Text("{path!r}, line {line}: this is no {kind}: {why}", "{path!r} 第 {line} 行：不是合法的{kind}：{why}"),
        Text(
            "each line is one JSON object as `lianlu synth run` writes it",
            "每行应为一个 JSON 对象，格式与 `lianlu synth run` 的输出一致",
        ),
    ),
    "synth.no-conversations": ErrorText(
        Text("there is no conversations.jsonl in {path!r}", "{path!r} 中没有 conversations.jsonl"),
        Text("name a folder or file that `lianlu synth run` wrote", "请指定由 `lianlu synth run` 写出的文件夹或文件"),
    ),
    "synth.wrong-kind": ErrorText(
        Text(
            "{path!r} is a recipe of kind {kind!r}, not synth.rules",
            "{path!r} 是 {kind!r} 类型的配方，不是 synth.rules",
        ),
        Text("chains are run by `lianlu run`", "链请用 `lianlu run` 运行"),
    ),
}
