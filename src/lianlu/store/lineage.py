"""From an artifact back to the files it came from, by edges that were recorded when it was made. Guesses nothing.

One edge is found rather than recorded: an outside file with the path and hash of a file that a verb registered by
reference is that file, so `extract --out x` and `rag build x`, typed one after the other, are one lineage.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Literal

import msgspec

from lianlu.core.hashing import sha256_file
from lianlu.records import Artifact, Source

__all__ = ["Edge", "Graph", "Lineage", "Node", "SourceState", "made_files", "mermaid", "source_path", "trace"]

State = Literal["same", "changed", "missing", "remote"]
MadeFiles = Mapping[tuple[str, str], str]


class SourceState(msgspec.Struct, frozen=True, kw_only=True):
    """An outside file: as it was recorded and as it is on disk now. `remote` is an address, which is not fetched.

    Attributes:
        path: absolute path, or the address.
        uri: what the documents call it.
        recorded: its SHA-256 when it was read.
        sha256: its SHA-256 now; None where it cannot be read.
    """

    path: str
    uri: str
    sha256: str | None
    recorded: str
    state: State


class Edge(msgspec.Struct, frozen=True, kw_only=True, order=True, rename={"origin": "from", "target": "to"}):
    """From what was read to what was made. Ends are artifact ids, `step:<key>` and `source:<path>`.

    `role` is `parent`, `source`, `output:<name>`, or `same-file` where a source is a file of a registered artifact.
    """

    origin: str
    target: str
    role: str


class Node(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    id: str
    kind: Literal["artifact", "step", "source"]
    label: str
    state: str = ""


class Graph(msgspec.Struct, frozen=True, kw_only=True):
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]


class Lineage(msgspec.Struct, frozen=True, kw_only=True):
    """All that an artifact depends on: `artifacts` begins with itself; `missing` are parents without a manifest."""

    artifact: Artifact
    artifacts: tuple[Artifact, ...]
    sources: tuple[SourceState, ...]
    edges: tuple[Edge, ...]
    missing: tuple[str, ...] = ()

    def graph(self) -> Graph:
        """The same as nodes and edges."""
        nodes = [Node(id=artifact.id, kind="artifact", label=artifact.kind) for artifact in self.artifacts]
        nodes += [Node(id=id_, kind="artifact", label="?", state="missing") for id_ in self.missing]
        steps = {artifact.step.key: artifact.step for artifact in self.artifacts if artifact.step}
        nodes += [Node(id=f"step:{key}", kind="step", label=step.name) for key, step in sorted(steps.items())]
        nodes += [
            Node(id=f"source:{source.path}", kind="source", label=source.uri, state=source.state)
            for source in self.sources
        ]
        return Graph(nodes=tuple(nodes), edges=self.edges)


def made_files(artifacts: Iterable[Artifact]) -> dict[tuple[str, str], str]:
    """(path, sha256) of every file kept by reference -> the artifact it belongs to; the first one named wins."""
    found: dict[tuple[str, str], str] = {}
    for artifact in artifacts:
        for file in artifact.files:
            if file.path:
                found.setdefault((file.path, file.sha256), artifact.id)
    return found


def trace(artifact: Artifact, read: Callable[[str], Artifact | None], made: MadeFiles) -> Lineage:
    """Walk up to the roots.

    Args:
        read: an artifact by id, None where there is none.
        made: see `made_files`.
    """
    found: dict[str, Artifact] = {artifact.id: artifact}
    missing: set[str] = set()
    edges: set[Edge] = set()
    recorded: dict[tuple[str, str], Source] = {}
    waiting = [artifact]
    while waiting:
        current = waiting.pop()
        above = _edges_into(current, made, recorded)
        edges.update(above)
        for id_ in sorted({edge.origin for edge in above if edge.role in ("parent", "same-file")}):
            if id_ in found or id_ in missing:
                continue
            parent = read(id_)
            if parent is None:
                missing.add(id_)
            else:
                found[id_] = parent
                waiting.append(parent)
    sources = tuple(_looked_at(path, source) for (path, _), source in sorted(recorded.items()))
    rest = sorted((each for each in found.values() if each.id != artifact.id), key=lambda each: (each.kind, each.id))
    return Lineage(
        artifact=artifact,
        artifacts=(artifact, *rest),
        sources=sources,
        edges=tuple(sorted(edges)),
        missing=tuple(sorted(missing)),
    )


def _edges_into(artifact: Artifact, made: MadeFiles, recorded: dict[tuple[str, str], Source]) -> set[Edge]:
    """The edges that end in this artifact or in its step; notes its sources in `recorded`."""
    edges: set[Edge] = set()
    maker = artifact.id
    if artifact.step is not None:
        maker = f"step:{artifact.step.key}"
        edges.add(Edge(origin=maker, target=artifact.id, role=f"output:{artifact.step.output}"))
    edges.update(Edge(origin=parent, target=maker, role="parent") for parent in artifact.parents)
    for source in artifact.sources:
        path = source_path(source, artifact.sources_root)
        recorded[path, source.sha256] = source
        edges.add(Edge(origin=f"source:{path}", target=maker, role="source"))
        maker_of_file = made.get((path, source.sha256))
        if maker_of_file is not None and maker_of_file != artifact.id:
            edges.add(Edge(origin=maker_of_file, target=f"source:{path}", role="same-file"))
    return edges


def source_path(source: Source, sources_root: str) -> str:
    """Where a source lies: its address, or its absolute path below the folder (or file) that the user named."""
    if "://" in source.uri:
        return source.uri
    root = Path(sources_root)
    if root.name == source.uri and root.is_file():
        return sources_root
    return str(root / source.uri)


def _looked_at(path: str, source: Source) -> SourceState:
    if "://" in source.uri:
        return SourceState(path=path, uri=source.uri, sha256=None, recorded=source.sha256, state="remote")
    now = None
    if Path(path).is_absolute():  # without a recorded root the place is not known
        try:
            now = sha256_file(Path(path))
        except OSError:
            now = None
    state: State = "missing" if now is None else "same" if now == source.sha256 else "changed"
    return SourceState(path=path, uri=source.uri, sha256=now, recorded=source.sha256, state=state)


def mermaid(graph: Graph, *, most_sources: int = 8) -> str:
    """The graph as mermaid text. More than `most_sources` files with the same readers become one node with their number."""
    readers: dict[str, list[str]] = {}
    for edge in graph.edges:
        readers.setdefault(edge.origin, []).append(edge.target)
    linked = {edge.target for edge in graph.edges}
    groups: dict[tuple[str, ...], list[Node]] = {}
    for node in graph.nodes:
        if node.kind == "source" and node.id not in linked:
            groups.setdefault(tuple(readers.get(node.id, ())), []).append(node)
    merged = {key: nodes for key, nodes in groups.items() if len(nodes) > most_sources}
    hidden = {node.id for nodes in merged.values() for node in nodes}
    shown = [node for node in graph.nodes if node.id not in hidden]
    names = {node.id: f"n{index}" for index, node in enumerate(shown)}
    lines = ["graph LR"]
    lines += [f"  {names[node.id]}{_shape(node)}" for node in shown]
    lines += [
        f"  {names[edge.origin]} --> {names[edge.target]}"
        for edge in graph.edges
        if edge.origin in names and edge.target in names
    ]
    for index, (targets, nodes) in enumerate(sorted(merged.items())):
        changed = sum(node.state != "same" for node in nodes)
        note = f", {changed} changed" if changed else ""
        lines.append(f"  g{index}[/{_quoted(f'{len(nodes)} files{note}')}/]")
        lines += [f"  g{index} --> {names[target]}" for target in targets if target in names]
    return "\n".join(lines) + "\n"


def _shape(node: Node) -> str:
    note = f" ({node.state})" if node.state not in ("", "same") else ""
    if node.kind == "source":
        return f"[/{_quoted(node.label + note)}/]"
    if node.kind == "step":
        return f"([{_quoted(node.label)}])"
    return f"[({_quoted(f'{node.label}{note} {node.id[:8]}')})]"


def _quoted(text: str) -> str:
    for character, entity in (("#", "#35;"), ('"', "#quot;"), ("<", "#lt;"), (">", "#gt;"), ("\n", " ")):
        text = text.replace(character, entity)
    return f'"{text}"'
