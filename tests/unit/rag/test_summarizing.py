"""Summaries of documents: verbatim without a model; with one, only what was checked, renumbered and in one language."""

from __future__ import annotations

import msgspec
import pytest

from lianlu.core import aio
from lianlu.core.errors import DataError, UsageError
from lianlu.core.i18n import Language
from lianlu.llm import FakeBackend
from lianlu.llm.refusal import refusal
from lianlu.rag.summarizing import forecast, summarize, summarize_by_model, summarize_by_quoting
from lianlu.rag.summary import Summary
from lianlu.records import Block, Document, Failure, Source
from lianlu.text.language import language_of

from .conftest import Make
from .test_condense import documents, honest, page, sources_of, task_of
from .test_gist import BOATS_ZH, PUMPS

__all__ = ["documents"]  # the fixture

JUMBLE = "pump 泵 " * 3


def statements(summary: Summary) -> list[str]:
    return [each.text for each in (*summary.overview, *summary.points)]


def by_model(documents: list[Document], answer: object, **wishes: object) -> Summary:
    backend = FakeBackend(answer if callable(answer) else lambda *_: answer)  # type: ignore[arg-type, return-value]
    return aio.run(lambda: summarize_by_model(documents, backend, by="fake:x", **wishes))  # type: ignore[arg-type]


def assert_every_place_is_verbatim(summary: Summary, documents: list[Document]) -> None:
    texts = {(document.id, document.source.uri): document.markdown for document in documents}
    assert [each.number for each in summary.citations] == list(range(1, len(summary.citations) + 1))
    for citation in summary.citations:
        text = texts[citation.document_id, citation.uri]
        assert text[citation.span.start : citation.span.end] == citation.quote
        start, end = citation.mark
        assert citation.context[start:end] == citation.quote
    cited = {number for each in (*summary.overview, *summary.points) for number in each.numbers}
    assert cited == set(range(1, len(summary.citations) + 1))


# ------------------------------------------------------------------ by quoting


@pytest.mark.parametrize("text", [PUMPS, BOATS_ZH], ids=["en", "zh"])
def test_every_statement_is_a_sentence_of_the_document_with_its_place(make_document: Make, text: str) -> None:
    document = make_document("a.md", text)
    summary = summarize_by_quoting([document])
    assert_every_place_is_verbatim(summary, [document])
    assert statements(summary) == [each.quote for each in summary.citations]
    assert (summary.by, summary.language) == ("extract", language_of(text))
    assert all(each.headings and each.first_line for each in summary.citations)
    for citation in summary.citations:
        assert citation.source_span is not None
        assert citation.source_span.cut(text) == citation.quote


def test_points_stand_in_reading_order(documents: list[Document]) -> None:
    summary = summarize_by_quoting(documents, points=10)
    uris = [document.source.uri for document in documents]
    places = [summary.citations[each.numbers[0] - 1] for each in summary.points]
    order = [(uris.index(each.uri), each.span.start) for each in places]
    assert order == sorted(order)


def test_summaries_are_deterministic(documents: list[Document]) -> None:
    first, second = (msgspec.json.encode(summarize_by_quoting(documents)) for _ in range(2))
    assert first == second


@pytest.mark.parametrize(("pages", "least", "most"), [(1, 3, 8), (12, 8, 12)])
def test_the_longer_the_documents_the_more_points(documents: list[Document], pages: int, least: int, most: int) -> None:
    assert least <= len(summarize_by_quoting(documents[:pages]).points) <= most


@pytest.mark.parametrize("points", [1, 2, 5])
def test_no_more_points_than_asked_for(documents: list[Document], points: int) -> None:
    assert len(summarize_by_quoting(documents, points=points).points) == points


@pytest.mark.parametrize("points", [-1, 0, 101])
def test_points_out_of_range_are_refused(documents: list[Document], points: int) -> None:
    with pytest.raises(UsageError) as caught:
        summarize(documents, points=points)
    assert caught.value.code == "rag.bad-points"


def test_a_focus_without_end_is_refused(documents: list[Document]) -> None:
    with pytest.raises(UsageError) as caught:
        summarize(documents, focus="why " * 1000)
    assert caught.value.code == "rag.long-focus"


def test_a_focus_may_hold_anything(documents: list[Document]) -> None:
    msgspec.json.encode(summarize(documents, focus="\x00\ud800 ??? 帆 sail"))


