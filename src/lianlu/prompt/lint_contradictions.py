"""Two statements that cannot both be followed. Whatever holds under a condition only contradicts nothing but an absolute.

Statements are compared topic by topic: things wanted and forbidden, bounds of length, language, manner, and what the
examples show. Of each topic only unconditional orders count; what is said of a part (a title, each item) is compared with
what is said of the same part.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

from lianlu.core.i18n import Text
from lianlu.prompt.lint_bounds import bound_conflicts
from lianlu.prompt.lint_checked import Checked, Sentence
from lianlu.prompt.lint_example_facts import example_conflicts
from lianlu.prompt.lint_finding import Flaw, Rule
from lianlu.prompt.lint_topics import NO, OPPOSITES, TOPICS, Topic
from lianlu.prompt.lint_words import CONDITION, NEGATION
from lianlu.text.tokens import content_terms

__all__ = ["CONTRADICTIONS"]

_ABSOLUTE = re.compile(
    r"\b(?:never|under\s+no\s+circumstances|in\s+no\s+case|at\s+no\s+time|no\s+matter"
    r"|under\s+any\s+circumstances|always)\b|绝不|决不|绝对不|任何情况|任何时候|无论|一律|永远不|始终不|从不"
    r"|严禁|禁止",
    re.IGNORECASE,
)
_CLAUSE = re.compile(r"[，；;]|,\s|\s[—–]\s|\bbut\b|但是?|而是")
_OTHERWISE = re.compile(
    r"以外|之外|除了|except|other\s+than|besides|超过|多于|more\s+than|longer\s+than|过多|太多|too\s+many|过于"
    r"|滥用|一次[^，。]{0,6}多",
    re.IGNORECASE,
)


_NOT = re.compile(r"不(?!仅|但|同|断|少于|低于|超过|多于|错|只|清|明|足|完整|全|详|确定|够)")


@dataclass(frozen=True)
class _Said:
    """A clause of an instructing sentence."""

    text: str
    sentence: Sentence

    @cached_property
    def is_conditional(self) -> bool:
        return CONDITION.search(self.sentence.plain) is not None

    @cached_property
    def is_absolute(self) -> bool:
        return _ABSOLUTE.search(self.sentence.plain) is not None


_SILENT = {"Background", "Audience", "Role", "Skills", "Example", "Value", "Definition", "Profile", "Goal"}


def _clauses(checked: Checked) -> Iterator[_Said]:
    for sentence in checked.sentences:
        if sentence.part.aspect in _SILENT or len(sentence.plain) > 2000:
            continue
        for clause in _CLAUSE.split(sentence.plain):
            if clause.strip():
                yield _Said(clause.strip(), sentence)


def _wanted_and_forbidden(said: list[_Said], prose: str) -> Iterator[tuple[Sentence, Sentence]]:
    negated = [each for each in said if NO.search(each.text)]
    for topic in TOPICS:
        candidates = said if topic.own is not None and topic.own.search(prose) else negated
        forbidding = [each for each in candidates if _forbids(topic, each)]
        if not forbidding:
            continue
        wanting = [each for each in said if topic.noun.search(each.text) and _wants(topic, each)]
        pair = next(
            ((no, yes) for no in forbidding for yes in wanting if _clash(no, yes, is_absolute=topic.name == "asking")),
            None,
        )
        if pair:
            yield pair[0].sentence, pair[1].sentence


def _forbids(topic: Topic, said: _Said) -> bool:
    if _OTHERWISE.search(said.text):
        return False
    return topic.never.search(said.text) is not None


def _wants(topic: Topic, said: _Said) -> bool:
    if topic.never.search(said.text) or _OTHERWISE.search(said.text):
        return False
    if topic.name == "refuse":  # whose orders are negations themselves
        return topic.wants.search(said.text) is not None
    return topic.wants.search(said.text) is not None and not (NEGATION.search(said.text) or _NOT.search(said.text))


def _clash(no: _Said, yes: _Said, *, is_absolute: bool = False) -> bool:
    """Conditions: one on the order not to, or on one that is not absolutely forbidden, lets both be followed."""
    if no.is_conditional or no.sentence is yes.sentence:
        return False
    return not yes.is_conditional or no.is_absolute or is_absolute  # one asks back under a condition only


def _opposites(said: list[_Said], prose: str) -> Iterator[tuple[Sentence, Sentence]]:
    plain = [each for each in said if not each.is_conditional]
    for one, other in OPPOSITES:
        if one.search(prose) is None or other.search(prose) is None:
            continue
        first = [each for each in plain if one.search(each.text)]
        second = [each for each in plain if other.search(each.text)] if first else []
        pair = next(((a, b) for a in first for b in second if a.sentence is not b.sentence), None)
        if pair:
            yield pair[0].sentence, pair[1].sentence


_LEADING = re.compile(r"^.{0,24}?(?:" + NO.pattern + r")", re.IGNORECASE)


def _same_act(said: list[_Said]) -> Iterator[tuple[Sentence, Sentence]]:
    """An act that one sentence forbids and another orders with the same words: never give the answer / give the answer."""
    forbidden = [(each, _act(each)) for each in said if not each.is_conditional and _LEADING.match(each.text)][:80]
    forbidden = [(each, act) for each, act in forbidden if len(act) >= (2 if each.text.isascii() else 3)]
    if not forbidden:
        return
    ordered = [
        each
        for each in said
        if not (NEGATION.search(each.text) or _NOT.search(each.text) or _OTHERWISE.search(each.text))
    ]
    for yes in ordered[:300]:
        terms = content_terms(yes.text)
        for no, act in forbidden:
            if _clash(no, yes) and act <= terms and len(yes.text) <= 2 * len(no.text) + 12:
                yield no.sentence, yes.sentence
                return


def _act(said: _Said) -> set[str]:
    found = _LEADING.match(said.text)
    rest = said.text[found.end() :] if found else ""
    return set() if _OTHERWISE.search(rest) else content_terms(rest)


_LANGUAGES = (
    ("Chinese", re.compile(r"中文|汉语|简体|普通话|\bchinese\b", re.IGNORECASE)),
    ("English", re.compile(r"英文|英语|\benglish\b", re.IGNORECASE)),
    ("Japanese", re.compile(r"日文|日语|\bjapanese\b", re.IGNORECASE)),
    ("French", re.compile(r"法文|法语|\bfrench\b", re.IGNORECASE)),
    ("German", re.compile(r"德文|德语|\bgerman\b", re.IGNORECASE)),
    ("Spanish", re.compile(r"西班牙语|\bspanish\b", re.IGNORECASE)),
)
_SPEAKS = re.compile(
    r"(?:只|仅|全部|全程|始终|一律|都|必须|请|统一)?(?:使用|用|以|采用)(?:简体|标准|流利的?|地道的?)?(?:中文"
    r"|汉语|英文|英语|日文|日语|法语|德语|西班牙语)(?:来|进行)?(?:回答|回复|输出|作答|书写|撰写|写|交流|对话"
    r"|答复|给出|呈现|表达|$|[。；]|与)"
    r"|(?:回答|回复|输出|全文|所有(?:内容|回答|输出)|答复|语言|正文)(?:的?语言)?[^，。\n]{0,10}(?:使用|用|为"
    r"|是|以|[:：])\s*(?:简体)?(?:中文|英文|英语|日语|法语|德语|西班牙语)|只(?:说|写|用|输出)(?:中文|英文|英语"
    r"|日语)"
    r"|\b(?:answers?|reply|replies|respond|write|output|speak|communicate|responses?|converse|talk|summary"
    r"|text|everything|report|letter)\b[^.\n]{0,30}\b(?:in|use)\s+(?:simplified\s+|plain\s+|simple\s+"
    r"|british\s+|american\s+)?(?:chinese|english|japanese|french|german|spanish)\b"
    r"|\b(?:only|always|use)\s+(?:use\s+|in\s+|speak\s+|write\s+)?(?:simplified\s+)?(?:chinese|english"
    r"|japanese|french|german|spanish)\b(?!\s+\w+s\b)",
    re.IGNORECASE,
)
_OF_A_PART = re.compile(
    r"术语|标题|关键词|代码|注释|人名|专有名词|变量|原文|缩写|名称|摘要|标签|键|字段|一份|版本|单词|例句"
    r"|\b(?:terms?|titles?|keywords?|code|comments?|names?|keys?|labels?|quot\w+|headings?|abstract|variables?"
    r"|original|translate[sd]?|translation|from)\b|翻译|译成|译为|双语|中英|对照",
    re.IGNORECASE,
)


def _languages(checked: Checked) -> Iterator[tuple[Sentence, Sentence]]:
    found: list[tuple[str, Sentence]] = []
    for sentence in checked.sentences:
        if sentence.part.aspect in _SILENT or CONDITION.search(sentence.plain):
            continue
        for clause in _CLAUSE.split(sentence.plain):
            spoken = _SPEAKS.search(clause)
            if spoken is None or _OF_A_PART.search(clause) or NEGATION.search(clause):
                continue
            named = [name for name, pattern in _LANGUAGES if pattern.search(clause)]
            if len(named) == 1:
                found.append((named[0], sentence))
    for name, sentence in found[1:]:
        if name != found[0][0]:
            yield found[0][1], sentence
            return


def _contradictions(checked: Checked) -> Iterable[Flaw]:
    said = list(_clauses(checked))
    pairs = [
        *_wanted_and_forbidden(said, checked.prose),
        *_opposites(said, checked.prose),
        *_same_act(said),
        *_languages(checked),
        *bound_conflicts(checked),
    ]
    told: set[tuple[int, int]] = set()
    for one, other in pairs:
        first, second = sorted((one, other), key=lambda each: each.number)
        if (first.number, second.number) in told:
            continue
        told.add((first.number, second.number))
        yield Flaw(
            second.number,
            Text(
                f"“{_clip(second.plain)}” cannot be followed together with line {first.number}: “{_clip(first.plain)}”.",
                f"“{_clip(second.plain)}”与第 {first.number} 行“{_clip(first.plain)}”不能同时做到。",
            ),
            Text(
                "Delete one of the two, or say when each of them holds.", "删去其中一条，或写明各自在什么情况下适用。"
            ),
        )
    yield from example_conflicts(checked)


def _clip(text: str) -> str:
    return text if len(text) <= 60 else text[:59] + "…"


CONTRADICTIONS: tuple[Rule, ...] = (
    Rule(
        "contradiction",
        "warning",
        Text(
            "The model obeys one of the two, and which one changes from call to call.",
            "模型只会遵从其中一条，而且每次可能不同。",
        ),
        _contradictions,
    ),
)
