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
    "prompt.too-large": ErrorText(
        Text("{path!r} is longer than {limit} bytes", "{path!r} 超过 {limit} 字节"),
        Text(
            "no model reads a prompt of that size: put the material into a knowledge base (`lianlu rag build`)",
            "没有模型会读这么长的提示词：请把资料放进知识库（`lianlu rag build`）",
        ),
    ),
    "prompt.include-loop": ErrorText(
        Text("{at}: {path!r} includes this file again", "{at}：{path!r} 又包含了本文件"),
        Text("remove one of the two {{{{> …}}}} lines", "请删去两处 {{{{> …}}}} 之一"),
    ),
    "prompt.include-missing": ErrorText(
        Text("{at}: there is no file {path!r} to include", "{at}：没有可供包含的文件 {path!r}"),
        Text("paths are relative to the file that includes them", "路径相对于写有该行的文件"),
    ),
    "prompt.unclosed-variable": ErrorText(
        Text("{at}: a variable is not closed: {shown}", "{at}：变量没有闭合：{shown}"),
        Text(
            "close it with }}}} , or write \\{{{{ for literal braces",
            "请用 }}}} 闭合；若要写字面的花括号，请写 \\{{{{",
        ),
    ),
    "prompt.role-order": ErrorText(
        Text(
            "{at}: a message of {role} stands where one of {wanted} must follow",
            "{at}：这里应是 {wanted} 的消息，却写了 {role}",
        ),
        Text(
            "chat templates take one system message first, then user and assistant in turn",
            "聊天模板要求先有一条 system 消息，然后 user 与 assistant 轮流出现",
        ),
    ),
    "prompt.no-user": ErrorText(
        Text(
            "{at}: nobody asks anything: the last message is not the user's", "{at}：没有人提问：最后一条不是用户消息"
        ),
        Text(
            "give the case an `input`, or end the file with a message under `user:`",
            "请为用例写 `input`，或在文件末尾用 `user:` 写一条消息",
        ),
    ),
    "prompt.input-without-place": ErrorText(
        Text(
            "{at}: the prompt ends with a message of the user that has no {{{{input}}}}, so the case's input has no place",
            "{at}：提示词以用户消息结尾但没有 {{{{input}}}}，用例的 input 无处可放",
        ),
        Text("write {{{{input}}}} in that message", "请在该消息中写 {{{{input}}}}"),
    ),
    "prompt.bad-assertion": ErrorText(
        Text("{at}: the assertion {type!r} is wrong: {expected}", "{at}：断言 {type!r} 有误：{expected}"),
        Text(
            'for example `- contains: "6"` or `- not-regex: "^Sorry"`',
            '例如 `- contains: "6"` 或 `- not-regex: "^抱歉"`',
        ),
    ),
    "prompt.unknown-assertion": ErrorText(
        Text("{at}: there is no assertion {type!r}", "{at}：没有断言 {type!r}"),
        Text("{suggestion}; any type takes `not-` before it", "{suggestion}；任何类型前都可加 `not-`"),
    ),
    "prompt.bad-case": ErrorText(
        Text("{at}: {key!r} of a test case is wrong: {expected}", "{at}：测试用例的 {key!r} 有误：{expected}"),
        Text(
            "a case has id, input or turns, vars, split, assert, good, bad",
            "用例可含 id、input 或 turns、vars、split、assert、good、bad",
        ),
    ),
    "prompt.no-cases": ErrorText(
        Text("{path!r} holds no test case", "{path!r} 中没有测试用例"),
        Text(
            "write them under `cases:`, or give another file with --cases", "请写在 `cases:` 下，或用 --cases 指定文件"
        ),
    ),
    "prompt.case-lacks-variable": ErrorText(
        Text(
            "{at}: case {case!r} has no value for the variable {name!r} of the prompt {prompt!r}",
            "{at}：用例 {case!r} 没有给出提示词 {prompt!r} 的变量 {name!r}",
        ),
        Text(
            "add it under `vars:` (in a CSV: a column of that name), or give it a default in the prompt; {suggestion}",
            "请写在 `vars:` 下（CSV 中为同名的列），或在提示词中设默认值；{suggestion}",
        ),
    ),
    "prompt.no-judge": ErrorText(
        Text("{at}: an assertion `judge` needs a model that judges", "{at}：断言 `judge` 需要一个评判模型"),
        Text("give one with --judge REF", "请用 --judge REF 指定"),
    ),
    "prompt.no-embedder": ErrorText(
        Text("{at}: an assertion `similar` needs an embedder", "{at}：断言 `similar` 需要一个向量模型"),
        Text(
            "give one with --embed REF, such as --embed bundled:all-minilm-l6-v2",
            "请用 --embed REF 指定，例如 --embed bundled:all-minilm-l6-v2",
        ),
    ),
    "prompt.same-variant": ErrorText(
        Text("{name!r} would be compared with itself", "{name!r} 与自身比较"),
        Text("give another prompt or model, or --without-system", "请换一个提示词或模型，或加 --without-system"),
    ),
    "prompt.not-a-run": ErrorText(
        Text("{path!r} holds no finished comparison: {why}", "{path!r} 中没有可用的对比结果：{why}"),
        Text("`lianlu prompt compare … --out FOLDER` writes one", "运行 `lianlu prompt compare … --out 文件夹` 生成"),
    ),
    "prompt.no-model": ErrorText(
        Text("no model is given", "没有指定模型"),
        Text(
            "give one with --model REF, such as internlm:internlm2.5-latest or http://localhost:8000/v1#NAME",
            "请用 --model REF 指定，例如 internlm:internlm2.5-latest 或 http://localhost:8000/v1#名称",
        ),
    ),
    "prompt.bad-foreign": ErrorText(
        Text("{at}: {key} is wrong: {expected} is expected", "{at}：{key} 有误：应为{expected}"),
        Text(
            "mend the file, or say with --from which format it is in",
            "请修正该文件，或用 --from 指明它的格式",
        ),
    ),
    "prompt.unknown-format": ErrorText(
        Text("there is no prompt format {name!r}", "没有名为 {name!r} 的提示词格式"),
        Text("{suggestion}", "{suggestion}"),
    ),
    "prompt.no-git": ErrorText(
        Text(
            "the last committed state of {path!r} cannot be read: {why}", "无法读取 {path!r} 最近一次提交的内容：{why}"
        ),
        Text("give two files: `lianlu prompt diff OLD NEW`", "请给出两份文件：`lianlu prompt diff 旧文件 新文件`"),
    ),
    "prompt.lint-no-file": ErrorText(
        Text("no prompt to check (given: {given})", "没有可检查的提示词（已给出：{given}）"),
        Text(
            "name files, folders or ready prompts: `lianlu prompt lint prompts/ cited-answer`",
            "请写出文件、文件夹或现成提示词的名称：`lianlu prompt lint prompts/ cited-answer`",
        ),
    ),
    "prompt.unknown-code": ErrorText(
        Text("there is no finding {code!r}", "没有名为 {code!r} 的检查项"),
        Text("{suggestion}", "{suggestion}"),
    ),
    "prompt.bad-limit": ErrorText(
        Text("a prompt cannot be limited to {limit} tokens", "token 上限不能是 {limit}"),
        Text("give a number above 0, such as --limit-tokens 2000", "请给出大于 0 的数，例如 --limit-tokens 2000"),
    ),
    "prompt.too-few-cases": ErrorText(
        Text(
            "{train} cases to learn from and {val} to choose by are too few",
            "供学习的用例 {train} 个、供选择的用例 {val} 个，数量不足",
        ),
        Text(
            "write more cases, or mark them with `split: train` and `split: val`",
            "请增加用例，或用 `split: train` 与 `split: val` 标明",
        ),
    ),
    "prompt.small-budget": ErrorText(
        Text(
            "a budget of {budget} answers is too small: the prompt and one other text take {least}",
            "预算 {budget} 个回答太少：给原提示词和一份改写评分就要 {least} 个",
        ),
        Text(
            "give --budget {least} or more; five times as many is a good start",
            "请给 --budget {least} 以上，五倍较为合适",
        ),
    ),
    "prompt.case-without-assertion": ErrorText(
        Text(
            "{at}: the case {case!r} asserts nothing, so no answer to it has a score",
            "{at}：用例 {case!r} 没有断言，回答无从评分",
        ),
        Text(
            "give it `assert:`, or write assertions for all cases at the top of the file",
            "请为它写 `assert:`，或在文件开头为全部用例写断言",
        ),
    ),
    "prompt.nothing-to-optimize": ErrorText(
        Text("{at}: the file has no system text to optimize", "{at}：文件中没有可优化的系统文本"),
        Text("write one before the line `user:`", "请在 `user:` 一行之前写上"),
    ),
    "prompt.unknown-technique": ErrorText(
        Text("there is no technique {name!r}", "没有技巧 {name!r}"),
        Text("{suggestion}; `lianlu prompt apply` lists them", "{suggestion}；运行 `lianlu prompt apply` 查看全部"),
    ),
    "prompt.no-file": ErrorText(
        Text("no prompt file is given", "没有指定提示词文件"),
        Text("for example `lianlu prompt apply step-by-step FILE`", "例如 `lianlu prompt apply step-by-step 文件`"),
    ),
    "prompt.no-examples": ErrorText(
        Text("{path!r} holds no case that can be an example", "{path!r} 中没有可作示例的用例"),
        Text(
            "a case of one turn with `good:`, marked `split: train` or not marked, can be one",
            "需要一轮、带 `good:`，且标为 `split: train` 或未标 split 的用例",
        ),
    ),
    "prompt.only-markdown": ErrorText(
        Text("{path!r} is a prompt of maps and lists", "{path!r} 是以映射和列表保存的提示词"),
        Text(
            "write it as markdown first: `lianlu prompt render FILE --format md`",
            "请先写成 markdown：`lianlu prompt render 文件 --format md`",
        ),
    ),
}
