"""Command lines around XTuner -> ours, with a sentence why: a table from their verbs to small answers.

Also answered is what stands around XTuner in a course: version repairs, the replace script, the Streamlit demo. Nothing
is run, and no file is read. Torch-free.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from lianlu.core.errors import UsageError
from lianlu.core.i18n import Text, suggest

__all__ = ["Answer", "Given", "answer", "commands_in", "converting", "given_of", "translated", "unknown_command"]

_VARIABLE = re.compile(r"[\w./-]*(?:\$\w+|\$\{\w+\})[\w./${}-]*")
_SAFE = re.compile(r"~?[\w@%+=:,./-]*")  # letters of any language
_SEPARATORS = ";&|\n"
_ASIDE = (  # the shell's own
    "cat", "cd", "cp", "echo", "export", "head", "ln", "ls", "mkdir", "mv", "rm", "sed", "source", "tail", "touch",
)  # fmt: skip


@dataclass(frozen=True)
class Answer:
    """Our commands, one a line, for one of theirs, and a sentence why; no command where nothing is to be done."""

    command: str
    why: Text


@dataclass(frozen=True)
class Given:
    """One command of theirs: its words that are no options, and its options by name."""

    words: tuple[str, ...]
    options: Mapping[str, str]

    def word(self, place: int, else_: str) -> str:
        return self.words[place] if place < len(self.words) else else_

    def option(self, *names: str, else_: str = "") -> str:
        return next((self.options[name] for name in names if name in self.options), else_)


def answer(argv: Sequence[str]) -> Text:
    """Our commands for one command of theirs, and why, as text.

    Raises:
        UsageError: train.xtuner-unknown
    """
    found = translated(argv)
    command = f"{found.command}\n" if found.command else ""
    return Text(f"{command}{found.why.en}", f"{command}{found.why.zh}")


def translated(argv: Sequence[str]) -> Answer:
    """The same as a record. Leading `NAME=value` words are passed over. Raises UsageError train.xtuner-unknown."""
    words = list(argv)
    while words and re.match(r"[A-Za-z_]\w*=", words[0]):
        words = [] if re.search(r"=(`|\$\()", words[0]) else words[1:]
    if not words:
        return Answer("", Text("Nothing to do: paths are keys of the recipe.", "无需操作：路径是配方中的键。"))
    tool = PurePosixPath(words[0]).name
    if tool in _ASIDE:
        return Answer(_line(words), Text("The shell's own: as before.", "这是 shell 自身的命令，照旧即可。"))
    if tool == "xtuner":
        return _of_xtuner(words[1:])
    if re.fullmatch(r"python[\d.]*", tool) and len(words) > 1 and words[1] != "-m":
        return _of_script(words[1:])
    if re.fullmatch(r"python[\d.]*", tool):
        return translated(words[2:] or ["python"])
    reply = _AROUND.get(tool)
    if reply is None:
        raise unknown_command(tool, argv)
    return reply(words[1:])


def _of_xtuner(words: Sequence[str]) -> Answer:
    name = words[0] if words else "help"
    if name in ("help", "-h", "--help", "-v", "version", "--version"):
        return Answer("lianlu train --help", Text("All verbs of training.", "训练相关的全部命令。"))
    reply = _COMMANDS.get(name)
    if reply is None:
        raise unknown_command(name, ["xtuner", *words])
    return reply(given_of(words[1:]))


def unknown_command(name: str, argv: Sequence[str]) -> UsageError:
    command = " ".join(argv)[:80]
    return UsageError("train.xtuner-unknown", command=command, suggestion=suggest(name, [*_COMMANDS, *_AROUND]))


def given_of(words: Sequence[str]) -> Given:
    plain: list[str] = []
    options: dict[str, str] = {}
    waiting = ""
    for word in words:
        name, equals, value = word.partition("=")
        if word.startswith("-") and len(word) > 1:
            options[name.replace("_", "-")] = value
            waiting = "" if equals or name in ("--is-clip", "--safe-serialization") else name.replace("_", "-")
        elif waiting:
            options[waiting] = word
            waiting = ""
        else:
            plain.append(word)
    return Given(tuple(plain), options)


def _list_cfg(given: Given) -> Answer:
    pattern = given.option("-p", "--pattern")
    words = ["-p", pattern] if pattern else []
    return Answer(
        _line(["lianlu", "train", "list-cfg", *words]),
        Text("There is one recipe a method; model and data are keys.", "每种方法一个配方；模型和数据是其中的键。"),
    )


def _copy_cfg(given: Given) -> Answer:
    name, folder = given.word(0, "NAME"), given.word(1, ".")
    return Answer(
        _line(["lianlu", "train", "copy-cfg", name, folder]),
        Text(
            "Method, model and epochs are read from the name; the copy is YAML of a few lines.",
            "方法、模型和轮数从名称读出；复制得到的是几行 YAML。",
        ),
    )


def _train(given: Given) -> Answer:
    config = given.word(0, "CONFIG.py")
    recipe = f"{config.removesuffix('.py')}.yaml"
    first = ["from-xtuner", config, "--out", recipe]
    if not config.endswith(".py"):
        recipe = f"{config}_copy.yaml"
        first = ["copy-cfg", config, "."]
    place = given.option("--work-dir")
    second = [recipe, *(["--out", place] if place else [])]
    aside = given.option("--deepspeed")
    left = f" `{aside}` has nothing to shard on one device; `row_tokens` sets the memory." if aside else ""
    left_zh = f"单设备无须 `{aside}` 切分；显存由 `row_tokens` 控制。" if aside else ""
    return Answer(
        "\n".join(_line(["lianlu", "train", *words]) for words in (first, second)),
        Text(
            f"The configuration becomes a recipe once, copy-cfg of ours writes one at once; the same command goes on after "
            f"a stop.{left}",
            f"配置只需转换一次（我们的 copy-cfg 直接写出配方）；中断后重复同一命令即可继续。{left_zh}",
        ),
    )


def _chat(given: Given) -> Answer:
    model = given.word(1 if given.word(0, "") == "hf" else 0, "MODEL")
    if given.option("--visual-encoder", "--llava", "--image"):
        return Answer("", Text("Talking about images is planned.", "就图像对话仍在计划中。"))
    adapter = given.option("--adapter")
    merged = f"{model.rstrip('/')}-merged"
    merge = [["lianlu", "model", "merge", model, adapter, "--out", merged]] if adapter else []
    talk = ["lianlu", "chat", f"local:{merged if adapter else model}"]
    return Answer(
        "\n".join(_line(words) for words in (*merge, talk)),
        Text(
            "The chat template lies in the model's folder: none is to be named.", "对话模板就在模型文件夹中，无须指定。"
        ),
    )


def converting(given: Given) -> Answer:
    action, rest = given.word(0, ""), Given(given.words[1:], given.options)
    if action in ("pth_to_hf", "adapter_pth2hf"):
        return _pth_to_hf(rest)
    if action in ("merge", "merge_adapter"):
        return _merge(rest)
    if action == "split":
        return _split(rest)
    raise UsageError(
        "train.xtuner-unknown",
        command=f"xtuner convert {action}".rstrip(),
        suggestion=suggest(action, ("pth_to_hf", "merge", "split")),
    )


def _pth_to_hf(given: Given) -> Answer:
    place = given.word(2, "")
    named = f" Use it where you would use {place}." if place else ""
    named_zh = f"原来用 {place} 的地方直接用它。" if place else ""
    return Answer(
        "",
        Text(
            "No step is needed: what `lianlu train` writes (weights/, adapter/, every checkpoint) is a Hugging Face "
            f"folder already.{named}",
            f"无需转换：`lianlu train` 写出的 weights/、adapter/ 和每个检查点都已是 Hugging Face 文件夹。{named_zh}",
        ),
    )


def _merge(given: Given) -> Answer:
    if "--is-clip" in given.options:
        return Answer("", Text("Vision towers are not merged yet.", "暂不支持合并视觉塔。"))
    base, adapter, out = given.word(0, "BASE"), given.word(1, "ADAPTER"), given.word(2, "merged")
    size = given.option("--max-shard-size", else_="2GB")
    return Answer(
        _line(["lianlu", "model", "merge", base, adapter, "--out", out, "--max-shard-size", size]),
        Text(
            "Merged tensor by tensor: a model larger than the memory can be merged.",
            "逐个张量合并：大于内存的模型也能合并。",
        ),
    )


def _split(given: Given) -> Answer:
    del given
    return Answer(
        "",
        Text(
            "No step is needed: weights in one file or in many are read alike; `lianlu model merge --max-shard-size` "
            "sets the size of the files it writes.",
            "无需操作：权重是一个文件还是多个文件都一样读取；`lianlu model merge --max-shard-size` 可设定写出的文件大小。",
        ),
    )


def _look_at_data(given: Given) -> Answer:
    config = given.word(0, "RECIPE.yaml")
    recipe = f"{config.removesuffix('.py')}.yaml" if config.endswith(".py") else config
    return Answer(
        _line(["lianlu", "train", "preview", recipe]) + "\n" + _line(["lianlu", "train", "check-data", "FILE"]),
        Text(
            "`preview` shows samples as the model sees them, what is learned in brackets; `check-data` finds the usual "
            "faults.",
            "`preview` 显示模型看到的样本，并标出被学习的部分；`check-data` 查找常见问题。",
        ),
    )


def _preprocess(given: Given) -> Answer:
    del given
    return Answer(
        "lianlu train check-data FILE",
        Text(
            "Nothing is prepared beforehand: jsonl, json and text files are read as they are.",
            "无须预处理：jsonl、json 和文本文件可直接读取。",
        ),
    )


def _formats(given: Given) -> Answer:
    del given
    return Answer(
        "lianlu train check-data FILE",
        Text(
            "The format is seen from the keys of each line: nothing is to be named.", "格式由每行的键识别，无须指定。"
        ),
    )


def _measure(given: Given) -> Answer:
    model = given.word(0, "MODEL")
    return Answer(
        _line(["lianlu", "eval", "run", "--model", f"local:{model}", "--benchmark", "zh-choice"]),
        Text(
            "Text benchmarks run here; those on images are planned (`lianlu eval list` names all).",
            "文本评测集可直接运行；图像评测仍在计划中（`lianlu eval list` 列出全部）。",
        ),
    )


def _of_script(words: Sequence[str]) -> Answer:
    script, given = PurePosixPath(words[0]).name, given_of(words[1:])
    if script == "change_script.py":
        source, target = given.word(0, "IN.jsonl"), given.word(1, "OUT.jsonl")
        old, new = given.option("--old-text", else_="尖米"), given.option("--new-text", else_="your_name")
        return Answer(
            _line(["lianlu", "curate", "replace", source, "--old", old, "--new", new, "--out", target]),
            Text(
                "Only values change, never keys; all other bytes stay, and the first replacements are shown.",
                "只改值不改键，其余字节不变，并显示最先的几处替换。",
            ),
        )
    if script.startswith("xtuner_streamlit"):
        return _web_page(words)
    raise unknown_command(script, ["python", *words])


def _web_page(words: Sequence[str]) -> Answer:
    del words
    return Answer(
        "lianlu serve local:MERGED",
        Text(
            "The server has a chat page; the model is named on the command line, not in the script. Over SSH it prints "
            "the line to forward its port.",
            "服务自带对话页面；模型写在命令行上，不用改脚本。经 SSH 登录时会打印端口转发命令。",
        ),
    )


def _install(words: Sequence[str]) -> Answer:
    del words
    return Answer(
        "lianlu doctor",
        Text(
            "No versions are repaired by hand: doctor says what is missing, with the one command that installs it.",
            "无须手工修补版本：doctor 会指出缺少什么，并给出安装命令。",
        ),
    )


def _forward(words: Sequence[str]) -> Answer:
    return Answer(
        _line(["ssh", *words]),
        Text(
            "As before; `lianlu serve` prints this line with its own port.",
            "照旧；`lianlu serve` 会打印带有自身端口的这一行。",
        ),
    )


def _fetch_repository(words: Sequence[str]) -> Answer:
    del words
    return Answer("", Text("Nothing to fetch: recipes come with lianlu.", "无须克隆：配方随 lianlu 提供。"))


_COMMANDS: dict[str, Callable[[Given], Answer]] = {
    "list-cfg": _list_cfg,
    "copy-cfg": _copy_cfg,
    "train": _train,
    "dist_train": _train,
    "chat": _chat,
    "convert": converting,
    "log-dataset": _look_at_data,
    "check-custom-dataset": _look_at_data,
    "list-dataset-format": _formats,
    "preprocess": _preprocess,
    "mmbench": _measure,
    "eval_refcoco": _measure,
    "test": _measure,
}
_AROUND: dict[str, Callable[[Sequence[str]], Answer]] = {
    "pip": _install,
    "pip3": _install,
    "conda": _install,
    "git": _fetch_repository,
    "streamlit": _web_page,
    "ssh": _forward,
}


def _line(words: Sequence[str]) -> str:
    """Words as a command; `${name}` stays a variable of the shell."""
    return " ".join(_word(word) for word in words)


def _word(word: str) -> str:
    if _VARIABLE.fullmatch(word):
        return f'"{word}"'
    return word if word and _SAFE.fullmatch(word) else shlex.quote(word)


def commands_in(text: str) -> Iterator[list[str]]:
    """The commands of a pasted piece of shell, as words; comments and prompts are passed over."""
    for line in re.sub(r"\\\r?\n", " ", text).splitlines():
        words = shlex.shlex(line.strip().removeprefix("$ "), posix=True, punctuation_chars=";&|")
        words.whitespace_split = True
        try:
            found = list(words)
        except ValueError:  # a quote without its fellow
            found = line.split()
        command: list[str] = []
        for word in [*found, ";"]:
            if word and set(word) <= set(_SEPARATORS):
                if command:
                    yield command
                command = []
            else:
                command.append(word)
