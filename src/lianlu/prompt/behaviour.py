"""What modules do beyond their words: Memory, Pardon, Unsure, Fail, Merge, and a prompt's `vote` and `knowledge`.

A module acts where its elements say how, as `- Threshold: 0.7` in Unsure does; without them it is text for the model, like
all other modules. Every extra request goes through the same backend, so it is kept and counted like the first.

| module | elements that make it act | what happens |
|---|---|---|
| Memory | Turns, and the items to keep | older turns are replaced by notes of those items |
| Pardon | Needs, Most | while something needed is missing, the answer asks for it |
| Knowledge, RAG | `knowledge:` in the front matter | passages found for the question are put before it |
| Quote | the same | the files of the passages cited stand below the answer |
| Merge | two or more roles | each answers, and a vote decides |
| Unsure | Threshold, Say | an answer judged less sure than the threshold is replaced |
| Fail | Say | an answer that is empty or was blocked is replaced |
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from lianlu.core.i18n import Language
from lianlu.llm import DEFAULT_SAMPLING, Backend, Delta, Reply, Sampling
from lianlu.llm.collect import deltas_of
from lianlu.llm.request_store import StoredBackend
from lianlu.llm.wrapper import Wrapper
from lianlu.prompt.behaviour_words import WORDS
from lianlu.prompt.file import PromptFile
from lianlu.prompt.knowledge import Knowledge, Passage, knowledge_of
from lianlu.prompt.model import Assignment, Element, Module, Prompt
from lianlu.prompt.render import parse
from lianlu.records import Conversation, Message, Usage, assistant, system, user

__all__ = ["Behaving", "Behaviour", "behave", "behaviour_of", "final_answer"]

_CHINESE = re.compile(r"[\u3400-\u9fff]")
_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_SEPARATORS = re.compile(r"[,，、;；/]\s*")
_CITED = re.compile(r"\[(\d{1,3})\]")
_MOST_ASKED = 3
_EXACT = Sampling(temperature=0.0, max_tokens=400)
_PASSAGES = 4

_NAMES = {
    "threshold": ("threshold", "阈值"),
    "say": ("say", "safe phrase", "reply", "回答", "安全词", "回复", "说"),
    "needs": ("needs", "need", "ask for", "需要", "所需信息", "追问"),
    "most": ("most", "at most", "最多", "最多追问"),
    "turns": ("turns", "keep turns", "轮数", "保留轮数"),
    "roles": ("roles", "角色"),
    "items": ("items", "keep", "内容", "记住"),
}


@dataclass(frozen=True)
class Behaviour:
    """How a prompt's modules act; what is empty or None does not.

    Attributes:
        roles: of Merge.
        memory: items to keep, with `memory_turns` turns left as they are.
        needs: of Pardon, asked for at most `most_asked` times in a talk.
        threshold, unsure_say: of Unsure.
        fail_say: of Fail.
        vote: answers asked for; the one that most agree with is given.
        quotes: whether cited passages are named below the answer.
    """

    language: Language
    roles: tuple[str, ...] = ()
    memory: tuple[str, ...] = ()
    memory_turns: int = 0
    needs: tuple[str, ...] = ()
    most_asked: int = _MOST_ASKED
    threshold: float | None = None
    unsure_say: str = ""
    fail_say: str = ""
    vote: int = 1
    quotes: bool = False

    @property
    def acts(self) -> bool:
        return bool(
            len(self.roles) > 1
            or (self.memory and self.memory_turns)
            or self.needs
            or (self.threshold is not None and self.unsure_say)
            or self.fail_say
            or self.vote > 1
        )


def behaviour_of(file: PromptFile) -> Behaviour:
    """What a prompt's modules say of how they act."""
    prompt: Prompt = parse(file.system_text, file.prompt.framework, syntax=file.prompt.syntax)
    merge, memory, pardon, unsure, fail = (
        prompt.module(name) for name in ("Merge", "Memory", "Pardon", "Unsure", "Fail")
    )
    threshold = _number(_said(unsure, "threshold"))
    return Behaviour(
        language="zh" if _CHINESE.search(file.system_text) else "en",
        roles=_listed(merge, "roles"),
        memory=_listed(memory, "items"),
        memory_turns=int(_number(_said(memory, "turns")) or 0),
        needs=_parts(_said(pardon, "needs")),
        most_asked=int(_number(_said(pardon, "most")) or _MOST_ASKED),
        threshold=threshold if threshold is None or threshold <= 1 else threshold / 100,
        unsure_say=_said(unsure, "say"),
        fail_say=_said(fail, "say"),
        vote=file.head.vote,
        quotes=prompt.module("Quote") is not None,
    )


