"""A question as it was asked and as it is looked for: what a follow-up leaves out is taken from what was said before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lianlu.core.errors import BackendError
from lianlu.core.i18n import Language
from lianlu.rag.base import KnowledgeBase
from lianlu.rag.extractive import coverage, indexed_text
from lianlu.rag.filters import Filters
from lianlu.rag.question import Question, question_language, read_question
from lianlu.records import Message
from lianlu.text.tokens import content_terms

if TYPE_CHECKING:
    from lianlu.llm import Backend

__all__ = ["Asked", "understood", "understood_by_rules"]

_CHUNKS_LOOKED_AT = 8
_STILL_ABOUT_IT = 0.5  # of the question, in a passage that also speaks of the old subject


@dataclass(frozen=True)
class Asked:
    """A question as it was asked, and as it is looked for."""

    original: str
    question: Question

    @property
    def rewritten(self) -> str:
        return self.question.text if self.question.text != self.original else ""

    @property
    def language(self) -> Language:
        return question_language(self.original)


async def understood(
    base: KnowledgeBase, text: str, history: Sequence[Message], filters: Filters | None, backend: Backend | None
) -> Asked:
    """The question with what it leaves out, as the model says if there is one and it can be believed, else by rules."""
    if history and backend is not None:
        from lianlu.rag.follow_up import stands_alone

        asked = read_question(text)
        if stands_alone(asked.text):
            return Asked(asked.text, asked)
        rewritten = await _by_model(asked.text, history, backend)
        if rewritten is not None:
            return Asked(asked.text, read_question(rewritten))
    return understood_by_rules(base, text, history, filters)


async def _by_model(question: str, history: Sequence[Message], backend: Backend) -> str | None:
    """None also where the model fails: rules do, and a model that is down fails again when it is to answer."""
    from lianlu.rag.follow_up import by_model

    try:
        return await by_model(question, history, backend)
    except BackendError:
        return None


def understood_by_rules(base: KnowledgeBase, text: str, history: Sequence[Message], filters: Filters | None) -> Asked:
    asked = read_question(text)
    if not history:
        return Asked(asked.text, asked)
    from lianlu.rag.follow_up import by_rules

    followed = by_rules(asked.text, history)
    if followed is None or not (followed.is_sure or _is_about_it(base, followed.text, asked.text, filters)):
        return Asked(asked.text, asked)
    return Asked(asked.text, read_question(followed.text))


def _is_about_it(base: KnowledgeBase, followed: str, asked: str, filters: Filters | None) -> bool:
    """Whether what is asked now stands where the old subject is spoken of: 怎么安装 does, 冰岛的首都是哪里 does not."""
    added = content_terms(followed) - content_terms(asked)
    index = base.index
    texts = [indexed_text(each.row) for each in base.find(followed, _CHUNKS_LOOKED_AT, filters=filters)]
    return any(added <= content_terms(text) and coverage(asked, text, index) >= _STILL_ABOUT_IT for text in texts)
