"""The words of this room's errors, in both languages."""

from __future__ import annotations

from lianlu.core.errors import ErrorText
from lianlu.core.i18n import Text

__all__ = ["ERRORS"]

ERRORS: dict[str, ErrorText] = {
    "prompt.missing-variable": ErrorText(
        Text(
            "the prompt has a variable {name!r} without a value (given: {given})",
            "提示词中的变量 {name!r} 没有取值（已给出：{given}）",
        ),
        Text(
            "give it as {name}=… on the command line or under `variables:`, or a default in the file's front matter",
            "请在命令行写 {name}=…，或写在 `variables:` 下，或在文件头为它设默认值",
        ),
    ),
    "prompt.unknown-variable": ErrorText(
        Text("the prompt has no variable {name!r}", "提示词中没有变量 {name!r}"),
        Text(
            "{suggestion} — `lianlu prompt parse FILE` lists them",
            "{suggestion}运行 `lianlu prompt parse 文件` 查看全部变量",
        ),
    ),
    "prompt.bad-variable": ErrorText(
        Text("variable {name} = {value!r} is not {expected}", "变量 {name} = {value!r} 不是{expected}"),
        Text("give another value, or change its type in the front matter", "请换一个值，或修改文件头中的类型"),
    ),
    "prompt.bad-head": ErrorText(
        Text("{at}: the front matter is wrong at {key}: {expected}", "{at}：文件头的 {key} 有误：{expected}"),
        Text(
            "it takes name, framework, description and variables (each with type, default, description)",
            "可用的键：name、framework、description、variables（各含 type、default、description）",
        ),
    ),
    "prompt.open-head": ErrorText(
        Text("{at}: the front matter that begins with --- has no end", "{at}：以 --- 开头的文件头没有结束"),
        Text("close it with a line of ---", "请用单独一行 --- 结束文件头"),
    ),
    "prompt.not-text": ErrorText(
        Text("{path!r} is not UTF-8 text", "{path!r} 不是 UTF-8 文本"),
        Text(
            "save it as UTF-8, for example `iconv -f GB18030 -t UTF-8`",
            "请另存为 UTF-8，例如 `iconv -f GB18030 -t UTF-8`",
        ),
    ),
    "prompt.empty": ErrorText(
        Text("{path!r} holds no prompt", "{path!r} 里没有提示词"),
        Text("`lianlu prompt new NAME` writes one to begin with", "运行 `lianlu prompt new 名称` 生成一份初稿"),
    ),
    "prompt.exists": ErrorText(
        Text("{path!r} exists already", "{path!r} 已经存在"),
        Text("choose another name or folder (--out)", "请换一个名称或文件夹（--out）"),
    ),
    "prompt.unknown-module": ErrorText(
        Text("{framework} has no module {name!r}", "{framework} 没有模块 {name!r}"),
        Text("{suggestion} — `lianlu prompt list` shows all", "{suggestion}运行 `lianlu prompt list` 查看全部"),
    ),
    "prompt.bad-name": ErrorText(
        Text("{name!r} cannot name a file", "{name!r} 不能用作文件名"),
        Text("use letters, digits, - and _", "请使用文字、数字、- 与 _"),
    ),
    "prompt.one-source": ErrorText(
        Text("prompt.render takes either `file` or `text`", "prompt.render 需要 `file` 或 `text` 其中之一"),
        Text("give one of the two keys", "请只写其中一个键"),
    ),
    "prompt.bad-format": ErrorText(
        Text("a prompt cannot be written as {format!r}", "提示词不能写成 {format!r}"),
        Text("use md, json or yaml", "请使用 md、json 或 yaml"),
    ),
    "prompt.broken-artifact": ErrorText(
        Text("{path} of a prompt artifact cannot be read: {why}", "无法读取提示词产物中的 {path}：{why}"),
        Text("make it again with the step prompt.render", "请用 prompt.render 步骤重新生成"),
    ),
}
