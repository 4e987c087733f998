"""A model whose weights, gradients and optimizer state are dealt to the processes of a run (FSDP2, arXiv 2304.11277).

Each decoder layer is one shard group, whole only while it computes; embeddings, head and last norm are the root's. Our
losses call the body of a model and read the weight of its head, so the root is not the model but a module around it that
runs a function: inside, all that is no layer is whole.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any, TypeVar

import torch
from torch import nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FSDPModule, fully_shard
from torch.distributed.tensor import DTensor

from lianlu.core.errors import UsageError
from lianlu.nn.recompute import decoder_layers
from lianlu.train.group import Group

__all__ = ["Sharded"]

ValueT = TypeVar("ValueT")
_HOOKS = (
    "_forward_hooks",
    "_forward_hooks_always_called",
    "_forward_hooks_with_kwargs",
    "_forward_pre_hooks",
    "_forward_pre_hooks_with_kwargs",
    "_state_dict_hooks",
    "_state_dict_pre_hooks",
)


class _Root(nn.Module):
    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, function: Callable[[], Any]) -> Any:
        return function()


class Sharded:
    """A model that is dealt out, in place: its parameters are DTensors of the same names.

    Weights that are packed into bytes (four bits) stay whole on each process; they are never moved.
    """

    def __init__(self, model: Any, group: Group, device: torch.device) -> None:
        self._model, self._group = model, group
        try:
            layers = list(decoder_layers(model))
        except UsageError:
            layers = []  # then all of it is whole while a row is computed
        self._plain = {layer: (type(layer), {name: dict(vars(layer)[name]) for name in _HOOKS}) for layer in layers}
        mesh = init_device_mesh(device.type, (group.place.world,))
        packed = {each for each in model.parameters() if not each.is_floating_point()}
        for layer in layers:
            fully_shard(layer, mesh=mesh, ignored_params=packed)
        self._root: Any = fully_shard(_Root(model), mesh=mesh, ignored_params=packed, reshard_after_forward=False)

    def __call__(self, function: Callable[[], ValueT]) -> ValueT:
        """Run a function in which the model may be called, by all processes alike.

        Args:
            function: what it returns may hold tensors in tuples and dicts; gradients flow through those alone.
        """
        return self._root(function)

    def number(self, tensor: torch.Tensor) -> float:
        """The number a tensor of one holds, summed up from the processes where it is dealt out."""
        whole: Any = tensor
        return float(whole.full_tensor().item() if isinstance(tensor, DTensor) else tensor.item())

    def rest(self) -> None:
        """Give back what a pass without gradients has left whole; weights may be moved after."""
        for module in self._root.modules():
            if isinstance(module, FSDPModule):
                module.reshard()

    @contextmanager
    def whole(self, device: torch.device) -> Generator[None]:
        """Inside, the model is whole and plain on the first process, which alone may use it; a tensor at a time is sent.

        Args:
            device: where the whole tensors are.
        """
        self.rest()
        kept = self._gather(device)
        if self._group.place.rank:
            yield
            self._group.barrier()
            return
        wrapped = {layer: (type(layer), {name: dict(vars(layer)[name]) for name in _HOOKS}) for layer in self._plain}
        _dress(self._plain)
        found = [(module, name, _parameters(module)[name]) for module, name, _ in kept]
        for module, name, whole in kept:
            _parameters(module)[name] = whole
        try:
            yield
        finally:
            for module, name, shard in found:
                _parameters(module)[name] = shard
            _dress(wrapped)
        self._group.barrier()

    def undo(self, device: torch.device) -> None:
        """Leave the model whole and plain on the first process for good; the others have no use for theirs."""
        self.rest()
        for module, name, whole in self._gather(device):
            _parameters(module)[name] = whole
        if not self._group.place.rank:
            _dress(self._plain)

    def _gather(self, device: torch.device) -> list[tuple[nn.Module, str, nn.Parameter]]:
        """All tensors whole, on the first process; a tensor that has two places stands in both."""
        made: dict[int, nn.Parameter | None] = {}
        kept: list[tuple[nn.Module, str, nn.Parameter]] = []
        is_other = self._group.place.rank > 0
        for module in self._model.modules():
            for name, parameter in _parameters(module).items():
                if not isinstance(parameter, DTensor):
                    continue
                if id(parameter) not in made:
                    detached: Any = parameter.detach()
                    whole = detached.full_tensor()
                    made[id(parameter)] = (
                        None if is_other else nn.Parameter(whole.to(device), requires_grad=parameter.requires_grad)
                    )
                found = made[id(parameter)]
                if found is not None:
                    kept.append((module, name, found))
        return kept


def _parameters(module: nn.Module) -> dict[str, Any]:
    """By name; put in here, what is put where a parameter was is not looked at by torch."""
    return vars(module)["_parameters"]


def _dress(modules: dict[nn.Module, tuple[type[nn.Module], dict[str, dict[Any, Any]]]]) -> None:
    """Give modules these classes and hooks."""
    for module, (kind, hooks) in modules.items():
        module.__class__ = kind
        for name, entries in hooks.items():
            vars(module)[name].clear()
            vars(module)[name].update(entries)
