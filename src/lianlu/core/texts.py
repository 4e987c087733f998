"""The words of core's errors, in both languages. Docs and pages are generated from this table."""

from __future__ import annotations

from lianlu.core.errors import ErrorText
from lianlu.core.i18n import Text

__all__ = ["ERRORS"]

ERRORS: dict[str, ErrorText] = {
    "bug": ErrorText(
        Text("lianlu met an error it did not expect: {what}", "lianlu 遇到了意料之外的错误：{what}"),
        Text(
            "this is a bug; the traceback is in {log}. Please report it with the command you ran",
            "这是程序缺陷；完整回溯在 {log}。请连同所用命令一起反馈",
        ),
    ),
    "cli.unknown-verb": ErrorText(
        Text("lianlu has no verb {verb!r}", "lianlu 没有子命令 {verb!r}"),
        Text("{suggestion} — `{command} --help` lists all", "{suggestion}运行 `{command} --help` 查看全部"),
    ),
    "cli.bad-usage": ErrorText(
        Text("{what}", "命令用法有误：{what}"),
        Text("`{command} --help` shows how", "运行 `{command} --help` 查看用法"),
    ),
    "extra.missing": ErrorText(
        Text("{need!r} needs the extra [{extra}], which is not installed", "{need!r} 需要附加组件 [{extra}]，尚未安装"),
        Text("{command}", "{command}"),
    ),
    "file.missing": ErrorText(
        Text("there is no file or folder {path!r}", "找不到文件或文件夹 {path!r}"),
        Text("check the path; it is read relative to the current folder", "请检查路径；相对路径从当前文件夹算起"),
    ),
    "file.unreadable": ErrorText(
        Text("{path!r} cannot be read: {why}", "无法读取 {path!r}：{why}"),
        Text("check the permissions of the file and of its folders", "请检查该文件及上级文件夹的权限"),
    ),
    "size.unreadable": ErrorText(
        Text("{size!r} is no size", "{size!r} 不是合法的大小"),
        Text("write 5GB or 500MB", "请写成 5GB 或 500MB"),
    ),
    "file.unwritable": ErrorText(
        Text("{path!r} cannot be written: {why}", "无法写入 {path!r}：{why}"),
        Text(
            "choose another place with --out or --store, or mend the permissions",
            "请用 --out 或 --store 换一个位置，或修改权限",
        ),
    ),
    "file.refused": ErrorText(
        Text("{path!r} cannot be used: {why}", "无法使用 {path!r}：{why}"),
        Text("check the path, its permissions and what stands there now", "请检查该路径、权限以及该处现有的内容"),
    ),
    "file.bad-name": ErrorText(
        Text("the file name {path!r} is not UTF-8", "文件名 {path!r} 不是 UTF-8 编码"),
        Text(
            "rename it; `convmv -f gbk -t utf8 --notest FOLDER -r` mends names from old archives",
            "请改名；`convmv -f gbk -t utf8 --notest 文件夹 -r` 可修复旧压缩包里的文件名",
        ),
    ),
    "file.disk-full": ErrorText(
        Text("no space is left for {path!r}", "磁盘已满，无法写入 {path!r}"),
        Text(
            "free some space (`lianlu store gc` removes what nothing refers to) and run the same command again",
            "请清理磁盘（`lianlu store gc` 会删除无人引用的内容），然后重新运行同一命令",
        ),
        http=507,
    ),
    "recipe.not-yaml": ErrorText(
        Text("{at}: this is not YAML: {why}", "{at}：不是合法的 YAML：{why}"),
        Text("check the indentation and quotes near that line", "请检查该行附近的缩进与引号"),
    ),
    "recipe.not-a-map": ErrorText(
        Text("{at}: a recipe is a map of keys to values, not {found}", "{at}：配方应为键值映射，而不是 {found}"),
        Text("begin the file with `kind:` and `version:`", "文件应以 `kind:` 和 `version:` 开头"),
    ),
    "recipe.too-large": ErrorText(
        Text("{at}: the recipe is too large: more than {limit}", "{at}：配方过大：超过 {limit}"),
        Text("keep data in files and name them in the recipe", "请把数据放在文件里，在配方中写文件路径"),
    ),
    "recipe.duplicate-key": ErrorText(
        Text("{at}: the key {key!r} stands twice", "{at}：键 {key!r} 重复出现"),
        Text("keep one of the two", "请只保留一个"),
    ),
    "recipe.unknown-key": ErrorText(
        Text("{at}: {recipe} has no key {key!r}", "{at}：{recipe} 没有键 {key!r}"),
        Text("{suggestion}", "{suggestion}"),
    ),
    "recipe.missing-key": ErrorText(
        Text("{at}: {recipe} needs the key {key!r} ({expected})", "{at}：{recipe} 缺少键 {key!r}（{expected}）"),
        Text(
            "add `{key}:` to the recipe, or give {key}=… on the command line",
            "请在配方中加入 `{key}:`，或在命令行写 {key}=…",
        ),
    ),
    "recipe.bad-value": ErrorText(
        Text("{at}: {key} = {value}: {expected}", "{at}：{key} = {value}：{expected}"),
        Text(
            "`lianlu recipe schema {recipe}` shows what each key takes",
            "运行 `lianlu recipe schema {recipe}` 查看每个键的取值",
        ),
    ),
    "recipe.unknown-kind": ErrorText(
        Text("{at}: there is no kind of recipe {kind!r}", "{at}：没有名为 {kind!r} 的配方类型"),
        Text("{suggestion}", "{suggestion}"),
    ),
    "recipe.unknown-name": ErrorText(
        Text("there is no recipe {name!r}", "没有名为 {name!r} 的配方"),
        Text("{suggestion} — `lianlu recipe list` shows all", "{suggestion}运行 `lianlu recipe list` 查看全部"),
    ),
    "recipe.env-unset": ErrorText(
        Text("{at}: the environment variable {variable} is not set", "{at}：环境变量 {variable} 未设置"),
        Text(
            "`export {variable}=…`, or give a default: ${{env:{variable}:default}}",
            "请先 `export {variable}=…`，或在配方里给出默认值：${{env:{variable}:默认值}}",
        ),
    ),
    "recipe.bad-override": ErrorText(
        Text("{override!r} does not set a recipe key", "{override!r} 不是有效的配方赋值"),
        Text("write key=value, nested keys with dots: a.b=1", "请写成 键=值，嵌套的键用点号：a.b=1"),
    ),
    "recipe.extends-loop": ErrorText(
        Text("{at}: `extends` leads back to {path!r}", "{at}：`extends` 又回到了 {path!r}"),
        Text("remove one of the two `extends` lines", "请去掉其中一处 `extends`"),
    ),
    "registry.unknown-name": ErrorText(
        Text("there is no {group} {name!r}", "没有名为 {name!r} 的 {group}"),
        Text("{suggestion}", "{suggestion}"),
    ),
    "registry.claimed-twice": ErrorText(
        Text(
            "the {group} {name!r} is claimed by {first} and by {second}",
            "{group} {name!r} 同时被 {first} 和 {second} 声明",
        ),
        Text("uninstall one of the two packages", "请卸载其中一个软件包"),
    ),
    "registry.broken-plugin": ErrorText(
        Text("the {group} {name!r} ({target}) cannot be loaded: {why}", "无法加载 {group} {name!r}（{target}）：{why}"),
        Text("`pip install -U` its package, or uninstall it", "请升级（`pip install -U`）或卸载对应的软件包"),
    ),
    "run.cancelled": ErrorText(
        Text("stopped; what was finished is kept", "已停止；已完成的部分都已保存"),
        Text("run the same command again to go on", "再次运行同一命令即可继续"),
    ),
    "settings.bad-value": ErrorText(
        Text("{variable}={value!r}: {expected}", "{variable}={value!r}：{expected}"),
        Text("unset it, or give a value of that form", "请取消设置，或改成上述形式的值"),
    ),
}