def test_a_long_block_is_shown_around_the_quote(make_document: Make) -> None:
    sentence = "The pump number {0} moves clean water from the well number {0} to the tank."
    document = make_document("a.md", " ".join(sentence.format(each) for each in range(400)))
    summary = summarize_by_quoting([document])
    assert_every_place_is_verbatim(summary, [document])
    assert all(len(each.quote) < len(each.context) < 1100 for each in summary.citations)


def test_documents_without_text_are_an_error_with_a_hint() -> None:
    picture = Document(
        id="d",
        source=Source(uri="a.png", sha256="0" * 64, size=1),
        blocks=(Block(kind="figure", markdown="![](a.png)"),),
    )
    for some in ([picture], []):
        with pytest.raises(DataError) as caught:
            summarize(some)
        assert caught.value.code == "rag.nothing-to-summarize"


def test_a_summary_in_a_language_that_only_some_sentences_have_quotes_those(make_document: Make) -> None:
    both = [make_document("a.md", PUMPS), make_document("b.md", BOATS_ZH)]
    summary = summarize(both, language="zh")
    assert {each.uri for each in summary.citations} == {"b.md"}
    assert (summary.language, summary.notes) == ("zh", ())


@pytest.mark.parametrize(("focus", "uri"), [("水泵的滤网怎么清洗", "b.md"), ("How is the filter cleaned?", "a.md")])
def test_a_focus_is_met_in_its_own_language(make_document: Make, focus: str, uri: str) -> None:
    both = [make_document("a.md", PUMPS), make_document("b.md", BOATS_ZH)]
    assert summarize(both, focus=focus, points=2).citations[0].uri == uri


def test_a_summary_in_a_language_that_no_sentence_has_says_so(make_document: Make) -> None:
    summary = summarize([make_document("a.md", PUMPS)], language="zh")
    assert summary.language == "en"
    assert "--model" in summary.notes[0].en
    assert "--model" in summary.notes[0].zh


def test_failed_files_are_told_with_the_summary(documents: list[Document]) -> None:
    failed = Failure(uri="b.pdf", code="extract.empty", reason="empty")
    assert summarize(documents, failures=[failed]).failures == (failed,)


def test_a_title_that_says_nothing_gives_way_to_the_file(make_document: Make) -> None:
    def titled(title: str) -> Document:
        return msgspec.structs.replace(make_document("notes.md", PUMPS), title=title)

    assert summarize([titled("**Pumps** of [Lumen](x)")]).title == "Pumps of Lumen"
    assert summarize([titled("Introduction")]).title == "notes.md"
    assert summarize([titled("")]).title == "notes.md"


# ------------------------------------------------------------------ by a model


def test_a_model_reads_writes_and_is_checked(documents: list[Document]) -> None:
    summary = by_model(documents, honest, points=6, window=3000)
    assert_every_place_is_verbatim(summary, documents)
    assert (summary.by, len(summary.points), summary.dropped, summary.notes) == ("fake:x", 6, (), ())
    assert 2 <= len(summary.overview) <= 3
    assert summary.asked > 4
    for each in summary.points:
        assert each.text.rstrip(".") in summary.citations[each.numbers[0] - 1].quote


def test_a_statement_of_two_sentences_quotes_both(make_document: Make) -> None:
    answer = "- The water pump needs 200 watts of electric power. A fuse of 10 amperes protects the electric motor. [1]"
    summary = by_model([make_document("a.md", PUMPS)], answer)
    (citation,) = summary.citations
    assert citation.quote == (
        "The water pump needs 200 watts of electric power. A fuse of 10 amperes protects the electric motor."
    )


def test_an_overview_is_made_from_checked_points_alone(documents: list[Document]) -> None:
    def overreaching(conversation: object, sampling: object) -> str:
        if task_of(conversation) == "overview":  # type: ignore[arg-type]
            return "The pumps cost 999 dollars. [1] They were built in 1920 and weigh 140 tons. [1]"
        return honest(conversation, sampling)  # type: ignore[arg-type]

    summary = by_model(documents[:1], overreaching)
    assert not any("999" in each for each in statements(summary))
    assert any("999" in each.claim for each in summary.dropped)


def test_without_an_overview_sentences_of_the_documents_stand_there(documents: list[Document]) -> None:
    def curt(conversation: object, sampling: object) -> str:
        return "" if task_of(conversation) == "overview" else honest(conversation, sampling)  # type: ignore[arg-type]

    summary = by_model(documents, curt, window=3000)
    assert_every_place_is_verbatim(summary, documents)
    assert summary.overview
    assert len(summary.notes) == 1