def behave(backend: Backend, file: PromptFile, *, store: Path | None = None) -> Backend:
    """`backend` acting as the prompt's modules say; itself where none of them acts.

    Args:
        store: root of the store where knowledge bases are.

    Raises:
        UsageError: rag.*: the knowledge base that the prompt names is not there
    """
    how = behaviour_of(file)
    knowledge = knowledge_of(file, store)
    return Behaving(backend, how, knowledge) if how.acts or knowledge is not None else backend


class Behaving(Wrapper):
    """A backend with the behaviour of a prompt around it. What is streamed comes whole, since it may be replaced."""

    def __init__(self, inner: Backend, how: Behaviour, knowledge: Knowledge | None = None) -> None:
        super().__init__(inner)
        self._how = how
        self._knowledge = knowledge
        self._words = WORDS[how.language]

    async def chat(self, conversation: Conversation, sampling: Sampling = DEFAULT_SAMPLING) -> Reply:
        spent = Usage()
        if self._how.memory and self._how.memory_turns:
            conversation, usage = await self._remembering(conversation)
            spent += usage
        if self._how.needs:
            asked, usage = await self._asking_back(conversation)
            spent += usage
            if asked is not None:
                return _with_usage(asked, spent)
        passages: Sequence[Passage] = ()
        if self._knowledge is not None:
            passages = await self._knowledge.passages(_last(conversation), _PASSAGES)
            conversation = _before_last(conversation, self._sources(passages)) if passages else conversation
        reply = await self._answered(conversation, sampling)
        if self._how.threshold is not None and self._how.unsure_say and _has_text(reply):
            reply = await self._sure(conversation, reply)
        if self._how.fail_say and not _has_text(reply):
            reply = msgspec.structs.replace(reply, message=assistant(self._how.fail_say), finish_reason="stop")
        if self._how.quotes and passages:
            reply = _quoting(reply, passages)
        return _with_usage(reply, reply.usage + spent)

    def stream(self, conversation: Conversation, sampling: Sampling = DEFAULT_SAMPLING) -> AsyncGenerator[Delta, None]:
        return self._streamed(conversation, sampling)

    async def _streamed(self, conversation: Conversation, sampling: Sampling) -> AsyncGenerator[Delta, None]:
        for delta in deltas_of(await self.chat(conversation, sampling)):
            yield delta

    # Memory

    async def _remembering(self, conversation: Conversation) -> tuple[Conversation, Usage]:
        """The last turns as they are, and of those before only notes of what is to be kept."""
        told = [message for message in conversation.messages if message.role == "system"]
        said = [message for message in conversation.messages if message.role != "system"]
        starts = [at for at, message in enumerate(said) if message.role == "user"]
        if len(starts) <= self._how.memory_turns:
            return conversation, Usage()
        cut = starts[-self._how.memory_turns]
        talk = "\n".join(f"{message.role}: {message.text}" for message in said[:cut])
        listed = "\n".join(f"- {item}" for item in self._how.memory)
        reply = await self.inner.chat(_asked(self._words.notes.format(items=listed), talk), _EXACT)
        notes = self._words.remembered.format(notes=reply.message.text.strip())
        head = f"{told[0].text}\n\n{notes}" if told else notes
        messages = (system(head), *told[1:], *said[cut:])
        return msgspec.structs.replace(conversation, messages=messages), reply.usage

    # Pardon

    async def _asking_back(self, conversation: Conversation) -> tuple[Reply | None, Usage]:
        """A question for what is missing, unless it was asked often enough."""
        marker = self._words.please
        asked_before = sum(
            message.role == "assistant" and message.text.startswith(marker) for message in conversation.messages
        )
        if asked_before >= self._how.most_asked:
            return None, Usage()
        talk = "\n".join(f"{each.role}: {each.text}" for each in conversation.messages if each.role != "system")
        listed = "\n".join(f"- {need}" for need in self._how.needs)
        reply = await self.inner.chat(_asked(self._words.missing.format(items=listed), talk), _EXACT)
        said = {part.strip(" -。.") for line in reply.message.text.splitlines() for part in _parts(line)}
        missing = [need for need in self._how.needs if need in said]
        if not missing:
            return None, reply.usage
        text = marker + self._words.comma.join(missing) + self._words.full_stop
        return Reply(message=assistant(text), model=reply.model), reply.usage

    # Knowledge, RAG, Quote

    def _sources(self, passages: Sequence[Passage]) -> str:
        numbered = "\n".join(f"[{number}] {each.text}" for number, each in enumerate(passages, start=1))
        cite = self._words.cite if self._how.quotes else ""
        return f"{self._words.sources}{cite}\n<sources>\n{numbered.replace('</sources>', '')}\n</sources>\n\n"

    # Merge and vote

    async def _answered(self, conversation: Conversation, sampling: Sampling) -> Reply:
        if len(self._how.roles) > 1:
            return await self._merged(conversation, sampling)
        if self._how.vote > 1:
            return await self._voted(conversation, sampling)
        return await self.inner.chat(conversation, sampling)

    async def _merged(self, conversation: Conversation, sampling: Sampling) -> Reply:
        """Every role answers; what most say is the answer, and where all differ the model says which is best."""
        replies = [
            await self.inner.chat(_in_role(conversation, self._words.role.format(role=role)), sampling)
            for role in self._how.roles
        ]
        usage = _sum(replies)
        winner = _majority(replies)
        if winner is None:
            listed = "\n\n".join(f"({number}) {each.message.text}" for number, each in enumerate(replies, start=1))
            chosen = await self.inner.chat(_asked(self._words.best, f"{_last(conversation)}\n\n{listed}"), _EXACT)
            number = _number(chosen.message.text)
            usage += chosen.usage
            winner = replies[int(number) - 1] if number is not None and 1 <= number <= len(replies) else replies[0]
        return _with_usage(winner, usage)

    async def _voted(self, conversation: Conversation, sampling: Sampling) -> Reply:
        """Self-consistency (Wang et al. 2022): several answers, and the one that most agree with."""
        replies: list[Reply] = []
        for number in range(self._how.vote):
            inner = self.inner
            if isinstance(inner, StoredBackend):
                inner = inner.sample(inner.index * self._how.vote + number)
            replies.append(await inner.chat(conversation, sampling))
        return _with_usage(_majority(replies) or replies[0], _sum(replies))

    # Unsure

    async def _sure(self, conversation: Conversation, reply: Reply) -> Reply:
        talk = f"user: {_last(conversation)}\nassistant: {reply.message.text}"
        judged = await self.inner.chat(_asked(self._words.sure, talk), _EXACT)
        number = _number(judged.message.text)
        share = 0.0 if number is None else number / 100 if number > 1 else number
        if share >= (self._how.threshold or 0.0):
            return _with_usage(reply, reply.usage + judged.usage)
        return msgspec.structs.replace(
            reply, message=assistant(self._how.unsure_say), usage=reply.usage + judged.usage, finish_reason="stop"
        )


