"""InternLM2 weights and adapters under Llama's names, without reading them: what a merge needs where the two differ.

A packed tensor is seen as three, each of which knows its byte ranges in the file. An adapter of a packed matrix has one
first factor for q, k and v; the rows of the second factor are shared out as those of the matrix are.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from lianlu.core.errors import DataError
from lianlu.model.headers import TensorEntry
from lianlu.model.lora import Adapter, Delta
from lianlu.nn.internlm2 import Packing, internlm2_name, is_computed, is_packed, llama_names, packing_of

__all__ = ["PackedPart", "as_llama", "llama_adapter", "llama_tensors"]


@dataclass(frozen=True)
class PackedPart(TensorEntry):
    """q (`part` 0), k (1) or v (2) of a packed tensor; `start` and `end` are those of the whole."""

    packing: Packing
    part: int

    @property
    def size(self) -> int:
        return (self.end - self.start) * self.shape[0] // self.packing.rows

    @property
    def ranges(self) -> list[tuple[int, int]]:
        shared = self.packing.heads // self.packing.kv_heads
        head_bytes = (self.end - self.start) // (self.packing.rows // self.packing.head_dim)
        first, count = (0, shared) if self.part == 0 else (shared + self.part - 1, 1)
        starts = (self.start + (group * (shared + 2) + first) * head_bytes for group in range(self.packing.kv_heads))
        return [(start, start + count * head_bytes) for start in starts]


def as_llama(
    config: Mapping[str, Any], tensors: Mapping[str, TensorEntry], adapter: Adapter
) -> tuple[dict[str, TensorEntry], Adapter] | None:
    """Base and adapter under Llama's names if they are in different layouts, None if they speak of the same tensors.

    Raises:
        DataError: model.bad-json: the configuration does not tell how the heads lie
        DataError: model.adapter-mismatch
    """
    strange = [name for name in (*adapter.deltas, *adapter.replaced) if name not in tensors]
    is_other = (
        internlm2_name(name) in tensors or any(each in tensors for each in llama_names(name)) for name in strange
    )
    if not any(is_other):
        return None
    try:
        packing = packing_of(config)
    except ValueError as error:
        raise DataError("model.bad-json", path="config.json", why=str(error)) from error
    return llama_tensors(tensors.values(), packing), llama_adapter(adapter, packing)


def llama_tensors(tensors: Iterable[TensorEntry], packing: Packing) -> dict[str, TensorEntry]:
    """Tensors under their Llama names, sorted; a name of neither layout stays. Raises DataError model.adapter-mismatch."""
    found = [
        each for tensor in tensors if not is_computed(tensor.name) for each in _named(tensor, tensor.name, packing)
    ]
    return {each.name: each for each in sorted(found, key=lambda each: each.name)}


def llama_adapter(adapter: Adapter, packing: Packing) -> Adapter:
    """The same adapter for a base with Llama's names. Raises DataError model.adapter-mismatch."""
    deltas: dict[str, Delta] = {}
    for name, delta in adapter.deltas.items():
        lengths = _named(delta.magnitude, name, packing) if delta.magnitude is not None else []
        for place, b in enumerate(_named(delta.b, name, packing)):
            deltas[b.name] = replace(delta, b=b, magnitude=lengths[place] if lengths else None)
    replaced = {each.name: each for name, other in adapter.replaced.items() for each in _named(other, name, packing)}
    return Adapter(deltas, replaced, adapter.config)


def _named(tensor: TensorEntry, name: str, packing: Packing) -> list[TensorEntry]:
    names = llama_names(name) or (name,)
    if not is_packed(name):
        return [replace(tensor, name=names[0])]
    if tensor.shape[:1] != (packing.rows,) or not math.prod(tensor.shape):
        found = f"{list(tensor.shape)} {tensor.dtype}"
        raise DataError("model.adapter-mismatch", name=name, wanted=f"{packing.rows} rows", found=found)
    heads = (packing.heads, packing.kv_heads, packing.kv_heads)
    place = (tensor.dtype, tensor.path, tensor.start, tensor.end)
    return [
        PackedPart(each, place[0], (heads[part] * packing.head_dim, *tensor.shape[1:]), *place[1:], packing, part)
        for part, each in enumerate(names)
    ]
