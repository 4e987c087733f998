"""Add, subtract and multiply whole numbers, column by column as on paper.

A column names its digits, what was carried, the result, then the digit written and the next carry: `6+9+0=15>5,1`.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterator
from itertools import zip_longest
from random import Random

from pydantic import Field

from lianlu.core.i18n import Text
from lianlu.synth.generator import Checker, GeneratorConfig, Item, Material, Speech, Split, is_held_out

__all__ = ["ARITHMETIC", "Arithmetic", "ArithmeticConfig"]

_SIGNS: dict[str, Callable[[int, int], int]] = {"+": operator.add, "-": operator.sub, "×": operator.mul}
_QUESTIONS: dict[Speech, tuple[str, ...]] = {
    "zh": ("计算 {sum}。", "{sum} 等于多少？", "{sum}=?", "请算一算：{sum} 是多少？", "求 {sum} 的结果。"),
    "en": ("What is {sum}?", "Calculate {sum}.", "{sum}=?", "How much is {sum}?", "Work out {sum}."),
}
_ASKED = re.compile(r"(\d+) ([+\-×]) (\d+)")
_COLUMN = re.compile(r"(\d)([+-])(\d)([+-])(\d)=(-?\d+)>(\d),(\d)")
_PARTIAL = re.compile(r"(\d+)×(\d+)=(\d+)")
_LAST = re.compile(r"(-?\d+)[。.]\Z")


class ArithmeticConfig(GeneratorConfig):
    """How large the numbers become."""

    digits: int = Field(default=3, ge=1, le=9, description="most digits of a number that is added or subtracted")
    factor_digits: int = Field(default=2, ge=1, le=5, description="most digits of a factor")


class Arithmetic:
    """Integer arithmetic with steps."""

    name = "arithmetic"
    about = Text("add, subtract and multiply whole numbers by columns", "整数加减乘，逐列演算")
    config: type[GeneratorConfig] = ArithmeticConfig
    checker: Checker = "number"
    needs_documents = False

    def items(
        self,
        config: ArithmeticConfig,
        split: Split,
        language: Speech,
        *,
        random: Random,
        material: Material,  # noqa: ARG002 - numbers need none
    ) -> Iterator[Item]:
        """Endless; the three signs take turns."""
        turn = 0
        signs = tuple(_SIGNS)
        while True:
            sign = signs[turn % len(signs)]
            most = config.factor_digits if sign == "×" else config.digits
            first, second = _number(most, random), _number(most, random)
            key = _key(first, sign, second)
            if is_held_out(key) != (split == "eval"):
                continue
            turn += 1
            yield _item(first, sign, second, language, random)

    def fault(self, config: ArithmeticConfig, item: Item) -> str:  # noqa: ARG002
        """Compute again from the question, and every step by itself."""
        asked = _ASKED.search(item.question)
        if asked is None:
            return "the question names no sum"
        right = _SIGNS[asked[2]](int(asked[1]), int(asked[3]))
        for column in _COLUMN.finditer(item.answer):
            if not _is_right(column):
                return f"the column {column[0]} is wrong"
        if any(int(a) * int(b) != int(product) for a, b, product in _PARTIAL.findall(item.answer)):
            return "a partial product is wrong"
        said = _LAST.search(item.answer)
        return "" if said and int(said[1]) == right and item.target == str(right) else "the result is wrong"


ARITHMETIC = Arithmetic()


def _number(digits: int, random: Random) -> int:
    return random.randrange(10 ** random.randint(1, digits))


def _key(first: int, sign: str, second: int) -> str:
    """Equal for both orders where the order does not matter."""
    low, high = sorted((first, second))
    return f"{first}-{second}" if sign == "-" else f"{low}{sign}{high}"


def _item(first: int, sign: str, second: int, language: Speech, random: Random) -> Item:
    asked = f"{first} {sign} {second}"
    result = _SIGNS[sign](first, second)
    return Item(
        question=random.choice(_QUESTIONS[language]).format(sum=asked),
        answer=f"{_steps(first, sign, second)}\n{asked} = {result}{'。' if language == 'zh' else '.'}",
        target=str(result),
        key=_key(first, sign, second),
        language=language,
        facts={"first": first, "sign": sign, "second": second, "result": result},
    )


def _steps(first: int, sign: str, second: int) -> str:
    if sign == "×":
        return _products(first, second)
    if sign == "+":
        return _columns(first, second, "+")
    if first >= second:
        return _columns(first, second, "-")
    return f"-({second} - {first}) {_columns(second, first, '-')}"


def _columns(first: int, second: int, sign: str) -> str:
    """Columns from the right; a difference borrows where a sum carries."""
    carry = 0
    steps: list[str] = []
    for upper, lower in zip_longest(str(first)[::-1], str(second)[::-1], fillvalue="0"):
        if sign == "+":
            value = int(upper) + int(lower) + carry
            following = value // 10
        else:
            value = int(upper) - int(lower) - carry
            following = int(value < 0)
        steps.append(f"{upper}{sign}{lower}{sign}{carry}={value}>{value % 10},{following}")
        carry = following
    return " ".join(steps)


def _products(first: int, second: int) -> str:
    """One product for each digit of the second factor, and the running total."""
    total = 0
    steps: list[str] = []
    for place, digit in enumerate(reversed(str(second))):
        part = int(digit) * 10**place
        total += first * part
        steps.append(f"{first}×{part}={first * part} {total}")
    return " ".join(steps)


def _is_right(column: re.Match[str]) -> bool:
    upper, lower, carry = int(column[1]), int(column[3]), int(column[5])
    value = upper + lower + carry if column[2] == "+" else upper - lower - carry
    written, following = int(column[7]), int(column[8])
    is_whole = value == written + 10 * following if column[2] == "+" else value == written - 10 * following
    return column[2] == column[4] and value == int(column[6]) and is_whole
