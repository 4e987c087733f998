"""The words of the errors and answers of knowledge bases, in both languages."""

from __future__ import annotations

from lianlu.core.errors import ErrorText
from lianlu.core.i18n import Text

__all__ = ["ERRORS", "NOT_FOUND"]

ERRORS: dict[str, ErrorText] = {
    "rag.unknown-base": ErrorText(
        Text("there is no knowledge base {name!r}", "没有名为 {name!r} 的知识库"),
        Text(
            "{suggestion} — `lianlu rag build {name} FOLDER` makes it",
            "{suggestion}运行 `lianlu rag build {name} 文件夹` 即可建立",
        ),
    ),
    "rag.bad-name": ErrorText(
        Text("{name!r} cannot be the name of a knowledge base", "{name!r} 不能作为知识库的名字"),
        Text(
            "use letters, digits, '-', '_' and '.', at most {limit}, and begin with a letter or digit",
            "请用文字、数字、'-'、'_' 和 '.'，不超过 {limit} 个字符，并以文字或数字开头",
        ),
    ),
    "rag.corrupt": ErrorText(
        Text("the knowledge base file {path!r} is damaged: {why}", "知识库文件 {path!r} 已损坏：{why}"),
        Text(
            "build it again from its sources: `lianlu rag build {name} PATHS…` replaces the file",
            "请用原始文件重建：`lianlu rag build {name} 路径…` 会替换该文件",
        ),
    ),
    "rag.format": ErrorText(
        Text(
            "the knowledge base file {path!r} has format {found!r}, this version reads {known}",
            "知识库文件 {path!r} 的格式为 {found!r}，当前版本只能读取 {known}",
        ),
        Text(
            "upgrade lianlu, or build it again: `lianlu rag build {name} PATHS…`",
            "请升级 lianlu，或重建：`lianlu rag build {name} 路径…`",
        ),
    ),
    "rag.busy": ErrorText(
        Text(
            "another process is writing to the knowledge base {name!r}; waited {seconds} seconds",
            "另一个进程正在写入知识库 {name!r}；已等待 {seconds} 秒",
        ),
        Text("try again when it has finished; reading is possible meanwhile", "请等它结束后再试；其间仍可查询"),
    ),
    "rag.nothing-read": ErrorText(
        Text("none of the {count} files could be read:\n{reasons}", "{count} 个文件都无法读取：\n{reasons}"),
        Text(
            "mend these files, or name others; a base that existed keeps its documents",
            "请修复这些文件或换用其他文件；已有知识库里的文档都还在",
        ),
    ),
    "rag.nothing-to-read": ErrorText(
        Text("there are no files in {paths}", "{paths} 中没有文件"),
        Text(
            "name files, or folders with files; hidden ones are skipped",
            "请指定文件，或含有文件的文件夹；隐藏文件会被跳过",
        ),
    ),
    "rag.no-paths": ErrorText(
        Text("no files or folders were named", "没有指定文件或文件夹"),
        Text("`lianlu rag {verb} {name} PATHS…`", "`lianlu rag {verb} {name} 路径…`"),
    ),
    "rag.compare-needs-model": ErrorText(
        Text("--compare asks a model twice, and none was named", "--compare 要问同一个模型两次，但没有指定模型"),
        Text(
            "`lianlu rag ask {name} QUESTION --compare --model REF`",
            "`lianlu rag ask {name} 问题 --compare --model REF`",
        ),
    ),
    "rag.bad-request": ErrorText(
        Text("the request cannot be read: {why}", "无法读取请求：{why}"),
        Text('send JSON such as {{"question": "…"}}', '请发送 JSON，例如 {{"question": "…"}}'),
    ),
    "rag.no-such-source": ErrorText(
        Text("the knowledge base has no document {document!r}", "知识库中没有文档 {document!r}"),
        Text("it may have changed since; ask again", "文档可能已更新，请重新提问"),
    ),
    "rag.bad-address": ErrorText(
        Text("{address!r} is no web address", "{address!r} 不是有效的网址"),
        Text("write it whole, such as https://example.org/page", "请写完整，例如 https://example.org/page"),
    ),
    "rag.web-refused": ErrorText(
        Text("{address} answered with HTTP status {status}", "{address} 返回 HTTP 状态 {status}"),
        Text("open it in a browser; a page behind a login cannot be read", "请用浏览器确认；需要登录的页面无法读取"),
    ),
    "rag.web-failed": ErrorText(
        Text("{address} could not be fetched: {why}", "无法获取 {address}：{why}"),
        Text(
            "check the address and the network, then `lianlu rag update`",
            "请检查网址和网络，再运行 `lianlu rag update`",
        ),
    ),
    "rag.web-too-large": ErrorText(
        Text("{address} gives more than {limit} bytes", "{address} 的内容超过 {limit} 字节"),
        Text("download it and add the file, or a part of it", "请下载后加入该文件或其中一部分"),
    ),
    "rag.bad-filter": ErrorText(
        Text("{filter!r} is no filter", "{filter!r} 不是有效的筛选条件"),
        Text(
            "write --where NAME=VALUE, such as --where author='Li Lei'",
            "请写成 --where 名字=值，例如 --where author=李雷",
        ),
    ),
    "rag.bad-date": ErrorText(
        Text("{date!r} is no date", "{date!r} 不是有效的日期"),
        Text("write YYYY, YYYY-MM or YYYY-MM-DD", "请写成 YYYY、YYYY-MM 或 YYYY-MM-DD"),
    ),
    "rag.one-database": ErrorText(
        Text("--sql goes with one database, {count} were named", "--sql 只能配一个数据库，却给了 {count} 个"),
        Text(
            "`lianlu rag {verb} NAME FILE.sqlite --sql 'SELECT …'`; add further ones one by one",
            "`lianlu rag {verb} 名字 文件.sqlite --sql 'SELECT …'`；其余的请逐个加入",
        ),
    ),
    "rag.other-embedder": ErrorText(
        Text(
            "{ref} is not the model that read the knowledge base {name!r}: its vectors cannot be compared",
            "{ref} 已不是知识库 {name!r} 建库时的模型：向量无法比较",
        ),
        Text(
            "`lianlu rag update {name} --embed {ref}` reads all documents anew; until then the old vectors serve",
            "`lianlu rag update {name} --embed {ref}` 会重新计算全部向量；完成前仍使用旧向量",
        ),
    ),
    "rag.other-dimensions": ErrorText(
        Text(
            "{ref} gave vectors of shape {found}, not of {expected} numbers",
            "{ref} 给出的向量形状为 {found}，而不是 {expected} 维",
        ),
        Text("check that the server still offers the same model", "请确认服务提供的仍是同一个模型"),
    ),
    "rag.changed-meanwhile": ErrorText(
        Text(
            "the knowledge base {name!r} was changed by another process meanwhile",
            "知识库 {name!r} 期间被另一个进程修改",
        ),
        Text("run the command again: what was computed is kept", "请再运行一次：已计算的结果都还在"),
    ),
    "rag.exists": ErrorText(
        Text("there is a knowledge base {name!r} already", "已有名为 {name!r} 的知识库"),
        Text("choose another name, or give --replace", "请换一个名字，或加上 --replace"),
    ),
    "rag.import-broken": ErrorText(
        Text("{path!r} cannot be taken in: {why}", "无法导入 {path!r}：{why}"),
        Text("export it again: `lianlu rag export NAME FILE`", "请重新导出：`lianlu rag export 名字 文件`"),
    ),
    "rag.unknown-document": ErrorText(
        Text("the knowledge base {name!r} has no document {uri!r}", "知识库 {name!r} 中没有文档 {uri!r}"),
        Text(
            "{suggestion} — `lianlu rag status {name}` lists all",
            "{suggestion}运行 `lianlu rag status {name}` 查看全部",
        ),
    ),
    "rag.empty-question": ErrorText(
        Text("the question is empty", "问题为空"),
        Text("write it in quotes after the name of the knowledge base", "请把问题写在知识库名字之后，并加引号"),
    ),
    "rag.long-question": ErrorText(
        Text(
            "the question has {length} characters; at most {limit} are read",
            "问题有 {length} 个字符，最多接受 {limit} 个",
        ),
        Text(
            "ask in fewer words; add long texts as documents: `lianlu rag add NAME FILE`",
            "请缩短问题；长文本可作为文档加入：`lianlu rag add 名字 文件`",
        ),
    ),
    "rag.bad-size": ErrorText(
        Text("a chunk cannot have the size {size}", "片段长度不能为 {size}"),
        Text("give --size from 20 to 100000 (Chinese characters)", "请用 --size 指定 20 到 100000（按汉字计）"),
    ),
    "rag.no-index": ErrorText(
        Text(
            "this {kind} artifact holds no knowledge base ({file} is missing)",
            "该 {kind} 产物不含知识库（缺少 {file}）",
        ),
        Text("give the output `index` of the step rag.build", "请使用 rag.build 步骤的输出 `index`"),
    ),
    "rag.no-answers": ErrorText(
        Text("this {kind} artifact holds no answers to show ({file})", "该 {kind} 产物中没有可显示的回答（{file}）"),
        Text("give the output `answers` of the step rag.ask", "请使用 rag.ask 步骤的输出 `answers`"),
    ),
    "rag.no-prompt": ErrorText(
        Text(
            "the prompt artifact holds no text to send ({file} is missing)", "提示词产物中没有可用的文本（缺少 {file}）"
        ),
        Text("give the output of the step prompt.render", "请使用 prompt.render 步骤的输出"),
    ),
}

NOT_FOUND: dict[str, Text] = {
    "no-documents": Text(
        "The knowledge base holds no documents, so there is nothing to answer from.",
        "知识库中没有文档，无从回答。",
    ),
    "weak-evidence": Text("This is not in the documents.", "文档中没有相关内容。"),
    "nothing-supported": Text(
        "This is not in the documents: no sentence of the model's answer is supported by them.",
        "文档中没有相关内容：模型回答中没有一句能得到文档支持。",
    ),
}
