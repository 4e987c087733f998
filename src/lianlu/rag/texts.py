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
    "rag.bad-field": ErrorText(
        Text("the field {param!r} cannot be used: {why}", "字段 {param!r} 无法使用：{why}"),
        Text(
            'send {{"model": "NAME", "messages": [{{"role": "user", "content": "…"}}]}}',
            '请发送 {{"model": "名字", "messages": [{{"role": "user", "content": "…"}}]}}',
        ),
    ),
    "rag.unsupported-field": ErrorText(
        Text(
            "a knowledge base cannot honour the field {param!r} with the value {value}",
            "知识库不支持字段 {param!r} 取值 {value}",
        ),
        Text("leave it out", "请去掉该字段"),
    ),
    "rag.unknown-model": ErrorText(
        Text(
            "this server has no model {asked!r}, it answers from {served!r}",
            "本服务没有模型 {asked!r}，提供的知识库是 {served!r}",
        ),
        Text("send {served!r} as `model`", "请把 `model` 设为 {served!r}"),
        http=404,
    ),
    "rag.calibration-broken": ErrorText(
        Text("the calibration of refusal in {path!r} cannot be read: {why}", "拒答校准文件 {path!r} 无法读取：{why}"),
        Text(
            "delete the file, or write it anew: `lianlu rag calibrate NAME QUESTIONS`",
            "请删除该文件，或重新生成：`lianlu rag calibrate 名字 问题文件`",
        ),
    ),
    "rag.calibration-other": ErrorText(
        Text(
            "the calibration of refusal in {path!r} was made by another version of lianlu",
            "拒答校准文件 {path!r} 由另一版本的 lianlu 生成",
        ),
        Text(
            "write it anew: `lianlu rag calibrate NAME QUESTIONS`",
            "请重新生成：`lianlu rag calibrate 名字 问题文件`",
        ),
    ),
    "rag.bad-label": ErrorText(
        Text("{path}:{line} is no labelled question: {why}", "{path}:{line} 不是带标注的问题：{why}"),
        Text(
            'write one JSON object a line, such as {{"question": "…", "answerable": true}}, or a CSV file with these two columns',
            '请每行写一个 JSON 对象，例如 {{"question": "…", "answerable": true}}，或使用含这两列的 CSV 文件',
        ),
    ),
    "rag.calibrate-what": ErrorText(
        Text("nothing says how to calibrate {name!r}", "没有说明如何校准 {name!r}"),
        Text(
            "name a file of labelled questions, or --forget: `lianlu rag calibrate {name} QUESTIONS`",
            "请给出标注问题的文件，或使用 --forget：`lianlu rag calibrate {name} 问题文件`",
        ),
    ),
    "rag.labels-too-few": ErrorText(
        Text(
            "{answerable} answerable and {unanswerable} unanswerable questions are too few to calibrate by",
            "可回答的问题 {answerable} 个、不可回答的问题 {unanswerable} 个，不足以校准",
        ),
        Text(
            "label at least {needed} different questions of either kind", "两类问题请各标注至少 {needed} 个不同的问题"
        ),
    ),
    "rag.labels-disagree": ErrorText(
        Text(
            "the question {question!r} is labelled both answerable and not",
            "问题 {question!r} 既被标为可回答，又被标为不可回答",
        ),
        Text("keep the right label", "请只保留正确的标注"),
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
    "rag.no-files": ErrorText(
        Text("no files, folders or addresses were named", "没有指定文件、文件夹或网址"),
        Text("`lianlu rag summarize FILES…`", "`lianlu rag summarize 文件…`"),
    ),
    "rag.no-such-file": ErrorText(
        Text("there is no file, folder or knowledge base {name!r}", "没有名为 {name!r} 的文件、文件夹或知识库"),
        Text("check the path; of the knowledge bases: {suggestion}", "请检查路径；知识库：{suggestion}"),
    ),
    "rag.base-and-files": ErrorText(
        Text(
            "{name!r} is a knowledge base; it can only be summed up alone",
            "{name!r} 是知识库，只能单独写摘要",
        ),
        Text(
            "`lianlu rag summarize {name}`, and the files in a command of their own",
            "运行 `lianlu rag summarize {name}`，文件请另用一条命令",
        ),
    ),
    "rag.filters-need-base": ErrorText(
        Text(
            "--since, --until, --path and --where choose documents of a knowledge base, and none was named",
            "--since、--until、--path、--where 用于筛选知识库中的文档，但没有指定知识库",
        ),
        Text(
            "name the files that are wanted, or a base: `lianlu rag summarize NAME --since 2025`",
            "请直接指定需要的文件，或指定知识库：`lianlu rag summarize 名字 --since 2025`",
        ),
    ),
    "rag.no-document-fits": ErrorText(
        Text("no document of the knowledge base {name!r} fits", "知识库 {name!r} 中没有符合条件的文档"),
        Text(
            "`lianlu rag status {name}` lists what it holds; loosen the filters",
            "运行 `lianlu rag status {name}` 查看内容，并放宽筛选条件",
        ),
    ),
    "rag.nothing-to-summarize": ErrorText(
        Text("the {count} documents hold no text to sum up", "{count} 篇文档中没有可供摘要的文字"),
        Text(
            "pictures and empty pages have none; scanned pages need text recognition first",
            "图片和空白页没有文字；扫描件需先做文字识别",
        ),
    ),
    "rag.bad-points": ErrorText(
        Text("a summary cannot have {points} points", "要点条数不能为 {points}"),
        Text("give --points from 1 to {most}", "请用 --points 指定 1 到 {most}"),
    ),
    "rag.long-focus": ErrorText(
        Text(
            "the focus has {length} characters; at most {limit} are read",
            "--focus 有 {length} 个字符，最多接受 {limit} 个",
        ),
        Text("ask in fewer words", "请缩短问题"),
    ),
    "rag.small-window": ErrorText(
        Text(
            "a window of {window} tokens is too small to read and sum up anything",
            "{window} 个 token 的窗口太小，无法阅读并写摘要",
        ),
        Text("give --window from {least} on, or leave it out", "请用 --window 指定 {least} 以上，或不指定"),
    ),
    "rag.window-too-small": ErrorText(
        Text(
            "the model cannot read even one passage with its instructions: {why}", "模型连一段文字加说明都读不下：{why}"
        ),
        Text(
            "use a model with a larger window, or leave --model out to have sentences quoted",
            "请换用窗口更大的模型，或不指定 --model 以逐句引用原文",
        ),
    ),
    "rag.summary-stopped": ErrorText(
        Text(
            "the model stopped answering after {answered} requests: {why}",
            "模型在回答 {answered} 个请求后不再应答：{why}",
        ),
        Text(
            "run the command again when it is back: what it answered is kept and not asked again",
            "恢复后再运行一次即可：已有的回答都还在，不会重复请求",
        ),
    ),
    "rag.summary-form": ErrorText(
        Text("a summary cannot be written as {ending!r} ({path!r})", "摘要不能写成 {ending!r} 格式（{path!r}）"),
        Text(
            "name a file that ends in .md or .html, or a folder for both; --json prints it as JSON",
            "请用 .md 或 .html 结尾的文件名，或指定文件夹以同时得到两种；--json 输出 JSON",
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
    "rag.answer-file": ErrorText(
        Text("{path!r} does not say how to write the answer", "从 {path!r} 看不出回答写成什么格式"),
        Text("name a file that ends in one of {endings}", "请给出以 {endings} 之一结尾的文件名"),
    ),
    "rag.bad-command": ErrorText(
        Text("there is no command /{command}", "没有命令 /{command}"),
        Text("{suggestion} — /help shows all", "{suggestion}/help 查看全部"),
    ),
    "rag.no-such-number": ErrorText(
        Text("the last answer has no source {number!r}", "上一个回答没有编号为 {number!r} 的出处"),
        Text("its sources are numbered from 1 to {count}", "出处编号为 1 到 {count}"),
    ),
    "rag.other-talk": ErrorText(
        Text(
            "the talk in {path!r} was not with the knowledge base {name!r}",
            "{path!r} 中的对话不是与知识库 {name!r} 进行的",
        ),
        Text(
            "it was with {other!r}: give another --session, or talk with that base",
            "那是与 {other!r} 的对话：请换一个 --session，或改用该知识库",
        ),
    ),
    "rag.broken-talk": ErrorText(
        Text("the talk in {path!r} cannot be read: {why}", "无法读取 {path!r} 中的对话：{why}"),
        Text("move the file away, or give another --session", "请移走该文件，或换一个 --session"),
    ),
    "rag.bad-question": ErrorText(
        Text("{path}, line {line}: {why}", "{path} 第 {line} 行：{why}"),
        Text(
            'write {{"question": "…", "answer": "…", "source": "a.md"}} a line, or give a file of SQuAD\'s form',
            '每行写 {{"question": "…", "answer": "…", "source": "a.md"}}，或给出 SQuAD 格式的文件',
        ),
    ),
    "rag.no-questions": ErrorText(
        Text("{path} has no questions", "{path} 中没有问题"),
        Text(
            "one JSON object a line, a table with the column `question`, or SQuAD's JSON",
            "每行一个 JSON 对象，或含 `question` 列的表格，或 SQuAD 的 JSON",
        ),
    ),
    "rag.unknown-sources": ErrorText(
        Text(
            "{name} lacks {count} documents that the questions name: {first}",
            "{name} 中没有问题所指的 {count} 篇文档：{first}",
        ),
        Text(
            "`lianlu rag search {name} …` shows how its documents are called",
            "用 `lianlu rag search {name} …` 查看文档的名字",
        ),
    ),
    "rag.no-paragraphs": ErrorText(
        Text("{files} carries no paragraphs", "{files} 中没有段落"),
        Text("leave --paragraphs out and name a base", "请去掉 --paragraphs 并给出知识库的名字"),
    ),
    "rag.eval-what": ErrorText(
        Text("no question file was given for {name}", "没有给出用来评测 {name} 的问题文件"),
        Text("lianlu rag eval {name} QUESTIONS.jsonl", "lianlu rag eval {name} 问题.jsonl"),
    ),
    "rag.eval-file": ErrorText(
        Text("{path} does not say how to write the evaluation", "从 {path} 看不出评测写成什么格式"),
        Text("let --out end in .html, or use --json", "--out 请以 .html 结尾，或使用 --json"),
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
    "no-answer": Text("The model gave no answer.", "模型没有给出回答。"),
    "nothing-supported": Text(
        "This is not in the documents: no sentence of the model's answer is supported by them.",
        "文档中没有相关内容：模型回答中没有一句能得到文档支持。",
    ),
}
