"""Count a letter in a word, letter by letter.

A step sets the letter beside the wanted one and carries the count: `sr.0 tr.0 rr=1`. A 1.8 M parameter model with
character tokens learns that in about 300 batches of 64; when a step shows the letter and the count only, it is still
at chance after 600 (issue 3). Case does not count: steps are written in small letters.

Which words are held out is decided by their windows of five letters, so that it is passed on to every word around them: a
word of evaluation cannot stand inside a word of any training set, whatever seed or recipe made that.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from random import Random
from string import ascii_lowercase

from pydantic import Field

from lianlu.core.i18n import Text
from lianlu.synth.generator import Checker, GeneratorConfig, Item, Material, Speech, Split, is_held_out
from lianlu.synth.phrasings import wording
from lianlu.synth.words import ALWAYS_HELD_OUT, COMMON, pseudo_word, with_count

__all__ = ["LETTERS", "Letters", "LettersConfig", "drawn_words", "may_train", "worked"]

_QUESTIONS: dict[Speech, tuple[str, ...]] = {
    "zh": (
        "单词“{word}”中有几个字母“{letter}”？",
        "“{word}”里有几个“{letter}”？",
        "单词“{word}”里有多少个字母“{letter}”？",
        "数一数“{word}”中有几个字母“{letter}”。",
        "字母“{letter}”在单词“{word}”中出现了几次？",
        "{word} 中有几个 {letter}？",
        "{word} 里有多少个字母 {letter}？",
        "请问单词 {word} 中字母 {letter} 出现了多少次？",
    ),
    "en": (
        'How many {letter} are in "{word}"?',
        'How many times does the letter "{letter}" appear in "{word}"?',
        'How many "{letter}" are there in the word "{word}"?',
        "How many {letter}'s are in {word}?",
        'Count the letter "{letter}" in "{word}".',
        'How many letters "{letter}" does "{word}" have?',
        "How many {letter} are in the word {word}?",
        "How often does {letter} occur in {word}?",
    ),
}
_FINALS: dict[Speech, str] = {
    "zh": "字母“{letter}”出现了 {count} 次。",
    "en": 'The letter "{letter}" appears {count} {times}.',
}
_STEP = re.compile(r"([a-z])([a-z])([.=])(\d)")
_FINAL: dict[Speech, re.Pattern[str]] = {
    "zh": re.compile(r"字母“([a-z])”出现了 (\d) 次。"),
    "en": re.compile(r'The letter "([a-z])" appears (\d) times?\.'),
}
_FORBIDDEN = tuple(word.casefold() for word, _ in ALWAYS_HELD_OUT)
_COMMON_SHARE = 0.2
_WINDOW = 5
_HELD_OUT_IN = 24


class LettersConfig(GeneratorConfig):
    """Which words, and how large the counts become."""

    eval: int = Field(default=224, ge=0, le=1_000_000, description="evaluation samples, all languages together")
    most: int = Field(default=6, ge=1, le=9, description="largest count asked for")
    syllables: int = Field(default=4, ge=1, le=6, description="most syllables of a made-up word")


class Letters:
    """Letter counting with worked steps."""

    name = "letters"
    about = Text("count a letter in a word, with worked steps", "数单词中的字母，附逐步演算")
    config: type[GeneratorConfig] = LettersConfig
    checker: Checker = "number"
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
        """Endless; the counts 0 to `most` take turns, so that every count is as frequent as the others.

        A word of evaluation stands in no training text, also not inside another word; nor in the wording of identity,
        which may be made by another step of the same chain.
        """
        taken = material.taken + wording()
        if split == "eval":
            for word, letter in ALWAYS_HELD_OUT:
                if word.casefold() not in taken:
                    yield _item(word, letter, language, _QUESTIONS[language][0])
        for word, letter in drawn_words(config, split, random=random, taken=taken):
            yield _item(word, letter, language, random.choice(_QUESTIONS[language]))

    def fault(self, config: LettersConfig, item: Item) -> str:  # noqa: ARG002
        """Count again from the texts alone."""
        word, letter = str(item.facts["word"]).casefold(), str(item.facts["letter"]).casefold()
        if str(item.facts["word"]) not in item.question:
            return "the question does not name the word"
        steps, _, final = item.answer.partition("\n")
        found = _STEP.findall(steps)
        if " ".join("".join(step) for step in found) != steps:
            return "the steps are not of the form"
        if "".join(step[0] for step in found) != word or {step[1] for step in found} != {letter}:
            return "the steps do not spell the word"
        for place, step in enumerate(found, start=1):
            if (step[2] == "=") != (step[0] == letter) or int(step[3]) != len(re.findall(letter, word[:place])):
                return f"step {place} is wrong"
        said = _FINAL[item.language].fullmatch(final)
        right = str(len(word) - len(word.replace(letter, "")))
        return "" if said and said.groups() == (letter, right) and item.target == right else "the count is wrong"


LETTERS = Letters()


def may_train(word: str) -> bool:
    """Whether a word may stand in training data: no window of it is held out, and no word that always is.

    >>> may_train("tree"), may_train("a strawberry")
    (True, False)
    """
    folded = word.casefold()
    windows = (folded[at : at + _WINDOW] for at in range(len(folded) - _WINDOW + 1))
    held = any(is_held_out(window, one_in=_HELD_OUT_IN) for window in windows)
    return not held and not any(each in folded for each in _FORBIDDEN)


def drawn_words(config: LettersConfig, split: Split, *, random: Random, taken: str) -> Iterator[tuple[str, str]]:
    """Words of a split, each with the letter to look for, without end; the counts 0 to `most` take turns.

    Args:
        taken: casefolded text in which no word of evaluation may stand.
    """
    turn = 0
    while True:
        word, letter = _word(turn % (config.most + 1), config, random)
        if may_train(word) == (split == "train") and not (split == "eval" and word in taken):
            turn += 1
            yield _cased(word, letter, random)


def worked(word: str, letter: str) -> str:
    """The steps.

    >>> worked("Berry", "r")
    'br.0 er.0 rr=1 rr=2 yr.2'
    """
    count = 0
    steps: list[str] = []
    for character in word.casefold():
        count += character == letter
        steps.append(f"{character}{letter}{'=' if character == letter else '.'}{count}")
    return " ".join(steps)


def _item(word: str, letter: str, language: Speech, question: str) -> Item:
    folded = letter.casefold()
    count = word.casefold().count(folded)
    times = "time" if count == 1 else "times"
    final = _FINALS[language].format(letter=folded, count=count, times=times)
    return Item(
        question=question.format(word=word, letter=letter),
        answer=f"{worked(word, folded)}\n{final}",
        target=str(count),
        key=word.casefold(),
        language=language,
        facts={"word": word, "letter": letter, "count": count},
    )


def _word(count: int, config: LettersConfig, random: Random) -> tuple[str, str]:
    """A word and a letter that it has `count` times."""
    while True:
        if count <= 4 and random.random() < _COMMON_SHARE:
            word = random.choice(COMMON)
            letters = [each for each in ascii_lowercase if word.count(each) == count]
        else:
            word = pseudo_word(random, syllables=random.randint(1, config.syllables))
            letters = list(dict.fromkeys(word)) if count else [each for each in ascii_lowercase if each not in word]
        if not letters or len(word) < 3:
            continue
        letter = random.choice(letters)
        made = with_count(word, letter, count, random)
        if made is not None:
            return made, letter


def _cased(word: str, letter: str, random: Random) -> tuple[str, str]:
    """As people type it: mostly small, some capitalized, some all in capitals."""
    draw = random.random()
    if draw < 0.6:
        return word, letter
    if draw < 0.85:
        return word.capitalize(), letter
    return word.upper(), letter.upper() if random.random() < 0.5 else letter
