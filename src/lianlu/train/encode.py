"""Items of data -> samples of token ids, what is left out told.

Text is learned whole, cut into windows where it is long. A conversation is rendered by the chat template; in fine-tuning
its answers are learned, in pretraining all of it, so that a base knows the marks of the template before it is tuned.
Items are encoded a thousand at a time: a tokenizer works on all cores, and what it returns is not kept for all at once.
Preferences are not samples but pairs of them: their objectives ask for `conversation` and `prompt_and_answer`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import msgspec

from lianlu.core.errors import DataError
from lianlu.core.i18n import Text
from lianlu.core.job import Job
from lianlu.records import Conversation, Message
from lianlu.train.chat_text import ChatText, ChatTexts
from lianlu.train.chat_tokens import ChatTokens, encode_texts
from lianlu.train.reading import Item
from lianlu.train.samples import Encoded, order_of_epoch, windows
from lianlu.train.tokenizer import END_OF_TEXT

__all__ = ["Encoder", "hold_out"]

_AT_ONCE = 1000
_NAMED = 3


@dataclass(frozen=True)
class Encoder:
    """How items become samples.

    Args:
        tokenizer: a fast tokenizer of transformers; its template is read once, at the first conversation.
        max_tokens: of a sample: longer texts are cut into windows.
        learn: what of a conversation is supervised where its messages do not say it themselves.
        too_long: what happens to a conversation longer than `max_tokens`: left out, or cut at its end.
    """

    tokenizer: Any
    max_tokens: int
    learn: Literal["everything", "all", "last"]
    too_long: Literal["leave-out", "cut"] = "leave-out"

    def encode(self, items: Sequence[Item], job: Job) -> list[Encoded]:
        """Samples with something to learn, in the order of the items.

        Raises:
            DataError: train.bad-sample, train.bad-template, train.nothing-supervised
            UsageError: train.no-template
        """
        samples: list[Encoded] = []
        told = _Told()
        for start in range(0, len(items), _AT_ONCE):
            job.check()
            some = items[start : start + _AT_ONCE]
            for item, encoded in zip(some, self._encoded(some), strict=True):
                samples += self._kept(item, encoded, told)
            job.progress("tokens", start + len(some), len(items), "samples")
        if items and not samples:
            raise DataError("train.nothing-supervised", samples=len(items), limit=self.max_tokens)
        told.note(job, len(items), self.max_tokens)
        return samples

    def conversation(self, item_id: str, conversation: Conversation) -> Encoded:
        """One conversation of any length, supervised as `learn` says; nothing is left out or cut.

        Raises:
            DataError: train.bad-sample, train.bad-template
            UsageError: train.no-template
        """
        (encoded,) = self._chats.encode([self._text(conversation, item_id)])
        return self._supervised(encoded)

    def prompt_and_answer(self, prompt: Conversation, answer: Message, id: str) -> Encoded:
        """An answer behind its prompt, of any length, with nothing but the answer supervised.

        Raises:
            DataError: train.bad-sample, train.bad-template
            UsageError: train.no-template
        """
        asked = [msgspec.structs.replace(message, learn=False) for message in prompt.messages]
        messages = (*asked, msgspec.structs.replace(answer, learn=True))
        (encoded,) = self._chats.encode([self._texts.of(msgspec.structs.replace(prompt, messages=messages), id)])
        return encoded

    @cached_property
    def _texts(self) -> ChatTexts:
        return ChatTexts(self.tokenizer)

    @cached_property
    def _chats(self) -> ChatTokens:
        return ChatTokens(self.tokenizer)

    def _text(self, conversation: Conversation, id: str) -> ChatText:
        if self.learn == "everything":
            return self._texts.forbidden(conversation, id)
        return self._texts.of(conversation, id, supervise=self.learn)

    def _encoded(self, items: Sequence[Item]) -> list[_OfItem]:
        """What each item becomes, conversations whole."""
        chats: dict[int, ChatText] = {}
        texts: dict[int, str] = {}
        for place, item in enumerate(items):
            if isinstance(item.content, Conversation):
                chats[place] = self._text(item.content, item.id)
            elif isinstance(item.content, str):
                texts[place] = item.content
            else:
                why = "it is a preference between answers, which only objectives such as dpo learn"
                raise DataError("train.bad-sample", id=item.id, why=why)
        found: dict[int, _OfItem] = {}
        for place, sample in zip(chats, self._chats.encode(list(chats.values())) if chats else (), strict=True):
            found[place] = _OfItem([self._supervised(sample)], chats[place].kept_back)
        for place, ids in zip(texts, self._ids([(items[each].id, text) for each, text in texts.items()]), strict=True):
            found[place] = _OfItem(windows(items[place].id, ids, self.max_tokens))
        return [found[place] for place in range(len(items))]

    def _ids(self, texts: Sequence[tuple[str, str]]) -> list[list[int]]:
        """Token ids of plain texts, with what the tokenizer puts around a text and the end of a text."""
        end = self.tokenizer.get_vocab().get(END_OF_TEXT, self.tokenizer.eos_token_id) if texts else None
        tail = [end] if end is not None else []
        try:
            encodings = encode_texts(self.tokenizer, [text for _, text in texts], with_offsets=False, with_special=True)
        except (TypeError, UnicodeError):
            culprit = next(name for name, text in texts if any("\ud800" <= each <= "\udfff" for each in text))
            why = "it holds half a surrogate pair, which is no character"
            raise DataError("train.bad-sample", id=culprit, why=why) from None
        return [[*encoding.ids, *tail] for encoding in encodings]

    def _supervised(self, sample: Encoded) -> Encoded:
        if self.learn != "everything":
            return sample
        return Encoded(sample.id, sample.ids, ~sample.mask)

    def _kept(self, item: Item, encoded: _OfItem, told: _Told) -> list[Encoded]:
        """The samples of an item that are learned; what is not is told."""
        samples = encoded.samples
        if len(samples[0].ids) > self.max_tokens:  # windows never are
            if self.too_long == "leave-out":
                told.add("too long", item.id)
                return []
            told.add("cut", item.id)
            samples = [Encoded(each.id, each.ids[: self.max_tokens], each.mask[: self.max_tokens]) for each in samples]
        kept = [each for each in samples if each.supervised]
        if not kept:
            told.add("nothing to learn", item.id)
        elif encoded.kept_back:
            told.add("earlier answers", item.id)
        return kept


@dataclass(frozen=True)
class _OfItem:
    """The samples of an item, and how many of its answers are not learned because the template rewrites them."""

    samples: list[Encoded]
    kept_back: int = 0


@dataclass
class _Told:
    """What is told once for all samples: how many, and the first of them."""

    counts: Counter[str] = field(default_factory=Counter[str])
    first: dict[str, list[str]] = field(default_factory=dict[str, list[str]])

    def add(self, what: str, id: str) -> None:
        self.counts[what] += 1
        if self.counts[what] <= _NAMED:
            self.first.setdefault(what, []).append(id)

    def note(self, job: Job, total: int, limit: int) -> None:
        long, empty = self.counts["too long"], self.counts["nothing to learn"]
        if long or empty:
            named = self._named("too long", "nothing to learn")
            job.note(
                Text(
                    f"{long + empty} of {total} samples are left out: {long} longer than {limit} tokens,"
                    f" {empty} with nothing to learn ({named})",
                    f"{total} 条样本中有 {long + empty} 条被略过：{long} 条超过 {limit} 个 token，"
                    f"{empty} 条无可学习内容（{named}）",
                ),
                "warning",
                "train.left-out",
            )
        if self.counts["cut"]:
            count, named = self.counts["cut"], self._named("cut")
            job.note(
                Text(
                    f"{count} of {total} samples are longer than {limit} tokens and cut there ({named})",
                    f"{total} 条样本中有 {count} 条超过 {limit} 个 token，已截断（{named}）",
                ),
                "warning",
                "train.cut",
            )
        if self.counts["earlier answers"]:
            count, named = self.counts["earlier answers"], self._named("earlier answers")
            job.note(
                Text(
                    f"in {count} of {total} samples only later answers are learned: the chat template writes earlier"
                    f" ones differently once others follow ({named})",
                    f"{total} 条样本中有 {count} 条只学习靠后的回答：对话模板会在后文出现时改写较早的回答（{named}）",
                ),
                "warning",
                "train.earlier-answers",
            )

    def _named(self, *what: str) -> str:
        return ", ".join([name for each in what for name in self.first.get(each, [])][:_NAMED])


def hold_out(items: Sequence[Item], share: float, seed: int) -> tuple[list[Item], list[Item]]:
    """Items to learn and items to measure on, chosen by the seed, both in their old order; one of each stays at least."""
    if not share or len(items) < 2:
        return list(items), []
    count = min(max(1, round(share * len(items))), len(items) - 1)
    kept = set(order_of_epoch(len(items), seed, -1 % (1 << 32))[:count].tolist())
    learned = [item for place, item in enumerate(items) if place not in kept]
    return learned, [item for place, item in enumerate(items) if place in kept]
