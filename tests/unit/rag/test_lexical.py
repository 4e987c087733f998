"""BM25: right scores whatever came and went before, and files that are never trusted when they should not be."""

import math
import random
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lianlu.core.errors import LianluError
from lianlu.rag import lexical
from lianlu.rag.lexical import LexicalIndex, lexical_files, load_lexical, save_lexical, try_save_lexical
from lianlu.text.tokens import term_weight, terms

TEXTS = {1: "大模型微调工具", 2: "大模型部署 with TurboMind", 5: "微调 微调 微调 QLoRA", 9: "天气很好"}
QUESTIONS = ["微调大模型", "turbomind", "天气", "怎么微调 QLoRA？", "大 b ab c 型微"]


def texts_of(texts: dict[int, str]) -> Callable[[Sequence[int]], list[str]]:
    return lambda rows: [texts[row] for row in rows]


def index_of(texts: dict[int, str]) -> LexicalIndex:
    return LexicalIndex.empty().changed(sorted(texts), [], texts_of(texts))


def plain_bm25(texts: dict[int, str], question: str) -> dict[int, float]:
    """The formula, slowly."""
    tokens = {row: terms(text) for row, text in texts.items()}
    mean = max(sum(map(len, tokens.values())) / max(len(tokens), 1), 1.0)
    scores = dict.fromkeys(texts, 0.0)
    for term in terms(question):
        having = sum(term in found for found in tokens.values())
        idf = math.log(1 + (len(texts) - having + 0.5) / (having + 0.5))
        for row, found in tokens.items():
            count = found.count(term)
            scores[row] += term_weight(term) * idf * count * 2.5 / (count + 1.5 * (0.25 + 0.75 * len(found) / mean))
    return scores


@pytest.mark.parametrize("question", QUESTIONS)
def test_scores_are_those_of_the_formula(question: str) -> None:
    expected = plain_bm25(TEXTS, question)
    assert index_of(TEXTS).scores_of(question, list(TEXTS)) == pytest.approx(list(expected.values()), rel=1e-5)


def test_search_is_best_first_and_ties_go_by_row() -> None:
    index = index_of({1: "same text", 2: "other", 3: "same text"})
    assert [row for row, _ in index.search("same", 10)] == [1, 3]
    assert index.search("nothing here matches zzz", 10) == []
    assert LexicalIndex.empty().search("x", 3) == []
    assert LexicalIndex.empty().scores_of("x", [3]) == [0.0]


def test_only_allowed_chunks_are_found() -> None:
    index = index_of(TEXTS)
    assert [row for row, _ in index.search("微调", 10, np.asarray([1, 2, 7]))] == [1]
    assert index.search("微调", 10, np.asarray([], dtype=np.int64)) == []


def test_rarity_counts_the_chunks_that_are_there() -> None:
    index = index_of(TEXTS).changed([], [5], texts_of({}))
    assert index.idf("微调") == pytest.approx(math.log1p((3 - 1 + 0.5) / 1.5))
    assert index.idf("nowhere", beside=7) == pytest.approx(math.log1p((10 + 0.5) / 0.5))


_CHUNK = st.text(alphabet="大模型微调ab c", max_size=12)
_CHANGES = st.lists(st.tuples(st.lists(_CHUNK, max_size=5), st.sets(st.integers(1, 60), max_size=6)), max_size=12)


@given(st.lists(_CHUNK, max_size=30), _CHANGES, st.data())
@settings(max_examples=80, deadline=None)
def test_any_changes_give_the_scores_of_a_fresh_index(
    tmp_path_factory: pytest.TempPathFactory,
    first: list[str],
    changes: list[tuple[list[str], set[int]]],
    data: st.DataObject,
) -> None:
    """With files between the changes or not: they may be left out, and read again."""
    path = tmp_path_factory.mktemp("sidecar") / "s"
    texts = dict(enumerate(first, start=1))
    index, last = index_of(texts), len(first)
    for generation, (new, gone) in enumerate(changes):
        added = dict(enumerate(new, start=last + 1))
        last += len(new)
        index = index.changed(sorted(added), sorted(gone), texts_of(added))
        texts = {row: text for row, text in {**texts, **added}.items() if row not in gone or row in added}
        if data.draw(st.booleans()):
            save_lexical(path, index, "base", generation)
            loaded = load_lexical(path, "base")
            assert loaded is not None
            assert loaded[1] == generation
            index = loaded[0]
    fresh = index_of(texts)
    assert index.chunk_ids.tolist() == sorted(texts)
    assert index.last_id == last
    for question in QUESTIONS:
        assert index.search(question, 5) == fresh.search(question, 5)
        assert index.scores_of(question, [3, *texts, 1]) == fresh.scores_of(question, [3, *texts, 1])


def zipf_texts(count: int, seed: int) -> dict[int, str]:
    """Like language: a few words are almost everywhere, most are rare."""
    chance = random.Random(seed)
    words = [f"w{number}" for number in range(300)] + list("大模型微调的是在不了有和人这中")
    weights = [1 / (1 + number % 300) for number in range(len(words))]
    return {row: " ".join(chance.choices(words, weights, k=chance.randrange(1, 60))) for row in range(1, count + 1)}


