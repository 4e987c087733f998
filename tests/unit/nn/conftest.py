"""Tiny models of random weights, a fraction of a second each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

Piece = tuple[NDArray[np.int32], NDArray[np.bool_]]


@pytest.fixture(scope="session")
def tiny() -> Callable[..., Any]:
    """`tiny("llama", hidden_size=16)`: a causal language model of 61 ids."""
    pytest.importorskip("torch")
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    torch.set_num_threads(1)  # two threads that wait for each other are slow on a busy machine

    def make(kind: str = "llama", **more: Any) -> Any:
        torch.manual_seed(0)
        sizes = {
            "vocab_size": 61,
            "hidden_size": 32,
            "intermediate_size": 48,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "num_key_value_heads": 2,
            "head_dim": 8,
            "pad_token_id": 0,
        }
        return AutoModelForCausalLM.from_config(AutoConfig.for_model(kind, **(sizes | more)), dtype=torch.float32)

    return make


@pytest.fixture
def pieces() -> list[Piece]:
    """Samples of several lengths, two of them equal, partly supervised."""
    random = np.random.default_rng(7)
    made: list[Piece] = []
    for length in (5, 11, 11, 1, 8, 3):
        ids = random.integers(1, 61, length).astype(np.int32)
        made.append((ids, random.random(length) < 0.6))
    return made
