"""Layered drawing of a directed graph, left to right, in plain Python.

Layers by longest path; order inside a layer by the mean place of the neighbours, swept to and fro (Sugiyama's way, as in
dot). Long edges pass through invisible places of the layers between, so that they bend around boxes instead of crossing
them. Cycles are broken by turning back edges, which only affects where boxes stand.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from lianlu.page.markup import anchor, attribute, escape
from lianlu.page.parts import Graph, Node
from lianlu.page.svg import clipped, pixels, svg_text

__all__ = ["Place", "draw", "layers", "place"]

_BOX_WIDTH = 160.0
_BOX_HEIGHT = 62.0
_GAP_X = 46.0
_GAP_Y = 20.0
_BEND_HEIGHT = 16.0
_MARGIN = 6.0
_SMALLEST = 0.8  # a graph that does not fit is scaled down to this, then scrolls
_SWEEPS = 8

Edges = Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Place:
    """Left top corner of a box; `height` is small for the bend of a long edge."""

    x: float
    y: float
    height: float

    @property
    def middle(self) -> float:
        return self.y + self.height / 2


def layers(names: Sequence[str], edges: Edges) -> dict[str, int]:
    """The layer of each node: one more than the highest of its parents'."""
    parents: dict[str, list[str]] = {name: [] for name in names}
    for start, end in _acyclic(names, edges):
        parents[end].append(start)
    children: dict[str, list[str]] = {name: [] for name in names}
    for name in names:
        for parent in parents[name]:
            children[parent].append(name)
    missing = {name: len(parents[name]) for name in names}
    found = {name: 0 for name in names if not parents[name]}
    ready = list(found)
    for name in ready:  # grows while it is walked
        for child in children[name]:
            found[child] = max(found.get(child, 0), found[name] + 1)
            missing[child] -= 1
            if not missing[child]:
                ready.append(child)
    return _sources_near(found, parents)


def _sources_near(level: dict[str, int], parents: Mapping[str, Sequence[str]]) -> dict[str, int]:
    """Nodes without parents stand just before their first child, not all at the far left."""
    first: dict[str, int] = {}
    for name, above in parents.items():
        for parent in above:
            first[parent] = min(first.get(parent, level[name]), level[name])
    return {name: each if parents[name] else first.get(name, 1) - 1 for name, each in level.items()}


def _acyclic(names: Sequence[str], edges: Edges) -> list[tuple[str, str]]:
    """The edges with those that close a cycle turned round; self loops are dropped."""
    children: dict[str, list[str]] = {name: [] for name in names}
    for start, end in edges:
        if start != end:
            children[start].append(end)
    state: dict[str, int] = {}
    kept: list[tuple[str, str]] = []
    for root in names:
        if root in state:
            continue
        state[root] = 1
        stack = [(root, iter(children[root]))]
        while stack:
            name, rest = stack[-1]
            child = next(rest, None)
            if child is None:
                state[name] = 2
                stack.pop()
                continue
            kept.append((child, name) if state.get(child) == 1 else (name, child))
            if child not in state:
                state[child] = 1
                stack.append((child, iter(children[child])))
    return kept


def place(names: Sequence[str], edges: Edges) -> tuple[dict[str, Place], dict[tuple[str, str], list[Place]]]:
    """Where each box stands, and the bends of each edge that spans several layers."""
    level = layers(names, edges)
    columns: list[list[str]] = [[] for _ in range(1 + max(level.values(), default=-1))]
    for name in names:
        columns[level[name]].append(name)
    bends, links = _bends(edges, level, columns)
    _order(columns, links)
    is_bend = {bend for chain in bends.values() for bend in chain}
    places = _coordinates(columns, links, is_bend)
    return (
        {name: places[name] for name in names},
        {edge: [places[bend] for bend in chain] for edge, chain in bends.items()},
    )


def _bends(
    edges: Edges, level: Mapping[str, int], columns: list[list[str]]
) -> tuple[dict[tuple[str, str], list[str]], list[tuple[str, str]]]:
    """Add a bend to each layer that an edge passes; returns the bends by edge and the links between next layers."""
    bends: dict[tuple[str, str], list[str]] = {}
    links: list[tuple[str, str]] = []
    for start, end in edges:
        low, high = sorted((start, end), key=lambda name: level[name])
        chain: list[str] = []
        for column in range(level[low] + 1, level[high]):
            bend = f"\0{start}\0{end}\0{column}"
            columns[column].append(bend)
            chain.append(bend)
        path = [low, *chain, high]
        links.extend(pairwise(path))
        bends[start, end] = chain if low == start else chain[::-1]
    return bends, links


def _order(columns: list[list[str]], links: list[tuple[str, str]]) -> None:
    """Sort each layer by where its neighbours stand, to and fro."""
    before: dict[str, list[str]] = {}
    after: dict[str, list[str]] = {}
    for start, end in links:
        before.setdefault(end, []).append(start)
        after.setdefault(start, []).append(end)
    for sweep in range(_SWEEPS):
        forward = sweep % 2 == 0
        neighbours = before if forward else after
        for column in columns if forward else reversed(columns):
            rank = {name: index / max(len(each) - 1, 1) for each in columns for index, name in enumerate(each)}
            column.sort(key=lambda name: _mean([rank[other] for other in neighbours.get(name, ())], rank[name]))


def _mean(values: Sequence[float], default: float) -> float:
    return sum(values) / len(values) if values else default


