"""`lianlu synth`: make data by rules, list the generators, look over data before training on it."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import click
import msgspec

from lianlu.core import registry
from lianlu.core.console import print_table, say
from lianlu.core.errors import UsageError
from lianlu.core.files import Files
from lianlu.core.i18n import Text, pick
from lianlu.core.recipe import Tree, check, read_tree, shipped
from lianlu.core.verb import Call, Outcome, RoomGroup, argument, option, verb
from lianlu.synth.file import CONVERSATIONS, SAMPLES, find_file, read_lines
from lianlu.synth.generator import generator
from lianlu.synth.inspect import Inspection, inspect
from lianlu.synth.step import RULES, SynthRulesRecipe, synth_into

__all__ = ["synth"]

_FILE_KEYS = ("kind", "version", "title", "name")


@verb("run", Text("make conversations and samples as a recipe says", "按配方生成对话与样本"))
@argument("recipe")
@argument("changes", nargs=-1, metavar="[KEY=VALUE]...")
@option(
    "--documents",
    type=click.Path(path_type=Path),
    help=Text("folder that `lianlu extract` wrote, for cloze", "`lianlu extract` 写出的文件夹，供填空题使用"),
)
def _run(call: Call, recipe: str, changes: tuple[str, ...], documents: Path | None) -> Outcome:
    path = shipped().get(recipe) or Path(recipe)
    rules = _read(path, changes)
    folder = call.out_folder(f"synth-{path.stem}")
    if call.dry_run:
        planned = {name: config.model_dump(mode="json") for name, config in rules.configs().items()}
        return Outcome({"out": str(folder), "generators": planned})
    if documents is not None and not documents.is_dir():
        raise UsageError("file.missing", path=str(documents))
    files = Files.of_folder(documents, kind="documents") if documents is not None else None
    job = call.job("synth")
    places = {output: folder / output for output in RULES.outputs}
    summary = synth_into(places["conversations"], places["samples"], rules, files, job)
    artifacts = {output: _register(call, place, output, rules, files, job) for output, place in places.items()}
    return Outcome({"out": str(folder), "artifacts": artifacts, **summary}, partial(_show_made, folder, summary))


@verb("list", Text("the generators and their settings", "列出生成器及其设置"))
def _list(call: Call) -> Outcome:
    del call
    rows = [_about(name) for name in registry.names("generator")]
    return Outcome({"generators": rows}, partial(_show_list, rows))


@verb("check", Text("find duplicates, leaks, constant system prompts", "查找重复、泄漏与单一系统提示词"))
@argument("file")
@option(
    "--samples",
    type=click.Path(path_type=Path),
    help=Text("evaluation samples that must not stand in training", "不得出现在训练数据中的评测样本"),
)
def _check(call: Call, file: str, samples: Path | None) -> Outcome:
    """Exit 1 when samples leak, answers are empty or placeholders are open."""
    from lianlu.records import Conversation, Sample

    del call
    path = Path(file)
    conversations = read_lines(find_file(path, CONVERSATIONS), Conversation)
    beside = path / "samples" / SAMPLES
    place = find_file(samples, SAMPLES) if samples is not None else beside if beside.is_file() else None
    found = inspect(conversations, read_lines(place, Sample) if place is not None else ())
    return Outcome(msgspec.to_builtins(found), partial(_show_found, found), verdict=found.is_sound)


synth = RoomGroup(
    "synth",
    Text("Make training and evaluation data by rules.", "按规则生成训练与评测数据。"),
    [_run, _list, _check],
    default_verb="run",
)


def _read(path: Path, changes: tuple[str, ...]) -> SynthRulesRecipe:
    """Raises UsageError synth.wrong-kind and any recipe.*"""
    tree = read_tree(path, changes)
    kind = tree.values.get("kind", RULES.name)
    if kind != RULES.name:
        raise UsageError("synth.wrong-kind", path=str(path), kind=str(kind))
    own = {key: value for key, value in tree.values.items() if key not in _FILE_KEYS}
    return check(Tree(own, tree.places, tree.origin), SynthRulesRecipe, RULES.name)


def _register(
    call: Call, folder: Path, output: str, rules: SynthRulesRecipe, documents: Files | None, job: Any
) -> str | None:
    from lianlu.core.hashing import canonical_json, code_fingerprint, sha256_file, short_id
    from lianlu.records import Source, StepStamp
    from lianlu.store import register_folder

    settings = rules.model_dump(mode="json")
    paths = sorted((documents or {}).items())
    sources = [Source(uri=name, sha256=sha256_file(path), size=path.stat().st_size) for name, path in paths]
    hashes = canonical_json([(source.uri, source.sha256) for source in sources])
    code = code_fingerprint("lianlu.synth.step")
    key = short_id(RULES.name, str(RULES.version), code, canonical_json(settings), hashes, str(call.seed))
    stamp = StepStamp(name=RULES.name, version=RULES.version, key=key, output=output, recipe=settings)
    artifact = register_folder(
        folder, kind=RULES.outputs[output], step=stamp, sources=sources, store_root=call.store, job=job
    )
    return artifact.id if artifact is not None else None


def _about(name: str) -> dict[str, Any]:
    made_by = generator(name)
    fields = made_by.config.model_fields
    return {
        "name": name,
        "about": made_by.about.show(),
        "checker": made_by.checker,
        "needs_documents": made_by.needs_documents,
        "settings": {key: field.description for key, field in fields.items()},
        "defaults": made_by.config().model_dump(mode="json"),
    }


def _show_list(rows: list[dict[str, Any]]) -> None:
    columns = (pick("generator", "生成器"), pick("what it makes", "生成内容"), pick("settings", "设置"))
    table = [
        (row["name"], row["about"], "\n".join(f"{key}: {value}" for key, value in row["defaults"].items()))
        for row in rows
    ]
    print_table(columns, table)


def _show_made(folder: Path, summary: dict[str, Any]) -> None:
    columns = (
        pick("generator", "生成器"),
        pick("training", "训练"),
        pick("evaluation", "评测"),
    )
    rows = [
        (name, *(_by_language(splits.get(split, {})) for split in ("train", "eval")))
        for name, splits in summary["counts"].items()
    ]
    print_table(columns, rows)
    say(
        pick(
            f"{summary['conversations']} conversations and {summary['samples']} samples in {folder}",
            f"{folder} 中有 {summary['conversations']} 条对话、{summary['samples']} 个样本",
        )
    )


def _by_language(counts: dict[str, int]) -> str:
    return ", ".join(f"{language} {count}" for language, count in counts.items()) or "–"


def _show_found(found: Inspection) -> None:
    rows = [
        (pick("conversations", "对话"), found.conversations),
        (pick("repeated questions", "重复的问题"), found.duplicates),
        (pick("with a system prompt", "带系统提示词"), f"{found.with_system:.1%}"),
        (pick("with the most frequent one", "其中最常见者占比"), f"{found.same_system:.1%}"),
        (pick("empty questions or answers", "问题或回答为空"), found.empty),
        (pick("open placeholders", "未填写的占位符"), found.placeholders),
        (pick("samples", "评测样本"), found.samples),
        (pick("samples that stand in training", "泄漏到训练中的样本"), found.leaked),
    ]
    print_table((pick("what", "项目"), pick("found", "结果")), rows)
    for question, count in found.most_repeated:
        say(f"  {count} × {question}")
    for leak in found.leaks:
        say(pick(f"  leak: {leak}", f"  泄漏：{leak}"))
    if found.is_constant_system:
        say(
            pick(
                "nearly all have one system prompt: what is learnt will hold under it only",
                "几乎都用同一个系统提示词：学到的内容只在该提示词下有效",
            )
        )
