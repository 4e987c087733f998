"""Spell a word and set each letter beside another: the lesson before letters are counted.

What a base may learn so that counting is soon tuned into it. The marks are those of `letters` with the count left open,
and no item asks how many: a base that had these lessons still cannot answer the questions of the benchmark. The `?` gives
a mark the length of a step of `letters`, so that distances which a base may learn hold there too.
"""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from lianlu.core.i18n import Text
from lianlu.synth.generator import Checker, GeneratorConfig, Item, Material, Speech, Split
from lianlu.synth.letters import LettersConfig, drawn_words

__all__ = ["SPELLING", "Spelling", "marked"]

_QUESTIONS: dict[Speech, tuple[str, ...]] = {
    "zh": (
        "拼写 {word}，标出 {letter}。",
        "请逐个字母拼写“{word}”，标出“{letter}”。",
        "把单词 {word} 拆成字母，与 {letter} 比较。",
        "在“{word}”里逐个标出字母“{letter}”。",
    ),
    "en": (
        "Spell {word} and mark every {letter}.",
        'Spell "{word}" letter by letter, marking "{letter}".',
        "Take {word} apart and compare each letter with {letter}.",
        'Mark each letter "{letter}" in "{word}".',
    ),
}


class Spelling:
    """Words letter by letter."""

    name = "spelling"
    about = Text("spell words and mark a letter in them", "逐个字母拼写单词并标出某个字母")
    config: type[GeneratorConfig] = LettersConfig
    checker: Checker = "exact"
    needs_documents = False

    def items(
        self,
        config: LettersConfig,
        split: Split,
        language: Speech,
        *,
        random: Random,
        material: Material,
    ) -> Iterator[Item]:
        """Endless; the counts 0 to `most` take turns."""
        for word, letter in drawn_words(config, split, random=random, taken=material.taken):
            answer = marked(word, letter)
            yield Item(
                question=random.choice(_QUESTIONS[language]).format(word=word, letter=letter),
                answer=answer,
                target=answer,
                key=word.casefold(),
                language=language,
                facts={"word": word, "letter": letter},
            )

    def fault(self, config: LettersConfig, item: Item) -> str:  # noqa: ARG002
        """Spell again from the texts alone."""
        word, letter = str(item.facts["word"]), str(item.facts["letter"]).casefold()
        if word not in item.question:
            return "the question does not name the word"
        marks = item.answer.split(" ")
        if "".join(mark[:1] for mark in marks) != word.casefold() or item.target != item.answer:
            return "the marks do not spell the word"
        wrong = [mark for mark in marks if mark[1:] != f"{letter}{'=' if mark[:1] == letter else '.'}?"]
        return f"the mark {wrong[0]!r} is wrong" if wrong else ""


SPELLING = Spelling()


def marked(word: str, letter: str) -> str:
    """The word with each letter set beside the wanted one.

    >>> marked("Berry", "r")
    'br.? er.? rr=? rr=? yr.?'
    """
    wanted = letter.casefold()
    return " ".join(f"{each}{wanted}{'=' if each == wanted else '.'}?" for each in word.casefold())
