"""A prompt as the rules see it: parts with line numbers, sentences with line numbers, variables, language.

Frameworks call the same thing by different names (Context, Background, Insight); `Part.aspect` is one name for it. Titles
that nobody knows are judged by the words in them. Lines of code fences and examples are marked, as they instruct nobody.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from lianlu.core.errors import LianluError
from lianlu.prompt.file import PromptFile
from lianlu.prompt.framework import framework
from lianlu.prompt.model import Assignment, Module
from lianlu.prompt.modules import COSTAR_MODULES, CRISPE_MODULES, LANGGPT_MODULES, Kind, Names
from lianlu.prompt.render import source

__all__ = ["Checked", "Line", "Part", "Sentence", "checked_of", "token_estimate"]

_ASPECTS = {
    "Context": "Background",
    "Insight": "Background",
    "Objective": "Goal",
    "Statement": "Job",
    "Response": "OutputFormat",
    "Personality": "Tone",
    "Capacity and Role": "Role",
    "Start": "Initialization",
    "Yeow": "Initialization",
    "Limits": "Constraints",
}
_GUESSES = (
    ("Example", re.compile(r"示例|样例|范例|例子|案例|example|sample|few.?shot", re.IGNORECASE)),
    ("OutputFormat", re.compile(r"输出|格式|输出规范|交付|output|format|deliverable|response", re.IGNORECASE)),
    ("Workflow", re.compile(r"流程|步骤|做法|steps?\b|procedure|process\b|how to work|method", re.IGNORECASE)),
    (
        "Constraints",
        re.compile(r"限制|约束|禁止|禁忌|边界|范围|limit|constrain|boundar|don'?ts?\b|scope", re.IGNORECASE),
    ),
    ("Rules", re.compile(r"规则|要求|规范|准则|原则|rules?\b|requirement|guideline|principle|quality", re.IGNORECASE)),
    ("Background", re.compile(r"背景|场景|情境|情况|background|situation|scenario|context|setting", re.IGNORECASE)),
    ("Audience", re.compile(r"受众|读者|用户画像|对象|audience|readers?\b|customers?\b|persona", re.IGNORECASE)),
    ("Goal", re.compile(r"目标|目的|用途|goals?\b|objective|purpose|aims?\b|success", re.IGNORECASE)),
    ("Job", re.compile(r"任务|职责|工作|tasks?\b|job|mission|duties|duty|instruction", re.IGNORECASE)),
    ("Skills", re.compile(r"技能|擅长|能力|特长|skill|abilit|expertise|strength", re.IGNORECASE)),
    ("Tone", re.compile(r"语气|口吻|tone|voice", re.IGNORECASE)),
    ("Style", re.compile(r"风格|文风|style", re.IGNORECASE)),
)
_FENCE = re.compile(r"\s*(`{3,}|~{3,})")
_RULER = re.compile(r"\s*(?:#{3,}|-{3,}|={3,}|\*{3,}|_{3,})\s*")
_ITEM = re.compile(r"(?P<indent>\s*)(?P<marker>[-*+•·](?=\s|[^\W\d_])|\d{1,3}(?:[.)）](?!\d)|、))\s*(?P<text>.*)")
_PARTING = re.compile(r"(?<=[。！？；])|(?<=[.!?;])\s+")
_CJK = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]")
_ROLE_LINE = re.compile(r"(?:system|user|assistant):\s*")
_EXAMPLE_LINE = re.compile(
    r"\W*(?:示例|样例|例子|范例|例|样本|例如|比如|输入|输出|用户输入|助手输出|用户|助手|问|答|回答|问题"
    r"|参考输出|期望输出|模型输出"
    r"|examples?|samples?|inputs?|outputs?|user|assistant|q|a|question|answer|expected output)"
    r"\s*[\d一二三四五六]{0,2}\s*(?:[（(][^()（）]{0,20}[)）])?\W{0,3}[:：]",
    re.IGNORECASE,
)
_LABEL = re.compile(r"[\w ]{1,16}[:：]")


@dataclass(frozen=True)
class Line:
    """One line of a part: number in the file, its words without the list marker, and what stood before them."""

    number: int
    raw: str
    text: str
    marker: str = ""
    indent: int = 0
    in_fence: bool = False
    is_example: bool = False


@dataclass(frozen=True)
class Part:
    """A module, the words before the first one (no title), or a further message (`role` is not system)."""

    name: str
    aspect: str
    title: str
    value: str
    level: int
    number: int
    lines: tuple[Line, ...]
    kind: Kind | None = None
    role: str = "system"
    above: tuple[str, ...] = ()
    parent: int = -1

    @cached_property
    def text(self) -> str:
        """What it says, the title's value included, one line each."""
        return "\n".join([*([self.value] if self.value else []), *(line.text for line in self.lines if line.text)])

    @property
    def is_titled(self) -> bool:
        return bool(self.title)

    @property
    def items(self) -> list[Line]:
        """The outermost list items."""
        marked = [line for line in self.lines if line.marker and not line.in_fence]
        least = min((line.indent for line in marked), default=0)
        return [line for line in marked if line.indent == least]


