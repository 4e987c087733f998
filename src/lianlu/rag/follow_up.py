"""A follow-up question made to stand alone: 它怎么安装？ after a question on XTuner is 「XTuner怎么安装？」.

By rules: a pronoun is replaced by what the last question was about; 那 DPO 呢？ and "and DPO?" put a new thing in the place
of the last one; a short question without any name is tried with the old subject in front, and the caller judges by what
is found. By a model: what it writes is used only if every name and number in it was said before, because a rewriting that
adds something asks for something that nobody asked.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lianlu.core.errors import UsageError
from lianlu.core.hashing import digest
from lianlu.rag.quantities import agrees, quantities
from lianlu.rag.question import Question, read_question
from lianlu.records import Conversation, Message, system, user
from lianlu.text.normalise import CJK, fold, is_cjk, text_size
from lianlu.text.tokens import content_terms, is_stop_term, terms

if TYPE_CHECKING:
    from lianlu.llm import Backend

__all__ = ["FollowUp", "by_model", "by_rules", "stands_alone"]

_TURNS = 6
_LONGEST_TURN = 600
_SHORT_QUESTION = 14  # of `text_size`
_NEW_WORDS = 1 / 3
_LATIN_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.+#-]*[A-Za-z0-9+#]")
_TITLE = re.compile(r"《[^《》]{1,40}》|[“「『]([^“”「」『』]{1,30})[”」』]")
_THING_ZH = "工具库|工具箱|工具|项目|框架|模型|软件|系统|平台|方法|功能|产品|公司|文件|参数|选项|命令|函数|服务|东西|制度|规定|库"
_PRONOUN_ZH = re.compile(
    rf"(?<!其)(?:它们|他们|她们|[它他她])|(?:[这那][个款种项套家]|[该此])(?:{_THING_ZH})"
    r"|[这那]个(?=[是的有能会怎支可在需要和与？?]|$)|^其(?![他它实中余次])"
)
_THING_EN = (
    "tool|toolkit|library|project|model|framework|package|program|system|method|feature|product|company|file|option"
    "|parameter|command|function|service|one"
)
_VERB_EN = (
    "is|was|are|were|does|do|did|can|could|will|would|should|has|have|works?|means?|costs?|supports?|runs?|takes?"
    "|needs?|uses?|used|with|on|in|for"
)
_PRONOUN_EN = re.compile(
    r"\b(?:its|their|his)\b|\b(?:it|they|them|he|she|him)\b(?! (?:possible|necessary|takes?|true|means? to)\b)"
    rf"|\b(?:this|that|these|those) (?:{_THING_EN})s?\b"
    rf"|(?:^|(?<=\bis )|(?<=\bare )|(?<=\bwas )|(?<=\bdoes )|(?<=\bdo )|(?<=\bdid )|(?<=\bcan )|(?<=\babout )|(?<=\bof )"
    rf"|(?<=\bwith )|(?<=\bfor )|(?<=\bhow )|(?<=\binstall )|(?<=\buse )|(?<=\brun ))(?:this|that|these|those)(?=[?.!, ]*$| (?:{_VERB_EN}|[a-z]+ed)\b)",
    re.IGNORECASE,
)
_POSSESSIVE_EN = frozenset(("its", "their", "his"))
_AND_ZH = re.compile(r"^(?:那么?|还有|以及|然后|再问一下|另外)[，,\s]*")
_ELLIPSIS_ZH = re.compile(  # 那性能怎么样？ follows, 天气怎么样？ asks for itself
    r"^(?:(?:那么?|还有|以及)[，,\s]*|(?=.*呢[？?。\s]*$))"
    r"(?P<thing>[^，,？?]{1,24}?)\s*(?:又|又是)?(?:呢|怎么样|怎样|如何)[？?。\s]*$"
)
_ELLIPSIS_EN = re.compile(
    r"^(?:(?:and\s+)?(?:what|how)\s+about|and|same)\s+(?P<joint>(?:for|with|in|on|at)\s+)?(?P<article>the\s+)?(?P<thing>[^,?]{1,40}?)[?.\s]*$",
    re.IGNORECASE,
)
_OPENING_ZH = re.compile(
    r"^(?:请问|請問|我想知道|想问一下|告诉我|麻烦问下|那么?|请|怎么样?|怎样|如何|什么时候|何时|为什么|为何|哪里|是否|能否|可以|能|需要|要|应该|在哪里?)+"
)
_BREAK_ZH = re.compile(
    r"[放存设建装写记住]在|是|指|叫|什么|怎么|怎样|如何|为什么|为何|多少|多久|多长|多大|多高|多远|几|哪|谁|何时|有|在|吗|能|可以|可否|会|应该|需要|要|"
    r"支持|包括|包含|属于|位于|由|被|的|[？?，,。]"
)
_OPENING_EN = re.compile(
    r"^(?:(?:please|tell me|and|what|which|who|when|where|why|how|is|are|was|were|does|do|did|can|could|should|would|will|i|we|you|"
    r"the|an?|there|many|much|long|to)\b\s*)+",
    re.IGNORECASE,
)
_ABOUT_EN = re.compile(r"\b(?:about|regarding|concerning)\s+(?:the\s+|an?\s+)?(?P<thing>.+)", re.IGNORECASE)
_BREAK_EN = re.compile(
    r"\s+(?:made|done|kept|run|set|built|held|put|sent|written|taken|given|called|\w+[^e\W]ed|works?|means?|costs?|needs?"
    r"|happens?|begins?|starts?|ends?|opens?|closes?|takes?|is|are|was|were|does|do|did|can|will|(?:in|on|at|by|with|from)\s)\b",
    re.IGNORECASE,
)
_LONGEST_TOPIC = 30
_INSTRUCTIONS = {
    "zh": (
        "把对话中的最后一个问题改写成不看前文也能理解的问题：把代词换成它所指的名称，补上省略的部分。\n"
        "只用对话里出现过的名称和数字；不要回答，不要解释；问题本身已经完整就原样返回。只输出问题。"
    ),
    "en": (
        "Rewrite the last question of the talk so that it is understood without the talk: put names in the place of "
        "pronouns and fill in what was left out.\n"
        "Use only names and numbers that occur in the talk; do not answer, do not explain; give a question that is "
        "complete back as it is. Reply with the question only."
    ),
}


@dataclass(frozen=True)
class FollowUp:
    """A question understood by what was said before.

    Attributes:
        is_sure: a pronoun or an ellipsis says that it is a follow-up; else it is only short and names nothing.
    """

    text: str
    is_sure: bool


def by_rules(question: str, history: Sequence[Message]) -> FollowUp | None:
    """The question with what it leaves out; None when nothing says that it is a follow-up.

    >>> by_rules("它怎么安装？", [user("XTuner是什么？")]).text
    'XTuner怎么安装？'
    >>> by_rules("and LMDeploy?", [user("How do I install XTuner?")]).text
    'How do I install LMDeploy?'
    """
    before = ""
    for message in [each for each in history if each.role == "user"][-_TURNS:]:
        asked = message.text.strip()
        followed = _followed(asked, before) if before else None
        before = followed.text if followed is not None and followed.is_sure else asked
    return _followed(question.strip(), before) if before else None


def stands_alone(question: str) -> bool:
    """Whether a question names what it asks for and points at nothing before it."""
    is_pointing = _PRONOUN_ZH.search(question) or _PRONOUN_EN.search(question)
    if is_pointing or _ELLIPSIS_ZH.match(question) or _ELLIPSIS_EN.match(question):
        return False
    read = _read(question)
    return read is not None and bool(read.names or read.subject)


async def by_model(question: str, history: Sequence[Message], backend: Backend) -> str | None:
    """The question as a model rewrites it; None when what it wrote cannot be used.

    Raises:
        BackendError: the model failed
    """
    from lianlu.llm import Sampling

    turns = [each for each in history if each.role in ("user", "assistant")][-_TURNS:]
    said = "\n".join(f"[{each.role}] {each.text[:_LONGEST_TURN]}" for each in turns)
    seal = digest(question, said)[:8]
    is_chinese = any(map(is_cjk, question + said))
    asked = f"<<<talk {seal}>>>\n{said}\n<<<end {seal}>>>\n\n{'最后一个问题：' if is_chinese else 'Last question: '}{question}"
    conversation = Conversation(messages=(system(_INSTRUCTIONS["zh" if is_chinese else "en"]), user(asked)))
    reply = await backend.chat(conversation, Sampling(temperature=0.0, max_tokens=200))
    return _usable(reply.message.text.rpartition("</think>")[2].strip(), question, [each.text for each in turns])


def _usable(written: str, question: str, turns: Sequence[str]) -> str | None:
    """What a model wrote, if it is one question and says nothing that was not said."""
    line = re.sub(
        r"^(?:改写(?:后的?)?(?:问题)?|问题|question|rewritten question)\s*[:：]\s*", "", written, flags=re.IGNORECASE
    )
    line = line.strip(" \"“”'「」")
    if not line or "\n" in line or len(line) > 2 * len(question) + 200 or not any(each.isalnum() for each in line):
        return None
    known = "\n".join((*turns, question))
    having = set(terms(known))
    names = {terms(name)[0] for name in _LATIN_NAME.findall(line) if _is_marked(name) or any(map(is_cjk, line))}
    if {name for name in names if not is_stop_term(name)} - having:
        return None
    numbers = quantities(known)
    if any(not agrees(number, numbers) for number in quantities(line)):
        return None
    wanted = content_terms(line)
    return line if len(wanted - having) <= _NEW_WORDS * len(wanted) else None


def _is_marked(name: str) -> bool:
    return any(each.isupper() or each.isdigit() or each in "_+#" for each in name)


def _followed(question: str, before: str) -> FollowUp | None:
    topic = _topic(before)
    replaced = _with_topic(question, topic) if topic else question
    if replaced != question:
        return FollowUp(_AND_ZH.sub("", re.sub(r"^and\s+", "", replaced, flags=re.IGNORECASE)), is_sure=True)
    ellipsis = _ELLIPSIS_ZH.match(question) or _ELLIPSIS_EN.match(question)
    if ellipsis:
        thing = ellipsis["thing"].strip()
        joint = "".join(each or "" for name, each in ellipsis.groupdict().items() if name != "thing")
        if joint.strip() not in ("", "the") and not _is_marked(thing):
            return FollowUp(f"{before.rstrip('?. ')} {joint}{thing}?", is_sure=True)
        return FollowUp(_with_thing(before, thing, topic), is_sure=True)
    is_short = text_size(question) <= _SHORT_QUESTION and not stands_alone(question)
    if topic and is_short and not _names_again(question, before, topic):
        return FollowUp(f"{topic} {_AND_ZH.sub('', question)}", is_sure=False)
    return None


def _names_again(question: str, before: str, topic: str) -> bool:
    """Whether a question itself names what the last one was about."""
    if topic in question:
        return True
    is_chinese = any(map(is_cjk, question + before))  # its terms are pairs of characters: 几天 names nothing
    return not is_chinese and bool(content_terms(question) & content_terms(before))


def _with_topic(question: str, topic: str) -> str:
    """The question with what its pronouns stand for."""
    if any(map(is_cjk, question)):
        return _PRONOUN_ZH.sub(lambda _: topic, question)
    return _PRONOUN_EN.sub(lambda found: f"{topic}'s" if found.group().lower() in _POSSESSIVE_EN else topic, question)


def _with_thing(before: str, thing: str, topic: str) -> str:
    """The last question asked of another thing."""
    names = [match for match in _LATIN_NAME.finditer(before) if match.group() in _names_in(before)]
    if _LATIN_NAME.search(thing) and names:
        wanted = _shape(thing)
        name = next((each for each in reversed(names) if _shape(each.group()) == wanted), names[-1])
        return before[: name.start()] + thing + before[name.end() :]
    place = _place_like(before, thing)
    if place >= 0:
        return before[:place] + thing + before[place + len(thing) :]
    if topic and topic in before and (not names or _LATIN_NAME.search(thing)):
        return before.replace(topic, thing, 1)
    return f"{before.rstrip('？?。. ')} {thing}？" if any(map(is_cjk, before)) else f"{before.rstrip('?. ')} {thing}?"


def _place_like(before: str, thing: str) -> int:
    """Where a word of the same length stands that ends alike: 年假 for 病假. -1 where there is none."""
    if len(thing) < 2 or not all(map(is_cjk, thing)):
        return -1
    end = before.rfind(thing[-1])
    start = end - len(thing) + 1
    is_word = start >= 0 and all(map(is_cjk, before[start : end + 1])) and _BREAK_ZH.search(before[start:end]) is None
    return start if end >= 0 and is_word else -1


def _shape(name: str) -> str:
    """How a name is spelled: GPU, XTuner, Linux, pip, A100 are five kinds."""
    letters = "".join(each for each in name if each.isalpha())
    if any(each.isdigit() for each in name):
        return "digits"
    if letters.isupper():
        return "upper"
    return "lower" if letters.islower() else "title" if letters.istitle() else "mixed"


def _topic(question: str) -> str:
    """What a question is about, as it is spelled there; empty when that cannot be told."""
    read = _read(question)
    if read is None:
        return ""
    if read.subject:
        at = fold(question).find(read.subject)
        spelled = question[at : at + len(read.subject)]
        return spelled if fold(spelled) == read.subject else read.subject
    names = _names_in(question)
    if names:
        return names[0]
    titled = _TITLE.search(question)
    if titled:
        return titled.group()
    return _chinese_topic(question) if any(map(is_cjk, question)) else _english_topic(question)


def _names_in(question: str) -> list[str]:
    read = _read(question)
    having = read.names if read is not None else frozenset[str]()
    return [name for name in _LATIN_NAME.findall(question) if terms(name) and terms(name)[0] in having]


def _chinese_topic(question: str) -> str:
    rest = _OPENING_ZH.sub("", question)
    begins = _BREAK_ZH.split(rest, maxsplit=1)[0].strip()
    if len(begins) > 1:
        return begins[:_LONGEST_TOPIC]
    return rest.strip("？?。吗呢 ")[:_LONGEST_TOPIC] if len(re.findall(f"[{CJK}]", rest)) > 1 else ""


def _english_topic(question: str) -> str:
    rest = _OPENING_EN.sub("", question).strip("?. ")
    about = _ABOUT_EN.search(rest)
    rest = about["thing"] if about else _BREAK_EN.split(rest, maxsplit=1)[0]
    return rest if 0 < len(rest) <= 2 * _LONGEST_TOPIC else ""


def _read(question: str) -> Question | None:
    try:
        return read_question(question)
    except UsageError:
        return None
