"""One training step played through without numbers, to see how many bytes are alive at its worst moment.

The model stands on torch's fake device: every operation of the forward and backward pass tells the shape of its result and
computes nothing, so a 70B model takes no memory and seconds. A ledger notes each storage when it is made and when the last
that holds it lets go. So the figure follows model class, dtype, autocast, adapter and recomputing by itself, instead of a
formula for each. What kernels take inside for themselves is not seen.

Surprising: CUDA is played on the fake CPU too, with the tensors its attention keeps; torch without CUDA cannot pretend it.
"""

from __future__ import annotations

import copy
import logging
import weakref
from collections import Counter
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import MethodType
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.nn.functional import scaled_dot_product_attention as sdpa
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from lianlu.core.errors import UsageError
from lianlu.nn.fused import fuse
from lianlu.nn.losses import Head, summed_nll, token_nll
from lianlu.nn.preference import bradley_terry
from lianlu.nn.recompute import decoder_layers
from lianlu.nn.segments import Segments, use_segments

__all__ = ["PHASES", "Kind", "Peaks", "Phase", "Row", "rehearse"]

Kind = Literal["activations", "logits", "gradients"]
Phase = Literal["forward", "loss", "early", "late"]
PHASES: tuple[Phase, ...] = ("forward", "loss", "early", "late")
Peaks = dict[Phase, Counter[str]]
_CUDA_ATTENTION = "segments-like-cuda"
_SMALL = 8


@dataclass(frozen=True)
class Row:
    """What one forward pass sees.

    Attributes:
        tokens: of the whole row.
        sample_tokens: of a sample in it.
        supervised: tokens that are predicted.
        passes: forward passes before the gradients are used; all after the second are like it.
        autocast: whether products are computed in bfloat16.
        per_token: whether the loss of each token is wanted, as preferences want it.
        scored: whether the last token of each sample is scored by a reward model, instead of tokens being predicted.
    """

    tokens: int
    sample_tokens: int
    supervised: int
    passes: int = 1
    autocast: bool = False
    device: Literal["cpu", "cuda"] = "cpu"
    per_token: bool = False
    scored: bool = False


def rehearse(model: Any, row: Row) -> Peaks:
    """Bytes alive at the worst moment of each phase of the last pass, by kind; weights are not among them.

    Args:
        model: a causal language model or a reward model on the meta device, its gradients and recomputing set; is moved to the fake device.

    Raises:
        UsageError: train.no-memory-plan: it cannot be played through without numbers
    """
    _fuse(model)
    try:
        with _quiet(), FakeTensorMode():
            _to_fake(model)
            _choose_attention(model, row)
            model.eval()
            return _passes(model, row)
    except UsageError as error:
        raise UsageError("train.no-memory-plan", why=error.message("en")) from error
    except (RuntimeError, NotImplementedError, TypeError, AssertionError, ValueError) as error:
        why = next(iter(str(error).splitlines()), type(error).__name__)[:200]
        raise UsageError("train.no-memory-plan", why=why) from error


def _fuse(model: Any) -> None:
    """What `nn.fused` does to the model: it tries with numbers, so small modules with numbers stand in for those here."""
    for module in model.modules():
        small = _small(module)
        if fuse(small):
            module.forward = MethodType(small.forward.__func__, module)


def _small(module: nn.Module) -> Any:
    """The same module around parameters and linear layers of a few numbers; without the children that have their own."""
    small: Any = copy.copy(module)
    small._parameters = {name: nn.Parameter(torch.ones(_SMALL)) for name, _ in module.named_parameters(recurse=False)}
    small._modules = {}
    for name, child in module.named_children():
        if hasattr(child, "in_features"):
            narrows = name == "down_proj"
            small._modules[name] = nn.Linear(*((2 * _SMALL, _SMALL) if narrows else (_SMALL, 2 * _SMALL)))
        elif next(child.parameters(), None) is None:
            small._modules[name] = child
    return small


@contextmanager
def _quiet() -> Generator[None]:
    """What cannot be played through is told by our error; torch logs a traceback besides."""
    log = logging.getLogger("torch._subclasses.fake_tensor")
    before = log.disabled
    log.disabled = True
    try:
        yield
    finally:
        log.disabled = before


@dataclass
class _Noted:
    kind: Kind
    size: int