def _coordinates(columns: list[list[str]], links: list[tuple[str, str]], is_bend: set[str]) -> dict[str, Place]:
    heights = {name: _BEND_HEIGHT if name in is_bend else _BOX_HEIGHT for column in columns for name in column}
    tallest = max((_column_height(column, heights) for column in columns), default=0.0)
    top: dict[str, float] = {}
    for column in columns:
        y = (tallest - _column_height(column, heights)) / 2
        for name in column:
            top[name] = y
            y += heights[name] + _GAP_Y
    neighbours: dict[str, list[str]] = {}
    for start, end in links:
        neighbours.setdefault(start, []).append(end)
        neighbours.setdefault(end, []).append(start)
    for _ in range(_SWEEPS):
        for column in columns:
            _relax(column, top, heights, neighbours, tallest)
    lowest = min(top.values(), default=0.0)
    return {
        name: Place(_MARGIN + index * (_BOX_WIDTH + _GAP_X), _MARGIN + top[name] - lowest, heights[name])
        for index, column in enumerate(columns)
        for name in column
    }


def _column_height(column: Sequence[str], heights: Mapping[str, float]) -> float:
    return sum(heights[name] for name in column) + _GAP_Y * max(len(column) - 1, 0)


def _relax(
    column: Sequence[str],
    top: dict[str, float],
    heights: Mapping[str, float],
    neighbours: Mapping[str, list[str]],
    tallest: float,
) -> None:
    """Move the boxes of one layer towards the middle of their neighbours, keeping their order and gaps."""
    below = 0.0
    left = _column_height(column, heights)
    for name in column:
        middles = [top[other] + heights[other] / 2 for other in neighbours.get(name, ())]
        wanted = _mean(middles, top[name] + heights[name] / 2) - heights[name] / 2
        top[name] = min(max(wanted, below), tallest - left)
        below = top[name] + heights[name] + _GAP_Y
        left -= heights[name] + _GAP_Y


def draw(graph: Graph, title_id: str) -> str:
    """The SVG of a graph, at most at its natural size."""
    nodes = {node.id: node for node in graph.nodes}
    edges = list(dict.fromkeys((edge.start, edge.end) for edge in graph.edges))
    edges = [(start, end) for start, end in edges if start in nodes and end in nodes and start != end]
    places, bends = place(list(nodes), edges)
    width = max((spot.x for spot in places.values()), default=0.0) + _BOX_WIDTH + _MARGIN
    spots = [*places.values(), *(bend for chain in bends.values() for bend in chain)]
    height = max((spot.y + spot.height for spot in spots), default=0.0) + _MARGIN
    head = (
        f'<svg class="graph" style="max-width:{pixels(width)}px;min-width:{pixels(width * _SMALLEST)}px"'
        f' viewBox="0 0 {pixels(width)} {pixels(height)}" role="img" aria-labelledby="{title_id}" aria-describedby="{title_id}-d">'
    )
    arrow = (
        f'<defs><marker id="{title_id}-a" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7"'
        ' orient="auto-start-reverse"><path class="arrow" d="M0 0.5L7.5 4L0 7.5z"/></marker></defs>'
    )
    described = "; ".join(f"{nodes[start].name} → {nodes[end].name}" for start, end in edges)
    lines = "".join(_edge(places[start], bends[start, end], places[end], title_id) for start, end in edges)
    boxes = "".join(_box(node, places[node.id]) for node in nodes.values())
    return f'{head}<desc id="{title_id}-d">{escape(described)}</desc>{arrow}{lines}{boxes}</svg>'


def _edge(start: Place, bends: Sequence[Place], end: Place, title_id: str) -> str:
    x, y = start.x + _BOX_WIDTH, start.middle
    path = f"M{pixels(x)} {pixels(y)}"
    for bend in bends:
        path += _curve(x, y, bend.x, bend.middle) + f"H{pixels(bend.x + _BOX_WIDTH)}"
        x, y = bend.x + _BOX_WIDTH, bend.middle
    path += _curve(x, y, end.x - 1, end.middle)
    return f'<path class="edge" d="{path}" marker-end="url(#{title_id}-a)"/>'


def _curve(x: float, y: float, to_x: float, to_y: float) -> str:
    reach = max(abs(to_x - x) / 2, 24.0)
    return f"C{pixels(x + reach)} {pixels(y)} {pixels(to_x - reach)} {pixels(to_y)} {pixels(to_x)} {pixels(to_y)}"


def _box(node: Node, spot: Place) -> str:
    inner = _BOX_WIDTH - 22
    detail = clipped(node.detail, 11, inner)
    box = (
        f"<g{attribute('class', f'node {node.tone}')}><title>{escape(_described(node))}</title>"
        f'<rect x="{pixels(spot.x)}" y="{pixels(spot.y)}" width="{pixels(_BOX_WIDTH)}" height="{pixels(spot.height)}" rx="6"/>'
        f"{svg_text(node.kind, spot.x + 12, spot.y + 18, style='kind')}"
        f"{svg_text(clipped(node.name, 14, inner), spot.x + 12, spot.y + 36, style='name')}"
        f"{svg_text(detail, spot.x + 12, spot.y + 52, style='detail')}</g>"
    )
    return anchor(box, node.href) if node.href else box


def _described(node: Node) -> str:
    return " · ".join(piece for piece in (node.name, str(node.kind), node.detail) if piece)
