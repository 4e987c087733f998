"""Variables: declared, used and closed; and the length of the whole."""

from __future__ import annotations

import re
from collections.abc import Iterable

from lianlu.core.i18n import Text
from lianlu.prompt.lint_checked import Checked, token_estimate
from lianlu.prompt.lint_finding import Flaw, Rule

__all__ = ["VARIABLES"]

_OPENED = re.compile(r"(?<![\\{])\{\{[ \t]*(?P<name>[^\W\d][\w.-]{0,79})(?![\w.-])(?P<rest>[^\n]{0,200})")


def _line_of(checked: Checked, words_: str, after: int = 1) -> int:
    return next((number for number, row in enumerate(checked.rows, 1) if number >= after and words_ in row), after)


def _unused(checked: Checked) -> Iterable[Flaw]:
    for name in checked.file.head.variables:
        if name not in checked.used_variables:
            pattern = re.compile(rf"^\s+[\"']?{re.escape(name)}[\"']?\s*:|[{{,]\s*{re.escape(name)}\s*:")
            number = next((at for at, row in enumerate(checked.rows, 1) if pattern.search(row)), 1)
            yield Flaw(
                number,
                Text(f"The variable {name!r} is declared and never used.", f"变量 {name!r} 声明了却没有用到。"),
                Text(
                    f"Write {{{{{name}}}}} where its value belongs, or delete the declaration.",
                    f"在需要其取值的地方写 {{{{{name}}}}}，或删去声明。",
                ),
            )


_GIVEN = {"input"}
"""Variables that every case brings."""


def _undeclared(checked: Checked) -> Iterable[Flaw]:
    declared = checked.file.head.variables
    if not declared:
        return
    for name in sorted(checked.used_variables):
        if name not in declared and name not in _GIVEN:
            yield Flaw(
                _line_of(checked, name, checked.first_line),
                Text(f"The variable {name!r} is not declared, others are.", f"变量 {name!r} 没有声明，而其他变量有。"),
                Text(
                    f"Add it below `variables:` in the front matter: `{name}: {{type: string}}`.",
                    f"在文件头的 `variables:` 下添加：`{name}: {{type: string}}`。",
                ),
            )


def _unclosed(checked: Checked) -> Iterable[Flaw]:
    for number, row in enumerate(checked.rows, 1):
        if number < checked.first_line or "{{" not in row:
            continue
        for found in _OPENED.finditer(row[:4000]):
            rest = row[found.end("name") : 4000].split("{{")[0]
            if "}}" not in rest:
                yield Flaw(
                    number,
                    Text(f"The variable {found['name']!r} is not closed.", f"变量 {found['name']!r} 没有闭合。"),
                    Text(
                        f"Write {{{{{found['name']}}}}}; literal braces are \\{{{{.",
                        f"写成 {{{{{found['name']}}}}}；字面花括号写作 \\{{{{。",
                    ),
                )


def _too_long(checked: Checked) -> Iterable[Flaw]:
    count = token_estimate(checked.text[len(checked.file.head_text) :])
    if count > checked.limit_tokens:
        yield Flaw(
            checked.first_line,
            Text(
                f"About {count:,} tokens, more than {checked.limit_tokens:,} (estimated without a tokenizer).",
                f"约 {count:,} 个 token，超过 {checked.limit_tokens:,}（未用分词器，为估算值）。",
            ),
            Text(
                "Move material into a knowledge base (`lianlu rag build`), cut repeated rules, keep two or three examples.",
                "把资料移入知识库（`lianlu rag build`），删去重复的规则，示例保留两三个。",
            ),
        )


VARIABLES: tuple[Rule, ...] = (
    Rule(
        "unused-variable",
        "warning",
        Text("Its value is asked for and changes nothing.", "使用者要填写它的取值，却毫无作用。"),
        _unused,
    ),
    Rule(
        "undeclared-variable",
        "warning",
        Text(
            "Whoever fills in the prompt learns neither its type nor its meaning.",
            "填写提示词的人无从得知它的类型与含义。",
        ),
        _undeclared,
    ),
    Rule(
        "unclosed-variable",
        "error",
        Text("It is never filled in: the model reads the braces.", "它不会被填入取值，模型读到的是花括号。"),
        _unclosed,
    ),
    Rule(
        "too-long",
        "warning",
        Text(
            "A long prompt costs with every call, and what stands in its middle is heeded least.",
            "提示词过长，每次调用都要付费，而中间的内容最容易被忽视。",
        ),
        _too_long,
    ),
)