def final_answer(text: str) -> str:
    """What an answer comes to, for counting votes: its last number, else its last line without case and punctuation.

    >>> final_answer("s-t-r: one\\nSo there are **3** of them."), final_answer("I think: Paris!")
    ('3', 'i think paris')
    """
    numbers = _NUMBER.findall(text)
    if numbers:
        return numbers[-1]
    lines = [line for line in text.strip().splitlines() if line.strip()]
    return " ".join(re.findall(r"\w+", lines[-1].casefold())) if lines else ""


def _majority(replies: Sequence[Reply]) -> Reply | None:
    """The first answer of the largest group; None where no two agree."""
    keys = [final_answer(each.message.text) for each in replies]
    most, count = Counter(keys).most_common(1)[0]
    return replies[keys.index(most)] if count > 1 else None


# ------------------------------------------------------------------ small parts


def _asked(instruction: str, material: str) -> Conversation:
    return Conversation(messages=(system(instruction), user(material)))


def _last(conversation: Conversation) -> str:
    return next((each.text for each in reversed(conversation.messages) if each.role == "user"), "")


def _before_last(conversation: Conversation, text: str) -> Conversation:
    """The conversation with `text` before the words of its last message."""
    *others, last = conversation.messages
    return msgspec.structs.replace(conversation, messages=(*others, user(text + last.text)))