@pytest.mark.parametrize("limit", [1, 10, 200])
def test_leaving_out_what_cannot_matter_changes_no_result(limit: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lexical, "_WORTH_A_LOOK", 0)
    monkeypatch.setattr(lexical, "_LOOKUPS", 1)
    texts = zipf_texts(3000, seed=limit)
    index = index_of({row: text for row, text in texts.items() if row <= 2000})
    for start in range(2001, 3001, 50):
        added = {row: texts[row] for row in range(start, start + 50)}
        index = index.changed(sorted(added), [start - 2000, start - 1000], texts_of(added))
    ids = index.chunk_ids.tolist()
    for number in range(60):
        question = " ".join(random.Random(number).choices(list(zipf_texts(40, number).values())))[:90] + " w0 w1 的"
        scores = dict(zip(ids, index.scores_of(question, ids), strict=True))
        best = sorted((row for row in ids if scores[row] > 0), key=lambda row: (-scores[row], row))[:limit]
        assert index.search(question, limit) == [(row, scores[row]) for row in best]
        allowed = np.asarray(ids[::3])
        best = sorted((row for row in ids[::3] if scores[row] > 0), key=lambda row: (-scores[row], row))[:limit]
        assert index.search(question, limit, allowed) == [(row, scores[row]) for row in best]


def test_only_new_chunks_are_read_on_a_change() -> None:
    asked: list[int] = []

    def text_of(rows: Sequence[int]) -> list[str]:
        asked.extend(rows)
        return [TEXTS[row] for row in rows]

    index = LexicalIndex.empty().changed([1, 2], [], text_of)
    assert index.changed([], [7], text_of) is index
    index.changed([5], [1], text_of)
    assert asked == [1, 2, 5]


def test_a_small_change_writes_a_small_file(tmp_path: Path) -> None:
    path = tmp_path / "s"
    index = index_of(zipf_texts(2000, seed=1))
    save_lexical(path, index, "base", 1)
    before = path.read_bytes()
    index = index.changed([2001], [5], texts_of({2001: "新的一段"}))
    save_lexical(path, index, "base", 2)
    assert path.read_bytes() == before
    assert sum(each.stat().st_size for each in lexical_files(path) if each.exists()) < len(before) + 3000
    loaded = load_lexical(path, "base")
    assert loaded is not None
    assert (loaded[0].search("新的", 3), loaded[1]) == (index.search("新的", 3), 2)


def test_files_of_two_writers_never_mix(tmp_path: Path) -> None:
    """Changes that belong to another large file are passed over: the state of the large one is then followed further."""
    texts = zipf_texts(100, seed=2)
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    for path, rows in ((ours, range(1, 91)), (theirs, range(1, 81))):
        save_lexical(path, index_of({row: texts[row] for row in rows}), "base", 1)
        loaded = load_lexical(path, "base")
        assert loaded is not None
        save_lexical(path, loaded[0].changed([95], [1], texts_of(texts)), "base", 2)
    for mine, other in zip(lexical_files(ours), lexical_files(theirs), strict=True):
        if mine != ours and other.exists():
            mine.write_bytes(other.read_bytes())
    loaded = load_lexical(ours, "base")
    assert loaded is not None
    assert (loaded[0].chunk_ids.tolist(), loaded[1]) == (list(range(1, 91)), 1)


def test_an_older_state_is_not_written_over_a_newer_one(tmp_path: Path) -> None:
    path = tmp_path / "s"
    assert try_save_lexical(path, index_of(TEXTS), "base", 7)
    old = load_lexical(path, "base")
    assert old is not None
    assert try_save_lexical(path, old[0].changed([10], [], texts_of({10: "新"})), "base", 9)
    assert try_save_lexical(path, old[0], "base", 8)
    loaded = load_lexical(path, "base")
    assert loaded is not None
    assert loaded[1] == 9


def test_equal_chunks_give_equal_files(tmp_path: Path) -> None:
    for name in "ab":
        save_lexical(tmp_path / name, index_of(TEXTS), "base", 1)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_an_index_of_nothing_is_kept_too(tmp_path: Path) -> None:
    save_lexical(tmp_path / "s", LexicalIndex.empty(), "base", 3)
    loaded = load_lexical(tmp_path / "s", "base")
    assert loaded is not None
    assert (loaded[0].chunk_ids.tolist(), loaded[0].last_id, loaded[1]) == ([], 0, 3)
    assert loaded[0].changed([4], [], texts_of({4: "天气"})).search("天气", 1)[0][0] == 4


def test_a_sidecar_of_another_base_is_not_used(tmp_path: Path) -> None:
    save_lexical(tmp_path / "s", index_of(TEXTS), "base", 7)
    assert load_lexical(tmp_path / "s", "another") is None
    assert load_lexical(tmp_path / "absent", "base") is None


def test_where_nothing_can_be_written_saving_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    path = tmp_path / "file" / "s"
    assert not try_save_lexical(path, index_of(TEXTS), "base", 1)
    with pytest.raises(LianluError):
        save_lexical(path, index_of(TEXTS), "base", 1)


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_a_damaged_file_never_changes_an_answer(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    path = tmp_path_factory.mktemp("sidecar") / "s"
    save_lexical(path, index_of(zipf_texts(50, seed=4)), "base", 6)
    before = load_lexical(path, "base")
    assert before is not None
    save_lexical(path, before[0].changed([51], [3], texts_of({51: "新的一段"})), "base", 7)
    files = [each for each in lexical_files(path) if each.exists()]
    damaged = files[data.draw(st.integers(0, len(files) - 1))]
    content = bytearray(damaged.read_bytes())
    at = data.draw(st.integers(0, len(content) - 1))
    if data.draw(st.booleans()):
        content[at] ^= 1 << data.draw(st.integers(0, 7))
    else:
        content = content[:at]
    damaged.write_bytes(bytes(content))
    loaded = load_lexical(path, "base")
    if damaged == path:
        assert loaded is None
    else:
        assert loaded is not None
        assert (loaded[1], loaded[0].search("w1 w2", 9)) == (6, before[0].search("w1 w2", 9))
