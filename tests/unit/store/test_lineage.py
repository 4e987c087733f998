"""From any artifact every step and source file is found, with the hash that each file has on disk now."""

from __future__ import annotations

from pathlib import Path

import msgspec

from lianlu.core.hashing import sha256_bytes
from lianlu.records import Source, StepStamp
from lianlu.store import mermaid, register_folder


def chain(put):
    """documents <- index <- predictions, from two sources."""
    documents = put("d", key="k1", sources={"a.md": b"A", "b.md": b"B"})
    index = put("i", kind="index", parents=(documents.id,), key="k2", step="rag.build")
    return documents, index, put("p", kind="predictions", parents=(index.id,), key="k3", step="rag.ask")


def test_walks_from_an_answer_to_the_source_files(store, put, tmp_path):
    documents, index, predictions = chain(put)
    lineage = store.why(predictions.id)
    assert [artifact.id for artifact in lineage.artifacts] == [predictions.id, documents.id, index.id]
    assert [(source.path, source.uri, source.recorded, source.sha256, source.state) for source in lineage.sources] == [
        (str(tmp_path / "sources" / name), name, sha256_bytes(body), sha256_bytes(body), "same")
        for name, body in (("a.md", b"A"), ("b.md", b"B"))
    ]


def test_edges_lead_through_steps(store, put, tmp_path):
    documents, index, _ = chain(put)
    edges = {(edge.origin, edge.target, edge.role) for edge in store.why(index.id).edges}
    assert edges == {
        (f"source:{tmp_path}/sources/a.md", "step:k1", "source"),
        (f"source:{tmp_path}/sources/b.md", "step:k1", "source"),
        ("step:k1", documents.id, "output:out"),
        (documents.id, "step:k2", "parent"),
        ("step:k2", index.id, "output:out"),
    }


def test_edges_read_from_and_to_in_json(store, put):
    _, index, _ = chain(put)
    edge = msgspec.to_builtins(store.why(index.id).edges)[0]
    assert set(edge) == {"from", "to", "role"}


def test_sources_are_looked_at_now(store, put, tmp_path):
    artifact = put(key="k", sources={"a.md": b"A", "b.md": b"B", "c.md": b"C"})
    (tmp_path / "sources" / "a.md").write_text("changed")
    (tmp_path / "sources" / "b.md").unlink()
    states = {source.uri: (source.state, source.sha256) for source in store.why(artifact.id).sources}
    assert states == {
        "a.md": ("changed", sha256_bytes(b"changed")),
        "b.md": ("missing", None),
        "c.md": ("same", sha256_bytes(b"C")),
    }


def test_addresses_are_not_fetched_and_unrooted_files_are_missing(store, write):
    sources = [Source(uri="https://example.org/a", sha256="1" * 64, size=1), Source(uri="b", sha256="2" * 64, size=1)]
    artifact = store.put({"f": write("f", "x")}, kind="documents", sources=sources)
    assert [(source.path, source.state) for source in store.why(artifact.id).sources] == [
        ("b", "missing"),
        ("https://example.org/a", "remote"),
    ]


def test_a_single_file_may_be_its_own_root(store, write):
    path = write("a.md", "A")
    source = Source(uri="a.md", sha256=sha256_bytes(b"A"), size=1)
    artifact = store.put({"f": path}, kind="documents", sources=[source], sources_root=path)
    assert [(each.path, each.state) for each in store.why(artifact.id).sources] == [(str(path), "same")]


def test_a_lost_parent_is_said_and_the_rest_is_shown(store, put):
    documents, index, predictions = chain(put)
    (store.root / "artifacts" / f"{documents.id}.json").unlink()
    lineage = store.why(predictions.id)
    assert lineage.missing == (documents.id,)
    assert {artifact.id for artifact in lineage.artifacts} == {predictions.id, index.id}


def test_verbs_typed_one_after_the_other_are_one_lineage(store, write, tmp_path):
    original = write("original.md", "# Hello")
    out = write("out/original.json", "{}").parent
    body = original.read_bytes()
    extracted = register_folder(
        out,
        kind="documents",
        store_root=store.root,
        step=StepStamp(name="extract", version=1, key="k1", output="documents"),
        sources=[Source(uri="original.md", sha256=sha256_bytes(body), size=len(body))],
        sources_root=original.parent,
    )
    index = store.put(
        {"i": write("i", "I")},
        kind="index",
        sources=[Source(uri="original.json", sha256=sha256_bytes(b"{}"), size=2)],
        sources_root=out,
    )
    lineage = store.why(index.id)
    assert extracted.id in {artifact.id for artifact in lineage.artifacts}
    assert str(original) in {source.path for source in lineage.sources}
    assert "same-file" in {edge.role for edge in lineage.edges}


def test_every_edge_of_the_graph_joins_two_of_its_nodes(store, put):
    graph = store.graph(chain(put)[2].id)
    nodes = {node.id for node in graph.nodes}
    assert len(nodes) == len(graph.nodes)
    assert all(edge.origin in nodes and edge.target in nodes for edge in graph.edges)


def test_mermaid_reads_from_sources_to_the_answer(store, put, tmp_path):
    documents, index, _ = chain(put)
    (tmp_path / "sources" / "b.md").unlink()
    assert mermaid(store.graph(index.id)) == (
        "graph LR\n"
        f'  n0[("index {index.id[:8]}")]\n'
        f'  n1[("documents {documents.id[:8]}")]\n'
        '  n2(["extract"])\n'
        '  n3(["rag.build"])\n'
        '  n4[/"a.md"/]\n'
        '  n5[/"b.md (missing)"/]\n'
        "  n1 --> n3\n"
        "  n4 --> n2\n"
        "  n5 --> n2\n"
        "  n2 --> n1\n"
        "  n3 --> n0\n"
    )


def test_mermaid_gathers_many_files_and_escapes_their_names(store, put):
    many = put(key="k", sources={f"{index}.md": b"x" for index in range(9)})
    odd = put("odd", key="k2", sources={'a"<b>#.md': b"x"})
    assert '  g0[/"9 files"/]\n  g0 --> n1\n' in mermaid(store.graph(many.id))
    assert '[/"a#quot;#lt;b#gt;#35;.md"/]' in mermaid(store.graph(odd.id))


def test_lineage_of_hundreds_of_generations_is_walked(store, put):
    parent: tuple[str, ...] = ()
    for generation in range(300):
        parent = (put(str(generation), parents=parent).id,)
    assert len(store.why(parent[0]).artifacts) == 300


def test_paths_are_absolute_whatever_folder_the_user_stood_in(store, put, write, monkeypatch):
    path = write("here/a.md", "A")
    monkeypatch.chdir(path.parent)
    source = Source(uri="a.md", sha256=sha256_bytes(b"A"), size=1)
    artifact = store.put({"f": Path("a.md")}, kind="documents", sources=[source], sources_root=".")
    monkeypatch.chdir("/")
    assert [(each.path, each.state) for each in store.why(artifact.id).sources] == [(str(path), "same")]
