"""The words of this room's errors."""

from __future__ import annotations

from lianlu.core.errors import ErrorText
from lianlu.core.i18n import Text

__all__ = ["ERRORS"]

ERRORS: dict[str, ErrorText] = {
    "chain.unknown-input": ErrorText(
        Text("{at}: step {step!r} has no input {name!r}", "{at}：步骤 {step!r} 没有输入 {name!r}"),
        Text("{suggestion}", "{suggestion}"),
    ),
    "chain.missing-input": ErrorText(
        Text(
            "{at}: step {step!r} ({uses}) needs the input {name!r}, of kind {kind}",
            "{at}：步骤 {step!r}（{uses}）缺少输入 {name!r}（类型 {kind}）",
        ),
        Text(
            "name the step that makes it: `inputs: {{{name}: STEP}}`",
            "请写明由哪个步骤提供：`inputs: {{{name}: 步骤名}}`",
        ),
    ),
    "chain.unknown-step": ErrorText(
        Text("{at}: {name!r} is no step of this chain", "{at}：本链没有步骤 {name!r}"),
        Text("{suggestion}", "{suggestion}"),
    ),
    "chain.which-output": ErrorText(
        Text(
            "{at}: step {name!r} has the outputs {outputs}, not {wanted!r}",
            "{at}：步骤 {name!r} 的输出是 {outputs}，没有 {wanted!r}",
        ),
        Text("write `STEP.OUTPUT`, for example `{name}.{example}`", "请写成 `步骤.输出`，例如 `{name}.{example}`"),
    ),
    "chain.wrong-kind": ErrorText(
        Text(
            "{at}: the input {name!r} of step {step!r} takes {wanted}, but {source!r} is {given}",
            "{at}：步骤 {step!r} 的输入 {name!r} 需要 {wanted}，而 {source!r} 是 {given}",
        ),
        Text("connect a step that makes {wanted}", "请连接一个产出 {wanted} 的步骤"),
    ),
    "chain.loop": ErrorText(
        Text("{at}: steps wait for each other: {steps}", "{at}：步骤互相等待：{steps}"),
        Text("remove one of these inputs", "请去掉其中一个输入"),
    ),
    "chain.unknown-variable": ErrorText(
        Text(
            "{at}: ${{{name}}} is neither a parameter nor a service of this chain",
            "{at}：${{{name}}} 既不是本链的参数也不是服务",
        ),
        Text(
            "{suggestion} — `$${{{name}}}` stands for the text itself",
            "{suggestion} 若要写这段文字本身，请写 `$${{{name}}}`",
        ),
    ),
    "chain.unknown-parameter": ErrorText(
        Text("this chain has no parameter {name!r}", "本链没有参数 {name!r}"),
        Text(
            "{suggestion} — a setting of a step is set by its path: `steps.STEP.with.KEY=…`",
            "{suggestion} 步骤的设置请写完整路径：`steps.步骤.with.键=…`",
        ),
    ),
    "chain.taken-result": ErrorText(
        Text(
            "{at}: a result cannot be called {name!r}: the run says that of itself",
            "{at}：结果不能命名为 {name!r}：运行本身已使用这个名字",
        ),
        Text("choose another name than {taken}", "请换一个名字，不要用 {taken}"),
    ),
    "chain.unknown-result": ErrorText(
        Text(
            "{at}: the result {name!r} points to {target!r}, which nothing makes",
            "{at}：结果 {name!r} 指向 {target!r}，但没有步骤产出它",
        ),
        Text("write a step, or STEP.KEY of its summary: {known}", "请写步骤名，或 步骤.摘要键：{known}"),
    ),
    "chain.unknown-service": ErrorText(
        Text(
            "{at}: step {step!r} uses the service {name!r}, which is not declared",
            "{at}：步骤 {step!r} 使用了未声明的服务 {name!r}",
        ),
        Text("{suggestion}", "{suggestion}"),
    ),
    "chain.port-in-use": ErrorText(
        Text(
            "the service {name!r} wants port {port}, which another program or service has",
            "服务 {name!r} 需要的端口 {port} 已被其他程序或服务占用",
        ),
        Text(
            "leave `port:` out and run it again to take a free one, or stop that program",
            "去掉 `port:` 并重新运行即可自动选择空闲端口，或停止占用它的程序",
        ),
    ),
    "chain.service-command": ErrorText(
        Text("the service {name!r} cannot be started: {why}", "无法启动服务 {name!r}：{why}"),
        Text("check its `command:` in the recipe", "请检查配方中该服务的 `command:`"),
    ),
    "chain.service-died": ErrorText(
        Text(
            "the service {name!r} ended (exit {status}) before it was ready: {tail}",
            "服务 {name!r} 在就绪前退出（退出码 {status}）：{tail}",
        ),
        Text("its output is in {log}", "完整输出见 {log}"),
    ),
    "chain.service-slow": ErrorText(
        Text(
            "the service {name!r} did not answer {url} within {seconds:g} s",
            "服务 {name!r} 在 {seconds:g} 秒内没有响应 {url}",
        ),
        Text(
            "its output is in {log}; raise `timeout_seconds` if it only needs longer",
            "完整输出见 {log}；若只是启动慢，请调大 `timeout_seconds`",
        ),
    ),
    "chain.child-died": ErrorText(
        Text(
            "the process of step {step!r} ended without a result (exit {status})",
            "步骤 {step!r} 的子进程没有给出结果就退出了（退出码 {status}）",
        ),
        Text(
            "137 often means that the memory ran out; run it again, what was finished is kept",
            "137 多半表示内存不足；请重试，已完成的步骤都已保存",
        ),
    ),
    "chain.no-output": ErrorText(
        Text(
            "step {step!r} ended without writing its output {output!r}", "步骤 {step!r} 结束时没有写出输出 {output!r}"
        ),
        Text("this is a defect of the step; report it to its author", "这是该步骤的缺陷，请反馈给作者"),
    ),
}
