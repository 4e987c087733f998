"""Attention joined of several calls, beside one softmax over all that a token sees."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any

import pytest

pytest.importorskip("torch")

import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from lianlu.nn import branches as room
from lianlu.nn.branches import Call, attend, can_attend
from lianlu.nn.segments import Segments

CPU = torch.device("cpu")


@st.composite
def trees(draw: st.DrawFn) -> Segments:
    """Segments in any order that has parents before their children."""
    lengths = draw(st.lists(st.integers(1, 6), min_size=1, max_size=7))
    parents = [draw(st.integers(-1, place - 1)) for place in range(len(lengths))]
    return Segments(tuple(lengths), CPU, tuple(parents))


def row(heads: int, key_heads: int, tokens: int) -> tuple[Tensor, Tensor, Tensor]:
    random = torch.Generator().manual_seed(tokens)
    sizes = ((each, tokens, 8) for each in (heads, key_heads, key_heads))
    query, key, value = (torch.randn(size, generator=random).requires_grad_() for size in sizes)
    return query, key, value


def slow(query: Tensor, key: Tensor, value: Tensor, sees: Tensor, scale: float) -> Tensor:
    groups = len(query) // len(key)
    keys, values = (each.double().repeat_interleave(groups, dim=0) for each in (key, value))
    scores = (query.double() @ keys.mT * scale).masked_fill(~sees, -torch.inf)
    return (scores.softmax(-1) @ values).transpose(0, 1)


def out_and_slopes(out_THD: Tensor, given: tuple[Tensor, ...]) -> list[Tensor]:
    weights = torch.linspace(-1, 2, out_THD.numel()).view(out_THD.shape)
    return [out_THD.float(), *torch.autograd.grad((out_THD * weights).sum(), given)]


@given(trees(), st.sampled_from([(4, 4), (4, 2), (3, 1)]))
def test_every_token_sees_what_the_mask_of_the_row_says(segments: Segments, heads: tuple[int, int]) -> None:
    tensors = row(*heads, segments.total)
    found = out_and_slopes(attend(*tensors, segments.calls, 0.4), tensors)
    wanted = out_and_slopes(slow(*tensors, segments.block_mask(None), 0.4), tensors)
    torch.testing.assert_close(found, wanted, rtol=1e-5, atol=2e-5)


def test_what_all_follow_is_one_call_however_many_follow_it() -> None:
    lengths, parents = (9, 4, 4, 5, 6, 2, 2), (-1, 0, 0, 0, 0, 4, 4)
    assert Segments(lengths, CPU, parents).calls == (
        Call(slice(0, 9), slice(0, 9), is_causal=True),
        Call(slice(9, 17), slice(9, 17), is_causal=True, pieces=2),
        Call(slice(17, 22), slice(17, 22), is_causal=True),
        Call(slice(22, 28), slice(22, 28), is_causal=True),
        Call(slice(28, 32), slice(28, 32), is_causal=True, pieces=2),
        Call(slice(9, 32), slice(0, 9)),
        Call(slice(28, 32), slice(22, 28)),
    )


def test_followers_that_others_stand_between_are_calls_of_their_own() -> None:
    found = [call for call in Segments((3, 1, 2, 1), CPU, (-1, 0, -1, 0)).calls if not call.is_causal]
    assert found == [Call(slice(3, 4), slice(0, 3)), Call(slice(6, 7), slice(0, 3))]


def test_keys_that_hardly_count_leave_the_rest_as_it_is() -> None:
    query, key, value = row(1, 1, 3)
    with torch.no_grad():
        query.fill_(10), key[:, :2].fill_(-10), key[:, 2].fill_(10)
    segments = Segments((2, 1), CPU, (-1, 0))
    found = out_and_slopes(attend(query, key, value, segments.calls, 1.0), (query, key, value))
    assert all(bool(each.isfinite().all()) for each in found)
    assert torch.equal(found[0][2], value[:, 2])


def test_only_what_is_asked_for_gets_a_gradient() -> None:
    query, key, value = row(2, 2, 5)
    out = attend(query.detach(), key.detach(), value, Segments((3, 2), CPU, (-1, 0)).calls, None)
    out.sum().backward()
    assert (query.grad, key.grad) == (None, None)
    assert value.grad is not None


@pytest.fixture
def tried_again() -> Generator[None]:
    room.has_kernel.cache_clear()
    yield
    room.has_kernel.cache_clear()


def _missing(*args: Any, **more: Any) -> Any:
    raise AttributeError("'_OpNamespace' 'aten' object has no attribute")


def _other(*args: Any, **more: Any) -> tuple[Tensor, Tensor]:
    query = args[0]
    return query.clone(), query.new_zeros(query.shape[:-1])


@pytest.mark.usefixtures("tried_again")
@pytest.mark.parametrize("kernel", [_missing, _other])
def test_a_kernel_that_is_gone_or_another_one_is_not_used(
    monkeypatch: pytest.MonkeyPatch, kernel: Callable[..., Any]
) -> None:
    monkeypatch.setattr(torch.ops.aten, "_scaled_dot_product_flash_attention_for_cpu", kernel)
    assert not can_attend(torch.zeros(1, 2, 3))


@pytest.mark.parametrize(("dtype", "wanted"), [(torch.float32, True), (torch.bfloat16, False), (torch.float64, False)])
def test_types_that_would_be_rounded_on_the_way_are_left_to_masks(dtype: torch.dtype, wanted: bool) -> None:
    assert can_attend(torch.zeros(1, 2, 3, dtype=dtype)) == wanted
