"""What a model is asked that proposes better words, in the prompt's language, and what of its answer can be used."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from lianlu.core.i18n import pick
from lianlu.prompt.render import unclosed_variable, variables_of
from lianlu.records import Conversation, user

__all__ = ["problem_of", "proposed", "reflection_conversation"]

_CHINESE = re.compile(r"[\u3400-\u9fff]")
_FENCE = re.compile(r"^(?P<marks>`{3,}|~{3,})[^\n]*\n(?P<inner>.*)^(?P=marks)[ \t]*$", re.DOTALL | re.MULTILINE)
_LONGEST_TIMES = 4
_ROOM = 2000
_SHOWN = 800
_ASK = {
    "zh": """下面是一份系统提示词，以及用它得到的几次回答。每次都写明了哪些要求没有满足。

当前的提示词：
~~~~
{now}
~~~~

回答与未满足的要求：
{records}

请改写这份提示词，使同类问题（不只是上面这几个）都能满足要求：
- 从失败中归纳做法，不要把上面的具体答案抄进去。
- 保留原有的结构、标题和全部 {{{{变量}}}}。
- 只改需要改的地方，尽量简短。
{refused}
只输出改写后的完整提示词，放在一对 ~~~~ 之间。""",
    "en": """Below are a system prompt and some answers that were given with it; each says which requirements it failed.

The prompt now:
~~~~
{now}
~~~~

Answers and what they failed:
{records}

Rewrite the prompt so that questions of this kind, not only these, meet the requirements:
- Find a way of working in what failed; do not copy answers from above into the prompt.
- Keep its structure, its titles and every {{{{variable}}}}.
- Change only what needs it, and keep it short.
{refused}
Reply with the whole rewritten prompt alone, between two lines of ~~~~.""",
}
_RECORD = {
    "zh": "用户：{input}\n回答：{output}\n未满足：{failed}",
    "en": "User: {input}\nAnswer: {output}\nFailed: {failed}",
}
_NONE = {"zh": "无（这次是对的）", "en": "nothing (this one is right)"}
_REFUSED = {"zh": "- 上一次改写不能用：{why}", "en": "- The last rewriting could not be used: {why}"}


def reflection_conversation(now: str, records: Sequence[Mapping[str, Any]], refused: str = "") -> Conversation:
    """The question for better words.

    Args:
        records: maps of input, output and failed (a list of texts).
        refused: why the last proposal could not be used.
    """
    language = "zh" if _CHINESE.search(now) else "en"
    shown = [
        _RECORD[language].format(
            input=_clip(str(each["input"])),
            output=_clip(str(each["output"])),
            failed="; ".join(map(str, each["failed"])) or _NONE[language],
        )
        for each in records
    ]
    why = _REFUSED[language].format(why=_clip(refused)) if refused else ""
    text = _ASK[language].format(now=now.strip("\n"), records="\n\n".join(shown), refused=why)
    return Conversation(messages=(user(text),))


def proposed(said: str) -> str:
    """The text between the outermost fences; empty where there are none."""
    found = _FENCE.search(said)
    return found["inner"].strip("\n") if found else ""


def problem_of(text: str, original: str, name: str) -> str:
    """Why a proposed text cannot take the place of the original; empty where it can."""
    if not text.strip():
        return pick("it is empty", "内容为空")
    lost = [each for each in variables_of(original) if each not in variables_of(text)]
    if lost:
        listed = ", ".join(f"{{{{{each}}}}}" for each in lost)
        return pick(f"the variable {listed} is missing", f"缺少变量 {listed}")
    added = [each for each in variables_of(text) if each not in variables_of(original)]
    if added:
        return pick(f"{name} has no variable {added[0]!r}", f"{name} 没有变量 {added[0]!r}")
    if unclosed_variable(text) is not None:
        return pick("a variable is not closed", "有变量没有闭合")
    limit = max(_ROOM, len(original) * _LONGEST_TIMES)
    if len(text) > limit:
        return pick(f"it has {len(text)} characters, at most {limit} fit", f"有 {len(text)} 个字符，最多 {limit} 个")
    return ""


def _clip(text: str) -> str:
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"
