"""Prompt files between formats: recognise, read, carry over, write, and name every loss.

The formats of other tools are members of the registry group `prompt-format`; the frameworks (`langgpt`, `costar`,
`crispe`) are our own file with its modules in that framework.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec

from lianlu.core import registry
from lianlu.core.errors import UsageError
from lianlu.core.i18n import Text, suggest
from lianlu.core.recipe import parse_tree
from lianlu.prompt.assertions import Assertion
from lianlu.prompt.cases import Case, Turn, cases_of
from lianlu.prompt.correspondence import carried, merged_words
from lianlu.prompt.file import PromptFile, read_file
from lianlu.prompt.foreign import Loss, PromptFormat, Traveller, Written
from lianlu.prompt.foreign.shared import code_losses, map_of, meta_paths, with_front
from lianlu.prompt.foreign.template import Engine, code_of
from lianlu.prompt.framework import framework
from lianlu.prompt.include import read_text
from lianlu.prompt.render import render, source
from lianlu.prompt.tree import to_yaml

__all__ = ["OWN", "check_format", "convert", "format_of", "formats", "read_prompt", "write_prompt"]

OWN = "lianlu"
"""What our own files are called where a format is asked for."""
_FRAMEWORK_LINE = re.compile(r"^framework[ \t]*:.*$", re.MULTILINE)


def formats() -> list[str]:
    """The names that can be converted to: frameworks first."""
    return [*registry.names("framework"), *registry.names("prompt-format")]


def convert(path: Path, target: str, *, given: str = "") -> Written:
    """Read a prompt file of any format and write it in another.

    Args:
        given: the format it is in; by default recognised.

    Raises:
        UsageError: prompt.unknown-format, prompt.bad-foreign, file.missing, and those of `read_file`
        LimitError: prompt.too-large
    """
    check_format(target)
    return write_prompt(read_prompt(path, given=given), target)


def check_format(target: str) -> None:
    """Raises UsageError prompt.unknown-format where nothing writes `target`."""
    if target not in formats():
        raise _unknown(target)


def read_prompt(path: Path, *, given: str = "") -> Traveller:
    """Read a prompt file of any format. Raises as `convert`."""
    text = read_text(path)
    name = given or format_of(path, text)
    if name in registry.names("prompt-format"):
        if not text.strip():
            raise UsageError("prompt.empty", path=str(path))
        return _foreign(name).read(text, path)
    if name != OWN and name not in registry.names("framework"):
        raise _unknown(name)
    return _of_ours(read_file(path, framework="" if name == OWN else name))


def format_of(path: Path, text: str) -> str:
    """The format of a file, by its name and what stands in it; our own where no other tool's is recognised."""
    found = (name for name in registry.names("prompt-format") if _foreign(name).recognises(path, text))
    return next(found, OWN)


def write_prompt(prompt: Traveller, target: str) -> Written:
    """Write a prompt in a format. Raises as `convert`."""
    if target in registry.names("prompt-format"):
        file = prompt.file
        lost: list[Loss] = []
        if not _is_sent_as_written(file):
            prompt = replace(prompt, file=_composed(file))
            labels = Text(
                "the model is sent joined sentences, without the labels", "模型收到的是连贯的句子，不含各部分标题"
            )
            lost.append(Loss(f"{file.prompt.framework}: labels", labels, file.first_line))
        elif file.prompt.syntax != "markdown":
            prompt = replace(prompt, file=_as_markdown(file))
        written = _foreign(target).write(prompt)
        return Written(written.files, _unique((*prompt.lost, *lost, *written.lost)))
    return _write_ours(prompt, target)


def _foreign(name: str) -> PromptFormat:
    return registry.find("prompt-format", name)


def _unknown(name: str) -> UsageError:
    return UsageError("prompt.unknown-format", name=name, suggestion=suggest(name, formats()))


