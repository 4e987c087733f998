"""Techniques at one word: a prompt file in, the same prompt with the technique out. Words in the prompt's own language.

What is added goes where the framework has a place for it: a module in the chain of LangGPT, the nearest part of CO-STAR
and CRISPE, a paragraph of plain text. What the writer wrote keeps every character.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import msgspec

from lianlu.core.errors import UsageError
from lianlu.core.i18n import Language, Text
from lianlu.prompt.candidate import with_system
from lianlu.prompt.cases import Case
from lianlu.prompt.file import PromptFile
from lianlu.prompt.framework import Framework, framework
from lianlu.prompt.model import Module, Prompt
from lianlu.prompt.modules import CHAIN, LANGGPT_MODULES, Kind
from lianlu.prompt.outline import read_elements
from lianlu.prompt.render import source
from lianlu.prompt.starters import STARTERS

__all__ = [
    "TECHNIQUES",
    "Technique",
    "added",
    "check_markdown",
    "language_of",
    "literal",
    "with_detail",
    "with_examples",
    "with_vote",
]

_CHINESE = re.compile(r"[\u3400-\u9fff]")
_RULER = re.compile(r"\n[ \t]*(?:#{4,}|={4,}|-{4,})[ \t]*\n*\Z")  # of CO-STAR, between one part and the next
_VOTES = 5
_PARTS: Mapping[str, Mapping[str, str]] = {
    "Background": {"costar": "Context", "crispe": "Insight"},
    "Job": {"costar": "Objective", "crispe": "Statement"},
    "Goal": {"costar": "Objective", "crispe": "Statement"},
    "Rules": {"costar": "Response", "crispe": "Statement"},
    "Constraints": {"costar": "Response", "crispe": "Statement"},
    "Example": {"costar": "Response", "crispe": "Statement"},
    "OutputFormat": {"costar": "Response", "crispe": "Statement"},
}
"""By module of LangGPT, the part of another framework in which its words stand."""
_SPOKEN_STARTERS: Mapping[str, Text] = {
    "Background": Text("… use this when …", "……的人在……时使用，因为……"),
    "Job": Text("Turn … into … for …", "把……写成……，供……使用。"),
    "Goal": Text("Afterwards the user can …", "完成之后，用户能够……"),
    "Rules": Text("Always … and never …", "始终……，不要……"),
    "Constraints": Text("Use at most … words, and do not …", "不超过……字，也不要……"),
    "Example": Text("For example, the answer to “…” is “…”.", "例如，对于“……”，回答是“……”。"),
    "OutputFormat": Text("Answer with …, in English.", "以……的形式作答，用中文书写。"),
}
"""Beginnings for frameworks of sentences; a line such as `Output: …` would begin a part of CO-STAR."""


@dataclass(frozen=True)
class Technique:
    """A technique: where its words stand (`module` of LangGPT, `parts` of the two others), and the words.

    Attributes:
        spoken: the words where no module of LangGPT gives them their meaning; by default the same.
    """

    about: Text
    module: str = ""
    words: Text | None = None
    parts: Mapping[str, str] | None = None
    spoken: Text | None = None

    def words_for(self, file: PromptFile) -> str:
        """What is added to a file, in its language."""
        chosen = self.words if _is_langgpt(file.prompt) else self.spoken or self.words
        return chosen.show(language_of(file)) if chosen is not None else ""


TECHNIQUES: Mapping[str, Technique] = {
    "detail": Technique(Text("add what a clear instruction lacks", "补上清晰指令所缺的要素")),
    "decompose": Technique(
        Text("take the task in parts", "把任务拆成几步"),
        "Workflow",
        Text(
            "1. List the parts of the task that can be done one by one.\n2. Do them in order, and write the result of each.\n"
            "3. Put the results together, and check that no part is missing.",
            "1. 先把任务拆成可以逐个完成的部分，并列出来。\n2. 依次完成，写出每一部分的结果。\n3. 把各部分合并，检查有无遗漏。",
        ),
        {"costar": "Objective", "crispe": "Statement"},
    ),
    "memory": Technique(
        Text("keep the task in mind over a long talk", "在长对话中始终记住任务"),
        "Memory",
        Text(
            "- Turns: 6\n- the task of this prompt\n- what the user asked for and ruled out\n- what was decided so far",
            "- 轮数：6\n- 本提示词的任务\n- 用户的要求与不要的内容\n- 已经确定的结论",
        ),
        {"costar": "Context", "crispe": "Insight"},
        Text(
            "Throughout the talk keep in mind the task of this prompt, what the user asked for and ruled out, and what was"
            " decided so far; go by it in every answer.",
            "在整个对话中始终记住本提示词的任务、用户的要求与不要的内容，以及已经确定的结论，每次回答都以此为准。",
        ),
    ),
    "explain": Technique(
        Text("explain first, then answer", "先解释再作答"),
        "OutputFormat",
        Text(
            "- First the reasons in a few sentences, then the answer on a line of its own: “Answer: …”.",
            "- 先用几句话说明理由，再单独一行写出结论：“答案：……”。",
        ),
        {"costar": "Response", "crispe": "Statement"},
    ),
    "step-by-step": Technique(
        Text("think step by step", "一步一步思考"),
        "In-depth",
        Text(
            "1. Write down what is given, item by item.\n2. Work it out step by step, without leaving a step out.\n"
            "3. Check the result against what is given before you answer.",
            "1. 逐项写出已知内容。\n2. 一步一步推导，不跳步。\n3. 作答前对照已知内容检查结果。",
        ),
        {"costar": "Response", "crispe": "Statement"},
    ),
    "few-shot": Technique(Text("examples from the cases", "从用例中选取示例")),
    "vote": Technique(Text("ask several times, take the majority", "多次询问，取多数")),
}


def language_of(file: PromptFile) -> Language:
    """The language a prompt is written in."""
    return "zh" if _CHINESE.search(source(file.prompt)) else "en"


def added(file: PromptFile, name: str, words: str, parts: Mapping[str, str] | None = None) -> PromptFile:
    """The prompt with `words` in the LangGPT module `name`, in the part that another framework has for it, or below its text.

    Raises:
        UsageError: prompt.only-markdown
    """
    check_markdown(file)
    prompt, language = file.prompt, language_of(file)
    if _is_langgpt(prompt):
        return with_system(file, source(_with_module(prompt, name, words, language)))
    spoken = re.sub(r"\A- (?=[^\n]*\Z)", "", words)  # one line is a sentence, no list
    part = (parts or {}).get(prompt.framework, "")
    if part and prompt.modules:
        return with_system(file, source(_with_module(prompt, part, spoken, language)))
    text = source(prompt).rstrip("\n")
    return with_system(file, f"{text}\n\n{spoken}\n")


def check_markdown(file: PromptFile) -> None:
    """Raises UsageError prompt.only-markdown."""
    if file.prompt.syntax != "markdown":
        raise UsageError("prompt.only-markdown", path=file.origin)


def _is_langgpt(prompt: Prompt) -> bool:
    """Whether it has modules of LangGPT; plain text is read as LangGPT too, and has none."""
    return prompt.framework == "langgpt" and bool(prompt.modules)


def _with_module(prompt: Prompt, name: str, words: str, language: Language) -> Prompt:
    """The prompt with lines below those of a module, or with the module in its place of the framework's order."""
    own = prompt.module(name)
    if own is not None:
        return _replaced(prompt, own, _longer(own, words))
    made = framework(prompt.framework)
    kind = next(each for each in made.kinds if each.name == name)
    titles = "".join(module.title for module in prompt.modules)
    title = kind.title.show("en" if titles.isascii() else language)  # in the language of the titles beside it
    at = _place(prompt, kind, made)
    if not any(module.source.lstrip().startswith("#") for module in prompt.modules):  # titles are `Word: value` lines
        text = f"{title}{':' if title.isascii() else '：'}\n{words}\n"
    else:
        levels = Counter(module.level for module in prompt.modules if module.name != "Role")
        level = levels.most_common(1)[0][0] if levels else 2
        module = Module(name=name, title=title, level=level, elements=read_elements(words))
        text = made.write(Prompt(framework=made.name, modules=(module,)))
    before = prompt.modules[at - 1].source if at else prompt.preamble
    is_last = at == len(prompt.modules)
    ruler = next((found[0].strip() for module in prompt.modules if (found := _RULER.search(module.source))), "")
    lead = "" if before.endswith("\n\n") or not before else "\n" if before.endswith("\n") else "\n\n"
    if ruler and is_last:
        lead += f"{ruler}\n\n"
    tail = "" if is_last else f"\n{ruler}\n\n" if ruler else "\n"
    new = Module(name=name, title=title, source=f"{lead}{text}{tail}")
    return msgspec.structs.replace(prompt, modules=(*prompt.modules[:at], new, *prompt.modules[at:]))


