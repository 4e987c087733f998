"""From what a model wrote to the answer it gave. Knows no model and no benchmark.

An answer is read only where it is said: `答案是B`, `选 C。`, `(D)`, `The answer is (D)`, a letter that stands alone. The
first capital of a word is never an answer ("Based on …" is no B), a full-width Ａ is an A, and two letters with nothing
to choose between them are no answer at all: that counts as an extraction failure, which is shown, not dropped.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from lianlu.records import Sample

__all__ = ["EXTRACTORS", "LETTERS", "Answer", "letter", "number", "read_answer"]

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_END = r"\s*(?:$|[.,:;!?)\]}>'\"*\n。、」』”’】》])"  # what may follow a letter that stands for an option
_OPENING = r"[\s:(\[{<'\"*#「『“‘【《]*"
_SAID = (
    r"(?:答案|选项|选择)(?:应该|应当|应|就|便|必|只能)?(?:是|为|选|:|=)" + _OPENING,
    r"(?:正确|对)的?(?:选项|答案|一项)?(?:应该|应当|应|就)?(?:是|为|:)" + _OPENING,
    r"\banswer(?:\s+\w+){0,3}?\s*(?:is|:|=|would be|must be)(?:\s+option|\s+choice)?" + _OPENING,
    r"\\boxed\s*\{\s*(?:\\text\s*\{)?",
    r"而是(?:选项)?" + _OPENING,
)
_CHOSEN = (
    r"(?<![不未没非别勿])(?:选择|选项?为|应选|故选|选)" + _OPENING,
    r"\b(?:choose|select|pick|option|choice)\s*(?:is)?" + _OPENING,
)
_MORE = re.compile(r"\s*(?:[,、/&和与或及]|and|or)\s*(?:选项)?[(\[]?([A-Z])(?![A-Za-z0-9])")
_NUMBER = re.compile(
    r"(?<![\w.])-?\d{1,3}(?:,\d{3})+(?:\.\d+)?(?![\d,]*\d)|(?<![A-Za-z\d)\].])-?\d+(?:\.\d+)?|\d+(?:\.\d+)?"
)


@dataclass(frozen=True)
class Answer:
    """What was read from an output: `text` is None where no answer could be found."""

    text: str | None
    is_right: bool
    why: str = ""


def letter(output: str, choices: Sequence[str]) -> str | None:
    """The letter of the option that `output` settles on; None where it settles on none.

    >>> letter("Based on the map, C", ["a", "b", "c", "d"])
    'C'
    >>> letter("答案是Ｂ。", ["甲", "乙", "丙", "丁"])
    'B'
    """
    text = _final(output)
    letters = LETTERS[: len(choices)]
    for starts in (_SAID, _CHOSEN):
        found = _said(text, starts, letters)
        if found is not None:
            return found or None
    begins = re.match(rf"[\W_]*([{letters}])(?={_END}|\s+[\u3400-\u9fff]|\s*[\u3400-\u9fff]*$)", text)
    if begins and not _MORE.match(text, begins.end()):
        return begins[1]
    small = re.fullmatch(rf"[\W_]*([{letters.lower()}])[\W_]*", text)
    if small:
        return small[1].upper()
    alone = {found[1] for found in re.finditer(rf"(?<![A-Za-z0-9_'-])([{letters}])(?![A-Za-z0-9_'-]| [a-z])", text)}
    if alone:
        return alone.pop() if len(alone) == 1 else None
    return _by_words(text, choices)


def _said(text: str, starts: Sequence[str], letters: str) -> str | None:
    """The last letter after one of `starts`; empty where that statement names several, None where there is none."""
    found: list[tuple[int, str]] = []
    for start in starts:
        for match in re.finditer(rf"{start}([{letters}{letters.lower()}])(?![A-Za-z0-9])", text, re.IGNORECASE):
            is_article = match[1] in "aA" and re.match(r" [a-z]", text[match.end() :]) is not None
            is_small = match[1].islower() and not re.match(_END, text[match.end() :])
            if not is_article and not is_small:
                several = _MORE.match(text, match.end())
                found.append((match.end(), "" if several and several[1] in letters else match[1].upper()))
    return max(found)[1] if found else None


def _by_words(text: str, choices: Sequence[str]) -> str | None:
    """The option whose words occur, where exactly one does (an option inside another counts as the longer one)."""
    flat = _flat(text)
    named = [index for index, choice in enumerate(choices) if _flat(choice) and _flat(choice) in flat]
    longest = [i for i in named if not any(i != j and _flat(choices[i]) in _flat(choices[j]) for j in named)]
    return LETTERS[longest[0]] if len(longest) == 1 else None


def number(output: str) -> str | None:
    """The last number, without signs for thousands; 3.0 is 3, 3.5 stays what it is.

    >>> number("3 letters, so $80,000")
    '80000'
    """
    found = _NUMBER.findall(_final(output).replace("−", "-"))
    if not found:
        return None
    value = Decimal(found[-1].replace(",", ""))
    return str(int(value)) if value == value.to_integral_value() else str(value.normalize())


def read_answer(extractor: str, output: str, sample: Sample) -> Answer:
    """Read an answer and judge it. `extractor` is a key of EXTRACTORS."""
    if not _final(output):
        return Answer(None, is_right=False, why="nothing was written")
    return EXTRACTORS[extractor](output, sample)


def _read_letter(output: str, sample: Sample) -> Answer:
    found = letter(output, sample.choices)
    return _judged(found, found in sample.targets, sample, "no option was settled on")


def _read_number(output: str, sample: Sample) -> Answer:
    found = number(output)
    return _judged(found, found in {number(target) for target in sample.targets}, sample, "no number was written")


def _read_exact(output: str, sample: Sample) -> Answer:
    last = _final(output).splitlines()[-1].strip()
    is_right = _flat(last) in {_flat(target) for target in sample.targets}
    return _judged(last if _flat(last) else None, is_right, sample, "no words were written")


def _read_contains(output: str, sample: Sample) -> Answer:
    text = _final(output)
    found = next((target for target in sample.targets if _occurs(target, text)), None)
    return Answer(found or text, is_right=found is not None, why="" if found else f"none of {_listed(sample.targets)}")


def _judged(found: str | None, is_right: bool, sample: Sample, nothing: str) -> Answer:
    if found is None:
        return Answer(None, is_right=False, why=nothing)
    return Answer(found, is_right=is_right, why="" if is_right else f"expected {_listed(sample.targets)}")


EXTRACTORS: dict[str, Callable[[str, Sample], Answer]] = {
    "contains": _read_contains,
    "exact": _read_exact,
    "letter": _read_letter,
    "number": _read_number,
}


def _final(output: str) -> str:
    """The text after the thoughts, in compatible forms (full-width letters and digits become plain ones)."""
    return unicodedata.normalize("NFKC", output.rpartition("</think>")[2]).strip()


def _flat(text: str) -> str:
    """Letters, digits and characters alone, without case."""
    return "".join(char for char in unicodedata.normalize("NFKC", text).casefold() if char.isalnum())


def _occurs(target: str, text: str) -> bool:
    """Words of Latin letters must stand as words; Chinese may be spaced or punctuated in any way."""
    if re.search(r"[\u3400-\u9fff]", target) or not re.search(r"\w", target):
        return bool(_flat(target)) and _flat(target) in _flat(text)
    words = r"[\W_]+".join(map(re.escape, re.findall(r"\w+", unicodedata.normalize("NFKC", target))))
    return re.search(rf"(?<![A-Za-z0-9]){words}(?![A-Za-z0-9])", text, re.IGNORECASE) is not None


def _listed(targets: Sequence[str]) -> str:
    return " / ".join(targets)
