"""`lianlu store …` as typed: tables for people, one JSON object for programs, the documented exit codes."""

from __future__ import annotations

import json

import pytest

from lianlu.core.hashing import sha256_bytes


@pytest.fixture
def two(store, put):
    """documents <- index, both named."""
    documents = put("d", key="k1", sources={"a.md": b"A"}, recipe={"ocr": False})
    index = put("i", kind="index", parents=(documents.id,), key="k2", step="rag.build")
    store.set_ref("demo/documents", documents.id)
    store.set_ref("demo/index", index.id)
    return documents, index


@pytest.fixture
def said(lianlu, store):
    """Run a store verb on this store; with `json=True` give the object it printed."""

    def run(*arguments, code=0):
        printed = lianlu("store", *arguments, "--store", store.root)
        assert printed.code == code, printed.err
        return json.loads(printed.out) if "--json" in arguments else printed

    return run


def test_why_lists_every_source_with_the_hash_it_has_now(said, two, tmp_path):
    (tmp_path / "sources" / "a.md").write_text("changed")
    found = said("why", "demo/index", "--json")
    assert set(found) == {"artifact", "artifacts", "edges", "missing", "sources"}
    assert found["artifact"]["id"] == two[1].id
    assert [artifact["id"] for artifact in found["artifacts"]] == [two[1].id, two[0].id]
    assert found["sources"] == [
        {
            "path": str(tmp_path / "sources" / "a.md"),
            "uri": "a.md",
            "sha256": sha256_bytes(b"changed"),
            "recorded": sha256_bytes(b"A"),
            "state": "changed",
        }
    ]
    assert {"from", "to", "role"} == set(found["edges"][0])
    assert "CHANGED" in said("why", "demo/index").out


def test_list_and_show(said, two):
    found = said("list", "--json")
    assert {artifact["kind"] for artifact in found["artifacts"]} == {"documents", "index"}
    [only] = said("list", "--kind", "index", "--json")["artifacts"]
    assert (only["id"], only["refs"], only["size"]) == (two[1].id, ["demo/index"], 1)
    assert two[0].id in said("list").out
    shown = said("show", f"@{two[0].id[:8]}", "--json")
    assert shown["files"][0]["sha256"] == sha256_bytes(b"d")
    assert "a.json" in said("show", "demo/documents").out


def test_empty_store_says_so(said):
    assert "no artifacts" in said("list").out
    assert said("list", "--json")["artifacts"] == []


def test_graph_on_stdout_and_in_a_file(said, two, tmp_path):
    assert said("graph", "demo/index").out.startswith("graph LR\n")
    assert len(said("graph", "demo/index", "--json")["nodes"]) == 5
    said("graph", "demo/index", "--out", tmp_path / "g.mmd")
    assert (tmp_path / "g.mmd").read_text().startswith("graph LR\n")


def test_diff_says_what_and_why(said, two, put):
    other = put("D", key="k3", recipe={"ocr": True}, sources={"a.md": b"B"})
    found = said("diff", "demo/documents", other.id, "--json")
    assert found["changed"] == ["a.json"]
    assert found["recipe"] == [{"step": "extract", "key": "ocr", "a": False, "b": True}]
    assert "+D" in said("diff", "demo/documents", other.id).out
    assert "no difference" in said("diff", "demo/index", "demo/index").out


def test_verify_answers_no_with_exit_code_one(said, two, store):
    assert said("verify", "--json")["sound"]
    sha256 = sha256_bytes(b"d")
    blob = store.root / "blobs" / sha256[:2] / sha256
    blob.chmod(0o644)
    blob.write_bytes(b"D")
    found = said("verify", "--json", code=1)
    assert found["findings"][0]["refs"] == ["demo/documents"]
    printed = said("verify", code=1)
    assert sha256 in printed.out.replace("\n", "")
    assert "demo/documents" in printed.out
    said("verify", "--drop", "--dry-run", code=1)
    assert blob.exists()
    said("verify", "--drop", code=1)
    assert not blob.exists()


def test_gc_says_what_it_frees(said, two, put, store):
    put("unreached!")
    assert said("gc", "--dry-run", "--json")["size"] == 10
    assert len(store.artifacts()) == 3
    assert "10 B" in said("gc").out
    assert len(store.artifacts()) == 2


def test_export_and_a_second_time(said, two, tmp_path):
    assert said("export", "demo/documents", "--out", tmp_path / "out", "--json")["files"] == 1
    assert (tmp_path / "out" / "a.json").read_text() == "d"
    assert "[store.export-target]" in said("export", "demo/documents", "--out", tmp_path / "out", code=2).err


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["why", "nothing"], "store.unknown-artifact"),
        (["list", "--kind", "indx"], "store.unknown-kind"),
        (["lst"], "cli.unknown-verb"),
        (["show"], "cli.bad-usage"),
        (["gc", "--keep-days", "soon"], "cli.bad-usage"),
        (["gc", "--keep-days", "nan"], "cli.bad-usage"),
        (["gc", "--keep-days", "-1"], "cli.bad-usage"),
    ],
)
def test_wrong_commands_get_one_error_with_a_hint(said, two, arguments, code):
    printed = said(*arguments, code=2)
    assert f"[{code}]" in printed.err
    assert "hint:" in printed.err
    assert "Traceback" not in printed.err


def test_no_store_is_told_and_none_is_made(lianlu, tmp_path):
    printed = lianlu("store", "list", "--store", tmp_path / "none")
    assert printed.code == 2
    assert "[store.absent]" in printed.err
    assert not (tmp_path / "none").exists()


def test_every_text_has_both_languages(said, two, monkeypatch):
    monkeypatch.setenv("LIANLU_LANG", "zh")
    assert "类型" in said("list").out
    assert "个源文件" in said("why", "demo/index").out
    assert "存储库完好" in said("verify").out
    assert "没有产物或引用" in said("show", "x", code=2).err
