"""One forward pass over many sequences. Knows tokens and rows, no sampling and no text.

Two ways behind one face. `PackedRunner` lays all tokens end to end (no padding) through `engine.attend`; it is used
where the model keeps to the attention interface of transformers, which a probe of a few tokens proves when a model is
opened. `AloneRunner` runs any other causal LM one sequence after another with the model's own cache.
A pass that fails is tried again one sequence at a time, so that one bad row fails alone.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from torch import Tensor

from lianlu.core.errors import BackendError, LianluError, LimitError
from lianlu.engine.attend import CachedPieces, Piece, Row, TreePieces, TreeSegment, packed

__all__ = ["AloneRunner", "PackedRunner", "Runner", "Work", "open_runner", "token_limit"]

_PROBE_TOLERANCE = {torch.float32: 1e-3, torch.float64: 1e-3}
_ROUGH_TOLERANCE = 0.1
_KNOWN_LAYERS = {"full_attention", "sliding_attention"}
_GROWING_ROPE = {"dynamic", "longrope"}
_FAILURES = (RuntimeError, ValueError, IndexError, MemoryError)


@dataclass(frozen=True)
class Work:
    """New tokens `ids` of a row that holds `start` tokens; logits are wanted for the last `keep` of them."""

    row: Any
    ids: Sequence[int]
    start: int
    keep: int = 1


class Runner(Protocol):
    """How a step is computed. Logits are float32 [keep, vocabulary]; a row that failed gives its error instead."""

    def new_row(self) -> Any: ...

    def forward(self, works: Sequence[Work]) -> list[Tensor | LianluError]: ...

    def tree(self, ids: Sequence[int], segments: Sequence[TreeSegment], rows: Sequence[int]) -> Tensor | None:
        """Logits at `rows` of texts that share beginnings; None where this runner cannot share."""
        ...


@torch.no_grad()
def open_runner(module: Any) -> Runner:
    """The packed runner where a probe shows that it computes what the model computes, else the plain one."""
    runner = PackedRunner(module)
    return runner if _may_pack(module) and _agrees(runner, module) else AloneRunner(module)


def token_limit(config: Any) -> int | None:
    """How many tokens a sequence may have, None where the model sets no limit.

    Positions that are stretched by the longest text of a pass (dynamic, longrope) hold to the length below which
    nothing is stretched: otherwise a neighbour would change an answer.
    """
    text = config.get_text_config()
    limit = getattr(text, "max_position_embeddings", None) or getattr(text, "n_positions", None)
    rope: Any = getattr(text, "rope_parameters", None) or {}
    if limit and rope.get("rope_type") in _GROWING_ROPE:
        limit = min(limit, rope.get("original_max_position_embeddings") or limit)
    return int(limit) if limit else None


class _Model:
    """A module and how to ask it for few logits."""

    def __init__(self, module: Any) -> None:
        self.module = module
        inner = module.get_base_model() if hasattr(module, "get_base_model") else module
        self._can_keep = "logits_to_keep" in inspect.signature(inner.forward).parameters
        self.device: torch.device = next(module.parameters()).device

    def logits(self, ids: Sequence[int], rows: Sequence[int], **more: Any) -> tuple[Tensor, Any]:
        """Logits [rows, vocabulary] in float32 and the whole output of one sequence of tokens."""
        wanted = torch.tensor(rows, dtype=torch.long, device=self.device)
        if self._can_keep:
            more["logits_to_keep"] = wanted
        tokens = torch.tensor([list(ids)], dtype=torch.long, device=self.device)
        output = self.module(input_ids=tokens, **more)
        logits = output.logits[0] if self._can_keep else output.logits[0][wanted]
        return logits.float(), output


class PackedRunner:
    """All sequences in one pass, laid end to end."""

    def __init__(self, module: Any) -> None:
        self._model = _Model(module)

    def new_row(self) -> Row:
        return Row()

    def forward(self, works: Sequence[Work]) -> list[Tensor | LianluError]:
        if not works:
            return []
        try:
            return list(self.compute(works))
        except _FAILURES as error:
            if len(works) == 1:
                return [_failed(error)]
        return [result for work in works for result in self.forward([work])]

    def tree(self, ids: Sequence[int], segments: Sequence[TreeSegment], rows: Sequence[int]) -> Tensor:
        """As Runner.tree. Raises BackendError engine.step-failed, LimitError engine.out-of-memory."""
        depths: list[int] = []  # how many tokens stand before a segment
        for segment in segments:
            parent = segments[segment.parent] if segment.parent >= 0 else None
            depths.append(depths[segment.parent] + parent.end - parent.start if parent else 0)
        positions = [
            depth + index
            for depth, each in zip(depths, segments, strict=True)
            for index in range(each.end - each.start)
        ]
        try:
            return self._run(ids, positions, rows, TreePieces(segments))
        except _FAILURES as error:
            raise _failed(error) from error

    def compute(self, works: Sequence[Work]) -> Sequence[Tensor]:
        """One pass; what goes wrong is raised as it is."""
        ids: list[int] = []
        positions: list[int] = []
        rows: list[int] = []
        for work in works:
            ids.extend(work.ids)
            positions.extend(range(work.start, work.start + len(work.ids)))
            rows.extend(range(len(ids) - work.keep, len(ids)))
        pieces = CachedPieces([Piece(work.row, work.start, len(work.ids)) for work in works])
        logits = self._run(ids, positions, rows, pieces)
        return logits.split([work.keep for work in works])

    def _run(
        self, ids: Sequence[int], positions: Sequence[int], rows: Sequence[int], pieces: CachedPieces | TreePieces
    ) -> Tensor:
        model = self._model
        position_ids = torch.tensor([list(positions)], dtype=torch.long, device=model.device)
        with packed(model.module, pieces):
            return model.logits(ids, rows, position_ids=position_ids, use_cache=False)[0]


@dataclass
class _OwnRow:
    """A sequence in the cache of the model itself; its tokens, for models that keep none."""

    ids: list[int] = field(default_factory=list)
    past: Any = None


class AloneRunner:
    """One sequence after another, as the model's own code does it: right for every model, slow for many sequences."""

    def __init__(self, module: Any) -> None:
        self._model = _Model(module)

    def new_row(self) -> _OwnRow:
        return _OwnRow()

    def forward(self, works: Sequence[Work]) -> list[Tensor | LianluError]:
        results: list[Tensor | LianluError] = []
        for work in works:
            try:
                results.append(self._alone(work))
            except _FAILURES as error:
                results.append(_failed(error))
        return results

    def tree(self, ids: Sequence[int], segments: Sequence[TreeSegment], rows: Sequence[int]) -> None:  # noqa: ARG002
        return None

    def _alone(self, work: Work) -> Tensor:
        row: _OwnRow = work.row
        row.ids = [*row.ids[: work.start], *work.ids]
        ids = work.ids if row.past is not None else row.ids
        rows = range(len(ids) - work.keep, len(ids))
        logits, output = self._model.logits(ids, list(rows), past_key_values=row.past, use_cache=True)
        row.past = getattr(output, "past_key_values", None)
        return logits


