"""Documents in parts that a model can read at once."""

from __future__ import annotations

from lianlu.core import aio
from lianlu.llm import FakeBackend
from lianlu.llm.backend import Ability
from lianlu.rag.parts import can_count, grouped, packed, sources_in, token_counts
from lianlu.text.normalise import text_size

from .conftest import Make

SECTION = "## Part {0}\n\n" + "The pump number {0} moves clean water from the well to the tank. " * 12


class Distant(FakeBackend):
    """A model of which only answers can be had."""

    abilities: frozenset[Ability] = frozenset({"chat"})


class Tokenizing(FakeBackend):
    """A model that counts one text at a time."""

    abilities: frozenset[Ability] = frozenset({"chat", "tokenize"})


def test_parts_hold_all_passages_in_their_order_and_fit(make_document: Make) -> None:
    documents = [make_document(f"{name}.md", "\n\n".join(SECTION.format(each) for each in range(8))) for name in "ab"]
    sources = list(sources_in(documents))
    counts = [text_size(source.text) for source in sources]
    parts = packed(sources, counts, 900)
    assert [source for part in parts for source in part.sources] == sources
    assert all(part.tokens <= 900 for part in parts)
    assert 2 < len(parts) < len(sources)
    assert [source.rows[0].row for source in sources] == list(range(len(sources)))


def test_small_documents_share_a_part(make_document: Make) -> None:
    documents = [make_document(f"{name}.md", f"The pump {name} moves water.") for name in "abcdef"]
    sources = list(sources_in(documents))
    (part,) = packed(sources, [10] * 6, 1000)
    assert (part.uri, len(part.texts)) == ("a.md", 6)


def test_a_passage_larger_than_the_budget_stands_alone() -> None:
    assert grouped([5, 500, 5, 5], 100) == [[0], [1], [2, 3]]
    assert grouped([], 100) == []


def test_a_part_is_halved_down_to_a_passage(make_document: Make) -> None:
    sources = list(sources_in([make_document("a.md", "\n\n".join(SECTION.format(each) for each in range(3)))]))
    (part,) = packed(sources, [10] * len(sources), 10_000)
    halves = part.halves()
    assert halves is not None
    assert [*halves[0].sources, *halves[1].sources] == sources
    assert halves[0].halves() is None


def test_tokens_are_counted_by_the_model_where_it_can() -> None:
    texts = ["The pump moves water.", "水泵抽水。"]
    assert aio.run(lambda: token_counts(FakeBackend(), texts)) == [5, 5]
    assert aio.run(lambda: token_counts(Tokenizing(), texts)) == [21, 5]
    assert aio.run(lambda: token_counts(Distant(), texts)) == list(map(text_size, texts))
    assert [can_count(each) for each in (FakeBackend(), Tokenizing(), Distant())] == [True, True, False]
