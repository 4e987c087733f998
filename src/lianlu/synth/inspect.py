"""Look over training data before anything is trained on it: what makes models overfit or scores lie.

Works on any conversations, not only on ours: the faults are those that users' own sets had (the same question twenty
times, one system prompt on every sample, placeholders, evaluation questions in training).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

import msgspec

from lianlu.records import Conversation, Sample
from lianlu.synth.phrasings import normalised

__all__ = ["Inspection", "inspect"]

_PLACEHOLDER = re.compile(r"\{\{?\s*[A-Za-z_]+\s*\}?\}|\bx{3,}\b|\bTODO_[A-Z]+\b|某某某?", re.IGNORECASE)
_SHOWN = 5


class Inspection(msgspec.Struct, frozen=True, kw_only=True):
    """What was found.

    Attributes:
        duplicates: conversations whose question stood before, but for case, blanks and punctuation.
        most_repeated: the most frequent questions with their counts.
        with_system: share of the conversations that have a system prompt.
        same_system: share of them that have the most frequent one.
        empty: conversations without a question or with an empty answer.
        placeholders: conversations with a gap such as {{name}} or xxx left open.
        leaked: evaluation questions, or what they are made from, that stand in training too.
    """

    conversations: int
    samples: int
    duplicates: int
    most_repeated: list[tuple[str, int]]
    with_system: float
    same_system: float
    system_prompts: int
    empty: int
    placeholders: int
    leaked: int
    leaks: list[str]

    @property
    def is_sound(self) -> bool:
        """Whether nothing was found that makes training or scores wrong."""
        return not (self.leaked or self.empty or self.placeholders)

    @property
    def is_constant_system(self) -> bool:
        """Whether the model will know what it learns under one system prompt only."""
        return self.conversations > 1 and self.same_system > 0.95


def inspect(conversations: Sequence[Conversation], samples: Sequence[Sample] = ()) -> Inspection:
    """Find duplicates, leaks, constant system prompts, empty answers and open placeholders."""
    questions = Counter(_question(each) for each in conversations)
    systems = Counter(_system(each) for each in conversations)
    named = Counter({text: count for text, count in systems.items() if text})
    total = max(len(conversations), 1)
    leaks = _leaks(conversations, samples)
    return Inspection(
        conversations=len(conversations),
        samples=len(samples),
        duplicates=sum(count - 1 for count in questions.values()),
        most_repeated=[(text[:80], count) for text, count in questions.most_common(_SHOWN) if count > 1],
        with_system=round(sum(named.values()) / total, 4),
        same_system=round(max(named.values(), default=0) / total, 4),
        system_prompts=len(named),
        empty=sum(_is_empty(each) for each in conversations),
        placeholders=sum(any(_PLACEHOLDER.search(each.text) for each in one.messages) for one in conversations),
        leaked=len(leaks),
        leaks=leaks[:_SHOWN],
    )


def _question(conversation: Conversation) -> str:
    """All that is asked, with the answers between: a second turn is not the same question as a first."""
    texts = [each.text for each in conversation.messages if each.role != "system"]
    return normalised("\n".join(texts[:-1] if len(texts) > 1 else texts))


def _system(conversation: Conversation) -> str:
    return "\n".join(each.text for each in conversation.messages if each.role == "system")


def _is_empty(conversation: Conversation) -> bool:
    roles = {each.role for each in conversation.messages}
    answers = [each for each in conversation.messages if each.role == "assistant"]
    calls = any(part.__class__.__name__ == "ToolCallPart" for each in answers for part in each.parts)
    return not {"user", "assistant"} <= roles or not (calls or all(each.text.strip() for each in answers))


def _leaks(conversations: Sequence[Conversation], samples: Sequence[Sample]) -> list[str]:
    questions = {normalised(each.text) for one in conversations for each in one.messages if each.role == "user"}
    keys = {_key(one.meta) for one in conversations} - {None}
    found: list[str] = []
    for sample in samples:
        asked = sample.input if isinstance(sample.input, str) else sample.input.messages[-1].text
        key = _key(sample.meta)
        if normalised(asked) in questions or (key is not None and key in keys):
            found.append(f"{sample.id}: {asked[:80]}")
    return found


def _key(meta: dict[str, Any]) -> tuple[str, str] | None:
    made_by, key = meta.get("generator"), meta.get("key")
    return (str(made_by), str(key)) if made_by and key else None
