"""Knowledge bases over real files: only what changed is read, and other processes' changes are seen."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lianlu import rag
from lianlu.core.errors import DataError, UsageError
from lianlu.rag.base import KnowledgeBase
from lianlu.rag.shelf import base_path, names, open_base
from lianlu.rag.truth import Truth

from .conftest import Make

DATA = Path(os.environ.get("LIANLU_TEST_DATA", "/nonexistent"))
needs_history = pytest.mark.skipif(
    not (DATA / "xtuner_readme_history").is_dir(), reason="LIANLU_TEST_DATA has no xtuner_readme_history"
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "docs"
    (folder / "guide").mkdir(parents=True)
    (folder / "a.md").write_text("# 甲\n\n甲是第一篇文档。\n", encoding="utf-8")
    (folder / "b.md").write_text("# 甲\n\n甲是第一篇文档。\n", encoding="utf-8")
    (folder / "guide" / "c.txt").write_text("丙文件讲的是安装步骤。\n", encoding="utf-8")
    return folder


def test_build_add_update_remove(folder: Path, tmp_path: Path) -> None:
    base, changes = rag.build("docs", folder)
    with base:
        assert sorted(changes.added) == ["a.md", "b.md", "guide/c.txt"]
        (folder / "a.md").unlink()
        (folder / "b.md").write_text("# 乙\n\n乙已更新。\n", encoding="utf-8")
        (folder / "d.md").write_text("丁是新文件。\n", encoding="utf-8")
        updated = base.update()
        assert (updated.added, updated.changed, updated.removed, updated.unchanged) == (["d.md"], ["b.md"], ["a.md"], 1)
        assert base.update().unchanged == 3
        assert [passage.uri for passage in base.search("乙已更新", 1)] == ["b.md"]
        assert base.remove(["d.md"]) == ["d.md"]
        assert base.status().uris == ("b.md", "guide/c.txt")


def test_a_file_that_became_unreadable_is_no_longer_answered_from(folder: Path) -> None:
    base, _ = rag.build("docs", folder)
    with base:
        (folder / "a.md").write_bytes(b"")
        changes = base.update()
        assert [failure.code for failure in changes.failed] == ["extract.empty"]
        assert "a.md" not in base.status().uris
        again = base.update()
        assert (again.unchanged, [failure.uri for failure in again.failed]) == (2, ["a.md"])


def test_updates_equal_a_fresh_build(folder: Path) -> None:
    base, _ = rag.build("docs", folder)
    (folder / "a.md").write_text("# 新\n\n新内容。\n", encoding="utf-8")
    base.update()
    fresh, _ = rag.build("fresh", folder)
    with base, fresh:
        assert [(p.uri, p.text, p.score) for p in base.search("内容 安装 文档", 9)] == [
            (p.uri, p.text, p.score) for p in fresh.search("内容 安装 文档", 9)
        ]


def test_build_replaces_a_base_of_that_name(folder: Path, tmp_path: Path) -> None:
    rag.build("docs", folder)[0].close()
    other = tmp_path / "other.md"
    other.write_text("只有这一篇。\n", encoding="utf-8")
    base, _ = rag.build("docs", other)
    with base:
        assert base.status().uris == ("other.md",)


def test_build_replaces_a_damaged_file(folder: Path) -> None:
    base_path("docs").write_bytes(b"garbage" * 1000)
    base, _ = rag.build("docs", folder)
    with base:
        assert base.status().documents == 3


def test_files_of_one_name_in_two_folders_both_stay(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "more" / "docs")
    base, _ = rag.build("docs", [folder, tmp_path / "more" / "docs"])
    with base:
        assert base.status().documents == 6


def test_a_folder_of_broken_files_is_an_error_with_the_reasons(tmp_path: Path) -> None:
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "a.md").write_bytes(b"")
    (tmp_path / "bad" / "b.pdf").write_bytes(b"%PDF-1.4 broken")
    with pytest.raises(DataError) as caught:
        rag.build("bad", tmp_path / "bad")
    assert caught.value.code == "rag.nothing-read"
    assert "a.md: the file is empty" in str(caught.value)
    assert rag.names() == []


def test_a_folder_that_is_gone_does_not_empty_the_base(folder: Path) -> None:
    base, _ = rag.build("docs", folder)
    shutil.rmtree(folder)
    with base:
        changes = base.update()
        assert [failure.code for failure in changes.failed] == ["file.missing"]
        assert base.status().documents == 3


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_an_unreadable_file_is_reported_and_the_rest_goes_on(folder: Path) -> None:
    (folder / "a.md").chmod(0)
    base, changes = rag.build("docs", folder)
    with base:
        assert [failure.code for failure in changes.failed] == ["file.unreadable"]
        assert base.status().documents == 2


def test_links_out_of_the_folder_are_not_followed(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("机密内容", encoding="utf-8")
    (folder / "link.txt").symlink_to(tmp_path / "secret.txt")
    (folder / "loop").symlink_to(folder)
    base, changes = rag.build("docs", folder)
    with base:
        assert base.search("机密内容") == []
        assert [(failure.uri, failure.code) for failure in changes.failed] == [("link.txt", "extract.link-outside")]
        assert base.update().unchanged == 3


def test_files_that_none_can_be_read_are_an_error_and_the_base_keeps_its_documents(folder: Path) -> None:
    base, _ = rag.build("docs", folder)
    with base:
        (folder.parent / "x.bin").write_bytes(b"\x00\x01")
        with pytest.raises(DataError) as caught:
            base.add([folder.parent / "x.bin"])
        assert caught.value.code == "rag.nothing-read"
        assert base.status().documents == 3


@pytest.mark.parametrize("name", ["", "a/b", "../x", ".hidden", "a\x00b", "x" * 65, "a b"])
def test_bad_names_are_refused(folder: Path, name: str) -> None:
    with pytest.raises(UsageError) as caught:
        rag.build(name, folder)
    assert caught.value.code == "rag.bad-name"


def test_an_unknown_name_answers_with_the_nearest(folder: Path) -> None:
    rag.build("handbook", folder)[0].close()
    with pytest.raises(UsageError) as caught:
        rag.open("handbok")
    assert caught.value.code == "rag.unknown-base"
    assert "handbook" in caught.value.hint("en")


def test_an_empty_folder_and_no_paths_are_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for paths, code in (
        ([tmp_path / "empty"], "rag.nothing-to-read"),
        ([], "rag.no-paths"),
        ([tmp_path / "no"], "file.missing"),
    ):
        with pytest.raises(UsageError) as caught:
            rag.build("x", paths)
        assert caught.value.code == code
    assert names() in ([], ["x"])


def test_removing_an_unknown_document_removes_nothing(folder: Path) -> None:
    base, _ = rag.build("docs", folder)
    with base, pytest.raises(UsageError) as caught:
        base.remove(["a.md", "zz.md"])
    assert caught.value.code == "rag.unknown-document"
    with rag.open("docs") as again:
        assert again.status().documents == 3


def test_a_reader_sees_what_another_process_wrote(folder: Path, tmp_path: Path) -> None:
    base, _ = rag.build("docs", folder)
    with base:
        assert base.search("量子计算") == []
        (folder / "new.md").write_text("量子计算的介绍。\n", encoding="utf-8")
        script = "from lianlu import rag\nwith rag.open('docs') as base:\n    base.update()"
        subprocess.run([sys.executable, "-c", script], check=True)
        assert [passage.uri for passage in base.search("量子计算")] == ["new.md"]


@pytest.mark.parametrize("damage", ["missing", "truncated", "flipped", "stale"])
def test_a_bad_sidecar_never_changes_an_answer(folder: Path, damage: str) -> None:
    base, _ = rag.build("docs", folder)
    expected = base.search("安装步骤")
    sidecar = base_path("docs").with_suffix(".lexical")
    content = sidecar.read_bytes()
    if damage == "missing":
        sidecar.unlink()
    elif damage == "truncated":
        sidecar.write_bytes(content[: len(content) // 2])
    elif damage == "flipped":
        sidecar.write_bytes(content[:-20] + bytes([content[-20] ^ 1]) + content[-19:])
    else:
        base.remove(["a.md"])
        sidecar.write_bytes(content)
        expected = base.search("安装步骤")
    base.close()
    with rag.open("docs") as again:
        assert again.search("安装步骤") == expected
    assert sidecar.exists()


def test_a_base_in_a_folder_that_cannot_be_written_is_read(tmp_path: Path, make_document: Make) -> None:
    if os.geteuid() == 0:
        pytest.skip("root writes everywhere")
    folder = tmp_path / "ro"
    with KnowledgeBase(Truth.create(folder / "n.sqlite", "n")) as base:
        base.put([make_document("a.md", "甲是第一篇。")])
    folder.chmod(0o555)
    try:
        with KnowledgeBase(Truth.open(folder / "n.sqlite", "n")) as base:
            assert len(base.search("甲")) == 1
    finally:
        folder.chmod(0o755)


@needs_history
@pytest.mark.parametrize(
    ("revision", "words"),
    [
        ("002", "轻量级微调大语言模型的工具库"),
        ("031", "高效、灵活、全能的轻量化大模型微调工具库"),
        ("046", "专为超大规模 MoE 模型打造"),
    ],
)
def test_each_revision_of_a_readme_answers_for_itself(revision: str, words: str) -> None:
    (path,) = (DATA / "xtuner_readme_history").glob(f"{revision}_*.md")
    rag.build("xtuner", path)[0].close()
    answer = rag.ask("xtuner", "xtuner是什么？")
    cited = [each for each in answer.citations if words in each.quote]
    assert cited
    assert cited[0].uri == path.name
    assert cited[0].source_span is not None
    assert cited[0].source_span.cut(path.read_text(encoding="utf-8")) == cited[0].quote
    assert words in path.read_text(encoding="utf-8").splitlines()[(cited[0].first_line or 0) - 1]


@needs_history
def test_the_empty_revision_is_reported_and_not_answered() -> None:
    (path,) = (DATA / "xtuner_readme_history").glob("001_*.md")
    with pytest.raises(DataError) as caught:
        rag.build("xtuner", path)
    assert f"{path.name}: the file is empty" in str(caught.value)
    with pytest.raises(UsageError):
        rag.ask("xtuner", "xtuner是什么？")


@needs_history
def test_revisions_replayed_as_updates_equal_a_fresh_build(tmp_path: Path) -> None:
    readme = tmp_path / "work" / "README.md"
    readme.parent.mkdir()
    revisions = sorted((DATA / "xtuner_readme_history").glob("0*.md"))[1::9]
    shutil.copyfile(revisions[0], readme)
    base, _ = rag.build("live", readme.parent)
    with base:
        for revision in revisions[1:]:
            shutil.copyfile(revision, readme)
            base.update()
        fresh, _ = rag.build("fresh", readme.parent)
        with fresh:
            assert base.search("xtuner 是什么", 20) == fresh.search("xtuner 是什么", 20)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL], ids=lambda number: number.name)
def test_a_first_build_that_is_stopped_leaves_no_base(tmp_path: Path, number: signal.Signals) -> None:
    notes = tmp_path / "notes"
    notes.mkdir()
    for page in range(300):
        (notes / f"{page}.md").write_text(f"# Page {page}\n\n" + "Words of a page. " * 400, encoding="utf-8")
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    command = [sys.executable, "-m", "lianlu", "rag", "build", "notes", str(notes), "-q"]
    build = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={**os.environ, "TMPDIR": str(temporary)}
    )
    while not list(temporary.iterdir()) and build.poll() is None:
        time.sleep(0.01)
    time.sleep(0.1)
    build.send_signal(number)
    assert build.wait(timeout=60) == (130 if number != signal.SIGKILL else -9)
    assert names() == []
    if number != signal.SIGKILL:
        assert list(temporary.iterdir()) == []
    base, changes = rag.build("notes", notes)
    base.close()
    assert len(changes.added) == 300


def test_two_first_builds_at_once_end_with_one_whole_base(folder: Path) -> None:
    script = "import sys; from lianlu import rag; rag.build('docs', sys.argv[1])[0].close()"
    running = [subprocess.Popen([sys.executable, "-c", script, str(folder)]) for _ in range(3)]
    assert [each.wait(timeout=60) for each in running] == [0, 0, 0]
    with open_base("docs") as base:
        base.truth.check()
        assert base.status().documents == 3
