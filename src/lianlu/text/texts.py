"""The words of this room's errors, in both languages."""

from __future__ import annotations

from lianlu.core.errors import ErrorText
from lianlu.core.i18n import Text

__all__ = ["ERRORS"]

ERRORS: dict[str, ErrorText] = {
    "text.binary": ErrorText(
        Text("this is not text: {why}", "不是文本：{why}"),
        Text(
            "check the file's ending; export it as text, html, pdf or docx",
            "请检查文件后缀，或导出为文本、html、pdf、docx",
        ),
    ),
    "text.documents-broken": ErrorText(
        Text(
            "{path!r} is no part of a documents folder as lianlu writes it: {why}",
            "{path!r} 不是 lianlu 写出的文档文件：{why}",
        ),
        Text("run `lianlu extract` again on the sources", "请对源文件重新运行 `lianlu extract`"),
    ),
    "text.no-documents": ErrorText(
        Text("this {kind} has no index {index!r}", "该 {kind} 中没有索引 {index!r}"),
        Text("make it with `lianlu extract FILES --out FOLDER`", "请用 `lianlu extract 文件 --out 文件夹` 生成"),
    ),
}
