"""The page kit's own labels, in both languages."""

from __future__ import annotations

from lianlu.core.i18n import Text

__all__ = [
    "CACHED",
    "CHARACTERS_LEFT",
    "CONTENTS",
    "COPIED",
    "COPY_CSV",
    "FILTER",
    "LANGUAGE",
    "LEVELS",
    "NO_ROWS",
    "RAN",
    "SECONDS",
    "SKIP",
    "STEP",
    "VALUES",
]

CACHED = Text("cached", "缓存")
CHARACTERS_LEFT = Text("{left:,} more characters are not shown", "其余 {left:,} 个字符未显示")
CONTENTS = Text("Contents", "目录")
COPIED = Text("Copied", "已复制")
COPY_CSV = Text("Copy as CSV", "复制为 CSV")
FILTER = Text("Filter rows", "筛选行")
LANGUAGE = Text("切换为中文", "Switch to English")
LEVELS = {"info": Text("Note", "提示"), "warning": Text("Warning", "注意"), "error": Text("Error", "错误")}
NO_ROWS = Text("No rows", "没有内容")
RAN = Text("ran", "已运行")
SECONDS = Text("Seconds", "秒")
SKIP = Text("Skip to the content", "跳到正文")
STEP = Text("Step", "步骤")
VALUES = Text("Values", "数值")
