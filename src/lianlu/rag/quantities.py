"""Numbers in text, in one form: 1,200 = １２００ = 1.2千 = 1.2k; dates as year, month and day; 百分之五 = 5%.

Two quantities agree when their values are equal and their units are not known to differ.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal

from lianlu.text.normalise import fold

__all__ = ["Quantity", "agrees", "quantities", "time_units", "without_quantities"]


@dataclass(frozen=True)
class Quantity:
    """A value in plain decimal digits (or a version such as `0.1.18`) and a unit, empty when there is none."""

    value: str
    unit: str = ""


_DIGITS = {each: value for value, each in enumerate("零一二三四五六七八九")} | {"两": 2, "兩": 2, "〇": 0}
_SCALES = {"十": 10, "百": 100, "千": 1000, "万": 10**4, "萬": 10**4, "亿": 10**8, "億": 10**8}
_CHINESE = "零〇一二三四五六七八九两兩十百千万萬亿億"
_SUFFIX_SCALES = {
    "千": 10**3,
    "万": 10**4,
    "萬": 10**4,
    "百万": 10**6,
    "百萬": 10**6,
    "千万": 10**7,
    "千萬": 10**7,
    "亿": 10**8,
    "億": 10**8,
    "k": 10**3,
    "m": 10**6,
    "b": 10**9,
    "hundred": 100,
    "thousand": 10**3,
    "million": 10**6,
    "billion": 10**9,
}
_UNITS = {
    "year": "年 year years".split(),  # noqa: SIM905 - reads better
    "month": ["月", "个月", "個月", "month", "months"],
    "day": ["日", "号", "天", "day", "days"],
    "week": ["周", "週", "星期", "week", "weeks"],
    "hour": ["小时", "小時", "时", "hour", "hours", "h", "hr", "hrs"],
    "minute": ["分钟", "分鐘", "分", "minute", "minutes", "min", "mins"],
    "second": ["秒", "second", "seconds", "s", "sec"],
    "millisecond": ["毫秒", "ms", "millisecond", "milliseconds"],
    "%": ["%", "percent", "个百分点"],
    "yuan": ["元", "块", "人民币", "yuan", "rmb", "cny"],
    "dollar": ["美元", "dollar", "dollars", "usd"],
    "person": ["人", "名", "位", "people", "persons", "employees", "students"],
    "times": ["倍", "x", "times"],
    "kilometre": ["公里", "千米", "km", "kilometers", "kilometres"],
    "metre": ["米", "公尺", "meters", "metres"],
    "kilogram": ["公斤", "千克", "kg"],
    "tonne": ["吨", "tons", "tonnes"],
    "foot": ["英尺", "feet", "foot", "ft"],
    "inch": ["英寸", "inch", "inches"],
    "pound": ["磅", "英镑", "pounds", "lb", "lbs"],
    "hectare": ["公顷", "hectares"],
    "mu": ["亩"],
    "mile": ["英里", "mile", "miles"],
    "gb": ["gb", "gib"],
    "mb": ["mb", "mib"],
    "tb": ["tb", "tib"],
    "kb": ["kb", "kib"],
    "age": ["岁", "歲"],
}
_UNIT_OF = {word: unit for unit, words in _UNITS.items() for word in words}
_CLASSIFIERS = "个個种種项項款家次篇行卡张張条條份台部座层層步类類版代期届章节節轮輪点點句字页頁支组組"
_UNIT_WORDS = "|".join(sorted(map(re.escape, _UNIT_OF), key=lambda word: (-len(word), word)))
_SCALE_WORDS = "|".join(sorted(_SUFFIX_SCALES, key=lambda word: (-len(word), word)))
_TIME_WORD = re.compile(r"小时|小時|分钟|分鐘|毫秒|星期|个月|個月|\b(?:hours?|minutes?|milliseconds?|weeks?|months?)\b")
_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            ("january", "jan"),
            ("february", "feb"),
            ("march",),
            ("april", "apr"),
            ("may",),
            ("june", "jun"),
            ("july", "jul"),
            ("august", "aug"),
            ("september", "sep", "sept"),
            ("october", "oct"),
            ("november", "nov"),
            ("december", "dec"),
        ),
        start=1,
    )
    for name in names
}
_ENGLISH = dict(
    zip(
        [
            "two",
            "three",
            "four",
            "five",
            "six",
            "seven",
            "eight",
            "nine",
            "ten",
            "eleven",
            "twelve",
            "twenty",
            "thirty",
            "forty",
            "fifty",
            "sixty",
            "ninety",
        ],
        (2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 20, 30, 40, 50, 60, 90),
        strict=True,
    )
)
_DATE = re.compile(
    r"(?<![\d.])(?P<year>[12]\d{3})\s*[-/.年]\s*(?P<month>1[0-2]|0?[1-9])(?:\s*[-/.月]\s*(?P<day>3[01]|[12]\d|0?[1-9])(?!\d))?(?![\d.]*\d)"
)
_MONTH_NAMES = "|".join(sorted(_MONTHS, key=len, reverse=True))
_MONTH_DATE = re.compile(
    rf"(?:(?P<before>\d{{1,2}})(?:st|nd|rd|th)?\s+(?:of\s+)?)?\b(?P<month>{_MONTH_NAMES})\b\.?"
    r"(?:\s+(?P<after>\d{1,2})(?:st|nd|rd|th)?(?!\d))?(?:,?\s*(?P<year>[12]\d{3}))?"
)
_NUMBER = re.compile(
    r"(?<![a-z0-9_])(?<![a-z]-)(?:v(?=\d))?(?P<money>[$￥¥])?\s?(?P<number>\d{1,3}(?:,\d{3})+(?:\.\d+)?(?!\d)|\d+(?:\.\d+)*)\s?"
    rf"(?P<scale>(?:{_SCALE_WORDS})(?![a-z]))?[+余多]?\s?(?:[{_CLASSIFIERS}](?!月))?"
    rf"(?P<unit>(?:{_UNIT_WORDS})(?![a-z]))?"
)
_PERCENT = re.compile(rf"百分之(?P<number>\d+(?:\.\d+)?|[{_CHINESE}点]+)")
_CHINESE_NUMBER = re.compile(
    rf"(?P<ordinal>第)?(?P<number>[{_CHINESE}]+)(?P<unit>个月|[{_CLASSIFIERS}]|{'|'.join(word for word in _UNIT_OF if not word.isascii())})"
)
_ENGLISH_NUMBER = re.compile(
    rf"\b(?P<number>{'|'.join(_ENGLISH)})\b(?:[\s-](?P<scale>hundred|thousand|million|billion))?(?:[\s-](?P<unit>{_UNIT_WORDS})\b)?"
)


def quantities(text: str) -> set[Quantity]:
    """All numbers of a text. Digits inside identifiers (`internlm2`, `A100`) belong to the name and are left out.

    >>> sorted((each.value, each.unit) for each in quantities("2023年8月，１,２００ 人，百分之五，7B"))
    [('1200', 'person'), ('2023', 'year'), ('5', '%'), ('7000000000', ''), ('8', 'month')]
    """
    folded = fold(text)
    found: set[Quantity] = set()
    for pattern, read in (
        (_DATE, _date),
        (_MONTH_DATE, _month_date),
        (_PERCENT, _percent),
        (_NUMBER, _number),
        (_CHINESE_NUMBER, _chinese),
        (_ENGLISH_NUMBER, _english),
    ):
        for match in pattern.finditer(folded):
            found.update(read(match))
        folded = pattern.sub(lambda match: " " * len(match.group()), folded)
    return found


def without_quantities(text: str) -> str:
    """The text with its numbers and their units blanked out."""
    folded = fold(text)
    for pattern in (_DATE, _MONTH_DATE, _PERCENT, _NUMBER, _CHINESE_NUMBER):
        folded = pattern.sub(" ", folded)
    return folded


def time_units(text: str) -> set[str]:
    """Units of time a text speaks of in words: 600 a minute is not 600 an hour."""
    return {_UNIT_OF[match] for match in _TIME_WORD.findall(fold(text))}


def agrees(wanted: Quantity, having: set[Quantity]) -> bool:
    """Whether a quantity stands among others: the same value, and no unit that contradicts."""
    same = [each for each in having if each.value == wanted.value]
    return any(not each.unit or not wanted.unit or each.unit == wanted.unit for each in same)


def _date(match: re.Match[str]) -> list[Quantity]:
    return [Quantity(str(int(match[unit])), unit) for unit in ("year", "month", "day") if match[unit]]


def _month_date(match: re.Match[str]) -> list[Quantity]:
    day = match["before"] or match["after"]
    if match["month"] in ("may", "march") and not (day or match["year"]):
        return []  # the verbs
    found = [Quantity(str(_MONTHS[match["month"]]), "month")]
    found += [Quantity(str(int(day)), "day")] if day else []
    return found + ([Quantity(match["year"], "year")] if match["year"] else [])


def _percent(match: re.Match[str]) -> list[Quantity]:
    number = match["number"]
    return [Quantity(_plain(number) if number[0].isdigit() else str(_chinese_value(number)), "%")]


def _number(match: re.Match[str]) -> list[Quantity]:
    unit = "dollar" if match["money"] == "$" else "yuan" if match["money"] else _UNIT_OF.get(match["unit"] or "", "")
    return [Quantity(_plain(match["number"], _SUFFIX_SCALES.get(match["scale"] or "", 1)), unit)]


def _chinese(match: re.Match[str]) -> list[Quantity]:
    number = match["number"]
    if number in ("一", "万", "千", "百", "亿") or (number == "十" and match["unit"] == "分"):
        return []  # 一个, 千万, 十分: words rather than counts
    return [Quantity(str(_chinese_value(number)), _UNIT_OF.get(match["unit"], ""))]


def _english(match: re.Match[str]) -> list[Quantity]:
    value = _ENGLISH[match["number"]] * _SUFFIX_SCALES.get(match["scale"] or "", 1)
    return [Quantity(str(value), _UNIT_OF.get(match["unit"] or "", ""))]


def _plain(number: str, scale: int = 1) -> str:
    """Digits without separators and idle zeros; a version keeps its dots."""
    bare = number.replace(",", "")
    if bare.count(".") > 1:
        return bare
    value = (Decimal(bare) * scale).normalize()
    return format(value, "f")


def _chinese_value(number: str) -> int:
    """The value of a Chinese numeral: 二十三 = 23, 一万二 = 10002 as written, 二〇二三 = 2023."""
    if not any(each in _SCALES for each in number):
        return int("".join(str(_DIGITS[each]) for each in number if each in _DIGITS) or "0")
    total = section = digit = 0
    for each in number:
        if each in _DIGITS:
            digit = _DIGITS[each]
            continue
        scale = _SCALES.get(each, 1)
        if scale >= 10**4:
            total += (section + digit) * scale
            section = 0
        else:
            section += (digit or 1) * scale
        digit = 0
    return total + section + digit