@dataclass(frozen=True)
class Sentence:
    """One sentence that instructs the model: nothing of fences and examples."""

    text: str
    number: int
    part: Part
    marker: str = ""

    @cached_property
    def plain(self) -> str:
        """Without the marks of emphasis."""
        return self.text.replace("**", "").replace("__", "")


@dataclass(frozen=True)
class Checked:
    """A prompt, cut up once for all rules."""

    file: PromptFile
    text: str
    parts: tuple[Part, ...]
    limit_tokens: int = 2000
    problems: tuple[LianluError, ...] = field(default=())

    @cached_property
    def sentences(self) -> tuple[Sentence, ...]:
        return tuple(_sentences(self.parts))

    @cached_property
    def prose(self) -> str:
        """All sentences, one a line."""
        return "\n".join(sentence.plain for sentence in self.sentences)

    @cached_property
    def everything(self) -> str:
        """All that the parts say, examples and fences too, titles not."""
        return "\n".join(part.text for part in self.parts)

    @cached_property
    def is_chinese(self) -> bool:
        body = self.everything
        return len(_CJK.findall(body)) * 3 > len(re.findall(r"[A-Za-z]{2,}", body))

    @cached_property
    def rows(self) -> list[str]:
        """The file's lines."""
        return self.text.split("\n")

    @cached_property
    def names(self) -> frozenset[str]:
        """What `<Name>` may refer to: titles, properties such as `Language`, variables; letters and digits only."""
        assigned = [
            element.name
            for module in self.file.prompt.modules
            for element in module.elements
            if isinstance(element, Assignment)
        ]
        titles = [
            name
            for part in self.titled
            for name in (part.title, part.name, part.value, part.title.rstrip("0123456789- "))
        ]
        every = (*assigned, *titles, *self.file.head.variables, *self.used_variables)
        return frozenset("".join(letter for letter in name.casefold() if letter.isalnum()) for name in every)

    @property
    def titled(self) -> list[Part]:
        return [part for part in self.parts if part.is_titled]

    @property
    def first_line(self) -> int:
        return self.file.first_line

    def aspects(self, *names: str) -> list[Part]:
        """The parts of these aspects that hold something, what stands below their titles too."""
        return [
            part
            for part in self.parts
            if (part.aspect in names or any(name in part.above for name in names)) and part.text.strip()
        ]

    def within(self, *names: str) -> Iterator[Sentence]:
        return (sentence for sentence in self.sentences if sentence.part.aspect in names)

    @cached_property
    def used_variables(self) -> frozenset[str]:
        """Variables of the text, those of included files too."""
        try:
            declared = self.file.head.variables
            return frozenset(self.file.variables) - (frozenset(declared) - frozenset(self._written))
        except LianluError:
            return frozenset(self._written)

    @cached_property
    def _written(self) -> list[str]:
        from lianlu.prompt.render import variables_of

        try:
            texts = (self.file.system_text, *self.file.message_texts)
        except LianluError:
            texts = (source(self.file.prompt), *(each.text for each in self.file.messages))
        return [name for text in texts for name in variables_of(text)]


def checked_of(file: PromptFile, text: str, limit_tokens: int = 2000) -> Checked:
    """Cut a prompt up for the rules."""
    return Checked(file, text, tuple(_parts(file, text)), limit_tokens)


def _parts(file: PromptFile, text: str) -> Iterator[Part]:
    names = _names(file.prompt.framework)
    if file.prompt.syntax != "markdown":
        yield from _tree_parts(file, text, names)
    else:
        number = file.first_line
        found: list[Part] = []
        before = file.prompt.preamble
        if before.strip():
            found.append(_part(None, "", before, number, names, found))
        number += before.count("\n")
        for module in file.prompt.modules:
            head, _, body = module.source.partition("\n")
            below = number + 1 if module.title and _is_title_line(head, module) else number
            found.append(_part(module, "", body if below > number else module.source, below, names, found, number))
            number += module.source.count("\n")
        yield from found
    for message in file.messages:
        yield _part(None, message.role, message.text, message.line, names, [])


def _is_title_line(head: str, module: Module) -> bool:
    return module.title in head and not (module.title == module.name == "Statement" and "tatement" not in head)