class _Ledger(TorchDispatchMode):
    """Counts the storages that are alive, each under the kind of the phase that made it."""

    def __init__(self, known: Sequence[Any], tied: Any = None) -> None:
        super().__init__()
        self._tied = tied
        self._noted: weakref.WeakKeyDictionary[Any, _Noted | None] = weakref.WeakKeyDictionary(dict.fromkeys(known))
        self._alive: Counter[str] = Counter()
        self._total = 0
        self._phase: Phase = "forward"
        self.peaks: Peaks = {}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        del types
        if func is torch.ops.aten._local_scalar_dense.default and self._phase == "loss":
            return True  # the loss asks whether its numbers are as usual: they are
        made = func(*args, **(kwargs or {}))
        if self._adds_in_place(func, made):
            self._forget(args[0].untyped_storage())
        for each in tree_leaves(made):
            if isinstance(each, Tensor):
                self._note(each.untyped_storage())
        return made

    def _adds_in_place(self, func: Any, made: Any) -> bool:
        """Whether torch adds up both gradients of a tied weight; it would do so in place, did nobody look at them here."""
        is_sum = func is torch.ops.aten.add.Tensor and not torch.is_grad_enabled()
        return is_sum and self._tied is not None and made.shape == self._tied

    def enter(self, phase: Phase) -> None:
        self._phase = phase
        self.peaks[phase] = Counter(self._alive)

    def is_gradient(self, storage: Any) -> None:
        """Book a storage as gradient, whoever made it."""
        noted = self._noted.get(storage)
        if noted is not None:
            self._alive[noted.kind] -= noted.size
            noted.kind = "gradients"
            self._alive["gradients"] += noted.size

    def _note(self, storage: Any) -> None:
        if storage in self._noted:
            return
        noted = _Noted("logits" if self._phase == "loss" else "activations", storage.nbytes())
        self._noted[storage] = noted
        self._alive[noted.kind] += noted.size
        self._total += noted.size
        weakref.finalize(storage, self._gone, noted)
        if self._total > self.peaks[self._phase].total():
            self.peaks[self._phase] = Counter(self._alive)

    def _forget(self, storage: Any) -> None:
        noted = self._noted.get(storage)
        if noted is not None:
            self._gone(noted)
            noted.size = 0

    def _gone(self, noted: _Noted) -> None:
        self._alive[noted.kind] -= noted.size
        self._total -= noted.size


@dataclass
class _Watch:
    """Books gradients as they come in, and tells when half of them are there."""

    model: Any
    ledger: _Ledger
    came: int = 0
    _parameters: list[Any] = field(init=False)

    def __post_init__(self) -> None:
        self._parameters = [each for each in self.model.parameters() if each.requires_grad]
        for each in self._parameters:
            each.register_post_accumulate_grad_hook(self._take)

    def _take(self, parameter: Tensor) -> None:
        self.came += 1
        gradient = parameter.grad
        if isinstance(gradient, Tensor):
            self.ledger.is_gradient(gradient.untyped_storage())
        if self.came == len(self._parameters) // 2:
            self.ledger.enter("late")


def _passes(model: Any, row: Row) -> Peaks:
    known = [each.untyped_storage() for each in (*model.parameters(), *model.buffers())]
    plain_head = _try_out(model, row)
    model.train()
    ends = [model.get_input_embeddings(), model.get_output_embeddings()]
    weights = [each.weight for each in ends if each is not None]
    is_tied = len(weights) == len(ends) and weights[0] is weights[1]
    with _Ledger(known, weights[0].shape if is_tied else None) as ledger:
        ledger.enter("forward")
        watch = _Watch(model, ledger)
        for _ in range(min(row.passes, 2)):
            watch.came = 0
            _one_pass(model, row, ledger, plain_head=plain_head)
        return ledger.peaks


def _one_pass(model: Any, row: Row, ledger: _Ledger, *, plain_head: bool) -> None:
    ledger.enter("forward")
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=row.autocast):
        loss = _scored(model, row, ledger) if row.scored else _predicted(model, row, ledger, plain_head=plain_head)
    ledger.enter("early")
    loss.backward()