def _place(prompt: Prompt, kind: Kind, made: Framework) -> int:
    """Where a new module stands: behind those of its link of the chain, or in the order of a framework that has one."""
    order = {name: at for at, name in enumerate(made.standard)}
    places = {each.name: CHAIN.index(each.place) for each in made.kinds} if made.name == "langgpt" else order
    mine = places[kind.name]
    places_here = [places.get(module.name, -1) for module in prompt.modules]
    behind = max((at + 1 for at, place in enumerate(places_here) if place <= mine), default=0)
    later = next((at for at, place in enumerate(places_here) if place > mine), None)
    return behind if later is None else min(behind, later)


def _longer(module: Module, words: str) -> Module:
    """The module with lines below its own; a numbered list goes on counting."""
    ruler = _RULER.search(module.source)
    body = module.source[: ruler.start()].rstrip("\n") if ruler else module.source.rstrip("\n")
    gap = module.source[len(body) :] or "\n"
    last = re.findall(r"^(\d{1,3})[.)、]", body, re.MULTILINE)
    if last and re.match(r"1\. ", words):
        first = int(last[-1])
        words = re.sub(r"^(\d+)\. ", lambda found: f"{first + int(found[1])}. ", words, flags=re.MULTILINE)
        return msgspec.structs.replace(module, source=f"{body}\n{words}{gap}")
    is_list = re.search(r"^\s*(?:[-*+•]|\d{1,3}[.)、])\s*\S[^\n]*\Z", body, re.MULTILINE) and re.match(r"[-\d]", words)
    between = "\n" if is_list else "\n\n"
    return msgspec.structs.replace(module, source=f"{body}{between}{words}{gap}")


