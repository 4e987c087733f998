"""Attention over packed segments equals each segment alone, by the block mask and by torch's variable-length kernel."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("torch")

import torch  # noqa: TID253 - this folder is for torch

from gpu.place import DEVICE, MARKS, ON_CUDA
from lianlu.nn import segments as room
from lianlu.nn.segments import Segments

pytestmark = MARKS
LENGTHS = (130, 64, 64, 17, 1, 1)
TOLERANCE = {torch.float32: 2e-5, torch.bfloat16: 3e-2}  # of sums of up to 130 values near one


def alone(query: Any, key: Any, value: Any, window: int | None) -> Any:
    """Softmax written out in float32, one segment after another: (1, H, T, D) -> (1, T, H, D)."""
    groups, parts = query.shape[1] // key.shape[1], []
    key, value = (each.repeat_interleave(groups, dim=1) for each in (key, value))
    for q, k, v in zip(*(each[0].float().split(LENGTHS, dim=1) for each in (query, key, value)), strict=True):
        at = torch.arange(q.shape[1], device=q.device)
        far = at[:, None] - at[None, :]
        hidden = (far < 0) if window is None else (far < 0) | (far >= window)
        scores = (q @ k.transpose(1, 2) * q.shape[-1] ** -0.5).masked_fill(hidden, float("-inf"))
        parts.append((scores.softmax(-1) @ v).transpose(0, 1))
    return torch.cat(parts)[None]


def row(dtype: Any, kv_heads: int, size: int) -> list[Any]:
    random = torch.Generator().manual_seed(3)
    shapes = [(1, heads, sum(LENGTHS), size) for heads in (4, kv_heads, kv_heads)]
    return [torch.randn(shape, generator=random).to(DEVICE, dtype).requires_grad_() for shape in shapes]


def out_and_grads(out: Any, tensors: list[Any]) -> list[Any]:
    weights = torch.linspace(-1, 1, out.numel(), device=out.device).view_as(out)
    return [each.float() for each in (out, *torch.autograd.grad((out.float() * weights).sum(), tensors))]


@pytest.mark.parametrize("size", [16, 64, 128])
@pytest.mark.parametrize("window", [None, 5, 100])
@pytest.mark.parametrize("kv_heads", [4, 2, 1])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=["fp32", "bf16"])
def test_segments_together_equal_segments_alone(dtype: Any, kv_heads: int, window: int | None, size: int) -> None:
    segments = Segments(LENGTHS, torch.device(DEVICE))
    tensors = row(dtype, kv_heads, size)
    found = room._on_cuda(*tensors, segments, window, {"scale": None, "dropout_p": 0.0})
    limit = TOLERANCE[dtype]
    pairs = zip(out_and_grads(found, tensors), out_and_grads(alone(*tensors, window), tensors), strict=True)
    for name, (made, wanted) in zip(("out", "query", "key", "value"), pairs, strict=True):
        torch.testing.assert_close(made, wanted, rtol=limit, atol=limit, msg=lambda text, name=name: f"{name}: {text}")


@pytest.mark.parametrize("window", [False, True], ids=["causal", "window"])
@pytest.mark.parametrize("size", [16, 64, 128])
def test_the_kernel_is_trusted_on_cuda_in_half_precision(size: int, window: bool) -> None:
    device = torch.device(DEVICE)
    assert room._kernel_fits(device, torch.bfloat16, size, window) == ON_CUDA
    assert not room._kernel_fits(device, torch.float32, size, window)


def test_an_odd_head_size_goes_by_the_mask() -> None:
    segments = Segments(LENGTHS, torch.device(DEVICE))
    tensors = row(torch.bfloat16, 2, 20)
    found = room._on_cuda(*tensors, segments, None, {"scale": None, "dropout_p": 0.0})
    torch.testing.assert_close(found.float(), alone(*tensors, None), rtol=3e-2, atol=3e-2)


@pytest.mark.parametrize("window", [None, 100])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=["fp32", "bf16"])
def test_what_follows_a_shared_beginning_sees_it(dtype: Any, window: int | None) -> None:
    parents = (-1, 0, 0, 1, 1, -1)  # 64 and 64 follow 130; 17 and 1 follow the first of them
    segments = Segments(LENGTHS, torch.device(DEVICE), parents)
    tensors = row(dtype, 2, 64)
    found = room._on_cuda(*tensors, segments, window, {"scale": None, "dropout_p": 0.0})
    wanted = room._by_mask(*(each.float() for each in _of_all_heads(tensors)), segments, window, {})
    pairs = zip(out_and_grads(found, tensors), out_and_grads(wanted, tensors), strict=True)
    for made, right in pairs:
        torch.testing.assert_close(made, right, rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype])


def _of_all_heads(tensors: list[Any]) -> list[Any]:
    query, key, value = tensors
    return [query, *(each.repeat_interleave(query.shape[1] // key.shape[1], dim=1) for each in (key, value))]
