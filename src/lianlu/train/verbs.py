"""`lianlu train`: run a recipe or a model with data, see what is learned, look the data through.

The folder of a run holds `weights/` (or `adapter/`, `tokenizer/`), `page.html`, `speed.jsonl`, and `checkpoints/` while it is
not done.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import click

from lianlu.core.console import print_table, say
from lianlu.core.errors import UsageError
from lianlu.core.extras import require
from lianlu.core.files import Files, walk, write_bytes
from lianlu.core.hashing import canonical_json, code_fingerprint, sha256_file, short_id
from lianlu.core.i18n import Text, pick
from lianlu.core.job import Job
from lianlu.core.recipe import Recipe
from lianlu.core.step import PathInput, Step
from lianlu.core.verb import Call, Outcome, RoomGroup, argument, option, verb
from lianlu.records import Conversation, Source, StepStamp
from lianlu.train.choose import METHODS, OBJECTIVES, STEPS, Chosen, choose
from lianlu.train.config import TrainRecipe
from lianlu.train.from_xtuner import XTUNER_VERBS
from lianlu.train.group import is_first, one_speaker
from lianlu.train.preview import CLOSE, OPEN, coloured, marked

__all__ = ["train"]

_CHECKPOINTS = "checkpoints"
_SPEED = "speed.jsonl"
_SHARES = ("padding_waste", "shared", "mfu")

model_option = option("--model", help=Text("folder of the model to start from", "起始模型的文件夹"))
data_option = option(
    "--data", multiple=True, help=Text("file or folder of samples; may be repeated", "样本文件或文件夹，可重复")
)
objective_option = option(
    "--objective",
    type=click.Choice(OBJECTIVES),
    help=Text("what is learned; sft where no recipe says otherwise", "学习目标；配方未指定时为 sft"),
)


@verb("run", Text("Train by a recipe, or a model on data.", "按配方训练，或用数据训练模型。"))
@argument("recipe", nargs=-1, metavar="[RECIPE] [KEY=VALUE]...")
@model_option
@data_option
@objective_option
@option(
    "--method",
    type=click.Choice(METHODS),
    help=Text("which weights are moved; all of them where nothing is said", "更新哪些权重；不指定则为全部"),
)
@option("--epochs", type=int, help=Text("times every sample is seen", "每条样本训练的轮数"))
@option("--lr", "learning_rate", type=float, help=Text("highest learning rate", "最高学习率"))
def run(
    call: Call,
    recipe: tuple[str, ...],
    model: str | None,
    data: tuple[str, ...],
    objective: str | None,
    method: str | None,
    epochs: int | None,
    learning_rate: float | None,
) -> Outcome:
    """Raises UsageError train.*, recipe.*, file.missing; DataError train.*, nn.*; Cancelled after a checkpoint."""
    flags = {"model": model, "data": list(data) or None, "epochs": epochs, "learning_rate": learning_rate}
    chosen = choose(recipe, flags, objective=objective, method=method)
    step, settings = chosen.step, chosen.recipe
    folder = call.out_folder(f"train-{chosen.name}")
    if call.dry_run:
        return _planned(call, chosen, folder)
    (output, kind), *_ = step.outputs.items()
    checkpoints = folder / _CHECKPOINTS
    if not call.resume and is_first():
        from lianlu.train.checkpoint import clear

        clear(checkpoints)
    job = call.job("train", outputs=folder, scratch=checkpoints)
    with one_speaker():
        summary = dict(step.run(settings, {}, job))
    _tidy(folder)
    files = Files.of_folder(folder / output, kind=kind)
    artifact = _register(call, folder / output, step, settings, job)
    shown: dict[str, Any] = {"out": str(folder / output), "artifact": artifact, **summary}
    if kind != "tokenizer":
        shown["page"] = str(_write_page(folder, files, summary))
    return Outcome(shown, partial(_show_run, shown))


@verb(
    "preview",
    Text("Show samples as the model sees them; what is learned is marked.", "显示模型看到的样本，并标出被学习的部分。"),
)
@argument("recipe", nargs=-1, metavar="[RECIPE] [KEY=VALUE]...")
@model_option
@data_option
@objective_option
@option("--samples", type=int, default=3, show_default=True, help=Text("how many samples", "显示多少条样本"))
@option("--ids", is_flag=True, help=Text("show the id of each token too", "同时显示每个 token 的编号"))
def preview(
    call: Call,
    recipe: tuple[str, ...],
    model: str | None,
    data: tuple[str, ...],
    objective: str | None,
    samples: int,
    ids: bool,
) -> Outcome:
    """Raises UsageError train.*, file.missing; DataError train.*, nn.*."""
    require("transformers", "torch")
    from lianlu.nn.weights import load_tokenizer
    from lianlu.train.fit import encoder_of, items_of, tokenizer_folder
    from lianlu.train.learn import learned_by
    from lianlu.train.units import units_of

    chosen = choose(recipe, {"model": model, "data": list(data) or None}, objective=objective)
    settings = chosen.recipe
    if not isinstance(settings, TrainRecipe):
        raise UsageError("train.not-a-training", at=chosen.step.name, kind=chosen.step.name, known=", ".join(STEPS))
    base = Path(settings.model).expanduser() if settings.model is not None else None
    count = max(1, samples)
    with tokenizer_folder(settings, None, base) as folder:
        tokenizer = load_tokenizer(folder)
        items, _ = items_of(settings, {}, call.seed)
        encoder = encoder_of(settings, tokenizer)
        units = units_of(learned_by(settings).wanted, items[:count], encoder, call.job("preview"))
    pieces = [piece for unit in units[:count] for piece in unit.pieces]
    rows = [
        {
            "id": each.id,
            "tokens": len(each.ids),
            "supervised": each.supervised,
            "ids": each.ids.tolist(),
            "mask": [int(learned) for learned in each.mask],
            "text": marked(tokenizer, each.ids.tolist(), each.mask.tolist()),
        }
        for each in pieces
    ]
    shown = [coloured(tokenizer, each.ids.tolist(), each.mask.tolist(), with_ids=ids) for each in pieces]
    return Outcome({"samples": rows}, partial(_show_preview, rows, shown))


@verb("check-data", Text("Look through training data for what makes models disappoint.", "检查训练数据中的常见问题。"))
@argument("data", nargs=-1, required=True)
@option("--eval-data", multiple=True, help=Text("data the loss will be measured on", "用于评测损失的数据"))
@option("--model", help=Text("count tokens with this model's tokenizer", "用该模型的分词器统计长度"))
@option("--max-tokens", type=int, default=1024, show_default=True, help=Text("longest sample", "最长样本"))
def check_data(
    call: Call, data: tuple[str, ...], eval_data: tuple[str, ...], model: str | None, max_tokens: int
) -> Outcome:
    """Raises UsageError file.missing, train.no-data; DataError nn.*."""
    del call
    from lianlu.train.doctor import examine, examine_bad
    from lianlu.train.reading import read_leniently

    items, bad = read_leniently(data)
    eval_items, eval_bad = read_leniently(eval_data) if eval_data else ([], [])
    findings = [*examine_bad([*bad, *eval_bad]), *examine(items, eval_items)]
    if model is not None:
        findings += _too_long(items, model, max_tokens)
    conversations = sum(not isinstance(item.content, str) for item in items)
    shown = {
        "samples": len(items),
        "conversations": conversations,
        "unreadable": len(bad),
        "findings": [
            {
                "code": each.code,
                "count": each.count,
                "text": each.text.en,
                "remedy": each.remedy.en,
                "examples": list(each.examples),
            }
            for each in findings
        ],
    }

    def show() -> None:
        for each in findings:
            say(f"▲ {each.code} · {each.text.show()}")
            say(f"   {pick('where', '位置')}: {', '.join(each.examples)}")
            say(f"   {pick('what to do', '建议')}: {each.remedy.show()}")
        say(
            pick(
                f"{_counted(len(items), 'sample')}, {conversations} of them"
                f" {'a conversation or pair' if conversations == 1 else 'conversations or pairs'};"
                f" {_counted(len(findings), 'finding')}",
                f"共 {len(items)} 条样本，其中对话或偏好 {conversations} 条；发现 {len(findings)} 类问题",
            )
        )

    return Outcome(shown, show)


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _too_long(items: list[Any], model: str, max_tokens: int) -> list[Any]:
    require("transformers", "torch")
    from lianlu.core.files import named_path
    from lianlu.nn.weights import load_tokenizer
    from lianlu.train.doctor import over_long
    from lianlu.train.encode import Encoder

    encoder = Encoder(load_tokenizer(named_path(model)), max_tokens, "all")
    lengths = {
        item.id: len(encoder.conversation(item.id, item.content).ids)
        for item in items
        if isinstance(item.content, Conversation)
    }
    found = over_long(lengths, max_tokens)
    return [found] if found is not None else []


train = RoomGroup(
    "train",
    Text("Pretrain and fine-tune models.", "预训练与微调模型。"),
    (run, preview, check_data, *XTUNER_VERBS),
    default_verb="run",
)


def _planned(call: Call, chosen: Chosen, folder: Path) -> Outcome:
    """What would be done, and for a model to be trained what it takes."""
    plan: dict[str, Any] = {
        "out": str(folder),
        "step": chosen.step.name,
        "recipe": chosen.recipe.model_dump(mode="json"),
    }
    if isinstance(chosen.recipe, TrainRecipe):
        require("transformers", "torch")
        from lianlu.train.fit import foresee

        plan["memory"] = foresee(chosen.recipe, call.job("plan"))
    return Outcome(plan, partial(_show_plan, plan))


def _tidy(folder: Path) -> None:
    """The record of speed is kept beside the result; of checkpoints nothing is left."""
    checkpoints = folder / _CHECKPOINTS
    if (checkpoints / _SPEED).is_file():
        (checkpoints / _SPEED).replace(folder / _SPEED)
    if checkpoints.is_dir():
        checkpoints.rmdir()


def _register(call: Call, folder: Path, step: Step, settings: Recipe, job: Job) -> str | None:
    from lianlu.store import register_folder

    paths = [each.path for each in step.outside(settings) if isinstance(each, PathInput)]
    sources: list[Source] = []
    for root in paths:
        for path in walk(root):
            uri = root.name if path == root else f"{root.name}/{path.relative_to(root).as_posix()}"
            sources.append(Source(uri=uri, sha256=sha256_file(path), size=path.stat().st_size))
    places = {str(path) for path in paths}
    recipe = {key: _nameless(value, places) for key, value in settings.model_dump(mode="json").items()}
    hashes = canonical_json([(source.uri, source.sha256) for source in sources])
    code = code_fingerprint("lianlu.train.steps")
    key = short_id(step.name, str(step.version), code, canonical_json(recipe), hashes, str(call.seed))
    (output, kind), *_ = step.outputs.items()
    stamp = StepStamp(name=step.name, version=step.version, key=key, output=output, recipe=recipe)
    artifact = register_folder(folder, kind=kind, step=stamp, sources=sources, store_root=call.store, job=job)
    return artifact.id if artifact is not None else None


def _nameless(value: Any, places: set[str]) -> Any:
    if isinstance(value, list):
        return [_nameless(each, places) for each in value]
    return Path(value).name if isinstance(value, str) and value in places else value


def _write_page(folder: Path, files: Files, summary: Mapping[str, Any]) -> Path:
    from lianlu.page import Page, SectionContext, render
    from lianlu.records import Artifact
    from lianlu.train.page import section

    nameless = Artifact(id="", kind="weights", format_version=1, files=())
    speed = {_SPEED: folder / _SPEED} if (folder / _SPEED).is_file() else {}
    shown = section(Files({**files, **speed}, kind=files.kind), SectionContext(nameless, summary, step="training"))
    path = folder / "page.html"
    write_bytes(path, render(Page(title=Text("Training", "训练"), sections=[shown])).encode())
    return path


def _show_plan(plan: Mapping[str, Any]) -> None:
    rows = [(key, json.dumps(value, ensure_ascii=False)) for key, value in plan["recipe"].items() if value is not None]
    print_table((pick("key", "键"), pick("value", "值")), rows, title=str(plan["step"]))
    if plan.get("memory"):
        from lianlu.train.plan import show_memory

        show_memory(plan["memory"])
    say(pick(f"the result would be in {plan['out']}", f"结果将写入 {plan['out']}"))


def _show_run(shown: Mapping[str, Any]) -> None:
    labels = {
        "samples": pick("samples", "样本"),
        "eval_samples": pick("unseen samples", "未见样本"),
        "parameters": pick("parameters", "参数"),
        "trained_parameters": pick("of these trained", "其中训练"),
        "steps": pick("steps", "步数"),
        "first_loss": pick("first loss", "最初损失"),
        "loss": pick("last loss", "最后损失"),
        "eval_loss": pick("loss on unseen samples", "未见样本损失"),
        "tokens_per_second": pick("tokens per second", "每秒 token"),
        "supervised_per_second": pick("of these learned", "其中被学习"),
        "padding_waste": pick("share of padding", "补齐占比"),
        "shared": pick("share saved by common beginnings", "共享前缀节省的占比"),
        "mfu": pick("share of the peak arithmetic (MFU)", "算力利用率（MFU）"),
        "peak_memory": pick("most memory", "内存峰值"),
        "tokens": pick("tokens of all samples", "全部样本的 token 数"),
    }
    rows = [(label, _measure(key, shown[key])) for key, label in labels.items() if shown.get(key) is not None]
    print_table((pick("training", "训练"), ""), rows)
    say(pick(f"written to {shown['out']}", f"已写入 {shown['out']}"))
    if "page" in shown:
        say(pick(f"curves: {shown['page']}", f"曲线：{shown['page']}"))


def _measure(name: str, value: Any) -> str:
    if name in _SHARES:
        return f"{value:.1%}"
    return f"{value / 2**20:,.0f} MiB" if name == "peak_memory" else _number(value)


def _number(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4f}" if abs(value) < 100 else f"{value:,.1f}"
    return f"{value:,}"


def _show_preview(rows: list[dict[str, Any]], shown: list[str]) -> None:
    for row, text in zip(rows, shown, strict=True):
        say(f"── {row['id']} · {row['tokens']} token, {row['supervised']} {pick('learned', '被学习')} ──")
        say(text)
    say(pick(f"what stands between {OPEN} and {CLOSE} is learned", f"{OPEN} 与 {CLOSE} 之间是被学习的内容"))