def _replaced(prompt: Prompt, old: Module, new: Module) -> Prompt:
    return msgspec.structs.replace(prompt, modules=tuple(new if each is old else each for each in prompt.modules))


def with_examples(file: PromptFile, cases: Sequence[Case]) -> PromptFile:
    """The prompt with cases as examples: elements of the module Example, else pairs of messages before the user's own."""
    check_markdown(file)
    pairs = [(literal(case.turns[0].said or ""), literal(case.turns[0].good)) for case in cases]
    if _is_langgpt(file.prompt):
        asked, answered = ("输入", "输出") if language_of(file) == "zh" else ("Input", "Output")
        colon = "：" if language_of(file) == "zh" else ": "
        listed = "\n".join(f"- {asked}{colon}{_line(said)}\n  {answered}{colon}{_line(good)}" for said, good in pairs)
        return added(file, "Example", listed)
    from lianlu.prompt.file import parse_file

    shown = "".join(f"user:\n{_no_role(said)}\nassistant:\n{_no_role(good)}\n" for said, good in pairs)
    own = "".join(each.source for each in file.messages) or "user:\n{{input}}\n"
    lead = file.lead or ("system:\n" if not file.messages else "")
    text = f"{file.head_text}{lead}{source(file.prompt).rstrip()}\n\n{shown}{own}"
    return parse_file(text, file.origin, framework=file.prompt.framework)


def with_vote(file: PromptFile, count: int = _VOTES) -> PromptFile:
    """The prompt with `vote:` in its front matter."""
    check_markdown(file)
    from lianlu.prompt.file import parse_file

    line = f"vote: {count}\n"
    if not file.head_text:
        head = f"---\n{line}---\n"
    elif re.search(r"^vote:.*\n", file.head_text, re.MULTILINE):
        head = re.sub(r"^vote:.*\n", line, file.head_text, flags=re.MULTILINE)
    else:
        before, _, _ = file.head_text.rstrip().rpartition("---")
        head = f"{before}{line}---\n"
    return parse_file(head + file.text[len(file.head_text) :], file.origin, framework=file.head.framework)


def with_detail(file: PromptFile, lacking: Sequence[str], fill: Callable[[str, str], str] | None = None) -> PromptFile:
    """The prompt with a place for each element that it lacks.

    Args:
        lacking: names of LangGPT modules.
        fill: from a module's name and what a new one begins with to its words; without it the beginning is left to fill in.
    """
    made, language = file, language_of(file)
    is_plain = not file.prompt.modules
    for name in lacking:
        has_modules = _is_langgpt(file.prompt) or is_plain
        starter = (STARTERS[name] if has_modules else _SPOKEN_STARTERS.get(name, STARTERS[name])).show(language)
        words = fill(name, starter) if fill else starter
        if is_plain and not made.prompt.modules:  # the first title makes plain text a prompt of `Word: value` lines
            kind = next(each for each in LANGGPT_MODULES if each.name == name)
            words = f"{kind.title.show(language)}{'：' if language == 'zh' else ':'}\n{words}"
        made = added(made, name, words, _PARTS[name])
    return made


def literal(text: str) -> str:
    """Words of a case or a model as they are: their braces are no variables and no includes of the prompt.

    >>> literal("fill {{name}}")
    'fill \\\\{{name}}'
    """
    return re.sub(r"(?<!\\)(?=\{\{[^{}\n]+\}\})", r"\\", text)


def _no_role(text: str) -> str:
    """A line of a case that looks like the beginning of a message is none."""
    return re.sub(r"^(?=(?:system|user|assistant):[ \t]*$)", " ", text, flags=re.MULTILINE)


def _line(text: str) -> str:
    return " ".join(text.split())
