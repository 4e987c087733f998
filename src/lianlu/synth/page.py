"""Conversations on a report page: how many of which generator and language, what an inspection found, and examples."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import islice

from lianlu.core.files import Files
from lianlu.core.i18n import Text
from lianlu.page import Badge, Cell, Column, Fact, Facts, Note, Part, Section, SectionContext, Table
from lianlu.records import Conversation
from lianlu.synth.file import load_conversations
from lianlu.synth.inspect import Inspection, inspect

__all__ = ["section"]

_EXAMPLES_OF_EACH = 8
_SHOWN_CHARACTERS = 300


def section(files: Files, context: SectionContext) -> Section:
    """Show a conversations artifact.

    Raises:
        DataError: synth.no-conversations, synth.bad-file
    """
    conversations = load_conversations(files)
    found = inspect(conversations)
    parts: list[Part] = [_facts(found), _counts(conversations), *_notes(found), _examples(conversations)]
    step = context.step
    return Section(
        title=Text(f"Training data: {step}", f"训练数据：{step}") if step else Text("Training data", "训练数据"),
        id=context.step or "conversations",
        intro=Text("What a model is tuned on, with examples of each kind.", "用来微调模型的数据，每类附若干示例。"),
        parts=parts,
    )


def _facts(found: Inspection) -> Facts:
    return Facts(
        [
            Fact(Text("conversations", "对话"), found.conversations),
            Fact(Text("with a system prompt", "带系统提示词"), f"{found.with_system:.0%}"),
            Fact(Text("different system prompts", "不同的系统提示词"), found.system_prompts),
            Fact(Text("repeated questions", "重复的问题"), found.duplicates),
        ]
    )


def _counts(conversations: Sequence[Conversation]) -> Table:
    counts = Counter(_kind(each) for each in conversations)
    columns = (Text("generator", "生成器"), Text("language", "语言"), Column(Text("conversations", "对话")))
    return Table(columns, [(*kind, count) for kind, count in sorted(counts.items())])


def _notes(found: Inspection) -> list[Part]:
    notes: list[Part] = []
    if found.is_constant_system:
        notes.append(
            Note(
                Text(
                    "Nearly all conversations have one system prompt: what is learnt will hold under it only.",
                    "几乎所有对话都用同一个系统提示词：学到的内容只在该提示词下有效。",
                ),
                "warning",
            )
        )
    if not found.is_sound:
        notes.append(
            Note(
                Text(
                    f"{found.empty} conversations lack a question or answer, {found.placeholders} have open placeholders.",
                    f"{found.empty} 条对话缺少问题或回答，{found.placeholders} 条含未填写的占位符。",
                ),
                "error",
            )
        )
    return notes


def _examples(conversations: Sequence[Conversation]) -> Table:
    kinds = sorted({_kind(each) for each in conversations})
    rows: list[tuple[Cell, ...]] = []
    for kind in kinds:
        of_kind = (each for each in conversations if _kind(each) == kind)
        rows += [_row(each, kind) for each in islice(of_kind, _EXAMPLES_OF_EACH)]
    columns = (
        Text("generator", "生成器"),
        Text("language", "语言"),
        Text("system prompt", "系统提示词"),
        Text("question", "问题"),
        Text("answer", "回答"),
    )
    return Table(columns, rows, title=Text("Examples", "示例"), filterable=True)


def _row(conversation: Conversation, kind: tuple[str, str]) -> tuple[Cell, ...]:
    texts = {role: _text(conversation, role) for role in ("system", "user", "assistant")}
    return (Badge(kind[0]), kind[1], texts["system"], texts["user"], texts["assistant"])


def _text(conversation: Conversation, role: str) -> str:
    return "\n".join(each.text for each in conversation.messages if each.role == role)[:_SHOWN_CHARACTERS]


def _kind(conversation: Conversation) -> tuple[str, str]:
    meta = conversation.meta
    return str(meta.get("generator") or conversation.source or "–"), str(meta.get("language") or "–")
