"""The seven elements of a clear instruction: background, task, requirements, limits, examples, output, goal.

A finding says that an element is nowhere in the prompt, whatever module or sentence could hold it. So each rule looks for
evidence: a module of that kind that holds something, else words that only this element is written with.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from lianlu.core.i18n import Text
from lianlu.prompt.lint_checked import Checked, Sentence
from lianlu.prompt.lint_finding import Flaw, Rule
from lianlu.prompt.lint_words import (
    BACKGROUND,
    DESCRIBED,
    EXAMPLE_LABEL,
    EXAMPLE_PAIR,
    GOAL,
    IMPERATIVE,
    LIMIT,
    MANNER,
    ORDER,
    OUTPUT,
    PEOPLE,
    PROHIBITION,
    SKILL,
    TASK,
    TASK_ASKED,
)

__all__ = ["ELEMENTS"]


def _has_background(checked: Checked) -> bool:
    if checked.aspects("Background", "Audience", "Value") or BACKGROUND.search(checked.prose):
        return True
    if any(DESCRIBED.match(line.text) for part in checked.parts if part.aspect == "Profile" for line in part.lines):
        return True
    return any(
        PEOPLE.search(sentence.plain) for sentence in checked.sentences if sentence.part.aspect not in _OF_THE_MODEL
    )


_OF_THE_MODEL = ("Rules", "Constraints", "Workflow", "OutputFormat", "Example", "Skills", "Initialization", "Command")
"""Modules that speak of what the model does; the people named there are no situation."""


def _has_task(checked: Checked) -> bool:
    if checked.aspects("Job", "Workflow"):
        return True
    if any(part.role == "user" and part.text.strip() and _asks(part.text) for part in checked.parts):
        return True
    return any(_is_task(sentence) for sentence in checked.sentences)


def _asks(text: str) -> bool:
    return TASK.search(text) is not None


def _is_task(sentence: Sentence) -> bool:
    """Skills say what one can do, rules how: neither is work to be done, unless the sentence asks for it."""
    words, aspect = sentence.plain, sentence.part.aspect
    if TASK_ASKED.search(words):
        return True
    if aspect in ("Skills", "Tone", "Style", "OutputFormat", "Audience", "Example", "Neglect", "Hack", "Lawful"):
        return False
    if SKILL.match(words) or PROHIBITION.match(words):
        return False
    if aspect == "Goal":
        return TASK.search(words) is not None
    return IMPERATIVE.match(words) is not None or (sentence.part.role == "system" and _is_how(sentence))


def _has_requirements(checked: Checked) -> bool:
    if checked.aspects("Workflow", "Style", "Tone", "In-depth", "X-factor", "Odd", "Zig"):
        return True
    for sentence in checked.sentences:
        if sentence.part.aspect in ("Skills", "Background", "Example"):
            continue
        if sentence.part.aspect in ("Rules", "Attention", "Reminder") and not PROHIBITION.search(sentence.plain):
            return True
        if MANNER.search(sentence.plain) and not (SKILL.match(sentence.plain) or PROHIBITION.match(sentence.plain)):
            return True
    return sum(map(_is_how, checked.sentences)) >= _ORDERS_THAT_SAY_HOW


_ORDERS_THAT_SAY_HOW = 2
"""Orders beside the one that names the task, and beside those about the form of the answer."""
_NOT_HOW = (
    "Skills",
    "Background",
    "Example",
    "Role",
    "Profile",
    "OutputFormat",
    "Goal",
    "Audience",
    "Initialization",
    "Job",
)


def _is_how(sentence: Sentence) -> bool:
    words = sentence.plain
    is_order = ORDER.match(words) is not None and IMPERATIVE.match(words) is None
    return is_order and sentence.part.aspect not in _NOT_HOW and not (OUTPUT.search(words) or LIMIT.search(words))


def _has_limits(checked: Checked) -> bool:
    if checked.aspects("Constraints", "Lawful", "Neglect", "Hack"):
        return True
    return any(
        LIMIT.search(sentence.plain) for sentence in checked.sentences if sentence.part.aspect not in ("Background",)
    )


def _has_examples(checked: Checked) -> bool:
    if checked.aspects("Example") or any(part.role == "assistant" for part in checked.parts):
        return True
    body = checked.text[len(checked.file.head_text) :]
    return EXAMPLE_LABEL.search(body) is not None or EXAMPLE_PAIR.search(body) is not None


def _has_output(checked: Checked) -> bool:
    if checked.aspects("OutputFormat"):
        return True
    return any(
        OUTPUT.search(sentence.plain)
        for sentence in checked.sentences
        if sentence.part.aspect not in ("Background", "Skills", "Profile")
    )


def _has_goal(checked: Checked) -> bool:
    return bool(checked.aspects("Goal")) or GOAL.search(checked.prose) is not None


def _nowhere(is_there: Callable[[Checked], bool], what: Text, fix: Text) -> Callable[[Checked], Iterable[Flaw]]:
    def check(checked: Checked) -> Iterable[Flaw]:
        if not is_there(checked):
            yield Flaw(checked.first_line, what, fix)

    return check


ELEMENTS: tuple[Rule, ...] = (
    Rule(
        "missing-background",
        "info",
        Text(
            "Without the situation and the reader the model guesses both, and writes for nobody in particular.",
            "不知道场景与读者，模型只能猜测，写出来的内容谁都不像是写给他的。",
        ),
        _nowhere(
            _has_background,
            Text(
                "Nothing says why this is wanted, where it is used or for whom.",
                "全文没有说明为何需要、用在哪里、给谁用。",
            ),
            Text(
                "Add `## Background` with a sentence or two: the situation, who asks, who reads the answer.",
                "增加 `## 背景`，用一两句话写明场景、谁在提问、谁来阅读。",
            ),
        ),
    ),
    Rule(
        "missing-task",
        "error",
        Text(
            "A model that is only told who it is has to guess what to do.",
            "只告诉模型它是谁，它就只能猜要做什么。",
        ),
        _nowhere(
            _has_task,
            Text("Nothing says what the model is to do.", "全文没有说明要模型做什么。"),
            Text(
                "Write a sentence with a verb and its object, e.g. “Translate the user's text into English.”",
                "用一句“动词 + 对象”写明任务，例如“把用户给出的文本翻译成英文”。",
            ),
        ),
    ),
    Rule(
        "missing-requirements",
        "warning",
        Text(
            "Without requirements every way of doing the work is right, and answers differ from run to run.",
            "没有要求，怎样做都算对，每次的回答就各不相同。",
        ),
        _nowhere(
            _has_requirements,
            Text("Nothing says how the work is to be done.", "全文没有说明这件事该怎样做。"),
            Text(
                "Add `## Rules` or `## Workflow`: the steps, the quality to reach, style and tone.",
                "增加 `## 规则` 或 `## 工作流程`：写明步骤、质量要求、风格与语气。",
            ),
        ),
    ),
    Rule(
        "missing-limits",
        "warning",
        Text(
            "Where nothing is excluded, the model adds, guesses and runs on.",
            "没有边界，模型就会添油加醋、自行猜测、没完没了。",
        ),
        _nowhere(
            _has_limits,
            Text("No bound and no prohibition anywhere.", "全文没有任何界限或禁止事项。"),
            Text(
                "Add `## Constraints`: what never to do, how long at most, what is out of scope.",
                "增加 `## 限制`：写明不要做什么、最长多少、哪些不在范围内。",
            ),
        ),
    ),
    Rule(
        "missing-examples",
        "info",
        Text(
            "One sample shows form and depth that a paragraph of rules cannot.",
            "一个样例能说明的形式与深度，一段规则往往说不清。",
        ),
        _nowhere(
            _has_examples,
            Text("There is no sample of an input with its output.", "没有给出输入与对应输出的样例。"),
            Text(
                "Add `## Examples` with two or three inputs and the outputs you want.",
                "增加 `## 示例`，写两三组输入与期望的输出。",
            ),
        ),
    ),
    Rule(
        "missing-output",
        "warning",
        Text(
            "Without a form of the answer, neither people nor programs know what they get.",
            "没有规定回答的形式，读者和程序都不知道会得到什么。",
        ),
        _nowhere(
            _has_output,
            Text("Nothing says what form the answer has.", "全文没有说明回答是什么形式。"),
            Text(
                "Add `## Output format`: parts, length, language; table, list or JSON with its keys.",
                "增加 `## 输出格式`：写明组成部分、长度、语言；是表格、列表，还是含哪些键的 JSON。",
            ),
        ),
    ),
    Rule(
        "missing-goal",
        "info",
        Text(
            "Who knows what the result is for can decide what the prompt does not foresee.",
            "知道结果用来做什么，模型才能处理提示词没有预见的情况。",
        ),
        _nowhere(
            _has_goal,
            Text("Nothing says what is achieved when the work is done.", "全文没有说明完成后要达到什么。"),
            Text(
                "Add `## Goals`, or end the task with “so that …”: what the result is used for.",
                "增加 `## 目标`，或在任务后写“以便……”：结果用来做什么。",
            ),
        ),
    ),
)
