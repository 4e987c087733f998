"""The steps of a chain: equal inputs give equal bytes, and answers come with their places."""

from pathlib import Path

import msgspec
import pytest

from lianlu.core.errors import BackendError, DataError
from lianlu.core.files import Files
from lianlu.core.job import Job
from lianlu.core.step import ModelInput, Step
from lianlu.llm.request_store import RequestStore
from lianlu.page import Page, SectionContext, render
from lianlu.rag.answer import Answer
from lianlu.rag.page import index_section, section
from lianlu.rag.steps import ASK, BUILD, RagAskRecipe, RagBuildRecipe, open_index
from lianlu.records import Artifact, Failure
from lianlu.text.documents import write_documents

from .conftest import Make


@pytest.fixture
def documents(tmp_path: Path, make_document: Make) -> Files:
    made = [
        make_document("xtuner.md", "# XTuner\n\nXTuner 是一个轻量级微调大语言模型的工具库。"),
        make_document("en.md", "# Store\n\nThe store keeps artifacts by their content."),
    ]
    write_documents(
        tmp_path / "documents", made, [Failure(uri="bad.pdf", code="extract.empty", reason="the file is empty")]
    )
    return Files.of_folder(tmp_path / "documents", kind="documents")


def built(documents: Files, place: Path) -> Files:
    BUILD.run(RagBuildRecipe(), {"documents": documents}, Job("t", outputs=place))
    return Files.of_folder(place / "index", kind="index")


def asked(index: Files, place: Path, *questions: str, **more: str) -> tuple[Files, dict[str, object]]:
    recipe = RagAskRecipe.model_validate({"questions": list(questions), **more})
    summary = ASK.run(recipe, {"index": index}, Job("t", outputs=place))
    return Files.of_folder(place / "answers", kind="predictions"), dict(summary)


def test_both_are_steps() -> None:
    assert isinstance(BUILD, Step)
    assert isinstance(ASK, Step)


def test_equal_documents_give_equal_bytes(documents: Files, tmp_path: Path) -> None:
    one, two = built(documents, tmp_path / "1"), built(documents, tmp_path / "2")
    assert list(one) == ["index.lexical", "index.sqlite"]
    assert [path.read_bytes() for path in one.values()] == [path.read_bytes() for path in two.values()]
    first, _ = asked(one, tmp_path / "1", "xtuner是什么？")
    second, _ = asked(two, tmp_path / "2", "xtuner是什么？")
    assert first["answers.jsonl"].read_bytes() == second["answers.jsonl"].read_bytes()


def test_an_index_is_read_without_its_sidecar_and_from_other_names(documents: Files, tmp_path: Path) -> None:
    index = built(documents, tmp_path)
    blob = tmp_path / "0f" / "blob"
    blob.parent.mkdir()
    index["index.sqlite"].rename(blob)
    before = sorted(blob.parent.iterdir())
    with open_index(Files({"index.sqlite": blob}, kind="index")) as base:
        assert base.search("工具库")[0].uri == "xtuner.md"
    assert sorted(blob.parent.iterdir()) == before


def test_answers_are_told_in_the_summary(documents: Files, tmp_path: Path) -> None:
    files, summary = asked(built(documents, tmp_path), tmp_path, "xtuner是什么？", "What is the capital of Iceland?")
    first, second = summary["answers"]  # type: ignore[misc]
    assert first["found"]
    assert first["citations"][0]["uri"] == "xtuner.md"
    assert first["citations"][0]["first_line"] == 3
    assert (second["found"], second["citations"]) == (False, [])
    lines = files["answers.jsonl"].read_bytes().splitlines()
    assert [msgspec.json.decode(line, type=Answer).found for line in lines] == [True, False]


def test_a_model_is_an_outside_input_with_its_fingerprint(documents: Files, tmp_path: Path) -> None:
    script = tmp_path / "s.yaml"
    script.write_text("rules:\n  - reply: XTuner 由 2,000 人开发。[1]\n", encoding="utf-8")
    recipe = RagAskRecipe(questions=["xtuner是什么？"], model=f"fake:{script}")
    (outside,) = ASK.outside(recipe)
    assert isinstance(outside, ModelInput)
    assert outside.fingerprint
    assert list(ASK.outside(RagAskRecipe(questions=["x"]))) == []
    _, summary = asked(built(documents, tmp_path), tmp_path, "xtuner是什么？", model=f"fake:{script}")
    (answer,) = summary["answers"]  # type: ignore[misc]
    assert [each["code"] for each in answer["dropped"]] == ["number"]


def test_answers_paid_for_before_a_stop_are_not_asked_again(documents: Files, tmp_path: Path) -> None:
    script = tmp_path / "s.yaml"
    script.write_text(
        "rules:\n  - {match: 工具库吗, error: {status: 500}}\n  - {reply: 'XTuner 是工具库。[1]'}\n", encoding="utf-8"
    )
    index = built(documents, tmp_path)
    recipe = RagAskRecipe(questions=["xtuner是什么？", "xtuner是工具库吗？"], model=f"fake:{script}")
    job = Job("t", outputs=tmp_path / "o", scratch=tmp_path / "scratch")
    with pytest.raises(BackendError):
        ASK.run(recipe, {"index": index}, job)
    store = RequestStore(tmp_path / "scratch" / "requests.sqlite")
    assert len(list(store.all())) == 1
    store.close()


def test_a_wrong_artifact_is_refused(documents: Files, tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        asked(documents, tmp_path, "x")
    assert caught.value.code == "rag.no-index"


def test_the_page_shows_the_citation_in_its_source(documents: Files, tmp_path: Path) -> None:
    index = built(documents, tmp_path)
    files, _ = asked(index, tmp_path, "xtuner是什么？", "What is the capital of Iceland?")
    context = SectionContext(Artifact(id="a", kind="index", format_version=1, files=()))
    shown = render(Page(title="t", sections=[index_section(index, context), section(files, context)]))
    html = shown if isinstance(shown, str) else str(shown)
    assert "<mark" in html
    assert "轻量级微调大语言模型" in html
    assert "xtuner.md" in html


def test_a_page_of_a_wrong_artifact_is_refused(documents: Files) -> None:
    context = SectionContext(Artifact(id="a", kind="predictions", format_version=1, files=()))
    with pytest.raises(DataError) as caught:
        section(documents, context)
    assert caught.value.code == "rag.no-answers"
