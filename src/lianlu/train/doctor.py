"""What is wrong with a training set before a model learns it: the reasons why fine-tuned assistants disappoint.

A constant system prompt teaches a name that is only known under that prompt; duplicates times epochs are learned by heart;
a sample that stands in both sets makes the measured loss a lie. Findings are warnings: data are the user's.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from lianlu.core.i18n import Text
from lianlu.records import Conversation, Message, ReasoningPart, TextPart, ToolCallPart, ToolResultPart
from lianlu.train.reading import Item

__all__ = ["Finding", "examine", "is_overfit"]

_PLACEHOLDER = re.compile(r"\{\{[^{}]{1,40}\}\}|\bxxx+\b|<(?:NAME|AUTHOR)>", re.IGNORECASE)
_FEW = 8
_MANY_REPEATS = 0.05
_SHOWN = 5


@dataclass(frozen=True)
class Finding:
    """One thing to look at: how many samples, and the ids of the first."""

    code: str
    count: int
    text: Text
    examples: tuple[str, ...]


def examine(items: Sequence[Item], eval_items: Sequence[Item] = ()) -> list[Finding]:
    """Everything worth a warning, the gravest first."""
    checks: tuple[Callable[[Sequence[Item]], Finding | None], ...] = (
        _empty,
        _placeholders,
        _no_answer,
        _duplicates,
        _same_question,
        _constant_system,
    )
    leaked = _leaked(items, eval_items)
    return [found for found in (leaked, *(check(items) for check in checks)) if found is not None]


def is_overfit(train_loss: float, eval_losses: Sequence[float]) -> bool:
    """Whether the loss on unseen samples is far above the loss on learned ones, or has begun to rise."""
    if not eval_losses:
        return False
    last, best = eval_losses[-1], min(eval_losses)
    return last > 2 * train_loss + 0.1 or last > 1.1 * best + 0.05


def _finding(code: str, found: Sequence[str], en: str, zh: str) -> Finding | None:
    if not found:
        return None
    text = Text(en.replace("{n}", str(len(found))), zh.replace("{n}", str(len(found))))
    return Finding(code, len(found), text, tuple(found[:_SHOWN]))


def _leaked(items: Sequence[Item], eval_items: Sequence[Item]) -> Finding | None:
    known = {_key(item) for item in items}
    return _finding(
        "leak",
        [item.id for item in eval_items if _key(item) in known],
        "{n} samples to measure on are also learned: the eval loss says too little",
        "{n} 条评测样本同时也在训练集中：评测损失会偏低",
    )


def _empty(items: Sequence[Item]) -> Finding | None:
    found = [
        item.id
        for item in items
        if isinstance(item.content, Conversation)
        and any(each.role == "assistant" and not _said(each) for each in item.content.messages)
    ]
    return _finding("empty-answer", found, "{n} samples have an empty answer", "{n} 条样本的回答为空")


def _no_answer(items: Sequence[Item]) -> Finding | None:
    found = [
        item.id
        for item in items
        if isinstance(item.content, Conversation) and all(each.role != "assistant" for each in item.content.messages)
    ]
    return _finding("no-answer", found, "{n} conversations have no answer to learn", "{n} 条对话没有可学习的回答")


def _placeholders(items: Sequence[Item]) -> Finding | None:
    found = [item.id for item in items if _PLACEHOLDER.search(_key(item))]
    return _finding(
        "placeholder",
        found,
        "{n} samples have a placeholder such as {{name}} that nobody filled in",
        "{n} 条样本含有未替换的占位符，如 {{name}}",
    )


def _duplicates(items: Sequence[Item]) -> Finding | None:
    counted = Counter(_key(item) for item in items)
    seen: set[str] = set()
    repeated: list[str] = []
    for item in items:
        key = _key(item)
        if counted[key] > 1 and key in seen:
            repeated.append(item.id)
        seen.add(key)
    return _finding(
        "duplicate",
        repeated,
        "{n} samples repeat another one: with several epochs they are learned by heart",
        "{n} 条样本与其他样本重复：多轮训练后会被死记硬背",
    )


def _same_question(items: Sequence[Item]) -> Finding | None:
    asked: defaultdict[str, list[str]] = defaultdict(list)
    for item in items:
        if isinstance(item.content, Conversation):
            asked["\n".join(each.text for each in item.content.messages if each.role == "user")].append(item.id)
    repeats = [each for ids in asked.values() for each in ids[1:]]
    if len(repeats) < _MANY_REPEATS * len(items):
        return None
    return _finding(
        "same-question",
        repeats,
        "{n} samples ask a question that another one asks too",
        "{n} 条样本的问题与其他样本相同",
    )


def _constant_system(items: Sequence[Item]) -> Finding | None:
    prompts = [
        "\n".join(each.text for each in item.content.messages if each.role == "system")
        for item in items
        if isinstance(item.content, Conversation)
    ]
    if len(prompts) < _FEW or not prompts[0] or len(set(prompts)) > 1:
        return None
    return _finding(
        "constant-system",
        [item.id for item in items if isinstance(item.content, Conversation)],
        "all {n} conversations have the same system prompt: what is learned may show only under it; leave it out of some",
        "全部 {n} 条对话使用同一个系统提示：学到的内容可能只在该提示下出现；请在部分样本中去掉它",
    )


def _key(item: Item) -> str:
    if isinstance(item.content, str):
        return item.content
    return "\n".join(f"{each.role}: {_said(each)}" for each in item.content.messages)


def _said(message: Message) -> str:
    """All words of a message, calls and results included."""
    words: list[str] = []
    for part in message.parts:
        if isinstance(part, TextPart | ReasoningPart | ToolResultPart):
            words.append(part.text)
        elif isinstance(part, ToolCallPart):
            words.append(f"{part.name}({part.arguments})")
    return "".join(words).strip()