def _of_ours(file: PromptFile) -> Traveller:
    lines = _lines(file)
    engine: Any = file.head.meta.get("engine", "")
    engine = engine if engine in ("jinja2", "nunjucks", "handlebars", "mustache") else ""
    cases = tuple(_case_map(case) for case in cases_of(file))
    code = tuple(_code_of(file, engine)) if engine else ()
    return Traveller(file, engine, cases=cases, lines=lines, code=code, is_own=True, folder=Path(file.origin).parent)


def _lines(file: PromptFile) -> dict[str, int]:
    if not file.head_text:
        return {}
    yaml = "\n".join(["", *file.head_text.splitlines()[1:-1]])
    places = parse_tree(yaml, file.origin, environment={}).places
    return {".".join(map(str, key)): int(place.rpartition(":")[2] or 0) for key, place in places.items() if key}


def _code_of(file: PromptFile, engine: Engine) -> list[Loss]:
    texts = [(source(file.prompt), file.first_line), *((each.text, each.line) for each in file.messages)]
    lost: list[Loss] = []
    for text, line in texts:
        plain = text.replace("\\{{", "{{")
        lost += code_losses(plain, code_of(plain, engine), line)
    return lost


def _case_map(case: Case) -> dict[str, Any]:
    """A case as it stands in a file of cases."""
    known: dict[str, Any] = {"id": case.id}
    if len(case.turns) == 1:
        known |= _turn_map(case.turns[0], "input")
    else:
        known["turns"] = [_turn_map(turn, "user") for turn in case.turns]
    if case.vars:
        known["vars"] = dict(case.vars)
    if case.split:
        known["split"] = case.split
    return known


def _turn_map(turn: Turn, said: str) -> dict[str, Any]:
    values: dict[str, Any] = {
        said: turn.said,
        "assert": [_assertion_map(each) for each in turn.asserts],
        "good": turn.good,
        "bad": list(turn.bad),
    }
    return {key: value for key, value in values.items() if value not in (None, "", [])}


def _assertion_map(each: Assertion) -> dict[str, Any]:
    more = {"metric": each.metric, "threshold": each.threshold, "weight": each.weight if each.weight != 1 else None}
    more = {key: value for key, value in more.items() if value not in (None, "")}
    if not more and each.value is not None:
        return {each.name: each.value}
    return {"type": each.name, **({} if each.value is None else {"value": each.value}), **more}


def _is_sent_as_written(file: PromptFile) -> bool:
    return framework(file.prompt.framework).sends_as_written or not file.prompt.modules


def _composed(file: PromptFile) -> PromptFile:
    """The file with the words that a model is sent; its framework is no longer told, its parts being joined."""
    made = framework(file.prompt.framework)
    prompt = made.parse(file.system_text)
    plain = framework("langgpt").parse(made.compose(prompt) + "\n")
    head = file.head.model_copy(update={"framework": ""})
    return replace(file, prompt=msgspec.structs.replace(plain, name=file.prompt.name), head=head)


def _as_markdown(file: PromptFile) -> PromptFile:
    made = framework(file.prompt.framework)
    plain = made.parse(render(file.prompt, format="md"))
    return replace(file, prompt=msgspec.structs.replace(plain, name=file.prompt.name))


def _write_ours(prompt: Traveller, target: str) -> Written:
    file = prompt.file
    lost: list[Loss] = [*prompt.lost, *prompt.code]
    if file.prompt.syntax != "markdown":
        file = _as_markdown(file)
    words, moved = _in_framework(file, target)
    lost += moved
    head = _head_values(file, target)
    lost += _connection(head, prompt)
    lost += _idle(head, prompt)
    files: dict[str, str] = {}
    stem = _file_name(file.name)
    if prompt.cases and file.head.cases:
        why = Text("the path is kept: it is relative to the prompt's file", "保留了原路径：它相对于提示词文件")
        lost.append(Loss(f"cases: {file.head.cases}", why, prompt.line("cases")))
    elif prompt.cases:
        head = _ordered(head, {"cases": f"{stem}.cases.yaml"})
        files[f"{stem}.cases.yaml"] = to_yaml({"cases": [dict(case) for case in prompt.cases]})
    lead = file.lead or ("system:\n" if file.messages and words.strip() else "")
    text = _front(prompt, head, target) + lead + words + "".join(each.source for each in file.messages)
    return Written({f"{stem}.md": text, **files}, _unique(lost))


