"""Bases with vectors: built, searched, updated, given another embedder, and left alone by a dead one."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lianlu import rag
from lianlu.core import aio
from lianlu.core.errors import BackendError, UsageError
from lianlu.core.job import Job
from lianlu.rag.base import KnowledgeBase
from lianlu.rag.config import BaseConfig
from lianlu.rag.embedding import EmbeddingCache, Space, embedded_texts
from lianlu.rag.question import read_question
from lianlu.rag.retrieval import retrieve_now
from lianlu.records import Chunk, Span
from lianlu.text.chunks import text_sizes
from lianlu.text.normalise import text_size

from .conftest import markdown_document

FAKE = BaseConfig(embed="fake:echo")
TOPICS = (
    "备份",
    "监控",
    "部署",
    "训练",
    "评测",
    "标注",
    "检索",
    "推理",
    "量化",
    "许可",
    "日志",
    "权限",
    "计费",
    "告警",
)


class _Server:
    """An embedding server whose model and health can be changed."""

    def __init__(self) -> None:
        self.dimensions = 8
        self.asked: list[str] = []
        self.fails_after = 1_000_000
        outer = self

        class Pages(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                texts = [body["input"]] if isinstance(body["input"], str) else body["input"]
                outer.asked += texts
                is_down = len(outer.asked) > outer.fails_after
                rows = [{"index": at, "embedding": outer.vector(text)} for at, text in enumerate(texts)]
                content = b"{}" if is_down else json.dumps({"data": rows, "model": "m"}).encode()
                self.send_response(500 if is_down else 200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: object) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Pages)
        self.ref = f"http://127.0.0.1:{self.http.server_port}/v1#m"

    def vector(self, text: str) -> list[float]:
        made = [0.01] * self.dimensions
        for at, topic in enumerate(TOPICS):
            made[at % self.dimensions] += text.count(topic)
        return made


@contextmanager
def serving() -> Iterator[_Server]:
    server = _Server()
    threading.Thread(target=server.http.serve_forever, daemon=True).start()
    try:
        yield server
    finally:
        server.http.shutdown()
        server.http.server_close()


@pytest.fixture
def server() -> Iterator[_Server]:
    with serving() as started:
        yield started


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "docs"
    folder.mkdir()
    for number, topic in enumerate(TOPICS):
        text = f"# {topic}\n\n{topic}的第一条规定是每天检查一次。\n\n{topic}的第二条规定是每周报告一次，由小组{number}负责。\n"
        (folder / f"{number}.md").write_text(text, encoding="utf-8")
    return folder


def test_every_chunk_has_a_vector_of_length_one(folder: Path) -> None:
    base, _ = rag.build("docs", folder, config=FAKE)
    with base:
        status = base.status()
        assert status.vectors == status.chunks > 0
        vectors = base.truth.vectors(base.truth.pieces(), status.dimensions).astype(np.float32)
        assert np.linalg.norm(vectors, axis=1) == pytest.approx(1.0, abs=2e-3)


def test_an_update_gives_vectors_to_what_is_new_and_keeps_the_rest(folder: Path, server: _Server) -> None:
    base, _ = rag.build("docs", folder, config=BaseConfig(embed=server.ref))
    with base:
        (folder / "new.md").write_text("# 新\n\n新的一篇，只讲缓存。\n", encoding="utf-8")
        asked = len(server.asked)
        base.update()
        assert [text for text in server.asked[asked:] if text != "lianlu"] == ["# 新\n\n新的一篇，只讲缓存。"]
        assert base.status().vectors == base.status().chunks


def test_text_that_was_embedded_once_is_not_sent_again(folder: Path, server: _Server) -> None:
    rag.build("docs", folder, config=BaseConfig(embed=server.ref))[0].close()
    asked = len(server.asked)
    rag.build("again", folder, config=BaseConfig(embed=server.ref))[0].close()
    assert set(server.asked[asked:]) == {"lianlu"}


def test_a_build_that_was_cut_off_goes_on_from_what_it_paid_for(folder: Path, server: _Server) -> None:
    server.fails_after = 2
    with pytest.raises(BackendError):
        rag.build("docs", folder, config=BaseConfig(embed=server.ref))
    assert rag.names() == []
    server.fails_after = 1_000_000
    base, _ = rag.build("docs", folder, config=BaseConfig(embed=server.ref))
    with base:
        assert base.status().vectors == base.status().chunks


def test_a_dead_embedder_leaves_search_by_words_and_says_so(folder: Path) -> None:
    with serving() as server:
        base, _ = rag.build("docs", folder, config=BaseConfig(embed=server.ref))
        _force_weight(base)
    with base:
        found = retrieve_now(base, read_question("量化的规定"), 3)
        assert found.found[0].row.uri == f"{TOPICS.index('量化')}.md"
        assert any("searched without it" in note.show("en") for note in found.notes)


def test_a_dead_embedder_keeps_what_an_update_had_before(folder: Path) -> None:
    with serving() as server:
        base, _ = rag.build("docs", folder, config=BaseConfig(embed=server.ref))
    (folder / "new.md").write_text("# 新\n\n新的一篇。\n", encoding="utf-8")
    with base:
        with pytest.raises(BackendError):
            base.update()
        assert base.status().documents == len(TOPICS)


def test_vectors_of_another_length_are_refused_and_words_remain(folder: Path, server: _Server) -> None:
    base, _ = rag.build("docs", folder, config=BaseConfig(embed=server.ref))
    _force_weight(base)
    server.dimensions = 5
    with base:
        assert any("shape" in note.show("en") for note in retrieve_now(base, read_question("量化"), 3).notes)


def test_another_embedder_takes_over_only_when_all_is_ready(folder: Path, server: _Server) -> None:
    base, _ = rag.build("docs", folder, config=FAKE)
    with base:
        before = base.space
        server.fails_after = 3
        with pytest.raises(BackendError):
            base.reconfigure(BaseConfig(embed=server.ref), Job("rag"))
        assert base.space == before
        assert base.status().vectors == base.status().chunks
        server.fails_after = 1_000_000
        assert base.reconfigure(BaseConfig(embed=server.ref), Job("rag"))
        assert base.status().dimensions == server.dimensions
        assert not base.reconfigure(BaseConfig(embed=server.ref), Job("rag"))


def test_an_embedder_that_changed_under_its_name_is_not_mixed_in(folder: Path, server: _Server) -> None:
    base, _ = rag.build("docs", folder, config=BaseConfig(embed=server.ref))
    (folder / "new.md").write_text("# 新\n\n新的一篇。\n", encoding="utf-8")
    server.dimensions = 5
    with base, pytest.raises(UsageError, match="is not the model"):
        base.update()


def test_without_an_embedder_again(folder: Path) -> None:
    base, _ = rag.build("docs", folder, config=FAKE)
    with base:
        assert base.reconfigure(BaseConfig(), Job("rag"))
        assert (base.status().vectors, base.space, base.vectors) == (0, None, None)


def test_words_and_vectors_are_both_told_of_each_hit(folder: Path) -> None:
    base, _ = rag.build("docs", folder, config=FAKE)
    with base:
        _force_weight(base)
        found = retrieve_now(base, read_question("量化的第二条规定"), 3).found
        assert found[0].row.uri == f"{TOPICS.index('量化')}.md"
        assert all(each.dense is not None and each.lexical > 0 for each in found)


def test_a_reranker_orders_the_best(folder: Path) -> None:
    base, _ = rag.build("docs", folder, config=BaseConfig(rerank="fake:echo"))
    with base:
        found = retrieve_now(base, read_question("小组8负责什么"), 3).found
        assert found[0].rerank is not None
        assert found[0].row.uri == "8.md"


def test_a_reranker_that_is_gone_is_noted(folder: Path) -> None:
    base, _ = rag.build("docs", folder, config=BaseConfig(rerank="http://127.0.0.1:9/v1#m"))
    with base:
        found = retrieve_now(base, read_question("量化的规定"), 3)
        assert len(found.found) == 3
        assert found.notes


def test_weights_are_measured_for_each_language(folder: Path) -> None:
    for number in range(40):
        words = TOPICS[number % len(TOPICS)]
        (folder / f"long-{number}.md").write_text(
            f"# {words}{number}\n\n"
            + "".join(f"这是第{n}句，说的是{words}的第{n}个方面和它的细节。" for n in range(5)),
            encoding="utf-8",
        )
    base, _ = rag.build("docs", folder, config=FAKE)
    with base:
        weights = base.weights
        assert weights["zh"].probes >= 12
        assert base.weight_for("备份的规定是什么") == weights["zh"].weight


def test_the_cache_forgives_damage(tmp_path: Path) -> None:
    path = tmp_path / "embeddings.cache"
    path.write_bytes(b"no database" * 500)
    cache = EmbeddingCache(path)
    cache.put({b"k": np.ones(4, dtype=np.float16)})
    assert cache.get([b"k", b"other"], 4)[b"k"].tolist() == [1, 1, 1, 1]
    assert cache.get([b"k"], 5) == {}
    cache.close()


def test_a_cache_that_cannot_be_written_is_only_slower(tmp_path: Path) -> None:
    cache = EmbeddingCache(tmp_path / "missing" / "embeddings.cache")
    cache.put({b"k": np.ones(2, dtype=np.float16)})
    cache.close()


def test_headings_leave_the_window_to_the_text() -> None:
    document = markdown_document("a.md", "# 标题\n\n正文。")
    chunk = Chunk(
        document_id="d", ordinal=1, text="正文。", span=Span(start=6, end=9), headings=("很长的标题" * 50, "小标题")
    )
    space = Space(ref="r", fingerprint="f", dimensions=2, window=80)
    (text,) = embedded_texts(document, chunk, space, text_sizes(document.markdown))
    assert text.endswith(chunk.text)
    assert len(text) - len(chunk.text) <= 21


@given(
    st.lists(st.sampled_from(["句子很长，说了很多。", "短。", "word word. ", "\n\n", "x" * 90]), max_size=40).map(
        "".join
    )
)
def test_pieces_rebuild_their_chunk(text: str) -> None:
    space = Space(ref="r", fingerprint="f", dimensions=2, window=64)
    assert "".join(space.pieces(text, text_sizes(text), 0, len(text))).split() == text.split()


def test_a_long_chunk_is_read_in_pieces_that_fit_the_window() -> None:
    text = "这一句有十个字左右吧。" * 60
    pieces = Space(ref="r", fingerprint="f", dimensions=2, window=64).pieces(text, text_sizes(text), 0, len(text))
    assert max(map(text_size, pieces)) <= 64
    assert len(pieces) > 9


def test_a_question_in_a_running_loop_needs_no_second_one(folder: Path) -> None:
    from lianlu.rag.retrieval import open_models, retrieve

    base, _ = rag.build("docs", folder, config=FAKE)

    async def main() -> int:
        async with open_models(base) as models:
            return len((await retrieve(base, read_question("量化的规定"), 3, models)).found)

    with base:
        assert aio.run(main) == 3


def _force_weight(base: KnowledgeBase) -> None:
    base.truth.set_meta("weights", json.dumps({"zh": {"weight": 1.0}}))