def _failed(error: Exception) -> LianluError:
    is_memory = isinstance(error, (MemoryError, torch.OutOfMemoryError)) or "not enough memory" in str(error)
    if is_memory:
        return LimitError("engine.out-of-memory")
    return BackendError("engine.step-failed", why=f"{type(error).__name__}: {error}"[:300])


def _may_pack(module: Any) -> bool:
    """Whether the model hands all of its attention to the interface: a flash model gets its window by argument."""
    inner = module.get_base_model() if hasattr(module, "get_base_model") else module
    layers = set(getattr(module.config.get_text_config(), "layer_types", None) or ())
    return bool(inner._supports_attention_backend and inner._supports_flash_attn) and layers <= _KNOWN_LAYERS


def _agrees(runner: PackedRunner, module: Any) -> bool:
    """Two short texts together and token by token give what each gives alone in the model's own attention."""
    size = module.get_input_embeddings().weight.shape[0]
    texts = [[(7 * index + 3) % size for index in range(count)] for count in (5, 3)]
    rows = [runner.new_row() for _ in texts]
    try:
        runner.compute([Work(row, ids[:-1], 0) for row, ids in zip(rows, texts, strict=True)])
        made = runner.compute([Work(row, ids[-1:], len(ids) - 1) for row, ids in zip(rows, texts, strict=True)])
        wanted = [_Model(module).logits(ids, [len(ids) - 1])[0] for ids in texts]
    except _FAILURES:
        return False
    limit = _PROBE_TOLERANCE.get(next(module.parameters()).dtype, _ROUGH_TOLERANCE)
    return all(
        float((one - other).abs().max()) <= limit * max(1.0, float(other.abs().max()))
        for one, other in zip(made, wanted, strict=True)
    )
