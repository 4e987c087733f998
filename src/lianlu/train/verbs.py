"""`lianlu train`: run a recipe or a model with data, see what is learned, look the data through.

The folder of a run holds `weights/` (or `adapter/`, `tokenizer/`), `page.html`, and `checkpoints/` while it is not done.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from lianlu.core import registry
from lianlu.core.console import print_table, say
from lianlu.core.errors import UsageError
from lianlu.core.extras import require
from lianlu.core.files import Files, walk, write_bytes
from lianlu.core.hashing import canonical_json, code_fingerprint, sha256_file, short_id
from lianlu.core.i18n import Text, pick
from lianlu.core.job import Job
from lianlu.core.recipe import Recipe, Tree, check, parse_tree, read_tree, shipped
from lianlu.core.step import PathInput, Step
from lianlu.core.verb import Call, Outcome, RoomGroup, argument, option, verb
from lianlu.records import Source, StepStamp
from lianlu.train.config import TrainRecipe

__all__ = ["train"]

_STEPS = ("train.sft", "train.lora", "train.pretrain", "train.tokenizer")
_FILE_KEYS = ("kind", "version", "title", "name")
_CHECKPOINTS = "checkpoints"
_OPEN, _CLOSE = "⟦", "⟧"

model_option = option("--model", help=Text("folder of the model to start from", "起始模型的文件夹"))
data_option = option(
    "--data", multiple=True, help=Text("file or folder of samples; may be repeated", "样本文件或文件夹，可重复")
)


@verb("run", Text("Train by a recipe, or a model on data.", "按配方训练，或用数据训练模型。"))
@argument("recipe", nargs=-1, metavar="[RECIPE] [KEY=VALUE]...")
@model_option
@data_option
@option("--lora", is_flag=True, help=Text("train an adapter instead of all weights", "只训练适配器，不动原权重"))
@option("--epochs", type=int, help=Text("times every sample is seen", "每条样本训练的轮数"))
@option("--lr", "learning_rate", type=float, help=Text("highest learning rate", "最高学习率"))
def run(
    call: Call,
    recipe: tuple[str, ...],
    model: str | None,
    data: tuple[str, ...],
    lora: bool,
    epochs: int | None,
    learning_rate: float | None,
) -> Outcome:
    """Raises UsageError train.*, recipe.*, file.missing; DataError train.*, nn.*; Cancelled after a checkpoint."""
    flags = {"model": model, "data": list(data) or None, "epochs": epochs, "learning_rate": learning_rate}
    step, settings, name = _chosen(recipe, flags, lora=lora)
    folder = call.out_folder(f"train-{name}")
    (output, kind), *_ = step.outputs.items()
    if call.dry_run:
        plan = {"out": str(folder), "step": step.name, "recipe": settings.model_dump(mode="json")}
        return Outcome(plan, partial(_show_plan, plan))
    checkpoints = folder / _CHECKPOINTS
    if not call.resume:
        from lianlu.train.checkpoint import clear

        clear(checkpoints)
    job = call.job("train", outputs=folder, scratch=checkpoints)
    summary = dict(step.run(settings, {}, job))
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
@option("--samples", type=int, default=3, show_default=True, help=Text("how many samples", "显示多少条样本"))
def preview(call: Call, recipe: tuple[str, ...], model: str | None, data: tuple[str, ...], samples: int) -> Outcome:
    """Raises UsageError train.*, file.missing; DataError train.*, nn.*."""
    require("transformers", "torch")
    from lianlu.nn.weights import load_tokenizer
    from lianlu.train.fit import encoder_of, items_of, tokenizer_folder

    step, settings, _ = _chosen(recipe, {"model": model, "data": list(data) or None}, lora=False)
    if not isinstance(settings, TrainRecipe):
        raise UsageError("train.not-a-training", at=step.name, kind=step.name, known=", ".join(_STEPS[:3]))
    base = Path(settings.model).expanduser() if settings.model is not None else None
    with tokenizer_folder(settings, None, base) as folder:
        tokenizer = load_tokenizer(folder)
        items, _ = items_of(settings, {}, call.seed)
        found = encoder_of(settings, tokenizer).encode(items[: max(1, samples)], call.job("preview"))[: max(1, samples)]
    rows = [
        {
            "id": each.id,
            "tokens": len(each.ids),
            "supervised": each.supervised,
            "ids": each.ids.tolist(),
            "mask": [int(learned) for learned in each.mask],
            "text": _marked(tokenizer, each.ids.tolist(), each.mask.tolist()),
        }
        for each in found
    ]
    return Outcome({"samples": rows}, partial(_show_preview, rows))


@verb("check-data", Text("Look through training data for what makes models disappoint.", "检查训练数据中的常见问题。"))
@argument("data", nargs=-1, required=True)
@option("--eval-data", multiple=True, help=Text("data the loss will be measured on", "用于评测损失的数据"))
def check_data(call: Call, data: tuple[str, ...], eval_data: tuple[str, ...]) -> Outcome:
    """Raises UsageError file.missing, train.no-data; DataError train.bad-line."""
    del call
    from lianlu.train.doctor import examine
    from lianlu.train.reading import read_paths

    items = read_paths(data)
    findings = examine(items, read_paths(eval_data))
    conversations = sum(not isinstance(item.content, str) for item in items)
    shown = {
        "samples": len(items),
        "conversations": conversations,
        "findings": [
            {"code": each.code, "count": each.count, "text": each.text.en, "examples": list(each.examples)}
            for each in findings
        ],
    }

    def show() -> None:
        rows = [(each.code, each.text.show(), ", ".join(each.examples)) for each in findings]
        if rows:
            print_table((pick("finding", "问题"), pick("what", "说明"), pick("where", "位置")), rows)
        say(
            pick(
                f"{len(items)} samples, {conversations} of them conversations; {len(findings)} findings",
                f"共 {len(items)} 条样本，其中对话 {conversations} 条；发现 {len(findings)} 类问题",
            )
        )

    return Outcome(shown, show)


train = RoomGroup(
    "train",
    Text("Pretrain and fine-tune models.", "预训练与微调模型。"),
    (run, preview, check_data),
    default_verb="run",
)


def _chosen(given: tuple[str, ...], flags: Mapping[str, Any], *, lora: bool) -> tuple[Step, Recipe, str]:
    """The step, its recipe, and a name for the run: from a recipe file with flags on top, or from the flags alone."""
    files = [each for each in given if "=" not in each]
    overrides = [each for each in given if "=" in each]
    if len(files) > 1:
        raise UsageError("recipe.bad-override", override=files[1])
    if not files and not flags.get("data") and not overrides:
        raise UsageError("train.nothing-named")
    tree = read_tree(_path_of(files[0]), overrides) if files else parse_tree("{}", "--data", overrides)
    values = {**tree.values, **{key: value for key, value in flags.items() if value is not None}}
    kind = str(values.get("kind", "train.lora" if lora else "train.sft"))
    kind = "train.lora" if lora and kind == "train.sft" else kind
    if kind not in _STEPS:
        raise UsageError("train.not-a-training", at=tree.at(("kind",)), kind=kind, known=", ".join(_STEPS))
    step: Step = registry.find("step", kind)
    own = {key: value for key, value in values.items() if key not in _FILE_KEYS}
    settings = check(Tree(own, tree.places, tree.origin), step.recipe, kind)
    assert isinstance(settings, Recipe)
    named = files[0] if files else next(iter(settings.model_dump().get("data", [])), "model")
    return step, settings, str(values.get("name") or Path(named).resolve().stem)


def _path_of(name: str) -> Path:
    path = Path(name)
    return path if path.exists() else shipped().get(name.removesuffix(".yaml"), path)


def _marked(tokenizer: Any, ids: list[int], mask: list[bool]) -> str:
    """The text with what is learned between brackets."""
    pieces: list[str] = []
    start = 0
    for end in range(1, len(ids) + 1):
        if end == len(ids) or mask[end] != mask[start]:
            text = tokenizer.decode(ids[start:end])
            pieces.append(f"{_OPEN}{text}{_CLOSE}" if mask[start] else text)
            start = end
    return "".join(pieces)


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
    shown = section(files, SectionContext(nameless, summary, step="training"))
    path = folder / "page.html"
    write_bytes(path, render(Page(title=Text("Training", "训练"), sections=[shown])).encode())
    return path


def _show_plan(plan: Mapping[str, Any]) -> None:
    rows = [(key, json.dumps(value, ensure_ascii=False)) for key, value in plan["recipe"].items() if value is not None]
    print_table((pick("key", "键"), pick("value", "值")), rows, title=str(plan["step"]))
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
        "tokens": pick("tokens", "token 数"),
    }
    rows = [(label, _number(shown[key])) for key, label in labels.items() if shown.get(key) is not None]
    print_table(("", ""), rows)
    say(pick(f"written to {shown['out']}", f"已写入 {shown['out']}"))
    if "page" in shown:
        say(pick(f"curves: {shown['page']}", f"曲线：{shown['page']}"))


def _number(value: Any) -> str:
    return f"{value:.4f}" if isinstance(value, float) and abs(value) < 100 else f"{value:,}"


def _show_preview(rows: list[dict[str, Any]]) -> None:
    for row in rows:
        say(f"── {row['id']} · {row['tokens']} token, {row['supervised']} {pick('learned', '被学习')} ──")
        say(str(row["text"]))
    say(pick(f"what stands between {_OPEN} and {_CLOSE} is learned", f"{_OPEN} 与 {_CLOSE} 之间是被学习的内容"))
