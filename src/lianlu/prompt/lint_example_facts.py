"""What the examples show against what the rules say: repeats counted, numbers, languages, form of the output."""

from __future__ import annotations

import re
from collections.abc import Iterator

from lianlu.core.i18n import Text
from lianlu.prompt.lint_bounds import bounds_of
from lianlu.prompt.lint_checked import Checked, Line, Sentence
from lianlu.prompt.lint_finding import Flaw
from lianlu.prompt.lint_words import CONDITION

__all__ = ["example_conflicts"]

_ONCE = re.compile(
    r"(?:不(?:考虑|计|计算|统计|算)|忽略|去除|去掉|排除)[^，。\n]{0,8}重复|重复[^，。\n]{0,10}(?:只|仅)?(?:算"
    r"|计|记|统计)(?:作|为)?(?:一次|1\s*次)|\b(?:ignor\w+|not\s+count\w*|without\s+counting|exclud\w+"
    r"|disregard\w*)\s+(?:\w+\s+){0,3}(?:repeat\w*|duplicat\w*|repetition\w*)|\b(?:repeat\w*"
    r"|duplicat\w*)\b[^.\n]{0,30}\b(?:only\s+)?(?:once|as\s+one)\b|\bcount\s+(?:each"
    r"|every)\s+(?:\w+\s+){1,3}(?:only\s+)?once\b",
    re.IGNORECASE,
)
_TIMES = re.compile(
    r"[“\"「'`](?P<word>[A-Za-z一-龥][A-Za-z一-龥 !?]{1,40})[”\"」'`][^“\"「'`\n]{0,24}"
    r"[“\"「'`](?P<piece>[A-Za-z一-龥]{1,8})[”\"」'`][^\n“”\"]{0,16}?(?P<n>\d{1,3})\s*(?:次"
    r"|个|times?\b)"
    r"|[“\"「'`](?P<piece2>[A-Za-z])[”\"」'`]\s+(?:appears|occurs|stands"
    r"|is\s+found)\s+(?:(?P<n2>\d{1,3})\s+times|(?P<w2>once|twice|three\s+times"
    r"|four\s+times))[^\n“”\"]{0,12}[“\"「'`](?P<word2>[A-Za-z]{2,40})[”\"」'`]",
    re.IGNORECASE,
)
_OUTPUT_LABEL = re.compile(
    r"\W{0,4}(?:输出|回答|回复|答|助手(?:输出)?|译文|结果|摘要|output|answer|assistant|a|reply|response|result"
    r"|summary)(?:示例)?\s*\d{0,2}\W{0,4}[:：]\s*(?P<rest>.*)",
    re.IGNORECASE,
)
_INPUT_LABEL = re.compile(
    r"\W{0,4}(?:输入|用户(?:输入)?|问|问题|input|user|q|question|示例|例"
    r"|example)\s*[\d一二三四五]{0,2}\W{0,4}(?:[:：]|$)",
    re.IGNORECASE,
)


def example_conflicts(checked: Checked) -> Iterator[Flaw]:
    """Flaws of the whole prompt: a rule beside an example that breaks it."""
    yield from _repeats(checked)
    outputs = _outputs(checked)
    if outputs:
        yield from _counts(checked, outputs)
        yield from _languages(checked, outputs)
        yield from _json(checked, outputs)


def _example_rows(checked: Checked) -> list[Line]:
    return [line for part in checked.parts for line in part.lines if line.is_example and line.text]


def _repeats(checked: Checked) -> Iterator[Flaw]:
    rule = next((sentence for sentence in checked.sentences if _ONCE.search(sentence.plain)), None)
    if rule is None:
        return
    for row in _example_rows(checked):
        found = _TIMES.search(row.text)
        if found is None:
            continue
        count = int(found["n"] or found["n2"] or {"once": 1, "twice": 2}.get((found["w2"] or "").lower(), 3))
        if count > 1:
            yield _flaw(
                rule,
                row.number,
                Text(f"the example counts repeats ({count})", f"示例却把重复的也计入（{count} 次）"),
            )
            return


def _flaw(rule: Sentence, number: int, shown: Text) -> Flaw:
    said = rule.plain if len(rule.plain) <= 60 else rule.plain[:59] + "…"
    return Flaw(
        rule.number,
        Text(
            f"“{said}”, but in line {number} {shown.en}.",
            f"“{said}”，但第 {number} 行的{shown.zh}。",
        ),
        Text("Correct the rule or the example; the model follows the example.", "改正规则或示例；模型更听示例的。"),
    )


def _outputs(checked: Checked) -> list[list[Line]]:
    """The lines of each output that the examples show."""
    found: list[list[Line]] = []
    for part in checked.parts:
        if part.role == "assistant":
            found.append([line for line in part.lines if line.text])
            continue
        is_open = False
        for line in part.lines:
            if not line.is_example or (not line.text and not line.in_fence):
                continue
            label = _OUTPUT_LABEL.match(line.text)
            if label and not _is_template(line.text):
                rest = label["rest"].strip()
                own = [Line(line.number, rest, rest, is_example=True)] if rest else []
                found.append(own)
                is_open = True
            elif _INPUT_LABEL.match(line.text):
                is_open = False
            elif is_open:
                found[-1].append(line)
    return [lines for lines in found if lines]


