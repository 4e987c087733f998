"""Consistency of content: every module holds what its name says, once, in the order of the chain, and refers to what is there."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from lianlu.core.i18n import Text
from lianlu.prompt.lint_checked import Checked, Part, Sentence
from lianlu.prompt.lint_finding import Flaw, Rule
from lianlu.prompt.lint_slots import is_known_reference, references
from lianlu.prompt.lint_words import CONDITION, IMPERATIVE, PERSONALITY, PROHIBITION, SKILL, STEP
from lianlu.prompt.modules import CHAIN, COSTAR_MODULES, CRISPE_MODULES, LANGGPT_MODULES, Names

__all__ = ["CONTENT"]

_FORMAT = re.compile(
    r"\W{0,4}(?:请)?(?:(?:以|用|按)[^，。\n]{0,12}(?:JSON|表格|Markdown|列表|格式)[^，。\n]{0,8}(?:输出|返回"
    r"|回答|呈现|给出)|(?:输出|返回|回答)(?:格式)?(?:为|成|用|使用|一个|必须|应|采用)[^。\n]{0,12}(?:JSON|表格"
    r"|列表|Markdown|格式|字段))"
    r"|\W{0,4}(?:please\s+)?(?:output|return|respond|answer|format|present|reply)\b[^.\n]{0,40}\b(?:json"
    r"|tables?|markdown|bullet(?:ed)?|lists?|csv|xml|yaml|columns?)\b",
    re.IGNORECASE,
)
_GREETING = re.compile(
    r"\W{0,4}(?:你好|您好|欢迎(?:使用|来到|光临)|大家好|hello\b|hi\b|welcome\b|good\s+(?:morning|day)\b)", re.IGNORECASE
)


_CHARACTER = re.compile(
    r"\b(?:personality|temperament)\b(?!\s+(?:types?|tests?|traits?))|性格(?!类型|测试|分析|解读|特)|脾气",
    re.IGNORECASE,
)
_NUMBERED_STEP = re.compile(
    r"\W{0,4}(?:第[一二三四五六七八九十\d]{1,3}步|步骤\s*[一二三四五六七八九十\d]{1,3}|step\s*\d{1,2})", re.IGNORECASE
)


def _numbered_step(sentence: Sentence) -> bool:
    return _NUMBERED_STEP.match(sentence.plain) is not None


def _skill(sentence: Sentence) -> bool:
    return SKILL.match(sentence.plain) is not None and not PROHIBITION.match(sentence.plain)


def _prohibition(sentence: Sentence) -> bool:
    return PROHIBITION.match(_after_label(sentence.plain)) is not None


def _step(sentence: Sentence) -> bool:
    return STEP.match(sentence.plain) is not None


def _personality(sentence: Sentence) -> bool:
    words = _after_label(sentence.plain)
    return PERSONALITY.match(words) is not None or _CHARACTER.search(words) is not None


def _format(sentence: Sentence) -> bool:
    return _FORMAT.match(_after_label(sentence.plain)) is not None


def _greeting(sentence: Sentence) -> bool:
    return _GREETING.match(sentence.plain) is not None


def _after_label(words: str) -> str:
    head, colon, rest = words.partition("：") if "：" in words else words.partition(": ")
    return rest.strip() if colon and rest.strip() and len(head) <= 24 else words


_Sort = tuple[Callable[[Sentence], bool], Text, Text]
_SKILL: _Sort = (_skill, Text("a skill", "技能"), Text("Skills", "技能（Skills）"))
_BAN: _Sort = (_prohibition, Text("a prohibition", "禁止事项"), Text("Rules", "规则（Rules）"))
_STEP: _Sort = (_step, Text("a step", "步骤"), Text("Workflow", "工作流程（Workflow）"))
_STEP_1: _Sort = (_numbered_step, _STEP[1], _STEP[2])
_PERSON: _Sort = (
    _personality,
    Text("personality", "性格描写"),
    Text("Tone or Profile", "语气（Tone）或简介（Profile）"),
)
_SHAPE: _Sort = (_format, Text("a form of the answer", "输出格式"), Text("OutputFormat", "输出格式（OutputFormat）"))
_HELLO: _Sort = (_greeting, Text("a greeting", "开场白"), Text("Initialization", "初始化（Initialization）"))

_FOREIGN: dict[str, tuple[_Sort, ...]] = {
    "Rules": (_SKILL, _HELLO, _STEP_1),
    "Constraints": (_SKILL, _HELLO, _STEP_1),
    "Attention": (_SKILL, _HELLO),
    "Skills": (_BAN, _STEP, _SHAPE, _HELLO),
    "Profile": (_STEP, _BAN, _SHAPE, _HELLO),
    "Role": (_STEP, _BAN, _SHAPE),
    "Background": (_STEP, _BAN, _SHAPE, _SKILL),
    "Audience": (_STEP, _BAN, _SHAPE, _SKILL),
    "Goal": (_BAN, _SKILL, _HELLO),
    "OutputFormat": (_PERSON, _SKILL, _HELLO),
    "Workflow": (_SKILL, _PERSON),
    "Tone": (_STEP, _SHAPE, _SKILL),
    "Style": (_SKILL,),
    "Definition": (_BAN, _STEP, _SKILL),
    "Knowledge": (_BAN, _SKILL),
    "Tools": (_SKILL,),
    "Initialization": (_SKILL,),
}


def _misplaced(checked: Checked) -> Iterable[Flaw]:
    if checked.file.prompt.framework == "crispe":
        return  # plain sentences in five boxes: there is no Skills or Rules to put them into
    told: set[tuple[int, str]] = set()
    for sentence in checked.sentences:
        part = sentence.part
        is_steps = _holds_steps(part)
        for fits, what, place in _FOREIGN.get(part.aspect, ()):
            if not fits(sentence) and not (fits is _step and is_steps and sentence.marker):
                continue
            if fits is _prohibition and CONDITION.search(sentence.plain) and part.aspect not in ("Skills",):
                continue
            if (part.number, what.en) in told:
                continue
            told.add((part.number, what.en))
            yield Flaw(
                sentence.number,
                Text(
                    f"“{part.title}” holds {what.en}: {_clip(sentence.plain)}",
                    f"“{part.title}”中出现了{what.zh}：{_clip(sentence.plain)}",
                ),
                Text(f"Move it to {place.en}.", f"移到{place.zh}。"),
            )


_ORDER = re.compile(f"{STEP.pattern}|{IMPERATIVE.pattern}", re.IGNORECASE)


def _holds_steps(part: Part) -> bool:
    """A Profile with a numbered list of things to do holds steps."""
    if part.aspect not in ("Profile", "Role", "Background", "Audience"):
        return False
    return sum(1 for line in part.items if line.marker[0].isdigit() and _ORDER.match(line.text)) >= 2


def _clip(text: str) -> str:
    return text if len(text) <= 40 else text[:39] + "…"


def _empty(checked: Checked) -> Iterable[Flaw]:
    parts = checked.parts
    for index, part in enumerate(parts):
        if not part.is_titled or part.value or part.name == "Start":
            continue
        if any(line.text or line.in_fence for line in part.lines):
            continue
        below = parts[index + 1] if index + 1 < len(parts) else None
        if below is not None and below.is_titled and below.level > part.level:
            continue
        if index == 0 and part.level == 1 and part.kind is None and below is not None:
            continue  # the title of the whole document
        yield Flaw(
            part.number,
            Text(f"Nothing stands below “{part.title}”.", f"标题“{part.title}”下面没有内容。"),
            Text("Write what it promises, or delete the title.", "补上内容，或删去这个标题。"),
        )


_EVERY = Names((*LANGGPT_MODULES, *COSTAR_MODULES, *CRISPE_MODULES))
_EXACT: dict[str, str] = {}
_SEVERAL = {"职责", "格式", "输出", "format", "output", "核心"}
"""Aliases that people use for a second, different module."""


def _identity(part: Part) -> str:
    """What makes two titles the same module: the kind where the title is one of its spellings, else the words."""
    if not _EXACT:
        for kind in _EVERY.kinds:
            for spelling in (kind.name, kind.title.en, kind.title.zh, *kind.aliases):
                _EXACT.setdefault(_folded(spelling), kind.name)
    words = _folded(re.sub(r"^\s*(?:\d{1,2}[.、)]|[一二三四五六七八九十]{1,3}[、.])\s*", "", part.title))
    if words in _SEVERAL:
        return words
    if part.kind is not None and (words in _EXACT or words.rstrip("s") in _EXACT):
        return part.kind.name
    return words


def _folded(title: str) -> str:
    return "".join(letter for letter in title.casefold() if letter.isalnum())


def _duplicate(checked: Checked) -> Iterable[Flaw]:
    seen: dict[str, Part] = {}
    for part in checked.titled:
        name = _identity(part)
        first = seen.setdefault(name, part)
        if first is part or not name:
            continue
        if part.parent >= 0 and (
            checked.parts[part.parent] is first or (part.parent != first.parent and part.kind is None)
        ):
            continue
        if part.level != first.level and part.kind is None:
            continue
        if part.aspect == "Example" and part.level > first.level:
            continue
        if part.value and first.value and part.value != first.value and part.kind is None:
            continue
        yield Flaw(
            part.number,
            Text(
                f"“{part.title}” is there already (line {first.number}: “{first.title}”).",
                f"“{part.title}”与第 {first.number} 行的“{first.title}”是同一个模块。",
            ),
            Text("Join the two under one title.", "把两处内容合并到一个标题下。"),
        )


def _chain_order(checked: Checked) -> Iterable[Flaw]:
    if checked.file.prompt.framework != "langgpt":
        return
    known = [part for part in checked.titled if part.kind is not None and not _is_below_known(checked, part)]
    highest: Part | None = None
    for part in known:
        place = CHAIN.index(part.kind.place) if part.kind else 0
        if highest is None or highest.kind is None or place >= CHAIN.index(highest.kind.place):
            highest = part
            continue
        order = sorted(known, key=lambda each: CHAIN.index(each.kind.place) if each.kind else 0)
        listed = " → ".join(dict.fromkeys(each.title for each in order))
        yield Flaw(
            part.number,
            Text(
                f"“{part.title}” belongs before “{highest.title}” (line {highest.number}).",
                f"“{part.title}”应放在“{highest.title}”（第 {highest.number} 行）之前。",
            ),
            Text(f"Put the modules in this order: {listed}.", f"按此顺序排列：{listed}。"),
        )
        return


def _is_below_known(checked: Checked, part: Part) -> bool:
    if part.parent < 0:
        return False
    above = checked.parts[part.parent]
    if above.aspect in ("Role", ""):
        return _is_below_known(checked, above)
    return above.kind is not None


_REFERS = re.compile(
    r"遵守|遵循|按照?|依照|根据|执行|参[照考见]|作为|使用|介绍|告[诉知]|见|符合|follow|obey|according"
    r"|as\s+(?:a|an|the)|per\b|see\b|use\b|in\b|by\b|from\b|introduce|apply|with\b|to\b",
    re.IGNORECASE,
)


def _unknown_reference(checked: Checked) -> Iterable[Flaw]:
    told: set[str] = set()
    for slot in references(checked):
        name = slot.name
        if name in told or is_known_reference(checked, name):
            continue
        names_a_module = _EVERY.find(name) is not None
        if not names_a_module and not (name[0].isupper() or not name.isascii()):
            continue
        if not names_a_module and not _REFERS.search(slot.row.text.replace(slot.shown, " ")):
            continue
        if slot.part.aspect == "OutputFormat" and not names_a_module:
            continue  # a template of the answer
        told.add(name)
        yield Flaw(
            slot.line,
            Text(
                f"{slot.shown} refers to nothing: no such module or variable.",
                f"{slot.shown} 无所指：没有这个模块或变量。",
            ),
            Text("Write that module, or refer to one that is there.", "补上这个模块，或改为引用已有的模块。"),
        )


CONTENT: tuple[Rule, ...] = (
    Rule(
        "misplaced-content",
        "warning",
        Text(
            "A module that holds what its name does not say is weighed wrongly: a skill among rules reads as a duty.",
            "模块里放了与名称不符的内容，分量就会被误判：写在规则里的技能会被当成义务。",
        ),
        _misplaced,
    ),
    Rule(
        "empty-module",
        "warning",
        Text("An empty module invites the model to fill it.", "空模块会诱使模型自行填充。"),
        _empty,
    ),
    Rule(
        "duplicate-module",
        "warning",
        Text("Of two modules with one name, the model heeds one.", "同名模块有两个时，模型往往只顾及其中一个。"),
        _duplicate,
    ),
    Rule(
        "chain-order",
        "info",
        Text(
            "The chain Role → Profile → Skills → Rules → Workflow → Initialization lets each module build on those before it.",
            "角色 → 简介 → 技能 → 规则 → 工作流程 → 初始化：按此链条，每个模块都以前文为基础。",
        ),
        _chain_order,
    ),
    Rule(
        "unknown-reference",
        "error",
        Text(
            "A reference to nothing is read as a placeholder, or printed as it stands.",
            "无所指的引用会被当成占位符，或者原样输出。",
        ),
        _unknown_reference,
    ),
)
