"""`lianlu model`: fetch a model, tell what a folder holds, merge an adapter or take it out, write it in another layout."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import click
import msgspec

from lianlu.core.console import print_table, say
from lianlu.core.errors import UsageError
from lianlu.core.files import Files, named_path
from lianlu.core.i18n import Text, pick
from lianlu.core.sizes import parse_size
from lianlu.core.verb import Call, Outcome, RoomGroup, argument, option, verb
from lianlu.model.convert import convert
from lianlu.model.fetch import Fetched, fetch, listing
from lianlu.model.info import ModelInfo, inspect_model
from lianlu.model.merge import merge
from lianlu.model.step import MERGE
from lianlu.model.unmerge import unmerge
from lianlu.nn.layout import Layout
from lianlu.records import Source, StepStamp

__all__ = ["model"]


@verb("fetch", Text("fetch a model from Hugging Face or ModelScope", "从 Hugging Face 或 ModelScope 下载模型"))
@argument("model_id", metavar="ID")
@option("--to", type=click.Path(path_type=Path), help=Text("folder for the model", "模型文件夹"))
@option("--revision", default="", help=Text("branch, tag or commit", "分支、标签或提交"))
@option("--include", multiple=True, help=Text("fetch only files matching this pattern", "只下载匹配该模式的文件"))
@option(
    "--all",
    "everything",
    is_flag=True,
    help=Text("also pickle weights, other frameworks and code", "也下载 pickle 权重、其他框架的权重和代码"),
)
def _fetch(
    call: Call, model_id: str, to: Path | None, revision: str, include: tuple[str, ...], everything: bool
) -> Outcome:
    folder = to or call.out_folder(f"model-{model_id.rpartition(':')[2].rpartition('/')[2]}")
    if call.dry_run:
        found, skipped = listing(model_id, revision=revision, everything=everything, include=include)
        files = [{"name": each.name, "size": each.size} for each in found.files]
        planned = {"out": str(folder), "commit": found.commit, "files": files, "skipped": skipped}
        return Outcome(planned, partial(_show_planned, folder, files, skipped))
    job = call.job("model")
    fetched = fetch(model_id, folder, job, revision=revision, everything=everything, include=include)
    return Outcome({"out": str(folder), **msgspec.to_builtins(fetched)}, partial(_show_fetched, folder, fetched))


@verb("info", Text("what a model or adapter folder holds", "查看模型或适配器文件夹的内容"))
@argument("place", metavar="FOLDER|@REF")
@option("--no-hashes", is_flag=True, help=Text("do not read the weights for their sha256", "不读取权重以计算 sha256"))
def _info(call: Call, place: str, no_hashes: bool) -> Outcome:
    found = inspect_model(_files(call, place, "weights")[0], call.job("model"), hashes=not no_hashes)
    return Outcome(msgspec.to_builtins(found), partial(_show_info, found))


@verb("merge", Text("merge a LoRA or DoRA adapter into its base", "把 LoRA 或 DoRA 适配器合并进基座"))
@argument("base")
@argument("adapter")
@option("--max-shard-size", default="5GB", show_default=True, help=Text("largest weight file", "单个权重文件的上限"))
def _merge(call: Call, base: str, adapter: str, max_shard_size: str) -> Outcome:
    settings = {"max_shard_size": max_shard_size}
    stamp = _Stamp(MERGE.name, MERGE.version, "lianlu.model.step", settings)
    return _with_adapter(call, {"base": base, "adapter": adapter}, stamp, merge, _show_merged)


@verb("unmerge", Text("take a merged LoRA adapter out again", "从已合并的模型中移除 LoRA 适配器"))
@argument("merged")
@argument("adapter")
@option("--max-shard-size", default="5GB", show_default=True, help=Text("largest weight file", "单个权重文件的上限"))
def _unmerge(call: Call, merged: str, adapter: str, max_shard_size: str) -> Outcome:
    settings = {"max_shard_size": max_shard_size}
    stamp = _Stamp("model.unmerge", 1, "lianlu.model.unmerge", settings)
    return _with_adapter(call, {"merged": merged, "adapter": adapter}, stamp, unmerge, _show_unmerged)


@verb("convert", Text("write a model in Llama's or InternLM2's layout", "按 Llama 或 InternLM2 的布局保存模型"))
@argument("place", metavar="FOLDER|@REF")
@option(
    "--layout",
    type=click.Choice(["llama", "internlm2"]),
    default="llama",
    show_default=True,
    help=Text("names and packing of the weights", "权重的命名与打包方式"),
)
@option("--max-shard-size", default="5GB", show_default=True, help=Text("largest weight file", "单个权重文件的上限"))
def _convert(call: Call, place: str, layout: Layout, max_shard_size: str) -> Outcome:
    most = parse_size(max_shard_size)
    files, artifact_id = _files(call, place, "weights")
    folder = call.out_folder(f"{layout}-{Path(place.lstrip('@')).name or 'model'}")
    _check_apart(folder, (place,))
    if call.dry_run:
        return Outcome({"out": str(folder), "layout": layout, "files": sorted(files)})
    summary = convert(files, folder, layout, call.job("model"), max_shard_size=most)
    settings = {"layout": layout, "max_shard_size": max_shard_size}
    stamp = _Stamp("model.convert", 1, "lianlu.model.convert", settings)
    registered = _register(call, folder, {"weights": files}, [artifact_id] if artifact_id else [], stamp)
    return Outcome({"out": str(folder), "artifact": registered, **summary}, partial(_show_converted, folder, summary))


model = RoomGroup(
    "model",
    Text("Fetch, inspect, merge and convert weights.", "下载、查看、合并与转换权重。"),
    [_fetch, _info, _merge, _unmerge, _convert],
)


@dataclass(frozen=True)
class _Stamp:
    """What an artifact is told to have been made by."""

    name: str
    version: int
    module: str
    settings: Mapping[str, str]


def _with_adapter(
    call: Call,
    places: Mapping[str, str],
    stamp: _Stamp,
    work: Callable[..., dict[str, Any]],
    show: Callable[[Path, Mapping[str, Any]], None],
) -> Outcome:
    """Do what needs the weights and the adapter of `places`, in this order; register what comes out."""
    most = parse_size(stamp.settings["max_shard_size"])
    weights, adapter = places
    found = {weights: _files(call, places[weights], "weights"), adapter: _files(call, places[adapter], "adapter")}
    inputs = {role: files for role, (files, _) in found.items()}
    name = Path(places[weights].lstrip("@")).name or "model"
    folder = call.out_folder(f"{stamp.name.removeprefix('model.')}d-{name}")
    _check_apart(folder, tuple(places.values()))
    if call.dry_run:
        return Outcome({"out": str(folder), **{role: sorted(files) for role, files in inputs.items()}})
    _use_threads(call.settings.threads)
    summary = work(inputs[weights], inputs[adapter], folder, call.job("model"), max_shard_size=most)
    artifact_id = _register(call, folder, inputs, [each for _, each in found.values() if each], stamp)
    return Outcome({"out": str(folder), "artifact": artifact_id, **summary}, partial(show, folder, summary))


def _files(call: Call, place: str, kind: str) -> tuple[Files, str]:
    """The files of a folder or of an artifact (`@name` or `@id`), and the artifact's id.

    Raises:
        UsageError: file.missing, store.*
    """
    if place.startswith("@"):
        from lianlu.store import open_store

        store = open_store(call.store, create=False)
        artifact = store.get(place[1:])
        return store.files(artifact), artifact.id
    path = named_path(place.removeprefix("local:"))
    if not path.is_dir():
        raise UsageError("file.missing", path=str(path))
    return Files.of_folder(path, kind=kind), ""


def _check_apart(folder: Path, places: tuple[str, ...]) -> None:
    """Writing into what is being read would destroy it. Raises UsageError file.refused."""
    for place in places:
        path = named_path(place.removeprefix("local:"))
        if not place.startswith("@") and path.resolve() == folder.resolve():
            why = Text("it is what is being read", "它正是要读取的内容")
            raise UsageError("file.refused", path=str(folder), why=why)


def _use_threads(threads: int) -> None:
    from lianlu.core.extras import require

    require("torch", "torch").set_num_threads(threads)


def _register(call: Call, folder: Path, inputs: Mapping[str, Files], parents: list[str], made_by: _Stamp) -> str | None:
    from lianlu.core.hashing import canonical_json, code_fingerprint, sha256_file, short_id
    from lianlu.store import register_folder

    sources = [
        Source(uri=f"{role}/{name}", sha256=sha256_file(path), size=path.stat().st_size)
        for role, files in inputs.items()
        for name, path in files.items()
    ]
    settings = dict(made_by.settings)
    hashes = canonical_json([(source.uri, source.sha256) for source in sources])
    code = code_fingerprint(made_by.module)
    key = short_id(made_by.name, str(made_by.version), code, canonical_json(settings), hashes)
    stamp = StepStamp(name=made_by.name, version=made_by.version, key=key, output="weights", recipe=settings)
    artifact = register_folder(
        folder,
        kind="weights",
        parents=parents,
        step=stamp,
        sources=sources,
        store_root=call.store,
        job=call.job("model"),
    )
    return artifact.id if artifact is not None else None


def _show_planned(folder: Path, files: list[dict[str, Any]], skipped: list[str]) -> None:
    print_table((pick("file", "文件"), pick("bytes", "字节")), [(each["name"], f"{each['size']:,}") for each in files])
    total = sum(each["size"] for each in files)
    say(pick(f"{total:,} bytes would be fetched into {folder}", f"将下载 {total:,} 字节到 {folder}"))
    _show_skipped(skipped)


def _show_fetched(folder: Path, fetched: Fetched) -> None:
    say(
        pick(
            f"{fetched.model} at {fetched.commit[:12]}: {len(fetched.files)} files in {folder} "
            f"({fetched.fetched_bytes:,} bytes fetched, {fetched.kept_bytes:,} were there)",
            f"{fetched.model}（{fetched.commit[:12]}）：{folder} 中有 {len(fetched.files)} 个文件"
            f"（本次下载 {fetched.fetched_bytes:,} 字节，已有 {fetched.kept_bytes:,} 字节）",
        )
    )
    _show_skipped(fetched.skipped)


def _show_skipped(skipped: list[str]) -> None:
    if skipped:
        listed = ", ".join(skipped[:8]) + (" …" if len(skipped) > 8 else "")
        say(pick(f"left out: {listed} (--all takes them too)", f"未下载：{listed}（--all 可一并下载）"))


def _show_info(found: ModelInfo) -> None:
    rows = [
        (pick("kind", "类型"), found.kind),
        (pick("architecture", "结构"), found.architecture or "–"),
        (pick("parameters", "参数量"), f"{found.parameters:,}"),
        (pick("number formats", "数值格式"), ", ".join(f"{name} {count:,}" for name, count in found.dtypes.items())),
        (pick("layers × width", "层数 × 宽度"), f"{found.layers or '–'} × {found.hidden or '–'}"),
        (
            pick("heads (key/value)", "注意力头（键值）"),
            f"{found.heads or '–'} ({found.kv_heads or found.heads or '–'})",
        ),
        (pick("context", "上下文长度"), found.context or "–"),
        (pick("vocabulary / tokenizer", "词表 / 分词器"), f"{found.vocabulary or '–'} / {found.tokenizer or '–'}"),
        (pick("chat template", "对话模板"), pick("yes", "有") if found.has_template else pick("no", "无")),
        (pick("licence", "许可证"), found.licence or "–"),
        (pick("size", "大小"), f"{found.size:,}"),
    ]
    if found.kind == "adapter":
        rows += [(pick("base", "基座"), found.base or "–"), ("r / alpha", f"{found.rank} / {found.alpha}")]
    if found.quantization:
        rows.append((pick("quantized", "量化"), found.quantization))
    if found.weights_id:
        rows.append((pick("weights id", "权重 id"), found.weights_id))
    print_table((pick("what", "项目"), pick("value", "值")), rows)
    columns = (pick("file", "文件"), pick("bytes", "字节"), "sha256")
    print_table(columns, [(each.name, f"{each.size:,}", each.sha256) for each in found.files])
    if found.pickles:
        listed = ", ".join(found.pickles)
        say(pick(f"never loaded, because they can run code: {listed}", f"不会加载（可能执行代码）：{listed}"))


def _show_merged(folder: Path, summary: Mapping[str, Any]) -> None:
    say(
        pick(
            f"{summary['merged']} of {summary['tensors']} tensors merged, {summary['parameters']:,} parameters in {folder}",
            f"已合并 {summary['tensors']} 个张量中的 {summary['merged']} 个，{folder} 中共 {summary['parameters']:,} 个参数",
        )
    )


def _show_unmerged(folder: Path, summary: Mapping[str, Any]) -> None:
    count, total, types = summary["unmerged"], summary["tensors"], ", ".join(summary["types"])
    say(
        pick(
            f"taken out of {count} of {total} tensors ({types}), at most {summary['most_lost']:.2g} away from the base; "
            f"the model is in {folder}",
            f"已从 {total} 个张量中的 {count} 个移除（{types}），与原基座最多相差 {summary['most_lost']:.2g}；模型位于 {folder}",
        )
    )


def _show_converted(folder: Path, summary: Mapping[str, Any]) -> None:
    say(
        pick(
            f"{summary['tensors']} tensors, {summary['parameters']:,} parameters in {folder}, layout {summary['layout']}",
            f"{folder}：{summary['tensors']} 个张量，{summary['parameters']:,} 个参数，布局为 {summary['layout']}",
        )
    )
