"""What a row of segments is computed with on CUDA, tried on the CPU: the mask, and when torch's kernel is trusted."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any

import pytest

pytest.importorskip("torch")

import torch
from torch import Tensor
from torch.nn.attention import varlen

from lianlu.nn import segments as room
from lianlu.nn.segments import Segments

CPU = torch.device("cpu")
SEGMENTS = Segments((5, 3, 3, 1), CPU)
SHARED = Segments((5, 3, 3, 1), CPU, (-1, 0, 0, 2))
OPTIONS = {"scale": None, "dropout_p": 0.0}
Kernel = Callable[..., Tensor]


def slow_kernel(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    cu_seq_q: Tensor,
    cu_seq_k: Tensor,
    max_q: int,
    max_k: int,
    *,
    return_aux: Any = None,
    scale: float | None = None,
    window_size: tuple[int, int] = (-1, -1),
) -> Tensor:
    """varlen_attn as torch 2.11 declares it, one query at a time."""
    left, right = window_size
    assert right == 0
    assert (max_q, max_k) == (int(cu_seq_q.diff().max()), int(cu_seq_k.diff().max()))
    rows: list[Tensor] = []
    for place in range(len(cu_seq_q) - 1):
        first_query, end_query = cu_seq_q[place : place + 2].tolist()
        first_key, end_key = cu_seq_k[place : place + 2].tolist()
        for at in range(first_query, end_query):
            end = end_key - (end_query - at) + 1  # masks are aligned at the lower right
            first = first_key if left < 0 else max(first_key, end - 1 - left)
            scores = torch.einsum("hd,shd->hs", query[at].float(), key[first:end].float())
            shares = (scores * (scale or query.shape[-1] ** -0.5)).softmax(-1)
            rows.append(torch.einsum("hs,shd->hd", shares, value[first:end].float()))
    return torch.stack(rows).to(query.dtype)


def old_kernel(*args: Any, is_causal: bool = False, return_aux: Any = None) -> Tensor:
    raise AssertionError("never reached: it has no window_size")


def refusing_kernel(*args: Any, **more: Any) -> Tensor:
    raise RuntimeError("FlashAttention only supports Ampere GPUs or newer.")


def forgetful_kernel(*args: Any, window_size: tuple[int, int], **more: Any) -> Tensor:
    return slow_kernel(*args, window_size=(-1, 0), **more)


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> Generator[Callable[[Kernel], list[torch.dtype]]]:
    """`kernel(one)` puts it in the place of torch's; the list fills with the types of the queries it was called with."""

    def use(one: Kernel) -> list[torch.dtype]:
        room._kernel_fits.cache_clear()
        seen: list[torch.dtype] = []

        def spied(query: Tensor, *args: Any, **more: Any) -> Tensor:
            if len(query) == SEGMENTS.total:  # else it is tried
                seen.append(query.dtype)
            return one(query, *args, **more)

        monkeypatch.setattr(varlen, "varlen_attn", spied)
        return seen

    yield use
    room._kernel_fits.cache_clear()


def row(dtype: torch.dtype = torch.float32) -> tuple[Tensor, Tensor, Tensor]:
    """Queries of four heads, keys and values of two."""
    random = torch.Generator().manual_seed(0)
    sizes = ((1, heads, SEGMENTS.total, 8) for heads in (4, 2, 2))
    query, key, value = (torch.randn(size, generator=random).to(dtype).requires_grad_() for size in sizes)
    return query, key, value


def out_and_grads(
    attend: Callable[..., Tensor], tensors: tuple[Tensor, ...], window: int | None, segments: Segments = SEGMENTS
) -> list[Tensor]:
    out = attend(*tensors, segments, window, OPTIONS)
    return [out.float(), *(each.float() for each in torch.autograd.grad(out.float().square().sum(), tensors))]


@pytest.mark.parametrize("segments", [SEGMENTS, SHARED], ids=["apart", "shared"])
@pytest.mark.parametrize("window", [None, 2, 7, 8, 9])  # the longest sequence of both has 5 or 9 tokens
def test_the_mask_says_what_the_parts_say(window: int | None, segments: Segments) -> None:
    wanted = out_and_grads(room._by_parts, row(), window, segments)
    torch.testing.assert_close(out_and_grads(room._on_cuda, row(), window, segments), wanted, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("segments", [SEGMENTS, SHARED], ids=["apart", "shared"])
@pytest.mark.parametrize("window", [None, 2])
def test_the_kernel_is_used_in_half_precision(
    kernel: Callable[[Kernel], list[torch.dtype]], window: int | None, segments: Segments
) -> None:
    seen = kernel(slow_kernel)
    found = out_and_grads(room._on_cuda, row(torch.bfloat16), window, segments)
    assert seen == [torch.bfloat16]
    torch.testing.assert_close(found, out_and_grads(room._by_parts, row(), window, segments), rtol=0.05, atol=0.05)


def test_under_autocast_a_cpu_computes_attention_in_full_precision() -> None:
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = room._on_cpu(*row(torch.bfloat16), SEGMENTS, None, OPTIONS)
    assert found.dtype == torch.float32


def test_under_autocast_queries_of_rotary_positions_reach_the_kernel(
    kernel: Callable[[Kernel], list[torch.dtype]],
) -> None:
    seen = kernel(slow_kernel)
    query, key, value = row()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        out = room._on_cuda(query, key, value.bfloat16(), SEGMENTS, None, OPTIONS)
    assert (seen, out.dtype) == ([torch.bfloat16], torch.bfloat16)


def test_the_kernel_is_left_alone_in_float32_and_with_dropout(kernel: Callable[[Kernel], list[torch.dtype]]) -> None:
    seen = kernel(slow_kernel)
    room._on_cuda(*row(), SEGMENTS, None, OPTIONS)
    room._on_cuda(*row(torch.bfloat16), SEGMENTS, None, {"scale": None, "dropout_p": 0.5})
    assert seen == []


@pytest.mark.parametrize("broken", [old_kernel, refusing_kernel, forgetful_kernel])
def test_a_kernel_that_cannot_is_gone_round(kernel: Callable[[Kernel], list[torch.dtype]], broken: Kernel) -> None:
    seen = kernel(broken)
    found = out_and_grads(room._on_cuda, row(torch.bfloat16), 2)
    assert seen == []
    torch.testing.assert_close(found, out_and_grads(room._by_parts, row(), 2), rtol=0.05, atol=0.05)


def test_memory_that_runs_out_says_nothing_of_the_kernel(kernel: Callable[[Kernel], list[torch.dtype]]) -> None:
    def hungry(*args: Any, **more: Any) -> Tensor:
        raise torch.OutOfMemoryError

    kernel(hungry)
    with pytest.raises(torch.OutOfMemoryError):
        room._on_cuda(*row(torch.bfloat16), SEGMENTS, None, OPTIONS)
    kernel(slow_kernel)
    assert room._kernel_fits(CPU, torch.bfloat16, 8, False)
