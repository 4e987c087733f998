"""Options that several verbs of this room share, and how their notes are shown."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from lianlu.core.console import say
from lianlu.core.i18n import Text
from lianlu.core.verb import option

__all__ = ["filter_options", "show_notes"]


def filter_options(command: Any) -> Any:
    """The options of `read_filters`: --where, --since, --until, --language, --path."""
    for each in (
        option(
            "--path", default="", metavar="PATTERN", help=Text("only documents whose name fits", "只看名称匹配的文档")
        ),
        option("--language", default="", help=Text("only documents in this language", "只看该语言的文档")),
        option(
            "--until", default="", metavar="DATE", help=Text("only documents up to this date", "只看此日期及以前的文档")
        ),
        option(
            "--since",
            default="",
            metavar="DATE",
            help=Text("only documents from this date on", "只看此日期及以后的文档"),
        ),
        option(
            "--where",
            multiple=True,
            metavar="NAME=VALUE",
            help=Text("only documents whose metadata say so; repeatable", "只看元数据符合的文档，可重复"),
        ),
    ):
        command = each(command)
    return command


def show_notes(notes: Sequence[Text]) -> None:
    """What could not be used, on stderr: the answer itself is on stdout."""
    for note in notes:
        say(f"! {note.show()}", stream=sys.stderr)