def _in_framework(file: PromptFile, target: str) -> tuple[str, list[Loss]]:
    """The system's words in a framework, and which modules found no place of their own."""
    if file.prompt.framework == target or not source(file.prompt).strip():
        return source(file.prompt), []
    moved = carried(file.prompt, target)
    lost = [Loss(each.title, merged_words(each), file.first_line - 1 + each.line) for each in moved.merged]
    depth = Text("all parts stand at one level there", "在目标框架中所有部分同级")
    lost += [Loss(title, depth, file.first_line) for title in moved.flattened]
    return framework(target).write(moved.prompt) if moved.prompt.modules else source(file.prompt), lost


def _head_values(file: PromptFile, target: str) -> dict[str, Any]:
    head = file.head
    values: dict[str, Any] = {
        "name": head.name or file.name,
        "framework": target,
        "description": head.description,
        "variables": {
            name: {"type": each.type} | each.model_dump(exclude_defaults=True) for name, each in head.variables.items()
        },
        "cases": head.cases,
        "assert": list(head.asserts),
        "knowledge": head.knowledge,
        "vote": head.vote if head.vote != 1 else None,
        "meta": dict(head.meta),
    }
    return {key: value for key, value in values.items() if value not in (None, "", [], {})}


def _ordered(head: Mapping[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    order = ("name", "framework", "description", "variables", "cases", "assert", "knowledge", "vote", "meta")
    known = {**head, **more}
    return {key: known[key] for key in order if key in known}


def _front(prompt: Traveller, head: dict[str, Any], target: str) -> str:
    """The front matter: the writer's own where it says the same, with at most the line of the framework changed."""
    file = prompt.file
    written = file.head_text
    if not prompt.is_own or head != _head_values(file, target):
        return with_front(head, "")
    if file.prompt.framework == target and file.head.framework in ("", target):
        return written
    if not written:
        return with_front(head, "")
    line = f"framework: {target}"
    if _FRAMEWORK_LINE.search(written):
        return _FRAMEWORK_LINE.sub(line, written, count=1)
    first, newline, rest = written.partition("\n")
    return f"{first}{newline}{line}{newline}{rest}"


def _connection(head: dict[str, Any], prompt: Traveller) -> list[Loss]:
    """Addresses and keys are the affair of whoever runs a prompt; they never travel into another file."""
    meta = {key: dict(value) if isinstance(value, dict) else value for key, value in head.get("meta", {}).items()}
    lost: list[Loss] = []
    for tool, own in meta.items():
        model = map_of(map_of(own).get("model"))
        if "connection" in model:
            own["model"] = {key: value for key, value in model.items() if key != "connection"}
            why = Text("address and key stay with whoever runs it", "地址与密钥应由运行者自行配置")
            lost.append(Loss("model connection", why, prompt.line(f"meta.{tool}.model")))
            if not own["model"]:
                del own["model"]
    if lost:
        head["meta"] = {key: value for key, value in meta.items() if value}
        if not head["meta"]:
            del head["meta"]
    return lost


def _idle(head: Mapping[str, Any], prompt: Traveller) -> list[Loss]:
    """What stands under `meta`: kept for the way back, but nothing here acts on it."""
    why = Text("kept under `meta`; not used when the prompt is run here", "保留在 `meta` 中；在此运行时不使用")
    lost: list[Loss] = []
    for key, value in head.get("meta", {}).items():
        if key == "engine":
            continue
        lost += [Loss(path, why, prompt.line(f"meta.{path}")) for path in meta_paths(key, value)]
    return lost


def _file_name(name: str) -> str:
    return re.sub(r"[^\w.\- ]+", "-", name).strip("-. ")[:80] or "prompt"


def _unique(lost: Sequence[Loss]) -> tuple[Loss, ...]:
    return tuple(dict.fromkeys(lost))
