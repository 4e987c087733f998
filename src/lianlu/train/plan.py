"""From a recipe and its samples to a memory plan, and the table that is shown before a training starts."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from lianlu.core.console import say
from lianlu.core.i18n import Language, Text, language, pick
from lianlu.core.job import Job
from lianlu.nn.prefixes import LEAST_SHARED, grow_tree
from lianlu.train.config import LoraRecipe, RewardRecipe, TrainRecipe
from lianlu.train.learn import learned_by
from lianlu.train.memory import MemoryPlan, MemoryTable, Method, available_memory, estimate, remedies
from lianlu.train.samples import Unit
from lianlu.train.speed import peak_memory

__all__ = ["config_of", "memory_lines", "plan_of", "show_memory", "warn_of_memory"]

_GIB = 1 << 30
_SHOWN_REMEDIES = 4
_PARTS = {
    "weights": Text("weights", "权重"),
    "gradients": Text("gradients", "梯度"),
    "optimizer": Text("optimizer", "优化器"),
    "activations": Text("activations", "激活值"),
    "logits": Text("logits", "logits"),
    "other": Text("other", "其他"),
}

_FOOT: dict[Language, dict[str, str]] = {
    "en": {
        "head": "memory at the worst moment, by part",
        "together": "together",
        "free": "free now",
        "loaded": "taken already, by libraries and data",
        "counts": "{:,} parameters, {:,} of them trained; at most {:,} tokens a step",
    },
    "zh": {
        "head": "内存峰值估算，按部分列出",
        "together": "合计",
        "free": "当前可用",
        "loaded": "已被程序库和数据占用",
        "counts": "参数 {:,}，其中训练 {:,}；每步最多 {:,} token",
    },
}


def config_of(folder: Path) -> Any:
    """The transformers configuration of a model folder, in whichever layout it is."""
    from lianlu.nn.internlm2 import is_internlm2, llama_config

    config = json.loads((folder / "config.json").read_bytes())
    if is_internlm2(config):
        from transformers import LlamaConfig

        return LlamaConfig(**llama_config(config))
    from transformers import AutoConfig

    return AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)


def plan_of(recipe: TrainRecipe, config: Any, units: Sequence[Unit], device: str, *, shards: int = 1) -> MemoryPlan:
    """The plan of a run that learns these samples."""
    sizes = [_computed(unit) if recipe.share_prefixes else unit.tokens for unit in units]
    most = sum(sorted(sizes)[-recipe.batch_size :])
    method: Method = "full" if recipe.train_layers is None else "freeze"
    adapter: dict[str, Any] = {}
    if isinstance(recipe, LoraRecipe):
        method = "qlora" if recipe.quantize is not None else "lora"
        adapter = {
            "rank": recipe.rank,
            "targets": tuple(recipe.targets),
            "dropout": recipe.dropout,
            "variant": recipe.variant,
            "quantizes_on_device": not device.startswith("cuda"),
        }
    return MemoryPlan(
        config=config,
        method=method,
        precision=recipe.precision,
        recompute=recipe.recompute,
        row_tokens=recipe.row_tokens,
        max_tokens=max(max(len(piece.ids) for piece in unit.pieces) for unit in units),
        supervised=min(1.0, max(0.01, sum(unit.supervised for unit in units) / sum(sizes))),
        tokens_per_step=most,
        train_layers=recipe.train_layers or 1,
        shards=shards,
        preference=learned_by(recipe).wanted != "samples" and not isinstance(recipe, RewardRecipe),
        reward=isinstance(recipe, RewardRecipe),
        device="cuda" if device.startswith("cuda") else "cpu",
        **adapter,
    )


def _computed(unit: Unit) -> int:
    """Tokens of a sample, a beginning that its answers share counted once; what samples share depends on the step."""
    pieces = [piece.ids for piece in unit.pieces]
    return unit.tokens if len(pieces) == 1 else grow_tree(pieces, LEAST_SHARED).tokens


def memory_lines(table: MemoryTable) -> dict[str, Any]:
    """For training.json and its page: parts in both languages, and what is trained by them."""
    parts = [
        {"en": _PARTS[row.part].en, "zh": _PARTS[row.part].zh, "bytes": row.bytes, "note": row.note.en}
        for row in table.rows
    ]
    return {
        "parts": parts,
        "total": table.total,
        "parameters": table.parameters,
        "trained_parameters": table.trained_parameters,
        "tokens_of_row": table.tokens_of_row,
        "tokens_per_step": table.tokens_per_step,
    }


def warn_of_memory(plan: MemoryPlan, job: Job, device: str, *, starts: bool = True) -> dict[str, Any]:
    """Tell what the plan takes and, where that is more than there is, the flags that make it fit.

    Args:
        starts: the training begins now; else somebody asked for the table and gets it as an answer.
    """
    table = estimate(plan)
    free = available_memory(device)
    loaded = peak_memory(torch.device(device)) if device == "cpu" else 0
    found = memory_lines(table) | {"available": free, "loaded": loaded}
    if starts:
        job.note(Text(_told(found, "en"), _told(found, "zh")), "notice")
    if table.total <= free:
        return found
    offers = remedies(plan, free)[:_SHOWN_REMEDIES]
    found["remedies"] = [{"flags": list(each.flags), "total": each.total, "fits": each.fits} for each in offers]
    listed = "; ".join(f"{' '.join(each.flags)} ({each.total / _GIB:.1f} GiB)" for each in offers)
    job.note(
        Text(f"that does not fit; try {listed}", f"内存不足；可尝试 {listed}"), "warning", "train.too-little-memory"
    )
    return found


def _told(found: Mapping[str, Any], lang: Language) -> str:
    """The table as lines of text, numbers first: words of two alphabets do not make straight columns."""
    size, unit = (_GIB, "GiB") if found["total"] >= _GIB else (_GIB >> 10, "MiB")

    def line(bytes: int, what: str) -> str:
        return f"{bytes / size:12,.2f} {unit}  {what}"

    words = _FOOT[lang]
    rows = [line(each["bytes"], each[lang]) for each in found["parts"]]
    rows += [line(found["total"], words["together"]), line(found["available"], words["free"])]
    if found["loaded"]:
        rows.append(line(found["loaded"], words["loaded"]))
    counts = words["counts"].format(found["parameters"], found["trained_parameters"], found["tokens_per_step"])
    return "\n".join([words["head"], *rows, f"    {counts}"])


def show_memory(found: Mapping[str, Any]) -> None:
    """The table on the console, with what each remedy gives."""
    say(_told(found, language()))
    for each in found.get("remedies", []):
        mark = pick("fits", "可行") if each["fits"] else pick("still too much", "仍不足")
        say(f"  {' '.join(each['flags'])}: {each['total'] / _GIB:.2f} GiB, {mark}")
