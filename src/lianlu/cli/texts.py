"""The words of the command line's own errors, in both languages."""

from __future__ import annotations

from lianlu.core.errors import ErrorText
from lianlu.core.i18n import Text

__all__ = ["ERRORS"]

ERRORS: dict[str, ErrorText] = {
    "cli.planned-verb": ErrorText(
        Text("`lianlu {verb}` is planned and not there yet", "`lianlu {verb}` 在计划中，尚未提供"),
        Text("the table in the README says what works today", "README 的对照表列出了目前可用的功能"),
    ),
    "cli.recipe-exists": ErrorText(
        Text("{path!r} exists already", "{path!r} 已经存在"),
        Text(
            "choose another name: `lianlu recipe copy {name} OTHER.yaml`",
            "请换一个文件名：`lianlu recipe copy {name} 另一个.yaml`",
        ),
    ),
}
