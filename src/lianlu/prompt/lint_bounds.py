"""Bounds of length and number in sentences, and those that exclude each other: at most 50 words, at least 300."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import combinations

from lianlu.prompt.lint_checked import Checked, Sentence
from lianlu.prompt.lint_words import CONDITION

__all__ = ["Bound", "bound_conflicts", "bounds_of", "number_of"]

_DIGITS_ZH = {"一": 1, "二": 2, "两": 2, "三": 3, "四": 4, "五": 5, "六": 6, "七": 7, "八": 8, "九": 9}
_NUMBERS_EN = {
    name: value
    for value, name in enumerate(
        [
            "zero",
            "one",
            "two",
            "three",
            "four",
            "five",
            "six",
            "seven",
            "eight",
            "nine",
            "ten",
            "eleven",
            "twelve",
            "thirteen",
            "fourteen",
            "fifteen",
            "sixteen",
            "seventeen",
            "eighteen",
            "nineteen",
            "twenty",
        ]
    )
} | {"a single": 1, "thirty": 30, "forty": 40, "fifty": 50, "sixty": 60, "eighty": 80, "a hundred": 100, "hundred": 100}
_N = (
    r"(?P<{0}>\d{{1,6}}(?:,\d{{3}})?|[一二两三四五六七八九十百千]{{1,6}}|\b(?:"
    + "|".join(sorted(_NUMBERS_EN, key=len, reverse=True))
    + r")\b)"
)
_UNIT = (
    r"(?P<{0}>(?:个)?(?:汉字|中文字|英文单词|单词|字符|(?:个)?字(?!母|节|段|典)|句话|句|自然段|段话|段|行|条|点(?!评"
    r"|钟|数)|项|个要点|要点|个标题|标题|个问题|问题|个步骤|步骤|步|个词|词|个例子|例子|个选项|选项|个建议"
    r"|建议|个标签|标签|道题|题|个方案|方案|个|页|分钟|遍|轮|种)"
    r"|(?:short\s+|numbered\s+|full\s+|separate\s+|simple\s+|different\s+|long\s+)?(?:words?|characters?"
    r"|sentences?|paragraphs?|lines?|bullet\s+points?|bullets?|points?|items?|steps?|questions?|titles?"
    r"|headlines?|options?|examples?|tips?|ideas?|suggestions?|tags?|hashtags?|pages?|minutes?|sections?"
    r"|reasons?|names?|keywords?|ingredients?|turns?|exercises?|tokens?|entries|rows?|tasks?|stanzas?"
    r"|verses?|[a-z]{{4,20}}s)\b)"
)
_RANGE = re.compile(
    r"(?P<low>\d{1,5})\s*(?:[-–—~～]|to|到|至)\s*(?P<high>\d{1,5})\s*-?\s*" + _UNIT.format("unit"), re.IGNORECASE
)
_UPPER = re.compile(
    r"(?:不(?:得|要|能|可|应)?(?:超过|多于|大于|高于)|至多|最多(?:只)?|控制在|限(?:制)?(?:在|于)|少于|低于"
    r"|上限(?:为|是)?|以内：|at\s+most|no\s+more\s+than|not\s+more\s+than|up\s+to|under|within|fewer\s+than"
    r"|less\s+than|no\s+longer\s+than|not\s+exceed|never\s+exceed|exceed(?:ing)?|never\s+more\s+than|below"
    r"|maximum(?:\s+of)?|max(?:\.|imum)?|limit(?:ed)?(?:\s+\w+)?\s+to|shorter\s+than|not\s+be\s+longer\s+than"
    r"|not\s+longer\s+than)[^\d\w\n]{0,2}\s*(?:[用写给列有使出为]{0,3})"
    + _N.format("n")
    + r"\s*-?\s*"
    + _UNIT.format("unit"),
    re.IGNORECASE,
)
_UPPER_AFTER = re.compile(
    _N.format("n")
    + r"\s*"
    + _UNIT.format("unit")
    + r"\s*(?:以内|之内|以下|内(?!容)|封顶|or\s+(?:fewer|less)|at\s+most|max(?:imum)?|or\s+shorter)",
    re.IGNORECASE,
)
_LOWER = re.compile(
    r"(?:至少|不(?:得|能|可|应)?(?:少于|低于|小于)|最少|不下|起码"
    r"|(?<!不)(?<!不得)(?<!不要)(?<!不能)(?<!不可)(?<!不应)(?:超过|多于|大于)|下限(?:为|是)?|at\s+least"
    r"|no\s+fewer\s+than|no\s+less\s+than|not\s+less\s+than|minimum(?:\s+of)?"
    r"|(?<!no )(?<!not )(?<!never )more\s+than|over|longer\s+than)[^\d\w\n]{0,2}\s*(?:[用写给列有使出为]{0,3})"
    + _N.format("n")
    + r"\s*-?\s*"
    + _UNIT.format("unit"),
    re.IGNORECASE,
)
_LOWER_AFTER = re.compile(
    _N.format("n")
    + r"\s*"
    + _UNIT.format("unit")
    + r"\s*(?:以上|或更多|起(?!点)|or\s+more|at\s+least|or\s+longer|minimum)",
    re.IGNORECASE,
)
_EXACT = re.compile(
    r"(?:(?:一共|总共|共)(?=[给列提写输推])|(?:exactly|always|only)\s+(?=(?:give|list|name|write)\b))?(?:恰好"
    r"|正好|刚好|必须(?:是|有|写|给出|列出|输出)?|只(?:用|写|输出|给出|列出|说|给|出|列|提出|问|推荐"
    r"|保留|有|回答)?|仅(?:用|写|输出|给出|列出|用)?|固定(?:为|写)?|共|一共|总共|列出|给出|提供|写出?|输出"
    r"|生成|推荐|分成?|分为|用|拟|起|exactly|always|only|in|into|as|with|write|give|list|provide|output|return"
    r"|generate|produce|name|suggest|propose|use|contain|has|have|of|offer|a\s+single)\s*"
    + _N.format("n")
    + r"\s*-?\s*(?:个)?"
    + _UNIT.format("unit"),
    re.IGNORECASE,
)
_KINDS = (
    ("char", re.compile(r"字符|汉字|中文字|^个?字|character", re.IGNORECASE)),
    ("word", re.compile(r"word|单词|^个?词", re.IGNORECASE)),
    ("sentence", re.compile(r"句|sentence", re.IGNORECASE)),
    ("paragraph", re.compile(r"段|paragraph", re.IGNORECASE)),
    ("line", re.compile(r"行|\bline", re.IGNORECASE)),
    ("question", re.compile(r"问题|题$|question", re.IGNORECASE)),
    ("title", re.compile(r"标题|title|headline", re.IGNORECASE)),
    ("step", re.compile(r"步|step", re.IGNORECASE)),
    ("example", re.compile(r"例子|example", re.IGNORECASE)),
    ("option", re.compile(r"选项|方案|option", re.IGNORECASE)),
    ("tip", re.compile(r"建议|tip|suggestion|idea", re.IGNORECASE)),
    ("tag", re.compile(r"标签|tag", re.IGNORECASE)),
    ("page", re.compile(r"页|page", re.IGNORECASE)),
    ("minute", re.compile(r"分钟|minute", re.IGNORECASE)),
    ("section", re.compile(r"section|部分", re.IGNORECASE)),
    ("reason", re.compile(r"reason", re.IGNORECASE)),
    ("name", re.compile(r"names?$", re.IGNORECASE)),
    ("keyword", re.compile(r"keyword", re.IGNORECASE)),
    ("item", re.compile(r"条|点|项|bullet|point|item|entr|row", re.IGNORECASE)),
)
_PART = re.compile(
    r"标题|每一?(?:条|段|句|项|个|点|步|题|行|章|节|部分|轮|次)|摘要|正文|开头|结尾|引言|结论|简介|描述|评语"
    r"|总结|小结|标签|题目|选项|答案|例句|台词|诗|问候|开场|理由|说明|备注|解释|分析|介绍|步骤|单句|关键词"
    r"|第[一二三四五六七八九十\d]{1,4}(?:段|句|部分|步)"
    r"|\b(?:titles?|each|every|per|summary|body|opening|introduction|intro|conclusion|subject|description"
    r"|comment|headline|caption|greeting|first|second|third|last|final|paragraphs?|reasons?|explanations?"
    r"|notes?|steps?|sections?|bullets?|items?|questions?|hook|closing|sentences?|lines?|keywords?|feedback"
    r"|definition)\b",
    re.IGNORECASE,
)
_WHOLE = re.compile(
    r"每次(?:的)?(?:回答|回复|输出)|每(?:个|条|次)(?:回答|回复|答复|输出)|\b(?:every|each|per)\s+(?:answer"
    r"|reply|response|output|message)\b|\b(?:whole|entire|total)\b|全文|总字数|总共|整体",
    re.IGNORECASE,
)


_SUBJECT = re.compile(
    r"\W*(?:an?|one|any|some)\s+(?!(?:\w+\s+)?(?:answer|reply|response|output|text|message|translation|result)\b)"
    r"(?:[\w-]+\s+){0,2}[\w-]+(?=[^\n]{0,40}?\b(?:at\s+most|no\s+more|up\s+to|at\s+least|has|have|is|contains?)\b)",
    re.IGNORECASE,
)
"""`A hint has at most 4 words` speaks of hints."""
_DOES = re.compile(r"\b\d{1,5}\s+\w+\s+(?:have|has|speak|speaks|appear|appears|know)\b", re.IGNORECASE)
"""`At most 4 characters have names` counts people."""


@dataclass(frozen=True)
class Bound:
    """At least `low`, at most `high` of a unit, said of a part of the answer or of the whole (an empty `of`)."""

    low: float
    high: float
    unit: str
    of: str
    sentence: Sentence
    is_strict: bool = True
    is_bare: bool = False
    """Whether the clause names nothing that the bound is of, and stands behind one that may."""


def number_of(text: str) -> float:
    """A number in digits or in words of either language."""
    plain = re.sub(r"\s+", " ", text.strip().lower().replace(",", ""))
    if plain.isdigit():
        return int(plain)
    if plain in _NUMBERS_EN:
        return _NUMBERS_EN[plain]
    total, digit = 0, 0
    for letter in plain:
        if letter in _DIGITS_ZH:
            digit = _DIGITS_ZH[letter]
        else:
            scale = {"十": 10, "百": 100, "千": 1000}.get(letter, 0)
            total += (digit or 1) * scale
            digit = 0
    return total + digit


def _kind(unit: str) -> str:
    known = next((name for name, pattern in _KINDS if pattern.search(unit)), "")
    return known or (unit.lower() if unit.isascii() else "")


def _of(sentence: Sentence, clause: str, unit_text: str) -> str:
    """Of what part a clause speaks; its own unit is no part."""
    if _WHOLE.search(clause):
        return ""
    found = [
        match.group().lower() for match in _PART.finditer(clause) if match.group().lower() not in unit_text.lower()
    ]
    words = sorted({re.sub(r"s$", "", word) for word in found})
    if not words:
        subject = _SUBJECT.match(clause) or _DOES.search(clause)
        if subject is not None:
            return subject.group().strip().casefold()
    if not words and sentence.part.is_titled and not sentence.part.kind:
        return sentence.part.title.casefold()
    return "+".join(words)


_BARE = re.compile(r"\W*(?:且|并|也)?(?:不|至|最|少|多|控制|限|at\s|no\s|up\s|under|within|in\s|with\s)", re.IGNORECASE)
_ANSWER = re.compile(
    r"回答|回复|答复|输出|全文|正文|篇幅|总字数|\b(?:answer|reply|response|output|text|message)\b", re.IGNORECASE
)
_CLAUSES = re.compile(r"[，；;。]|,\s|\band\b|并且?|且")


def bounds_of(sentence: Sentence) -> Iterator[Bound]:
    """The bounds in a sentence, clause by clause."""
    plain = sentence.plain
    if len(plain) > 2000 or not re.search(
        r"\d|[一二两三四五六七八九十百]|\b(?:one|two|three|four|five|six|seven|eight|nine|ten|twelve|fifteen"
        r"|twenty|fifty|hundred|single)\b",
        plain,
        re.IGNORECASE,
    ):
        return
    subject = ""
    clauses = _CLAUSES.split(plain)
    for clause in clauses:
        # `每条以动词开头，不超过 30 字`: a clause without a subject speaks of that of the clause before.
        for bound in _in_clause(sentence, clause):
            is_bare = not bound.of and not _WHOLE.search(clause) and _BARE.match(clause) is not None
            is_behind = is_bare and clause is not clauses[0] and not _ANSWER.search(plain.partition(clause)[0])
            yield replace(bound, of=subject if is_bare and subject else bound.of, is_bare=is_behind)
        subject = _of(sentence, clause, "") or ("" if _WHOLE.search(clause) else subject)


def _in_clause(sentence: Sentence, clause: str) -> Iterator[Bound]:
    span = _RANGE.search(clause)
    if span:
        unit = _kind(span["unit"])
        yield Bound(int(span["low"]), int(span["high"]), unit, _of(sentence, clause, span["unit"]), sentence)
        return
    taken = False
    for pattern, is_upper in ((_UPPER, True), (_UPPER_AFTER, True), (_LOWER, False), (_LOWER_AFTER, False)):
        found = pattern.search(clause)
        if found is None:
            continue
        taken = True
        count, unit = number_of(found["n"]), _kind(found["unit"])
        low, high = (0.0, count) if is_upper else (count, float("inf"))
        yield Bound(low, high, unit, _of(sentence, clause, found["unit"]), sentence)
    exact = None if taken else _EXACT.search(clause)
    if exact:
        count, unit = number_of(exact["n"]), _kind(exact["unit"])
        strict = (
            re.match(r"恰好|正好|刚好|必须|只|仅|固定|一共|总共|共|exactly|only|always", exact.group(), re.IGNORECASE)
            is not None
        )
        yield Bound(count, count, unit, _of(sentence, clause, exact["unit"]), sentence, is_strict=strict)


_SILENT = {"Background", "Audience", "Role", "Skills", "Example", "Value", "Definition", "Initialization", "Profile"}


def bound_conflicts(checked: Checked) -> Iterator[tuple[Sentence, Sentence]]:
    """Pairs of sentences whose bounds exclude each other."""
    found = [
        bound
        for sentence in checked.sentences
        if sentence.part.aspect not in _SILENT and not CONDITION.search(sentence.plain)
        for bound in bounds_of(sentence)
        if bound.unit
    ][:60]
    for one, other in combinations(found, 2):
        if one.sentence is not other.sentence and (_exclude(one, other) or _exclude(other, one)):
            yield one.sentence, other.sentence
            return


_ROOM = {("sentence", "char"): 80, ("sentence", "word"): 45, ("sentence", "paragraph"): 1, ("paragraph", "page"): 0.2}
"""How much of the second unit fits into one of the first, generously."""


def _exclude(upper: Bound, lower: Bound) -> bool:
    """Whether at most `upper.high` leaves no room for at least `lower.low`."""
    if upper.high == float("inf") or lower.low == 0:
        return False
    same = upper.of == lower.of
    is_whole_smaller = not upper.of and bool(lower.of)
    if not same and not is_whole_smaller:
        return False
    if upper.unit == lower.unit:
        if not (upper.is_strict or lower.is_strict):
            return upper.high < lower.low and same and upper.unit in ("char", "word", "sentence", "paragraph")
        if is_whole_smaller and lower.unit not in ("char", "word", "sentence"):
            return False
        return upper.high < lower.low
    room = _ROOM.get((upper.unit, lower.unit))
    return room is not None and same and upper.high * room < lower.low and (upper.is_strict or lower.is_strict)
