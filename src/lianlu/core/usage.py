"""What click says by itself, in Chinese: titles of help pages and sentences about a misused command.

click knows gettext only, whose language is that of the whole process; here a text is chosen when it is shown. So click
writes English, and this table turns the finished sentence. A sentence that it does not know stays English.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterable
from contextlib import contextmanager

import click

from lianlu.core.i18n import Text, pick

__all__ = ["HelpPage", "Words", "said"]

_SENTENCES: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern, re.DOTALL), words)
    for pattern, words in (
        (r"Missing argument (.+?)\.", r"缺少参数 \1"),
        (r"Missing option (.+?)\.", r"缺少选项 \1"),
        (r"Missing command\.", "缺少子命令"),
        (r"No such option:? '?([^' ]+?)'?\.(?: (.*))?", r"没有选项 \1\2"),
        (r"No such command:? '?([^' ]+?)'?\.(?: (.*))?", r"没有子命令 \1\2"),
        (r"Option (.+) requires an argument\.", r"选项 \1 需要一个值"),
        (r"Option (.+) requires (\d+) arguments\.", r"选项 \1 需要 \2 个值"),
        (r"Option (.+) does not take a value\.", r"选项 \1 不带值"),
        (r"Got unexpected extra arguments? \((.*)\)", r"多余的参数：\1"),
        (r"Argument (.+) takes (\d+) values\.", r"参数 \1 需要 \2 个值"),
        (r"Invalid value for (.+?): (.*)", r"\1 的值无效：\2"),
        (r"Invalid value: (.*)", r"值无效：\1"),
    )
)
_PARTS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), words)
    for pattern, words in (
        (r"\(?Did you mean one of: (.+?)\?\)?$", r"（是不是想写 \1？）"),
        (r"\(?Did you mean (.+?)\?\)?$", r"（是不是想写 \1？）"),
        (r"('[^']*'|\S+) is not a valid integer( range)?\.", r"\1 不是整数"),
        (r"('[^']*'|\S+) is not a valid float( range)?\.", r"\1 不是数字"),
        (r"('[^']*'|\S+) is not a valid boolean\.", r"\1 不是布尔值"),
        (r"('[^']*'|\S+) is not in the range (.+)\.", r"\1 不在范围 \2 内"),
        (r"('[^']*'|\S+) is not one of (.+)\.", r"\1 不在可选值 \2 之中"),
        (r"Show this message and exit\.", "显示此帮助"),
        (r"\bdefault: ", "默认："),
        (r"\brequired\]", "必填]"),
        (r"\[OPTIONS\]", "[选项]"),
        (r"COMMAND \[ARGS\]\.\.\.", "子命令 [参数]…"),
    )
)
_TITLES = {
    "Usage": Text("Usage", "用法"),
    "Options": Text("Options", "选项"),
    "Commands": Text("Commands", "子命令"),
    "Positional arguments": Text("Positional arguments", "参数"),
}


def said(message: str) -> Text:
    """A sentence of click in both languages.

    >>> said("Missing argument 'NAME'.").zh
    "缺少参数 'NAME'"
    """
    for pattern, words in _SENTENCES:
        if pattern.fullmatch(message):
            return Text(message, _parts(pattern.sub(words, message)))
    return Text(message, _parts(message))


def _parts(text: str) -> str:
    for pattern, words in _PARTS:
        text = pattern.sub(words, text)
    return text


class HelpPage(click.HelpFormatter):
    """A help page whose titles are in the language of the user."""

    def write_usage(self, prog: str, args: str = "", prefix: str | None = None) -> None:
        shown = pick("Usage: ", "用法：") if prefix is None else prefix
        super().write_usage(prog, pick(args, _parts(args)), shown)

    @contextmanager
    def section(self, name: str) -> Generator[None]:
        title = _TITLES.get(name)
        with super().section(title.show() if title else name):
            yield

    def write_dl(self, rows: Iterable[tuple[str, str]], col_max: int = 30, col_spacing: int = 2) -> None:
        super().write_dl([(term, pick(text, _parts(text))) for term, text in rows], col_max, col_spacing)


class Words(click.Context):
    """The context of every verb: its help pages are `HelpPage`s."""

    formatter_class = HelpPage
