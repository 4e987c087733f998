"""Shared beginnings: the tree, the attention over it, and that nothing but the work changes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lianlu.nn.forward import RowForward
from lianlu.nn.prefixes import clusters, grow_tree
from lianlu.nn.segments import Segments
from tiny_model import tiny_model

CPU = torch.device("cpu")
IDS = st.lists(st.lists(st.integers(0, 2), min_size=1, max_size=12), min_size=1, max_size=7)


def arrays(sequences: Sequence[Sequence[int]]) -> list[np.ndarray]:
    return [np.array(each, dtype=np.int32) for each in sequences]


@given(IDS, st.integers(1, 4))
def test_every_path_through_the_tree_spells_its_sequence(sequences: list[list[int]], least: int) -> None:
    made = arrays(sequences)
    tree = grow_tree(made, least)
    row = np.concatenate([made[node.of][node.start : node.end] for node in tree.nodes])
    assert [row[path].tolist() for path in tree.paths] == sequences
    assert all(node.end > node.start and node.parent < at for at, node in enumerate(tree.nodes))


@given(IDS, st.integers(1, 4))
def test_positions_count_from_the_beginning_of_each_sequence(sequences: list[list[int]], least: int) -> None:
    tree = grow_tree(arrays(sequences), least)
    lengths = tuple(node.end - node.start for node in tree.nodes)
    segments = Segments(lengths, CPU, tuple(node.parent for node in tree.nodes))
    for path, sequence in zip(tree.paths, sequences, strict=True):
        assert segments.positions[0, path].tolist() == list(range(len(sequence)))


def test_a_beginning_of_many_stands_once_and_short_ones_are_not_shared() -> None:
    sequences = arrays([[1, 2, 3, 4, 9], [1, 2, 3, 4, 8, 7], [1, 5], [1, 2, 3, 4, 8, 6]])
    assert grow_tree(sequences, 1).tokens == 4 + 1 + 1 + 2 + 1
    assert grow_tree(sequences, 2).tokens == 4 + 1 + 2 + 2 + 2
    assert grow_tree(sequences, 5).tokens == 5 + 2 + 6 + 6 - 5  # only 1 2 3 4 8 is long enough
    assert grow_tree(sequences, 9).tokens == 19


@given(IDS, st.integers(3, 30))
def test_clusters_keep_to_the_limit_and_leave_nobody_out(sequences: list[list[int]], limit: int) -> None:
    made = arrays(sequences)
    found = clusters(made, limit, 2)
    assert sorted(at for members, _ in found for at in members) == list(range(len(made)))
    for members, tokens in found:
        assert len(members) == 1 or tokens <= limit
        assert grow_tree([made[at] for at in members], 2).tokens <= tokens


def pieces(seed: int = 0) -> list[tuple[np.ndarray, np.ndarray]]:
    """Eight sequences below two beginnings, one of which begins with the other; one is a beginning itself."""
    random = np.random.default_rng(seed)
    first, second = random.integers(0, 200, 20), random.integers(0, 200, 9)
    made: list[np.ndarray] = [first.astype(np.int32)]
    for place in range(7):
        lead = [first, np.concatenate([first, second]), random.integers(0, 200, 3)][place % 3]
        made.append(np.concatenate([lead, random.integers(0, 200, 4 + place)]).astype(np.int32))
    return [(ids, random.random(len(ids)) < 0.6) for ids in made]


@pytest.mark.parametrize("window", [None, 6], ids=["whole", "window"])
def test_losses_and_gradients_are_those_of_packing_without_sharing(window: int | None) -> None:
    found: list[tuple[torch.Tensor, list[torch.Tensor]]] = []
    for least in (None, 4):
        model = tiny_model(initializer_range=0.1) if window is None else _mistral(window)
        forward = RowForward(model, least_shared=least)
        row = forward.row(pieces())
        losses = forward.losses(row)
        (forward.loss(row) / len(row.targets)).backward()
        assert row.tokens == (180 if least is None else 75)
        found.append((losses.detach(), [each.grad for each in model.parameters()]))
    (plain, plain_gradients), (shared, shared_gradients) = found
    torch.testing.assert_close(shared, plain, rtol=1e-6, atol=1e-6)
    for one, other in zip(shared_gradients, plain_gradients, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-6)


def test_the_mask_of_a_row_says_what_its_parts_see() -> None:
    segments = Segments((2, 1, 2), CPU, (-1, 0, 0))
    assert segments.block_mask(None).int().tolist() == [
        [1, 0, 0, 0, 0],
        [1, 1, 0, 0, 0],
        [1, 1, 1, 0, 0],
        [1, 1, 0, 1, 0],
        [1, 1, 0, 1, 1],
    ]
    assert segments.seen.tolist() == [0, 1, 0, 1, 2, 0, 1, 3, 4]
    assert segments.seen_ends.tolist() == [0, 2, 5, 9]


def _mistral(window: int) -> torch.nn.Module:
    from transformers import MistralConfig, MistralForCausalLM

    torch.manual_seed(0)
    sizes = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4}
    return MistralForCausalLM(
        MistralConfig(vocab_size=272, num_key_value_heads=2, sliding_window=window, initializer_range=0.1, **sizes)
    )