def _scored(model: Any, row: Row, ledger: _Ledger) -> Tensor:
    """The loss of a reward model on pairs."""
    inputs = _inputs(row)
    ends = torch.zeros(2 * max(1, len(inputs["segments"].lengths) // 2), dtype=torch.long)
    hidden = model.base_model(**inputs).last_hidden_state.flatten(0, 1)[ends]
    ledger.enter("loss")
    scores_N2 = model.score(hidden).float().view(-1, 2)
    return bradley_terry(scores_N2[:, 0], scores_N2[:, 1]).sum()


def _predicted(model: Any, row: Row, ledger: _Ledger, *, plain_head: bool) -> Tensor:
    """The loss of a language model."""
    keep = torch.zeros(row.supervised, dtype=torch.long)
    if plain_head:
        layer = model.get_output_embeddings()
        is_linear = type(layer) is nn.Linear and getattr(layer, "bias", None) is None
        head = Head(layer, layer.weight.shape[0], layer.weight if is_linear else None)
        hidden = model.base_model(**_inputs(row)).last_hidden_state.flatten(0, 1)[keep]
    else:
        hidden = model(**_inputs(row)).logits.flatten(0, 1)[keep]
        head = Head(lambda each: each, hidden.shape[-1])
    ledger.enter("loss")
    return token_nll(hidden, keep, head).sum() if row.per_token else summed_nll(hidden, keep, head)


def _inputs(row: Row) -> dict[str, Any]:
    whole, rest = divmod(row.tokens, min(row.sample_tokens, row.tokens))
    lengths = (*[min(row.sample_tokens, row.tokens)] * whole, *([rest] if rest else []))
    segments = Segments(lengths, torch.device("cpu"))
    ids = torch.zeros(1, row.tokens, dtype=torch.long)
    return {"input_ids": ids, "position_ids": segments.positions, "segments": segments, "use_cache": False}


def _to_fake(model: Any) -> None:
    """Every parameter and buffer anew, shared ones once; called inside the fake mode."""
    made: dict[int, Tensor] = {}
    for module in model.modules():
        for name, each in module.named_parameters(recurse=False, remove_duplicate=False):
            if id(each) not in made:
                empty = torch.empty(each.shape, dtype=each.dtype)
                made[id(each)] = nn.Parameter(empty, requires_grad=each.requires_grad)
            module.register_parameter(name, made[id(each)])
        for name, each in module.named_buffers(recurse=False, remove_duplicate=False):
            module._buffers[name] = torch.empty(each.shape, dtype=each.dtype)


class _Attentions(TorchDispatchMode):
    """Counts the calls of attention kernels."""

    calls = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        del types
        self.calls += "attention" in func.name() or "varlen" in func.name()
        return func(*args, **(kwargs or {}))


def _try_out(model: Any, row: Row) -> bool:
    """Whether logits are what the head gives and nothing done to them: the very tensor comes out.

    Raises:
        UsageError: nn.cannot-pack: there are layers without attention; step by step over the tokens they take hours here
    """
    head = model.get_output_embeddings()
    gave: list[Any] = []
    watching = head.register_forward_hook(lambda _module, _inputs, out: gave.append(out)) if head is not None else None
    few = Row(min(row.tokens, 8), 8, 1, device=row.device)
    with torch.no_grad(), _Attentions() as attentions:
        called = model.base_model if row.scored else model
        logits = getattr(called(**_inputs(few)), "logits", None)
    if watching is not None:
        watching.remove()
    if attentions.calls < len(decoder_layers(model)):
        raise UsageError("nn.cannot-pack", feature=type(model).__name__)
    return bool(gave) and logits is gave[-1] and model.base_model is not model


def _choose_attention(model: Any, row: Row) -> None:
    if not use_segments(model):
        raise UsageError("nn.cannot-pack", feature=type(model).__name__)
    if row.device == "cuda":
        from transformers import AttentionInterface

        AttentionInterface.register(_CUDA_ATTENTION, _attend_like_cuda)
        model.set_attn_implementation(_CUDA_ATTENTION)


def _attend_like_cuda(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    *,
    segments: Segments,
    **more: Any,
) -> tuple[Tensor, None]:
    """The tensors that `nn.segments` makes on CUDA: a kernel for half precision, else a mask of tokens times tokens."""
    del module, attention_mask, more
    from torch.nn.attention.varlen import varlen_attn

    if torch.is_autocast_enabled("cpu"):
        query, key, value = (each.to(torch.bfloat16) for each in (query, key, value))
    groups = query.shape[1] // key.shape[1]
    if groups > 1:
        key, value = (each.repeat_interleave(groups, dim=1) for each in (key, value))
    if query.dtype == torch.float32:
        mask = torch.zeros(segments.total, segments.total, dtype=torch.bool)
        return sdpa(query, key, value, attn_mask=mask).transpose(1, 2), None
    q_THD, k_THD, v_THD = (each[0].transpose(0, 1).contiguous() for each in (query, key, value))
    longest = max(segments.lengths)
    out_THD = varlen_attn(q_THD, k_THD, v_THD, segments.ends, segments.ends, longest, longest)
    assert isinstance(out_THD, Tensor)
    return out_THD.unsqueeze(0), None