def _is_template(text: str) -> bool:
    return "{" in text or "<" in text


def _counts(checked: Checked, outputs: list[list[Line]]) -> Iterator[Flaw]:
    """Exact and bounded numbers of sentences, items, characters and words, against the outputs shown."""
    for sentence in checked.sentences:
        if sentence.part.aspect in (
            "Background",
            "Role",
            "Skills",
            "Profile",
            "Initialization",
            "Example",
        ) or CONDITION.search(sentence.plain):
            continue
        for bound in bounds_of(sentence):
            if (
                bound.of
                or bound.is_bare
                or bound.unit not in ("sentence", "item", "char", "word", "title", "tip", "line")
                or not bound.is_strict
            ):
                continue
            for lines in outputs:
                count = _count(lines, bound.unit)
                slack = 1.15 if bound.unit in ("char", "word") else 1
                is_short = bound.unit in ("item", "title", "tip") and 0 < count < bound.low
                if count > bound.high * slack or is_short:
                    yield _flaw(
                        sentence,
                        lines[0].number,
                        Text(f"the example's output has {count}", f"示例输出有 {count} 个（句、条或字）"),
                    )
                    return


def _count(lines: list[Line], unit: str) -> int:
    text = "\n".join(line.text for line in lines)
    if unit in ("item", "title", "tip"):
        marked = [line for line in lines if re.match(r"\s*(?:[-*•]|\d{1,2}[.、)])\s*\S", line.raw)]
        return len(marked)
    if unit == "line":
        return sum(1 for line in lines if line.text)
    if unit == "sentence":
        plain = re.sub(r"\b(?:e\.g|i\.e|Mr|Mrs|Dr|etc|vs|approx|No)\.|\d\.\d|[“\"「][^”\"」\n]*[”\"」]", "x", text)
        return len(re.findall(r"[。！？]+|[.!?]+(?=\s|$)", plain))
    if unit == "char":
        return len(re.sub(r"\s", "", text))
    return len(re.findall(r"[A-Za-z][\w'’-]*", text))


_ONLY_ZH = re.compile(
    r"(?:只|仅|全部|一律|始终|必须|统一)(?:能|可以)?(?:使用|用|以|说|写|输出)(?:简体)?中文|\b(?:only"
    r"|always)\s+(?:\w+\s+){0,2}(?:in\s+)?chinese\b|\bin\s+chinese\s+only\b|用中文(?:回答|回复|输出|作答)",
    re.IGNORECASE,
)
_ONLY_EN = re.compile(
    r"(?:只|仅|全部|一律|始终|必须|统一)(?:能|可以)?(?:使用|用|以|说|写|输出)英(?:文|语)|\b(?:only"
    r"|always)\s+(?:\w+\s+){0,2}(?:in\s+)?english\b|\bin\s+english\s+only\b|用英(?:文|语)(?:回答|回复|输出"
    r"|作答)|\b(?:answer|reply|respond|write)\s+in\s+english\b",
    re.IGNORECASE,
)


def _languages(checked: Checked, outputs: list[list[Line]]) -> Iterator[Flaw]:
    for pattern, is_other, shown in (
        (
            _ONLY_ZH,
            lambda text: len(re.findall(r"[A-Za-z]{2,}", text)) >= 4 and not re.search("[\u4e00-\u9fff]", text),
            Text("the example answers in English", "示例用英文回答"),
        ),
        (
            _ONLY_EN,
            lambda text: len(re.findall("[\u4e00-\u9fff]", text)) >= 6 and len(re.findall(r"[A-Za-z]{2,}", text)) < 3,
            Text("the example answers in Chinese", "示例用中文回答"),
        ),
    ):
        rule = next(
            (each for each in checked.sentences if pattern.search(each.plain) and not CONDITION.search(each.plain)),
            None,
        )
        if rule is None:
            continue
        for lines in outputs:
            if is_other("\n".join(line.text for line in lines)):
                yield _flaw(rule, lines[0].number, shown)
                return


_JSON_ONLY = re.compile(
    r"(?:只|仅)(?:能|需)?(?:输出|返回|回复|用|使用)[^，。\n]{0,12}JSON|\b(?:only|nothing\s+but"
    r"|just)\b[^.\n]{0,20}\bjson\b|\bjson\s+only\b",
    re.IGNORECASE,
)


def _json(checked: Checked, outputs: list[list[Line]]) -> Iterator[Flaw]:
    rule = next((each for each in checked.sentences if _JSON_ONLY.search(each.plain)), None)
    if rule is None:
        return
    for lines in outputs:
        text = "\n".join(line.raw for line in lines).strip()
        if text and not re.search(r"[{\[]", text):
            yield _flaw(rule, lines[0].number, Text("the example's output is no JSON", "示例输出不是 JSON"))
            return
