"""The words of this room's errors, in both languages."""

from __future__ import annotations

from lianlu.core.errors import ErrorText
from lianlu.core.i18n import Text

__all__ = ["ERRORS"]

_READS = Text(
    "lianlu reads md, txt, rst, html, pdf, docx, pptx, xlsx, csv, epub, ipynb and source code; convert it or leave it out with --exclude",
    "lianlu 可读取 md、txt、rst、html、pdf、docx、pptx、xlsx、csv、epub、ipynb 和源代码；请转换格式，或用 --exclude 排除",
)

ERRORS: dict[str, ErrorText] = {
    "extract.not-sqlite": ErrorText(
        Text("{database} is not a file of a SQLite database", "{database} 不是 SQLite 数据库文件"),
        Text(
            "only SQLite files are read; export the rows of other databases to one",
            "目前只读取 SQLite 文件；请把其他数据库的数据导出",
        ),
    ),
    "extract.bad-query": ErrorText(
        Text("the query cannot be run: {why}", "无法执行该查询：{why}"),
        Text("write one SELECT; nothing else is allowed", "请写一条 SELECT；不允许其他语句"),
    ),
    "extract.no-column": ErrorText(
        Text("the query gives no column {column!r}", "查询结果中没有列 {column!r}"),
        Text("it gives: {columns}", "查询结果中的列：{columns}"),
    ),
    "extract.too-many-rows": ErrorText(
        Text("the query gives more than {most} rows", "查询结果超过 {most} 行"),
        Text("narrow it with WHERE or LIMIT", "请用 WHERE 或 LIMIT 缩小范围"),
    ),
    "extract.slow-query": ErrorText(
        Text("the query took more than {seconds} seconds", "查询超过了 {seconds} 秒"),
        Text("narrow it, or add an index to the database", "请缩小范围，或为数据库增加索引"),
    ),
    "extract.same-id": ErrorText(
        Text("{uri} is there twice", "{uri} 出现了两次"),
        Text("the first column names a row and must differ", "第一列是行的名字，不能重复"),
    ),
    "extract.all-failed": ErrorText(
        Text("none of the {count} files could be read:\n{reasons}", "{count} 个文件都无法读取：\n{reasons}"),
        Text(
            "mend or exclude these files; `lianlu extract --help` names what is read",
            "请修复或排除这些文件；可读取的格式见 `lianlu extract --help`",
        ),
    ),
    "extract.bomb": ErrorText(
        Text("the archive unpacks to far more than it should: {why}", "压缩包解开后大得不正常：{why}"),
        Text(
            "this looks like a zip bomb; leave the file out with --exclude", "疑似压缩炸弹；请用 --exclude 排除该文件"
        ),
    ),
    "extract.broken": ErrorText(
        Text("this is no {what} that can be read: {why}", "无法作为 {what} 读取：{why}"),
        Text("the file is damaged or cut off: fetch or export it again", "文件已损坏或不完整：请重新下载或导出"),
    ),
    "extract.empty": ErrorText(
        Text("the file is empty", "文件是空的"),
        Text("fill it, or leave it out with --exclude", "请补充内容，或用 --exclude 排除"),
    ),
    "extract.encrypted": ErrorText(
        Text("this {what} is protected by a password or by DRM", "该 {what} 受密码或 DRM 保护"),
        Text(
            "remove the protection in the program that made it, or get a version without, then extract again",
            "请先在原软件中去除保护，或换用不加保护的版本，再重新提取",
        ),
    ),
    "extract.generated": ErrorText(
        Text(
            "this code was made by a machine: its lines are {mean} characters long",
            "这是机器生成的代码：平均每行 {mean} 个字符",
        ),
        Text(
            "give the source it was made from, or leave it out with --exclude",
            "请提供生成前的源代码，或用 --exclude 排除",
        ),
    ),
    "extract.image": ErrorText(
        Text("this is an image, which needs text recognition", "这是图像，需要文字识别"),
        Text(
            "recognition (OCR) is planned; give a version with text, or leave it out with --exclude",
            "文字识别（OCR）尚在计划中；请提供带文本的版本，或用 --exclude 排除",
        ),
    ),
    "extract.link-outside": ErrorText(
        Text("the link leads out of the folder that was named", "该链接指向所给文件夹之外"),
        Text("name the file it points to itself", "请直接给出它所指向的文件"),
    ),
    "extract.lock-file": ErrorText(
        Text("this is a list of versions that a tool keeps", "这是工具自动维护的版本清单"),
        Text("leave it out with --exclude", "请用 --exclude 排除"),
    ),
    "extract.long-sheet": ErrorText(
        Text("the sheet {sheet!r} has more than {most} rows", "工作表 {sheet!r} 超过 {most} 行"),
        Text(
            "split it, or save it as CSV, which is read at any length",
            "请拆分该工作表，或另存为 CSV（CSV 不限行数）",
        ),
    ),
    "extract.no-content": ErrorText(
        Text("nothing to read was found in this {what}", "在该 {what} 中没有可读的内容"),
        Text(
            "it has only markup, images or navigation; leave it out with --exclude",
            "其中只有标记、图片或导航；可用 --exclude 排除",
        ),
    ),
    "extract.no-files": ErrorText(
        Text("there are no files to read in {paths}", "{paths} 中没有可读取的文件"),
        Text(
            "check the folder and the --include and --exclude patterns", "请检查文件夹以及 --include、--exclude 的写法"
        ),
    ),
    "extract.no-text": ErrorText(
        Text("no text was found in this {what}", "在该 {what} 中没有找到文本"),
        Text(
            "a scanned document needs text recognition (OCR), which is planned; give a version with text",
            "扫描件需要文字识别（OCR，计划中）；请提供带文本的版本",
        ),
    ),
    "extract.no-worker": ErrorText(
        Text("the reading process does not start: {why}", "读取进程无法启动：{why}"),
        Text("`lianlu doctor` checks the installation", "请运行 `lianlu doctor` 检查安装"),
    ),
    "extract.not-a-file": ErrorText(
        Text("this is no regular file", "这不是普通文件"),
        Text(
            "devices, pipes and sockets are not read; leave it out with --exclude",
            "不读取设备、管道与套接字；请用 --exclude 排除",
        ),
    ),
    "extract.out-of-memory": ErrorText(
        Text("reading needs more than {limit_mb} MB of memory", "读取所需内存超过 {limit_mb} MB"),
        Text("split the file, or raise max_memory_mb in the recipe", "请拆分文件，或在配方中调高 max_memory_mb"),
    ),
    "extract.other-format": ErrorText(
        Text("the content of this file is {what}, which is not read", "该文件的内容是 {what}，lianlu 不读取"),
        _READS,
    ),
    "extract.out-is-input": ErrorText(
        Text("the results would be written into {out!r}, which is being read", "结果会写入正在读取的文件夹 {out!r}"),
        Text("choose another folder with --out", "请用 --out 换一个文件夹"),
    ),
    "extract.parser-died": ErrorText(
        Text("the parser was killed by this file ({why})", "解析器被该文件搞垮（{why}）"),
        Text(
            "the file is damaged or hostile; export it again or leave it out",
            "文件已损坏或有恶意内容；请重新导出或将其排除",
        ),
    ),
    "extract.parser-failed": ErrorText(
        Text("the parser could not cope with this file: {why}", "解析器无法处理该文件：{why}"),
        Text(
            "export the file again; if it opens elsewhere, please report it",
            "请重新导出该文件；若其他软件能打开，欢迎反馈",
        ),
    ),
    "extract.save-as": ErrorText(
        Text("this is a .{what} file, which is not read", "这是 .{what} 文件，lianlu 不读取"),
        Text(
            "open it in the program that made it, save it as .{ending}, and extract that",
            "请用原软件打开，另存为 .{ending} 后再提取",
        ),
    ),
    "extract.too-large": ErrorText(
        Text("{size} {unit} is more than the limit of {limit}", "{size} {unit} 超过上限 {limit}"),
        Text("split the file, or raise {field} in the recipe", "请拆分文件，或在配方中调高 {field}"),
    ),
    "extract.too-slow": ErrorText(
        Text("reading did not end within {limit_seconds:g} seconds", "{limit_seconds:g} 秒内未能读完"),
        Text("split the file, or raise max_seconds in the recipe", "请拆分文件，或在配方中调高 max_seconds"),
    ),
    "extract.unknown-format": ErrorText(
        Text("{ending} is no format that lianlu reads", "lianlu 不读取 {ending} 格式"),
        _READS,
    ),
}
