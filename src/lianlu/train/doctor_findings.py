"""What the data doctor says of each defect, in both languages, and what to do about it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from lianlu.core.i18n import Text

__all__ = ["CODES", "Finding", "finding"]

_SHOWN = 5


@dataclass(frozen=True)
class Finding:
    """One thing to look at: how many samples, the ids of the first, and what to do."""

    code: str
    count: int
    text: Text
    examples: tuple[str, ...]
    remedy: Text = Text("", "")  # noqa: RUF009 - a Text is frozen


_ONE_OR_MANY = re.compile(r"\[([^|\]]*)\|([^|\]]*)\]")
# `[is|are]`: what is said of one, and of several; findings that are of several alone have no need of it
_SAID: dict[str, tuple[Text, Text]] = {
    "nested-field": (
        Text(
            "{n} [row has|rows have] an object or a list where text should stand; for training [it is no sample|they are no samples]",
            "{n} 行在应为文本的字段里放了对象或列表，无法作为样本",
        ),
        Text(
            "write the text itself into the field; a template or a list that was copied into it is not what people ask",
            "请在该字段直接写文本；不要把模板或列表整体放进去",
        ),
    ),
    "bad-row": (
        Text("{n} [row is no training sample|rows are no training samples]", "{n} 行不是训练样本"),
        Text("mend or remove them; the reason stands beside each", "请按各行给出的原因修改或删除"),
    ),
    "leak": (
        Text(
            "{n} [sample to measure on is|samples to measure on are] also learned: the eval loss says too little",
            "{n} 条评测样本同时也在训练集中：评测损失会偏低",
        ),
        Text(
            "remove them from one of the sets; the share held out by `eval_share` never overlaps unless samples repeat",
            "请从其中一个集合中删除；若样本不重复，用 `eval_share` 划分不会重叠",
        ),
    ),
    "near-leak": (
        Text(
            "{n} [sample to measure on differs from a learned one|samples to measure on differ from learned ones] only in spaces, case or punctuation",
            "{n} 条评测样本与训练样本只有空白、大小写或标点不同",
        ),
        Text("remove them from one of the sets", "请从其中一个集合中删除"),
    ),
    "empty-answer": (
        Text("{n} [sample has|samples have] an empty answer", "{n} 条样本的回答为空"),
        Text(
            "write the answer or remove the sample: the model learns to say nothing",
            "请补全回答或删除：模型会学到不回答",
        ),
    ),
    "empty-question": (
        Text("{n} [sample has|samples have] an empty question", "{n} 条样本的问题为空"),
        Text(
            "write the question; what is no dialogue belongs into a text column and a pretraining recipe",
            "请补全问题；若不是对话，请改为 text 列并用预训练配方",
        ),
    ),
    "empty-text": (
        Text("{n} [text is|texts are] empty", "{n} 条文本为空"),
        Text("remove them", "请删除"),
    ),
    "no-answer": (
        Text("{n} [conversation has|conversations have] no answer to learn", "{n} 条对话没有可学习的回答"),
        Text(
            "add an answer of the assistant, or a weight other than 0 to one that is there",
            "请加上助手的回答，或将已有回答的权重改为非 0",
        ),
    ),
    "role-order": (
        Text(
            "{n} [conversation has|conversations have] an odd order: two of one role in a row, a late system prompt, or no answer at the end",
            "{n} 条对话的角色顺序异常：同一角色连续出现、系统提示不在开头，或结尾不是回答",
        ),
        Text(
            "join messages of one role, put the system prompt first, and let the assistant have the last word",
            "请合并连续的同角色消息，把系统提示放在开头，并以助手的回答结尾",
        ),
    ),
    "equal-pair": (
        Text("{n} [pair has|pairs have] the same chosen and rejected answer", "{n} 对样本的优选与拒绝回答相同"),
        Text(
            "remove them: nothing can be learned from a pair without a difference", "请删除：没有差别的样本对学不到东西"
        ),
    ),
    "one-label": (
        Text("all {n} judged answers have the same label", "全部 {n} 条评判样本的标签相同"),
        Text(
            "KTO needs liked and disliked answers; with liked ones only, fine-tune on them instead",
            "KTO 需要好坏两种回答；若只有好的，请改用监督微调",
        ),
    ),
    "placeholder": (
        Text(
            "{n} [sample has|samples have] a placeholder such as {{name}} that nobody filled in",
            "{n} 条样本含有未替换的占位符，如 {{name}}",
        ),
        Text("put the real words in its place, or the model will say it", "请替换为真实内容，否则模型会照样说出来"),
    ),
    "duplicate": (
        Text(
            "{n} [sample repeats|samples repeat] another one: with several epochs [it is|they are] learned by heart",
            "{n} 条样本与其他样本重复：多轮训练后会被死记硬背",
        ),
        Text("keep one of each", "每种只保留一条"),
    ),
    "few-questions": (
        Text(
            "{n} samples ask only {distinct} different questions: others may be answered as if they were these",
            "{n} 条样本只有 {distinct} 个不同的问题：模型可能把其他问题也当成它们来回答",
        ),
        Text(
            "word the questions in more ways, add general conversations, or train for fewer epochs",
            "请丰富问法，混入通用对话，或减少训练轮数",
        ),
    ),
    "same-question": (
        Text("{n} [sample asks|samples ask] a question that another one asks too", "{n} 条样本的问题与其他样本相同"),
        Text(
            "keep the best answer to each question, or word the question in other ways",
            "每个问题保留最好的回答，或换一些问法",
        ),
    ),
    "same-answer": (
        Text(
            "{n} samples have an answer that many different questions get: it may become the answer to everything",
            "{n} 条样本的回答被许多不同的问题共用：模型可能对一切都这样回答",
        ),
        Text(
            "word the answers in more ways, or keep fewer of them; in a set of labels it is as it should be",
            "请丰富回答或减少此类样本；若是分类标签数据则属正常",
        ),
    ),
    "constant-system": (
        Text(
            "all {n} conversations have the same system prompt: what is learned may show only under it",
            "全部 {n} 条对话使用同一个系统提示：学到的内容可能只在该提示下出现",
        ),
        Text(
            "leave it out of some samples, or serve the model under exactly this prompt",
            "请在部分样本中去掉它，或部署时使用完全相同的提示",
        ),
    ),
    "near-constant-system": (
        Text(
            "{n} conversations, nearly all, have the same system prompt: what is learned may show only under it",
            "{n} 条对话（几乎全部）使用同一个系统提示：学到的内容可能只在该提示下出现",
        ),
        Text(
            "leave it out of more samples, or serve the model under exactly this prompt",
            "请在更多样本中去掉它，或部署时使用完全相同的提示",
        ),
    ),
    "over-long": (
        Text(
            "{n} [sample is|samples are] longer than {limit} tokens (the longest has {longest}): [it is|they are] left out or cut",
            "{n} 条样本超过 {limit} 个 token（最长 {longest}）：会被略过或截断",
        ),
        Text("raise max_tokens, or split them", "请调大 max_tokens，或拆分样本"),
    ),
}

CODES = tuple(_SAID)


def finding(code: str, ids: Sequence[str], **facts: int) -> Finding | None:
    """The finding of `code` for the samples of these ids; None without any."""
    if not ids:
        return None
    what, remedy = _SAID[code]
    return Finding(code, len(ids), _filled(what, {"n": len(ids), **facts}), tuple(ids[:_SHOWN]), remedy)


def _filled(text: Text, facts: dict[str, int]) -> Text:
    en, zh = _ONE_OR_MANY.sub(r"\1" if facts["n"] == 1 else r"\2", text.en), text.zh
    for name, fact in facts.items():  # by hand: `{{name}}` in a text is meant as it stands
        en, zh = en.replace(f"{{{name}}}", str(fact)), zh.replace(f"{{{name}}}", str(fact))
    return Text(en, zh)
