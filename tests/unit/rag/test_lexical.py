"""BM25: right scores, and a sidecar that is never trusted when it should not be."""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lianlu.rag.lexical import LexicalIndex, load_sidecar, save_sidecar
from lianlu.text.tokens import term_weight, terms

TEXTS = {1: "大模型微调工具", 2: "大模型部署 with TurboMind", 5: "微调 微调 微调 QLoRA", 9: "天气很好"}


def index_of(texts: dict[int, str]) -> LexicalIndex:
    return LexicalIndex.empty().changed(sorted(texts), lambda rows: [texts[row] for row in rows])


def plain_bm25(texts: dict[int, str], question: str) -> dict[int, float]:
    """The formula, slowly."""
    tokens = {row: terms(text) for row, text in texts.items()}
    mean = sum(map(len, tokens.values())) / len(tokens)
    scores = dict.fromkeys(texts, 0.0)
    for term in terms(question):
        having = sum(term in found for found in tokens.values())
        idf = math.log(1 + (len(texts) - having + 0.5) / (having + 0.5))
        for row, found in tokens.items():
            count = found.count(term)
            scores[row] += term_weight(term) * idf * count * 2.5 / (count + 1.5 * (0.25 + 0.75 * len(found) / mean))
    return scores


@pytest.mark.parametrize("question", ["微调大模型", "turbomind", "天气", "怎么微调 QLoRA？"])
def test_scores_are_those_of_the_formula(question: str) -> None:
    scores = index_of(TEXTS).scores(question)
    np.testing.assert_allclose(scores, list(plain_bm25(TEXTS, question).values()), rtol=1e-5)


def test_search_is_best_first_and_ties_go_by_row() -> None:
    index = index_of({3: "same text", 1: "same text", 2: "other"})
    assert [row for row, _ in index.search("same", 10)] == [1, 3]
    assert index.search("nothing here matches zzz", 10) == []
    assert LexicalIndex.empty().search("x", 3) == []


@given(
    st.dictionaries(st.integers(1, 30), st.text(alphabet="大模型微调ab c", max_size=12), max_size=12),
    st.dictionaries(st.integers(31, 60), st.text(alphabet="大模型微调ab c", max_size=12), max_size=12),
    st.sets(st.integers(1, 30)),
)
@settings(max_examples=60)
def test_changing_an_index_equals_building_it_anew(
    first: dict[int, str], second: dict[int, str], gone: set[int]
) -> None:
    wanted = {row: text for row, text in {**first, **second}.items() if row not in gone}
    changed = index_of(first).changed(sorted(wanted), lambda rows: [wanted[row] for row in rows])
    fresh = index_of(wanted)
    assert changed.vocabulary == fresh.vocabulary
    for name in ("chunk_ids", "lengths", "starts", "places", "counts"):
        np.testing.assert_array_equal(getattr(changed, name), getattr(fresh, name))


def test_only_new_chunks_are_read_on_a_change() -> None:
    asked: list[int] = []

    def text_of(rows: Sequence[int]) -> list[str]:
        asked.extend(rows)
        return [TEXTS[row] for row in rows]

    index = LexicalIndex.empty().changed([1, 2], text_of)
    index.changed([1, 2, 5], text_of)
    assert asked == [1, 2, 5]


def test_a_sidecar_is_read_back(tmp_path: Path) -> None:
    index = index_of(TEXTS)
    save_sidecar(tmp_path / "s", index, "base", 7)
    loaded = load_sidecar(tmp_path / "s", "base")
    assert loaded is not None
    assert loaded[1] == 7
    np.testing.assert_array_equal(loaded[0].scores("微调"), index.scores("微调"))


def test_a_sidecar_of_another_base_is_not_used(tmp_path: Path) -> None:
    save_sidecar(tmp_path / "s", index_of(TEXTS), "base", 7)
    assert load_sidecar(tmp_path / "s", "another") is None
    assert load_sidecar(tmp_path / "absent", "base") is None


@given(st.data())
@settings(max_examples=40)
def test_a_damaged_sidecar_is_never_used(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    path = tmp_path_factory.mktemp("sidecar") / "s"
    save_sidecar(path, index_of(TEXTS), "base", 7)
    content = bytearray(path.read_bytes())
    at = data.draw(st.integers(0, len(content) - 1))
    if data.draw(st.booleans()):
        content[at] ^= 0xFF
    else:
        content = content[:at]
    path.write_bytes(bytes(content))
    assert load_sidecar(path, "base") is None
