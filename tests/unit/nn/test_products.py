"""Products by the other library give what torch's own give, forwards and backwards, and step aside where they have no place."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy

import pytest
import torch
from torch import nn
from torch.nn.functional import linear

from lianlu.nn import products
from lianlu.nn.products import multiply, use_products
from tiny_model import tiny_model


@pytest.fixture(autouse=True)
def any_vendor(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As on a processor for which they are meant; the try of the operation stays."""
    products._has_other.cache_clear()
    monkeypatch.setattr(products, "_VENDOR", "")
    if not products._has_other():
        pytest.skip("this torch has no product of oneDNN in float32")
    yield
    products._has_other.cache_clear()


def test_losses_and_gradients_stay() -> None:
    plain = tiny_model(initializer_range=0.1, attention_bias=True).train()
    other = deepcopy(plain)
    assert use_products(other) == 2 * 7 + 1
    ids = torch.arange(14).view(2, 7) * 7 % 250
    for model in (plain, other):
        model(input_ids=ids, labels=ids, use_cache=False).loss.backward()
    for one, two in zip(other.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(one.grad, two.grad, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("shape", [(4,), (0, 4), (1, 4), (3, 4), (2, 3, 4)])
def test_any_shape_is_taken(shape: tuple[int, ...]) -> None:
    layer = nn.Linear(4, 5)
    given = torch.linspace(-1, 1, 24)[: torch.Size(shape).numel()].view(shape).requires_grad_()
    wanted = layer(given)
    use_products(layer)
    found = layer(given)
    torch.testing.assert_close(found, wanted)
    found.sum().backward()  # a slope that is one number spread out, not an array
    torch.testing.assert_close(given.grad, layer.weight.detach().sum(0).expand(shape))


def test_a_frozen_layer_gets_no_gradient_but_passes_it_on() -> None:
    layer = nn.Linear(4, 5).requires_grad_(False)
    use_products(layer)
    given = torch.ones(2, 4, requires_grad=True)
    layer(given).sum().backward()
    assert given.grad is not None
    assert layer.weight.grad is None
    assert layer.bias.grad is None


def test_half_precision_is_left_to_torch() -> None:
    layer = nn.Linear(4, 5)
    use_products(layer)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert layer(torch.ones(2, 4)).dtype == torch.bfloat16
        assert multiply(torch.ones(2, 4), layer.weight).dtype == torch.bfloat16
    assert layer.double()(torch.ones(2, 4, dtype=torch.float64)).dtype == torch.float64


def test_a_transposed_weight_needs_no_copy_of_its_own() -> None:
    x, weight = torch.linspace(-1, 1, 12).view(3, 4), torch.linspace(0, 1, 20).view(4, 5)
    torch.testing.assert_close(multiply(x, weight.t()), linear(x, weight.t()))


def test_layers_of_other_kinds_are_left_alone() -> None:
    class Scaled(nn.Linear):
        def forward(self, input: torch.Tensor) -> torch.Tensor:
            return 2 * super().forward(input)

    assert use_products(nn.Sequential(Scaled(2, 2), nn.Linear(2, 2).to(torch.bfloat16), nn.Embedding(2, 2))) == 0


def test_other_processors_keep_their_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(products, "_VENDOR", "nobody")
    products._has_other.cache_clear()
    assert use_products(nn.Linear(2, 2)) == 0
    torch.testing.assert_close(multiply(torch.ones(1, 2), torch.ones(3, 2)), torch.full((1, 3), 2.0))


def test_an_operation_that_is_gone_is_done_without(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(*_: object) -> torch.Tensor:
        raise AttributeError("_linear_pointwise")

    monkeypatch.setattr(products, "_product", gone)
    products._has_other.cache_clear()
    assert use_products(nn.Linear(2, 2)) == 0
