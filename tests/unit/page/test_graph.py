from __future__ import annotations

import random
from itertools import combinations, pairwise

from hypothesis import given
from hypothesis import strategies as st

from lianlu.page import Edge, Graph, Node
from lianlu.page.graph import draw, layers, place

_WIDTH = 160.0


def _random_chain(count: int, seed: int = 7) -> list[tuple[str, str]]:
    chosen = random.Random(seed)
    return [
        (str(chosen.randrange(child)), str(child)) for child in range(1, count) for _ in range(chosen.randint(1, 2))
    ]


def test_parents_stand_before_their_children() -> None:
    edges = _random_chain(30)
    level = layers([str(n) for n in range(30)], edges)
    assert all(level[start] < level[end] for start, end in edges)


def test_a_source_stands_just_before_its_first_child() -> None:
    assert layers(["a", "b", "c", "late"], [("a", "b"), ("b", "c"), ("late", "c")])["late"] == 1


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.sampled_from("abcdef")), max_size=12))
def test_any_edges_can_be_drawn_cycles_and_loops_too(edges: list[tuple[str, str]]) -> None:
    drawn = draw(Graph("t", [Node(name, name) for name in "abcdef"], [Edge(*edge) for edge in edges]), "g")
    assert drawn.count("<rect") == 6
    assert drawn.count('class="edge"') == len({edge for edge in edges if edge[0] != edge[1]})


def test_thirty_boxes_never_overlap_nor_does_an_edge_cross_one() -> None:
    names = [str(n) for n in range(30)]
    places, bends = place(names, list(dict.fromkeys(_random_chain(30))))
    boxes = list(places.values())
    for one, other in combinations(boxes, 2):
        assert one.x != other.x or abs(one.middle - other.middle) >= (one.height + other.height) / 2
    for bend in (bend for chain in bends.values() for bend in chain):
        assert all(box.x != bend.x or abs(box.middle - bend.middle) >= box.height / 2 for box in boxes)


def test_edges_to_unknown_nodes_are_left_out() -> None:
    assert 'class="edge"' not in draw(Graph("t", [Node("a", "a")], [Edge("gone", "a")]), "g")


def test_an_empty_graph_is_drawn() -> None:
    assert draw(Graph("t", [], []), "g").startswith("<svg")


def test_a_long_chain_does_not_hit_the_stack() -> None:
    names = [str(n) for n in range(2000)]
    assert layers(names, list(pairwise(names)))["1999"] == 1999
