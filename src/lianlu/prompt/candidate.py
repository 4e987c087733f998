"""A text that is to take the place of a prompt's system text: the same file with it, or why it cannot.

What a model proposes is no more trusted than what a user pastes: it may lose a variable, begin a message of another role,
or include a file that is nobody's business. All of that is found before the text is ever sent.
"""

from __future__ import annotations

from collections.abc import Sequence

from lianlu.core.errors import LianluError
from lianlu.core.i18n import Text
from lianlu.prompt.file import PromptFile, parse_file
from lianlu.prompt.include import include_paths
from lianlu.prompt.render import source, unclosed_variable, variables_of

__all__ = ["longest", "problem_of", "with_system"]

_LONGEST_TIMES = 4
_ROOM = 2000


def with_system(file: PromptFile, text: str) -> PromptFile:
    """The same file with another system text, read as it would be from the disk.

    Raises:
        UsageError: as `parse_file`
    """
    words = text if not file.messages or text.endswith("\n") else text + "\n"
    whole = file.head_text + file.lead + words + "".join(each.source for each in file.messages)
    return parse_file(whole, file.origin, syntax=file.prompt.syntax)


def longest(original: str) -> int:
    """Most characters of a text that takes the place of `original`."""
    return max(_ROOM, len(original) * _LONGEST_TIMES)


def problem_of(file: PromptFile, text: str) -> Text | None:
    """Why a text cannot take the place of the file's system text; None where it can."""
    original = source(file.prompt)
    if not text.strip():
        return Text("it is empty", "内容为空")
    found = _names(file, original, text)
    if found is not None:
        return found
    if unclosed_variable(text) is not None:
        return Text("a variable is not closed", "有变量没有闭合")
    limit = longest(original)
    if len(text) > limit:
        return Text(f"it has {len(text)} characters, at most {limit} fit", f"有 {len(text)} 个字符，最多 {limit} 个")
    return _form(file, text)


def _names(file: PromptFile, original: str, text: str) -> Text | None:
    """What is wrong with the variables and includes that the text names."""
    was, now = variables_of(original), variables_of(text)
    lost = _listed([f"{{{{{name}}}}}" for name in was if name not in now])
    if lost:
        return Text(f"the variable {lost} is missing", f"缺少变量 {lost}")
    added = _listed([f"{{{{{name}}}}}" for name in now if name not in file.variables])
    if added:
        return Text(f"the prompt has no variable {added}", f"提示词没有变量 {added}")
    was, now = include_paths(original), include_paths(text)
    lost = _listed([f"{{{{> {path}}}}}" for path in was if path not in now])
    if lost:
        return Text(f"the line {lost} is missing", f"缺少 {lost} 一行")
    added = _listed([f"{{{{> {path}}}}}" for path in now if path not in was])
    if added:
        return Text(f"it may not include another file: {added}", f"不可包含其他文件：{added}")
    return None


def _form(file: PromptFile, text: str) -> Text | None:
    """What is wrong with the file that the text makes."""
    try:
        made = with_system(file, text)
    except LianluError as error:
        return Text(error.message("en"), error.message("zh"))
    says = [(each.role, each.text) for each in made.messages]
    if says != [(each.role, each.text) for each in file.messages] or made.lead != file.lead:
        return Text(
            "a line says only `system:`, `user:` or `assistant:`, which begins another message",
            "有一行只写了 `system:`、`user:` 或 `assistant:`，会开始另一条消息",
        )
    if made.head_text != file.head_text:
        return Text("it begins with a front matter of its own", "开头自带了一个文件头")
    was, now = file.prompt.framework, made.prompt.framework
    if was != now:
        return Text(f"it reads as {now} and no longer as {was}", f"读起来是 {now}，不再是 {was}")
    return None


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names)
