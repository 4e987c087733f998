"""What a question asks for: a definition, the way to do something, a number, or anything else."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from lianlu.core.errors import UsageError
from lianlu.core.i18n import Language
from lianlu.text.normalise import clean_input, fold, is_cjk
from lianlu.text.tokens import content_terms, is_stop_term, terms

__all__ = ["LONGEST_QUESTION", "Question", "QuestionKind", "question_language", "read_question"]

QuestionKind = Literal["definition", "how-to", "number", "time", "other"]
LONGEST_QUESTION = 4000

_DEFINITIONS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"^(?:请问|請問)?(?:什么|什麼|啥)(?:是|叫做?)(?P<subject>.{1,40}?)[？?。\s]*$",
        r"^(?:请问|請問)?(?P<subject>.{1,40}?)(?:到底|究竟)?(?:是|指的?是?|叫)(?:什么|什麼|啥|个啥)(?:东西|東西|意思|工具|项目|框架)?[呢啊呀？?。\s]*$",
        r"^(?:请|請)?(?:介绍|介紹|解释|解釋|说说|說說)(?:一下|下)?(?:什么是)?(?P<subject>.{1,30}?)[？?。\s]*$",
        r"^(?P<subject>.{1,30}?)(?:的)?(?:定义|定義|含义|含義|意思)(?:是什么|是什麼)?[？?。\s]*$",
        r"^what(?:\s+is|\s+are|'s|’s)\s+(?:an?\s+|the\s+)?(?P<subject>[^\s].{0,40}?)[?？.\s]*$",
        r"^(?:please\s+)?(?:define|introduce|tell me about)\s+(?:an?\s+|the\s+)?(?P<subject>.{1,40}?)[?？.\s]*$",
        r"^what does\s+(?P<subject>.{1,40}?)\s+(?:mean|stand for)[?？.\s]*$",
    )
)
_LATIN_WORD = re.compile(r"[A-Za-z][A-Za-z0-9_.+#-]*[A-Za-z0-9+#]")
_JOINTS = frozenset("0123456789_+#")
_LONGEST_SUBJECT_TERMS = 8
_OF_SOMETHING = re.compile(r"的|\b(?:of|in|for|between|from|when)\b|多少|哪|谁|誰|几")
_HOW_TO = re.compile(
    r"怎么|怎麼|怎样|怎樣|如何|怎能|步骤|步驟|方法|\bhow\s+(?:do|can|should|to|would|does|did)\b|\bsteps?\b", re.I
)
_NUMBER = re.compile(
    r"多少|几[个種种次人年天条]|幾|多大|多高|多长|多久|\bhow\s+(?:many|much|long|large|big|old|far)\b", re.I
)
_TIME = re.compile(
    r"什么时候|什麼時候|何时|何時|哪年|哪一年|哪一天|几年|几月|时间|日期|\bwhen\b|\bwhat\s+(?:year|date|day|time)\b",
    re.I,
)
_DATE_WANTED = re.compile(
    r"什么时候|什麼時候|何时|何時|哪年|哪一年|哪一天|几年|几月|^when\s+(?:was|were|did|is|are|will|has|have)\b|\b(?:what|which)\s+year\b",
    re.I,
)


@dataclass(frozen=True)
class Question:
    """A question as it is searched for.

    Attributes:
        names: terms that name things: Latin words in Chinese, capitalized words and words with digits in English.
        identifiers: those of them that are spelled as no plain word is: DPO, QLoRA, api_server.
        subject: what a definition is wanted of, folded.
        wants_number: an answer without a number or a date is none.
    """

    text: str
    kind: QuestionKind
    names: frozenset[str] = frozenset()
    identifiers: frozenset[str] = frozenset()
    subject: str = ""
    wants_number: bool = False


def read_question(text: str) -> Question:
    """Clean a question and tell its kind.

    Raises:
        UsageError: rag.empty-question, rag.long-question

    >>> question = read_question("XTuner是什么？")
    >>> question.kind, question.subject
    ('definition', 'xtuner')
    """
    cleaned = clean_input(text)
    if len(cleaned) > LONGEST_QUESTION:
        raise UsageError("rag.long-question", length=len(cleaned), limit=LONGEST_QUESTION)
    if not cleaned or not any(each.isalnum() for each in cleaned):
        raise UsageError("rag.empty-question")
    subject = _subject(cleaned)
    return Question(
        text=cleaned,
        kind="definition" if subject else _kind(cleaned),
        names=_names(cleaned),
        identifiers=_first_terms(word for word in _LATIN_WORD.findall(cleaned) if _is_identifier(word)),
        subject=subject,
        wants_number=not subject and (_kind(cleaned) == "number" or _DATE_WANTED.search(cleaned) is not None),
    )


def question_language(text: str) -> Language:
    """One Chinese character makes a question Chinese: names and commands in it are Latin anyway.

    >>> question_language("LMDeploy 怎么安装？")
    'zh'
    """
    return "zh" if any(map(is_cjk, text)) else "en"


def _subject(text: str) -> str:
    for pattern in _DEFINITIONS:
        match = pattern.match(text)
        if match:
            subject = fold(match["subject"]).strip(" “”\"'`《》「」，,")
            is_plain = subject and not _OF_SOMETHING.search(subject)
            return subject if is_plain and len(content_terms(subject)) in range(1, _LONGEST_SUBJECT_TERMS) else ""
    return ""


def _names(text: str) -> frozenset[str]:
    is_chinese = any(map(is_cjk, text))
    words = _LATIN_WORD.finditer(text)
    return _first_terms(
        word.group() for word in words if is_chinese or _is_name(word.group(), at_start=not word.start())
    )


def _first_terms(words: Iterable[str]) -> frozenset[str]:
    return frozenset(terms(each)[0] for each in words if not is_stop_term(each.casefold()))


def _is_name(word: str, *, at_start: bool) -> bool:
    return (word[0].isupper() and not at_start) or _is_identifier(word)


def _is_identifier(word: str) -> bool:
    return any(each.isupper() or each in _JOINTS for each in word[1:])


def _kind(text: str) -> QuestionKind:
    if _TIME.search(text):
        return "time"
    if _NUMBER.search(text):
        return "number"
    return "how-to" if _HOW_TO.search(text) else "other"
