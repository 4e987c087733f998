"""Take an adapter out of weights it was merged into: W = W' - scale · B·A, streamed as the merge is.

Exact but for the rounding of what is stored: in fp32 nothing that shows, in bf16 and fp16 what was cast away is gone. The
bound of it is reported. What a merge does not leave behind cannot be given back and is refused: the lengths of rows before
DoRA, and tensors that an adapter holds whole.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lianlu.core.errors import DataError
from lianlu.core.extras import require
from lianlu.core.i18n import Text
from lianlu.core.job import Job
from lianlu.model.headers import TensorEntry
from lianlu.model.lora import Adapter, read_adapter
from lianlu.model.merge import product, rewrite, stored, tensor_of

__all__ = ["unmerge"]

_ROUNDING = {"F64": 2.0**-53, "F32": 2.0**-24, "F16": 2.0**-11, "BF16": 2.0**-8}  # of a number, as a share of it
_COARSE = ("F16", "BF16")


def unmerge(
    merged: Mapping[str, Path], adapter: Mapping[str, Path], folder: Path, job: Job, *, max_shard_size: int = 5 * 10**9
) -> dict[str, Any]:
    """Write the model that `adapter` was merged into to `folder`; returns a JSON-able summary.

    Tokenizer and chat template stay as they are in `merged`: those of the base are not known there.

    Args:
        merged: the files of a merged model by name.
        adapter: the files of the LoRA adapter by name.

    Raises:
        DataError: model.not-reversible; model.* as `lianlu.model.merge.merge`
        UsageError: extra.missing
        LimitError: file.disk-full
    """
    require("torch", "torch")
    added = read_adapter(adapter)
    _check_reversible(added)
    subtraction = _Subtraction()
    summary = rewrite(merged, {}, added, folder, job, subtraction, max_shard_size=max_shard_size)
    coarse = [dtype for dtype in sorted(subtraction.lost) if dtype in _COARSE]
    most = max(subtraction.lost.values(), default=0.0)
    if coarse:
        named = ", ".join(coarse)
        job.note(
            Text(
                f"the merged weights are kept in {named}: what comes back may be up to {most:.2g} away from the base",
                f"合并后的权重以 {named} 存储：还原结果与原基座最多可能相差 {most:.2g}",
            ),
            "warning",
            "model.rounded",
        )
    kept = {name: value for name, value in summary.items() if name not in ("merged", "replaced")}
    return {**kept, "unmerged": summary["merged"], "types": sorted(subtraction.lost), "most_lost": most}


@dataclass
class _Subtraction:
    """Makes the bytes of tensors without the adapter; `lost` has the largest rounding of each stored type."""

    lost: dict[str, float] = field(default_factory=dict[str, float])

    def __call__(self, entry: TensorEntry, adapter: Adapter) -> bytes:
        import torch

        weight = tensor_of(entry).to(torch.float32)
        found = weight - product(adapter.deltas[entry.name])
        largest = float((weight.abs() + found.abs()).max()) if found.numel() else 0.0  # rounded at merging and now
        self.lost[entry.dtype] = max(self.lost.get(entry.dtype, 0.0), _ROUNDING[entry.dtype] * largest)
        return stored(found, entry.dtype)


def _check_reversible(added: Adapter) -> None:
    """Raises DataError model.not-reversible."""
    if any(delta.magnitude is not None for delta in added.deltas.values()):
        why = Text(
            "DoRA gave the rows other lengths, and the old ones are not in it",
            "DoRA 改变了各行的长度，其中没有原来的长度",
        )
        raise DataError("model.not-reversible", why=why)
    whole = sorted(name for name in added.replaced if name not in added.deltas)
    if whole:
        named = ", ".join(whole[:3])
        why = Text(f"it put whole tensors in place of others ({named})", f"它整体替换了一些张量（{named}）")
        raise DataError("model.not-reversible", why=why)