def _part(
    module: Module | None, role: str, body: str, first: int, names: Names, before: Sequence[Part], at: int = 0
) -> Part:
    role = role or "system"
    if module is None:
        lines = tuple(_lines(body, first, is_example=role == "assistant"))
        return Part(role if role != "system" else "", "", "", "", 0, at or first, lines, role=role)
    kind = names.find(module.title)
    aspect = _aspect(module, kind)
    parent = _parent(before, module.level)
    above = (before[parent].aspect, *before[parent].above) if parent >= 0 else ()
    is_sample = not module.source.lstrip().startswith(("#", "*", "-")) and _shows_input(before)
    if aspect == "OutputFormat" and is_sample:  # `Input: …` and then `Output: …` without any `#`: a sample, no module
        aspect, kind = "Example", None
    in_example = "Example" in (aspect, *above)
    lines = tuple(_lines(body, first, is_example=in_example))
    return Part(
        module.name, aspect, module.title, module.value, module.level, at or first, lines, kind, role, above, parent
    )


_INPUT = re.compile(r"\W{0,4}(?:input|user|question|q|输入|用户|问题|问)\W{0,3}[:：]", re.IGNORECASE)


def _shows_input(before: Sequence[Part]) -> bool:
    """Whether the words above end with an input."""
    return bool(before) and any(_INPUT.match(line.raw) for line in before[-1].lines[-3:])


def _parent(before: Sequence[Part], level: int) -> int:
    """The nearest part above with a higher title, found by climbing from parent to parent; -1 where there is none."""
    index = len(before) - 1
    while index >= 0 and (not before[index].title or before[index].level >= level):
        index = before[index].parent if before[index].title else -1
    return index


def _tree_parts(file: PromptFile, text: str, names: Names) -> Iterator[Part]:
    """Maps and lists keep no places: a line is looked for where its words stand in the file."""
    rows = text.splitlines()
    found: list[Part] = []
    for module in file.prompt.modules:
        at = next((number for number, row in enumerate(rows, 1) if module.title in row), 1)
        body = "\n".join(f"- {line}" for line in module.text.removeprefix(module.value).strip().splitlines())
        found.append(_part(module, "", body, at, names, found, at))
    yield from found


_NAMES: dict[str, Names] = {}
_ALL = Names((*LANGGPT_MODULES, *COSTAR_MODULES, *CRISPE_MODULES))


def _names(name: str) -> Names:
    if name not in _NAMES:
        _NAMES[name] = Names(framework(name).kinds)
    return _NAMES[name]


def _aspect(module: Module, kind: Kind | None) -> str:
    known = kind or _ALL.find(module.title)
    if known is not None:
        return _ASPECTS.get(known.name, known.name)
    return next((name for name, pattern in _GUESSES if pattern.search(module.title)), "")


def _lines(body: str, first: int, *, is_example: bool) -> Iterator[Line]:
    fence = ""
    shows_example = False
    for number, raw in enumerate((row.rstrip("\r") for row in body.split("\n")), first):
        marks = _FENCE.match(raw)
        if marks:
            fence = "" if fence and raw.strip().startswith(fence) else fence or marks.group(1)
            yield Line(number, raw, "", in_fence=True, is_example=is_example)
            continue
        if fence:
            yield Line(number, raw, raw.strip(), in_fence=True, is_example=is_example)
            continue
        if not raw.strip() or _RULER.fullmatch(raw) or _ROLE_LINE.fullmatch(raw):
            yield Line(number, raw, "")
            continue
        item = _ITEM.fullmatch(raw)
        words = (item["text"] if item else raw).strip()
        begins = _EXAMPLE_LINE.match(words) is not None
        shows_example = begins or (shows_example and not item and not _LABEL.match(words))
        yield Line(
            number,
            raw,
            words,
            item["marker"] if item else "",
            len((item["indent"] if item else raw[: len(raw) - len(raw.lstrip())]).expandtabs(4)),
            is_example=is_example or shows_example,
        )


def _sentences(parts: Iterable[Part]) -> Iterator[Sentence]:
    for part in parts:
        if part.role == "assistant":
            continue
        if part.value and part.aspect != "Example":
            yield from (
                Sentence(each.strip(), part.number, part) for each in _PARTING.split(part.value) if each.strip()
            )
        for line in part.lines:
            if line.in_fence or line.is_example or not line.text:
                continue
            for each in _PARTING.split(line.text):
                if each.strip():
                    yield Sentence(each.strip(), line.number, part, line.marker)


def token_estimate(text: str) -> int:
    """About how many tokens `text` is for a model of today, without a tokenizer.

    A Chinese character is about 0.65 tokens, an English word of up to seven letters one, a longer one two or three, a
    punctuation mark one.

    >>> token_estimate("Answer in one short sentence."), token_estimate("请用一句话回答。")
    (7, 6)
    """
    characters = len(_CJK.findall(text))
    words = sum(1 + len(word) // 8 for word in re.findall(r"[^\W_\u3040-\u9fff]{1,400}", text))
    marks = len(re.findall(r"[^\w\s]|_", text))
    return round(characters * 0.65 + words + marks)
