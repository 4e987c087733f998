"""What users of LlamaIndex reported, as facts that hold here. The numbers are those of its issues."""

import os
from pathlib import Path

import numpy as np
import pytest

from lianlu import rag
from lianlu.core.job import Job
from lianlu.extract.read import read_files
from lianlu.rag.base import KnowledgeBase
from lianlu.rag.config import BaseConfig
from lianlu.rag.embedding import EmbeddingCache, Space, embed
from lianlu.rag.shelf import build
from lianlu.rag.truth import Truth

from .conftest import Make

DATA = Path(os.environ.get("LIANLU_TEST_DATA", "/nonexistent"))
TEXT = "# 备份\n\n我们每晚两点做备份。\n"


def test_22706_two_documents_of_equal_text_are_removed_each_by_itself(tmp_path: Path) -> None:
    folder = tmp_path / "docs"
    folder.mkdir()
    for name in ("a.md", "b.md"):
        (folder / name).write_text(TEXT, encoding="utf-8")
    base, _ = build("docs", folder, config=BaseConfig(embed="fake:echo"))
    with base:
        (folder / "a.md").unlink()
        assert base.update().removed == ["a.md"]
        assert [passage.uri for passage in base.search("备份")] == ["b.md"]
        (folder / "b.md").unlink()
        (folder / "c.md").write_text("# 监控\n\n监控照旧。\n", encoding="utf-8")
        base.update()
        assert base.search("备份几点") == []
        assert base.status().vectors == base.status().chunks == 1


def test_22046_a_changed_document_keeps_all_its_chunks(base: KnowledgeBase, make_document: Make) -> None:
    def long(word: str) -> str:
        return "\n\n".join(f"# 第{part}节\n\n" + f"{word}在第{part}节的说明。" * 60 for part in range(6))

    base.put([make_document("a.md", long("旧词"))])
    before = base.status().chunks
    base.put([make_document("a.md", long("新词"))])
    assert base.status().chunks == before > 5
    assert {passage.headings for passage in base.search("新词的说明", 50)} == {(f"第{part}节",) for part in range(6)}
    assert all("旧词" not in passage.text for passage in base.search("旧词", 50))


def test_23002_the_key_of_a_cached_vector_is_that_of_one_text_only(tmp_path: Path) -> None:
    from lianlu.core import aio
    from lianlu.llm import open_backend

    space = Space(ref="fake:echo", fingerprint="f", dimensions=0)

    async def main() -> list[np.ndarray]:
        async with open_backend("fake:echo") as backend:
            dimensions = len((await backend.embed(["x"])).vectors[0])
            here = Space(ref=space.ref, fingerprint=space.fingerprint, dimensions=dimensions)
            cache = EmbeddingCache(tmp_path / "cache")
            made = [
                await embed(backend, [text], kind, here, cache)
                for text, kind in (("document甲", "query"), ("甲", "document"), ("", "document"), ("甲", "query"))
            ]
            count = cache.count()
            cache.close()
            assert count == 4
            return made

    aio.run(main)


def test_13866_chinese_is_found_by_words(base: KnowledgeBase, make_document: Make) -> None:
    base.put([make_document("a.md", "大语言模型的微调需要显存。"), make_document("b.md", "今天天气很好。")])
    found = base.find("微调要多少显存")
    assert [each.row.uri for each in found] == ["a.md"]
    assert found[0].score > 0


def test_11859_a_file_that_fails_keeps_its_reason(tmp_path: Path) -> None:
    folder = tmp_path / "docs"
    folder.mkdir()
    (folder / "good.md").write_text(TEXT, encoding="utf-8")
    (folder / "broken.pdf").write_bytes(b"%PDF-1.7 and nothing more")
    (folder / "empty.md").write_bytes(b"")
    base, changes = rag.build("docs", folder)
    with base:
        assert {failure.uri for failure in changes.failed} == {"broken.pdf", "empty.md"}
        assert all(failure.reason and failure.hint for failure in base.status().failures)
        assert base.status().documents == 1


@pytest.mark.skipif(
    not (DATA / "xtuner_readme_history").is_dir(), reason="LIANLU_TEST_DATA has no xtuner_readme_history"
)
def test_every_revision_of_a_readme_replayed_equals_a_fresh_build(tmp_path: Path) -> None:
    revisions = read_files(DATA / "xtuner_readme_history", include=["0*.md"])
    assert len(revisions) == 45
    from msgspec.structs import replace

    named = [replace(each, source=replace(each.source, uri="README.md")) for each in revisions]
    others = [each for each in named if each != named[-1]][::15]
    bystanders = [replace(each, source=replace(each.source, uri=f"{at}.md")) for at, each in enumerate(others)]
    config = BaseConfig(embed="fake:echo")
    with _base(tmp_path / "live.sqlite", config) as live, _base(tmp_path / "fresh.sqlite", config) as fresh:
        live.put(bystanders)
        for revision in named:
            live.put([revision])
        fresh.put([*bystanders, named[-1]])
        for base in (live, fresh):
            base.truth.set_meta("weights", '{"zh":{"weight":0.7}}')
        for question in ("xtuner 是什么", "如何微调 InternLM", "支持哪些模型", "DeepSpeed ZeRO"):
            assert [(p.uri, p.text, p.score) for p in live.search(question, 20)] == [
                (p.uri, p.text, p.score) for p in fresh.search(question, 20)
            ]
        assert live.status().vectors == live.status().chunks == fresh.status().chunks


def _base(path: Path, config: BaseConfig) -> KnowledgeBase:
    from lianlu.rag.intake import current_space

    base = KnowledgeBase(Truth.create(path, path.stem))
    with base.truth.writing():
        base.configure(config, current_space(config, Job("test")))
    return base
