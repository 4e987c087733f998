"""What is wrong with a training set before a model learns it: the reasons why fine-tuned assistants disappoint.

A constant system prompt teaches a name that is only known under that prompt; duplicates times epochs are learned by heart;
a sample that stands in both sets makes the measured loss a lie. Findings are warnings: data are the user's.
Knows no tokenizer: `over_long` is given the lengths. A clean set gives no finding, so thresholds lie above what sets of
good repute have.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise

from lianlu.records import Message, Preference, ToolCallPart, UnpairedPreference
from lianlu.train.doctor_findings import Finding, finding
from lianlu.train.doctor_views import View, normal, said
from lianlu.train.reading import BadRow, Item

__all__ = ["Finding", "examine", "examine_bad", "over_long"]

_PLACEHOLDER = re.compile(
    r"\{\{[^{}\n]{1,40}\}\}"
    r"|(?<![A-Za-z0-9_])(?:x{3,}|X{3,})(?![A-Za-z0-9_])"  # not \b: a Chinese character beside the x is a word character too
    r"|×{3,}"
    r"|<(?:YOUR[_ ])?(?:NAME|AUTHOR)>"  # in capitals only: <name> is a tag of XML
)
_FEW = 8
_NEAR_CONSTANT = 0.9
_MANY_REPEATS = 0.05
_ENOUGH_TO_COUNT = 40
_ASKED_OFTEN = 4
_SHARED_ANSWER = 5


def examine(items: Sequence[Item], eval_items: Sequence[Item] = ()) -> list[Finding]:
    """Everything worth a warning, the gravest first."""
    views = [View(item.id, item.content) for item in items]
    found = _leaks(views, [View(item.id, item.content) for item in eval_items])
    return [each for each in (*found, *(check(views) for check in _CHECKS)) if each is not None]


def examine_bad(bad: Sequence[BadRow]) -> list[Finding]:
    """The rows that are no samples as findings: fields that hold no text, then all others."""
    nested = finding("nested-field", [each.id for each in bad if each.is_nested])
    other = finding("bad-row", [each.id for each in bad if not each.is_nested])
    return [each for each in (nested, other) if each is not None]


def over_long(lengths: Mapping[str, int], limit: int) -> Finding | None:
    """The samples beyond `limit` tokens; `lengths` has the tokens of each by id."""
    ids = [name for name, length in lengths.items() if length > limit]
    return finding("over-long", ids, limit=limit, longest=max(lengths.values(), default=0))


def _leaks(views: Sequence[View], measured: Sequence[View]) -> tuple[Finding | None, Finding | None]:
    if not measured:
        return None, None
    known = {each.key for each in views}
    known_normal = {normal(key) for key in known}
    exact = [each.id for each in measured if each.key in known]
    near = [each.id for each in measured if each.key not in known and (key := normal(each.key)) and key in known_normal]
    return finding("leak", exact), finding("near-leak", near)


def _empty_answers(views: Sequence[View]) -> Finding | None:
    def is_empty(view: View) -> bool:
        rejected = [view.content.rejected] if isinstance(view.content, Preference) else []
        return any(each.role == "assistant" and not said(each) for each in (*view.messages, *rejected))

    return finding("empty-answer", [each.id for each in views if is_empty(each)])


def _empty_questions(views: Sequence[View]) -> Finding | None:
    found = [view.id for view in views if any(each.role == "user" and not said(each) for each in view.messages)]
    return finding("empty-question", found)


def _empty_texts(views: Sequence[View]) -> Finding | None:
    return finding("empty-text", [each.id for each in views if isinstance(each.content, str) and not each.key.strip()])


def _no_answer(views: Sequence[View]) -> Finding | None:
    return finding("no-answer", [each.id for each in views if each.is_conversation and not _is_learned(each)])


def _is_learned(view: View) -> bool:
    return any(each.learn or (each.role == "assistant" and each.learn is not False) for each in view.messages)


def _role_order(views: Sequence[View]) -> Finding | None:
    return finding("role-order", [each.id for each in views if each.messages and _is_odd(each.messages)])


def _is_odd(messages: Sequence[Message]) -> bool:
    roles = [each.role for each in messages]
    if "assistant" not in roles:
        return False  # no-answer says so already
    talk = roles[1:] if roles[0] == "system" else roles
    if "system" in talk or not talk or talk[0] != "user" or talk[-1] != "assistant":
        return True
    said_twice = (
        one.role == other.role and one.role != "tool" and not _calls(one) and not _calls(other)
        for one, other in pairwise(messages)
    )
    return any(said_twice)


def _calls(message: Message) -> bool:
    """Sets of tool calls split what is said and what is called into two messages of the assistant."""
    return any(isinstance(part, ToolCallPart) for part in message.parts)


def _equal_pairs(views: Sequence[View]) -> Finding | None:
    found = [
        view.id
        for view in views
        if isinstance(view.content, Preference) and said(view.content.chosen) == said(view.content.rejected)
    ]
    return finding("equal-pair", found)


def _one_label(views: Sequence[View]) -> Finding | None:
    judged = [each for each in views if isinstance(each.content, UnpairedPreference)]
    labels = {each.content.is_liked for each in judged if isinstance(each.content, UnpairedPreference)}
    return finding("one-label", [each.id for each in judged]) if len(judged) > 1 and len(labels) == 1 else None


def _placeholders(views: Sequence[View]) -> Finding | None:
    return finding("placeholder", [each.id for each in views if _PLACEHOLDER.search(each.key)])


def _duplicates(views: Sequence[View]) -> Finding | None:
    seen: set[str] = set()
    repeated: list[str] = []
    for view in views:
        if view.key in seen:
            repeated.append(view.id)
        seen.add(view.key)
    return finding("duplicate", repeated)


def _few_questions(views: Sequence[View]) -> Finding | None:
    """Conversations only: that prompts repeat is how pairs and judged answers are made."""
    asking = [each for each in views if each.is_conversation]
    distinct = len({each.question for each in asking})
    if len(asking) < _ENOUGH_TO_COUNT or distinct * _ASKED_OFTEN > len(asking):
        return None
    return finding("few-questions", [each.id for each in asking], distinct=distinct)


def _same_question(views: Sequence[View]) -> Finding | None:
    asked: defaultdict[str, list[str]] = defaultdict(list)
    for view in views:
        if view.is_conversation:
            asked[view.question].append(view.id)
    repeats = [each for ids in asked.values() for each in ids[1:]]
    return finding("same-question", repeats) if len(repeats) >= _MANY_REPEATS * len(views) else None


def _same_answer(views: Sequence[View]) -> Finding | None:
    asked: defaultdict[str, dict[str, str]] = defaultdict(dict)
    for view in views:
        if view.is_conversation and view.answer:
            asked[view.answer].setdefault(view.question, view.id)
    shared = [each for ids in asked.values() if len(ids) >= _SHARED_ANSWER for each in ids.values()]
    return finding("same-answer", shared) if len(shared) >= _MANY_REPEATS * len(views) else None


def _constant_system(views: Sequence[View]) -> Finding | None:
    talks = [each for each in views if each.messages]
    if len(talks) < _FEW:
        return None
    prompt, count = Counter(each.system for each in talks).most_common(1)[0]
    if not prompt or count < _NEAR_CONSTANT * len(talks):
        return None
    code = "constant-system" if count == len(talks) else "near-constant-system"
    return finding(code, [each.id for each in talks if each.system == prompt])


_CHECKS: tuple[Callable[[Sequence[View]], Finding | None], ...] = (
    _empty_answers,
    _empty_questions,
    _empty_texts,
    _placeholders,
    _no_answer,
    _equal_pairs,
    _one_label,
    _role_order,
    _duplicates,
    _few_questions,
    _same_question,
    _same_answer,
    _constant_system,
)