def test_where_nothing_is_supported_sentences_are_quoted_and_that_is_said(documents: list[Document]) -> None:
    summary = by_model(documents, "- Everything costs 999 dollars. [1]", window=3000)
    assert summary.by == "extract"
    assert summary.points == summarize_by_quoting(documents).points
    assert "fake:x" in summary.notes[-1].en
    assert {each.code for each in summary.dropped} == {"number"}
    assert summary.lost


@pytest.mark.parametrize(("own", "wished"), [(PUMPS, "zh"), (BOATS_ZH, "en")])
def test_a_summary_in_another_language_is_a_checked_one_translated(
    make_document: Make, own: str, wished: Language
) -> None:
    def bilingual(conversation: object, _: object) -> str:
        rules = conversation.messages[0].text  # type: ignore[attr-defined]
        if rules.startswith("Translate"):
            return "[1] 水泵抽水。\n[2] 它很好。" if wished == "zh" else "[1] The pump moves water.\n[2] It is good."
        sources = sources_of(conversation)  # type: ignore[arg-type]
        said = "The water pump moves water." if wished == "zh" else "水泵把井水抽到水箱。"
        return f"- {said} [1]" if len(sources) else ""

    document = make_document("a.md", own)
    summary = by_model([document], bilingual, language=wished)
    (point,) = summary.points
    assert language_of(point.text) == summary.language == wished
    assert language_of(point.original) != wished
    assert_every_place_is_verbatim(summary, [document])
    assert len(summary.notes) == 1


def test_a_translation_that_fails_leaves_the_summary_as_it_was(make_document: Make) -> None:
    def failing(conversation: object, _: object) -> str:
        if conversation.messages[0].text.startswith("Translate"):  # type: ignore[attr-defined]
            raise refusal(500, "out of memory", url="http://x", model="m")
        return "- The water pump moves water. [1]"

    summary = by_model([make_document("a.md", PUMPS)], failing, language="zh")
    assert [each.text for each in summary.points] == ["The water pump moves water."]
    assert "out of memory" in summary.notes[-1].en


def test_two_languages_in_one_document_do_no_harm(make_document: Make) -> None:
    document = make_document("a.md", f"{PUMPS}\n\n{BOATS_ZH}\n\n{JUMBLE}")
    for summary in (summarize([document]), by_model([document], honest)):
        assert_every_place_is_verbatim(summary, [document])
        assert summary.points


def test_a_document_of_one_giant_sentence_is_summed_up(make_document: Make) -> None:
    document = make_document("a.md", "水泵每分钟抽水二十升，" * 20_000)
    summary = summarize([document])
    assert_every_place_is_verbatim(summary, [document])
    assert summary.points[0].text.endswith("…")


def test_megabytes_of_text_are_summed_up() -> None:
    parts = [part for number in range(800) for part in page(f"pump{number}").split("\n\n")]
    blocks = tuple(
        Block(kind="heading", markdown=part, level=1) if part.startswith("#") else Block(kind="para", markdown=part)
        for part in parts
    )
    document = Document(id="d", source=Source(uri="a.txt", sha256="0" * 64, size=1), blocks=blocks)
    assert len(document.markdown) > 1_500_000
    summary = summarize([document])
    assert len(summary.points) == 12
    assert_every_place_is_verbatim(summary, [document])


# ------------------------------------------------------------------ what it takes


def test_the_forecast_counts_what_is_asked_then(documents: list[Document]) -> None:
    backend = FakeBackend(honest)
    told = aio.run(lambda: forecast(documents, backend, points=6, window=3000))
    assert backend.asked == []
    summary = aio.run(lambda: summarize_by_model(documents, backend, points=6, window=3000))
    assert told.parts == sum(task_of(each) == "map" for each in backend.asked)
    assert told.calls == summary.asked
    prompts = ["".join(message.text for message in each.messages) for each in backend.asked]
    counted = sum(map(len, aio.run(lambda: backend.token_starts(prompts))))
    assert counted / 1.5 < told.usage.prompt_tokens < counted * 1.5
    assert told.is_counted


def test_the_forecast_knows_of_a_translation(documents: list[Document]) -> None:
    backend = FakeBackend(honest)
    plain = aio.run(lambda: forecast(documents, backend, points=6))
    foreign = aio.run(lambda: forecast(documents, backend, points=6, language="zh"))
    assert foreign.calls == plain.calls + 1
    assert foreign.usage.prompt_tokens > plain.usage.prompt_tokens
