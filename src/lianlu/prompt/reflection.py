"""What a model is asked that proposes better words, in the prompt's language, and what of its answer can be used."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from lianlu.core.i18n import Language, Text
from lianlu.records import Conversation, user

__all__ = ["proposed", "reflection_conversation"]

_CHINESE = re.compile(r"[\u3400-\u9fff]")
_FENCES = tuple(
    re.compile(
        rf"^[ \t]*(?P<marks>{mark}{{3,}})[^\n]*\n(?P<inner>.*)^[ \t]*(?P=marks)[ \t]*$", re.DOTALL | re.MULTILINE
    )
    for mark in ("~", "`")
)
_THOUGHTS = re.compile(r"\A\s*<think>.*?</think>", re.DOTALL)
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
- 保留原有的结构、标题、全部 {{{{变量}}}} 和 {{{{> 文件}}}}。
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
- Keep its structure, its titles, every {{{{variable}}}} and every {{{{> file}}}}.
- Change only what needs it, and keep it short.
{refused}
Reply with the whole rewritten prompt alone, between two lines of ~~~~.""",
}
_RECORD = {
    "zh": "用户：{input}\n回答：{output}\n未满足：{failed}",
    "en": "User: {input}\nAnswer: {output}\nFailed: {failed}",
}
_GOOD = {"zh": "这样的回答可以：{good}", "en": "An answer that passes: {good}"}
_NONE = {"zh": "无（这次是对的）", "en": "nothing (this one is right)"}
_REFUSED = {"zh": "- 上一次改写不能用：{why}", "en": "- The last rewriting could not be used: {why}"}


def reflection_conversation(
    now: str, records: Sequence[Mapping[str, Any]], refused: Text | None = None
) -> Conversation:
    """The question for better words.

    Args:
        records: maps of input, output, failed (a list of texts) and, where one is known, a good answer.
        refused: why the last proposal could not be used.
    """
    language: Language = "zh" if _CHINESE.search(now) else "en"
    shown = [_shown(each, language) for each in records]
    why = _REFUSED[language].format(why=_clip(refused.show(language))) if refused else ""
    text = _ASK[language].format(now=now.strip("\n"), records="\n\n".join(shown), refused=why)
    return Conversation(messages=(user(text),))


def _shown(record: Mapping[str, Any], language: Language) -> str:
    failed = "; ".join(map(str, record["failed"]))
    text = _RECORD[language].format(
        input=_clip(str(record["input"])), output=_clip(str(record["output"])), failed=failed or _NONE[language]
    )
    good = str(record.get("good") or "")
    return f"{text}\n{_GOOD[language].format(good=_clip(good))}" if failed and good else text


def proposed(said: str) -> str:
    """The text between the outermost lines of `~~~~`, else of backquotes; empty where there are none.

    >>> proposed("Well.\\n~~~~\\n# Role: poet\\n~~~~\\nDone.")
    '# Role: poet'
    """
    answer = _THOUGHTS.sub("", said)
    found = next((each for fence in _FENCES if (each := fence.search(answer))), None)
    return found["inner"].strip("\n") if found else ""


def _clip(text: str) -> str:
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"
