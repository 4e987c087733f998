"""The words of the store's errors, in both languages."""

from __future__ import annotations

from lianlu.core.errors import ErrorText
from lianlu.core.i18n import Text

__all__ = ["ERRORS"]

ERRORS: dict[str, ErrorText] = {
    "store.unusable": ErrorText(
        Text("the store {path!r} cannot be used: {why}", "存储库 {path!r} 无法使用：{why}"),
        Text(
            "name a folder you may write to with --store, or `export LIANLU_STORE=…`",
            "请用 --store 或 `export LIANLU_STORE=…` 指定一个可写的文件夹",
        ),
        http=507,
    ),
    "store.absent": ErrorText(
        Text("there is no store at {path!r}", "{path!r} 处没有存储库"),
        Text(
            "name another with --store; `lianlu run` and `lianlu demo` make one",
            "请用 --store 指定其他位置；`lianlu run` 与 `lianlu demo` 会创建存储库",
        ),
    ),
    "store.newer-format": ErrorText(
        Text(
            "{path!r} was written by a newer lianlu (format {found}, this one knows {known})",
            "{path!r} 由更新版本的 lianlu 写成（格式 {found}，当前版本只认识 {known}）",
        ),
        Text(
            "`pip install -U lianlu`, or name another store with --store",
            "请 `pip install -U lianlu`，或用 --store 指定其他存储库",
        ),
    ),
    "store.unknown-artifact": ErrorText(
        Text("the store has no artifact or ref {name!r}", "存储库中没有产物或引用 {name!r}"),
        Text("{suggestion} — `lianlu store list` shows all", "{suggestion}运行 `lianlu store list` 查看全部"),
    ),
    "store.ambiguous-id": ErrorText(
        Text("{name!r} is the beginning of several ids: {ids}", "{name!r} 是多个编号的开头：{ids}"),
        Text("write more characters of the id", "请多写几位编号"),
    ),
    "store.unknown-kind": ErrorText(
        Text("there is no kind of artifact {kind!r}", "没有名为 {kind!r} 的产物类型"),
        Text("{suggestion}", "{suggestion}"),
    ),
    "store.bad-name": ErrorText(
        Text("{name!r} cannot be the name of a {what}", "{name!r} 不能用作{what}"),
        Text(
            "use letters, digits, '_', '.', '-' and, between parts, '/'; no part begins with '.' or '-'",
            "请使用字母、数字、'_'、'.'、'-'，各部分之间用 '/'；任何部分都不能以 '.' 或 '-' 开头",
        ),
    ),
    "store.bad-file-name": ErrorText(
        Text("{name!r} cannot be the name of a file of an artifact: {why}", "{name!r} 不能用作产物中的文件名：{why}"),
        Text(
            "rename the file; names are relative, such as 'part/a.json'",
            "请重命名该文件；应为相对名称，如 'part/a.json'",
        ),
    ),
    "store.blob-gone": ErrorText(
        Text(
            "the bytes of {name!r} of artifact {artifact} are not in the store (sha256 {sha256})",
            "产物 {artifact} 的文件 {name!r} 在存储库中缺失（sha256 {sha256}）",
        ),
        Text(
            "`lianlu store verify` names all that is missing; run the chain again to make it anew",
            "运行 `lianlu store verify` 查看全部缺失；重新运行链即可再次生成",
        ),
    ),
    "store.file-gone": ErrorText(
        Text(
            "{path!r}, which artifact {artifact} refers to, is no longer there",
            "产物 {artifact} 引用的 {path!r} 已不存在",
        ),
        Text(
            "put the file back, or run the command that made it again",
            "请放回该文件，或重新运行生成它的命令",
        ),
    ),
    "store.file-changed": ErrorText(
        Text(
            "{path!r} was changed after artifact {artifact} was registered",
            "{path!r} 在产物 {artifact} 登记之后被修改过",
        ),
        Text(
            "run the command that made it again, or name its folder as a new input",
            "请重新运行生成它的命令，或把该文件夹作为新的输入",
        ),
    ),
    "store.corrupt-file": ErrorText(
        Text(
            "{name!r} of artifact {artifact} is damaged: its bytes no longer match its hash ({path})",
            "产物 {artifact} 的文件 {name!r} 已损坏：内容与哈希不符（{path}）",
        ),
        Text(
            "`lianlu store verify --drop` removes damaged bytes, then run the chain again",
            "运行 `lianlu store verify --drop` 删除损坏内容，然后重新运行链",
        ),
    ),
    "store.bad-manifest": ErrorText(
        Text("the manifest {path!r} cannot be read: {why}", "清单 {path!r} 无法读取：{why}"),
        Text(
            "run the chain again to write it anew; or delete this one file",
            "请重新运行链以重写清单，或删除这一个文件",
        ),
    ),
    "store.export-target": ErrorText(
        Text("{path!r} is not an empty folder", "{path!r} 不是空文件夹"),
        Text("choose another folder with --out", "请用 --out 选择其他文件夹"),
    ),
}
