"""Filters hold a search to a part of the documents."""

import pytest

from lianlu.core.errors import UsageError
from lianlu.rag.base import KnowledgeBase
from lianlu.rag.filters import Filters, read_filters

from .conftest import Make, with_meta


@pytest.fixture
def news(base: KnowledgeBase, make_document: Make) -> KnowledgeBase:
    base.put(
        [
            with_meta(make_document("old.md", "# 规定\n\n报销规定：每月一次。"), date="2023-05-01", author="Li Lei"),
            with_meta(make_document("new.md", "# 规定\n\n报销规定：每周一次。"), date="2025-02", tags=["费用", "HR"]),
            with_meta(make_document("en/rules.md", "# Rules\n\nThe rules of expenses 报销规定.")),
        ]
    )
    return base


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        (Filters(), {"old.md", "new.md", "en/rules.md"}),
        (Filters(since="2024"), {"new.md"}),
        (Filters(since="2025-02"), {"new.md"}),
        (Filters(until="2023"), {"old.md"}),
        (Filters(until="2023-04"), set()),
        (Filters(path="en/*"), {"en/rules.md"}),
        (Filters(facts={"Author": "li lei"}), {"old.md"}),
        (Filters(facts={"tags": "hr"}), {"new.md"}),
        (Filters(facts={"tags": "hr", "author": "li lei"}), set()),
    ],
)
def test_only_documents_that_pass_are_found(news: KnowledgeBase, filters: Filters, expected: set[str]) -> None:
    assert {passage.uri for passage in news.search("报销规定", 9, filters)} == expected


def test_a_document_without_a_date_is_outside_every_span(news: KnowledgeBase) -> None:
    assert "en/rules.md" not in {p.uri for p in news.search("报销规定", 9, Filters(until="2099"))}


@pytest.mark.parametrize("date", ["yesterday", "2024-5", "20240501", "2024-01-01; DROP TABLE chunks"])
def test_what_is_no_date_is_refused(date: str) -> None:
    with pytest.raises(UsageError, match="no date"):
        read_filters(since=date)


@pytest.mark.parametrize("text", ["author", "=x", "author="])
def test_what_is_no_filter_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="no filter"):
        read_filters([text])


def test_a_value_is_data_and_no_statement(news: KnowledgeBase) -> None:
    hostile = Filters(path="*'; DROP TABLE chunks; --", facts={"x' OR 1=1 --": "y"})
    assert news.search("报销规定", 9, hostile) == []
    assert news.status().documents == 3
