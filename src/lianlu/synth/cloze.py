"""Sentences of the user's documents with one word or number left out (`handbook-cloze`).

A gap is a number, a Latin name inside Chinese, an English content word, or a Chinese pair of characters that stands
together wherever it stands. A passage is wholly in training or wholly in evaluation.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from random import Random

from pydantic import Field

from lianlu.core.hashing import short_id
from lianlu.core.i18n import Text
from lianlu.records import Document
from lianlu.synth.generator import Checker, GeneratorConfig, Item, Material, Speech, Split, has_chinese, is_held_out
from lianlu.text.sentences import sentences, trim
from lianlu.text.tokens import is_stop_term, stem

__all__ = ["CLOZE", "Cloze", "ClozeConfig"]

_GAP = "____"
_QUESTIONS: dict[Speech, str] = {
    "zh": "根据《{title}》填空：{sentence}",
    "en": 'Fill in the gap, after "{title}": {sentence}',
}
_CHINESE_RUN = re.compile("[\u4e00-\u9fff]{2,}")
_LATIN = re.compile(r"(?<![\w`/.\-])(?:\d+(?:\.\d+)?|[A-Za-z]{4,})(?![\w`/\-]|\.\w)")
_MARKUP = re.compile(r"[`|\[\]<>{}*#]|https?:")
_KINDS = ("para", "list")
_FEWEST_TOGETHER = 3
_TOGETHER = 0.5


class ClozeConfig(GeneratorConfig):
    """Which sentences."""

    train: int = Field(default=300, ge=0, le=10_000_000, description="training conversations, all languages together")
    shortest: int = Field(default=12, ge=4, le=1000, description="fewest characters of a sentence")
    longest: int = Field(default=160, ge=10, le=2000, description="most characters of a sentence")


@dataclass(frozen=True)
class _Passage:
    document: Document
    block: int
    text: str
    title: str

    @property
    def key(self) -> str:
        return short_id(self.text)


class Cloze:
    """Questions on the user's own documents."""

    name = "cloze"
    about = Text("sentences of your documents with a gap", "文档句子填空")
    config: type[GeneratorConfig] = ClozeConfig
    checker: Checker = "exact"
    needs_documents = True

    def items(
        self, config: ClozeConfig, split: Split, language: Speech, *, random: Random, material: Material
    ) -> Iterator[Item]:
        """As many as the documents give: each sentence with each of its gaps, in an order drawn by `random`."""
        words = _chinese_words(material.documents) if language == "zh" else frozenset[str]()
        found = [
            item
            for passage in _passages(material.documents)
            if is_held_out(passage.key) == (split == "eval")
            for item in _gaps(passage, config, language, words)
        ]
        random.shuffle(found)
        yield from found

    def fault(self, config: ClozeConfig, item: Item) -> str:  # noqa: ARG002
        """The sentence with its gap filled stands in the passage, and the answer is not given away beside it."""
        before, gap, after = item.question.partition(_GAP)
        if not gap or _GAP in after:
            return "there is not one gap"
        opening = before[before.index("：") + 1 :] if item.language == "zh" else before.split('": ', 1)[-1]
        if f"{opening}{item.answer}{after}" not in str(item.facts["passage"]):
            return "the filled sentence is not in the passage"
        return "the answer stands beside the gap" if item.answer in opening + after else ""


CLOZE = Cloze()


def _passages(documents: Sequence[Document]) -> Iterator[_Passage]:
    seen: set[str] = set()
    for document in documents:
        title = _plain(document.title or document.source.uri)
        for place, block in enumerate(document.blocks):
            text = block.markdown.strip()
            if block.kind in _KINDS and text not in seen:
                seen.add(text)
                yield _Passage(document, place, text, title)


def _plain(title: str) -> str:
    return re.sub(r"[《》\"：\n]", " ", title).strip() or "document"


def _gaps(passage: _Passage, config: ClozeConfig, language: Speech, words: frozenset[str]) -> Iterator[Item]:
    for span in sentences(passage.text):
        sentence = trim(passage.text, span).cut(passage.text)
        if not config.shortest <= len(sentence) <= config.longest or _MARKUP.search(sentence) or "\n" in sentence:
            continue
        if has_chinese(sentence) != (language == "zh") or _GAP in sentence:
            continue
        for start, end in _content(sentence, words):
            answer = sentence[start:end]
            if sentence.count(answer) > 1 or answer in passage.title:
                continue
            gapped = f"{sentence[:start]}{_GAP}{sentence[end:]}"
            yield Item(
                question=_QUESTIONS[language].format(title=passage.title, sentence=gapped),
                answer=answer,
                target=answer,
                key=passage.key,
                language=language,
                facts={
                    "passage": passage.text,
                    "document": passage.document.source.uri,
                    "block": passage.block,
                },
            )


def _content(sentence: str, words: frozenset[str]) -> Iterator[tuple[int, int]]:
    """Places of what is worth asking for."""
    for match in _LATIN.finditer(sentence):
        if not is_stop_term(stem(match.group().casefold())) and not is_stop_term(match.group().casefold()):
            yield match.span()
    for run in _CHINESE_RUN.finditer(sentence):
        at = run.start()
        while at + 2 <= run.end():
            if sentence[at : at + 2] in words:
                yield at, at + 2
                at += 1
            at += 1


def _chinese_words(documents: Sequence[Document]) -> frozenset[str]:
    """Pairs of characters that are mostly seen together, in documents without a dictionary."""
    pairs: Counter[str] = Counter()
    singles: Counter[str] = Counter()
    for document in documents:
        for run in _CHINESE_RUN.findall(unicodedata.normalize("NFKC", document.markdown)):
            singles.update(run)
            pairs.update("".join(pair) for pair in pairwise(run))
    return frozenset(
        pair
        for pair, count in pairs.items()
        if count >= _FEWEST_TOGETHER
        and count >= _TOGETHER * min(singles[pair[0]], singles[pair[1]])
        and not is_stop_term(pair)
        and not any(is_stop_term(each) for each in pair)
    )