def _in_role(conversation: Conversation, words: str) -> Conversation:
    messages = conversation.messages
    told: tuple[Message, ...] = tuple(each for each in messages if each.role == "system")
    rest = tuple(each for each in messages if each.role != "system")
    head = f"{told[0].text}\n\n{words}" if told else words
    return msgspec.structs.replace(conversation, messages=(system(head), *told[1:], *rest))


def _quoting(reply: Reply, passages: Sequence[Passage]) -> Reply:
    """The reply with the places of the passages that it cites."""
    cited = sorted({int(number) for number in _CITED.findall(reply.message.text)})
    known = [number for number in cited if 1 <= number <= len(passages)]
    if not known:
        return reply
    listed = "\n".join(f"[{number}] {passages[number - 1].where}" for number in known)
    return msgspec.structs.replace(reply, message=assistant(f"{reply.message.text.rstrip()}\n\n{listed}"))


def _has_text(reply: Reply) -> bool:
    return bool(reply.message.text.strip()) and reply.finish_reason not in ("content_filter", "error")


def _with_usage(reply: Reply, usage: Usage) -> Reply:
    return msgspec.structs.replace(reply, usage=usage)


def _sum(replies: Sequence[Reply]) -> Usage:
    usage = Usage()
    for reply in replies:
        usage += reply.usage
    return usage


def _assignments(module: Module | None) -> list[Assignment]:
    return [each for each in module.elements if isinstance(each, Assignment)] if module is not None else []


def _said(module: Module | None, what: str) -> str:
    """The value of the assignment of that name, empty where there is none."""
    return next((each.value for each in _assignments(module) if each.name.casefold() in _NAMES[what]), "").strip()


def _listed(module: Module | None, what: str) -> tuple[str, ...]:
    """A named list, else the module's bullets that are no assignments known here."""
    named = _parts(_said(module, what))
    if named or module is None:
        return named
    known = {name for names in _NAMES.values() for name in names}
    bullets = [_bullet(each) for each in module.elements if each.marker]
    return tuple(each for each in bullets if each and each.partition(":")[0].partition("：")[0].casefold() not in known)


def _bullet(element: Element) -> str:
    if isinstance(element, Assignment):
        return f"{element.name}: {element.value}".rstrip(": ")
    return element.text.strip()


def _parts(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in _SEPARATORS.split(text) if part.strip())


def _number(text: str) -> float | None:
    found = _NUMBER.search(text)
    return float(found.group()) if found else None
