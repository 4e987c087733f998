"""The words of this room's errors, in both languages."""

from __future__ import annotations

from lianlu.core.errors import ErrorText
from lianlu.core.i18n import Text

__all__ = ["ERRORS"]

ERRORS: dict[str, ErrorText] = {
    "curate.bad-line": ErrorText(
        Text("{at} cannot be read: {why}", "无法读取 {at}：{why}"),
        Text(
            "nothing was written; mend the line, or copy such lines as they are with --skip-bad",
            "没有写入任何内容；请修正这一行，或用 --skip-bad 原样保留此类行",
        ),
    ),
    "curate.line-too-long": ErrorText(
        Text("{at} is longer than {limit} bytes", "{at} 超过 {limit} 字节"),
        Text("nothing was written; is this file of lines at all?", "没有写入任何内容；请确认该文件确实按行存放数据"),
    ),
    "curate.not-text": ErrorText(
        Text("{path!r} is no text that could be written back unchanged", "{path!r} 不是可以无损写回的文本"),
        Text("nothing was written; save the file as UTF-8 text first", "没有写入任何内容；请先将文件另存为 UTF-8 文本"),
    ),
    "curate.no-such-character": ErrorText(
        Text(
            "{path!r} is written in {encoding}, which has no {character!r}",
            "{path!r} 的编码 {encoding} 中没有 {character!r}",
        ),
        Text("save the file as UTF-8 first", "请先将文件另存为 UTF-8"),
    ),
    "curate.bad-pairs": ErrorText(
        Text("there are {old} of --old and {new} of --new", "--old 有 {old} 个，而 --new 有 {new} 个"),
        Text("give each --old a --new after it", "请在每个 --old 之后写一个 --new"),
    ),
    "curate.nothing-to-replace": ErrorText(
        Text("--old {old!r} cannot be replaced: {why}", "--old {old!r} 无法替换：{why}"),
        Text(
            "for example: --old Tom --new Ann; repeat both for more pairs",
            "例如：--old 尖米 --new 小明；多组替换时重复这两个选项",
        ),
    ),
    "curate.unknown-kind": ErrorText(
        Text("{path!r} is none of {known}", "{path!r} 不属于 {known}"),
        Text(
            "name files with these endings, or folders that hold them", "请指定以这些后缀结尾的文件，或包含它们的文件夹"
        ),
    ),
}
