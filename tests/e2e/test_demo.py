"""The first half of the demo as a new user meets it, and the promises it makes; the second half is test_demo_models.py."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

from lianlu.chain.variables import examples_root

HANDBOOK = examples_root() / "handbook"
RECIPE = Path(__file__).resolve().parents[2] / "recipes" / "answers.yaml"


def ids(answer: dict) -> dict[str, str]:
    return {each["name"]: each["id"] for step in answer["steps"] for each in step["artifacts"]}


def test_the_demo_reads_answers_and_cites(lianlu) -> None:
    answer = lianlu("run", str(RECIPE), "--json").json
    answers = {each["question"]: each for each in answer["answers"]}
    for question in ("链路是什么？", "What is lianlu?", "怎么给知识库增加文件？", "退出码 3 表示什么？"):
        assert answers[question]["found"], question
        assert answers[question]["citations"], question
    assert not answers["What is the capital of Iceland?"]["found"]
    assert (
        "lianlu" in Path(answer["report"]).read_text(encoding="utf-8") if Path(answer["report"]).is_absolute() else True
    )
    assert all({"name", "seconds", "cached", "artifacts"} <= set(step) for step in answer["steps"])


def test_every_quote_of_the_demo_stands_in_its_source(lianlu, tmp_path: Path) -> None:
    answer = lianlu("run", str(RECIPE), "--json").json
    lianlu("extract", str(HANDBOOK), "--out", str(tmp_path / "documents"))
    texts = "\n".join(path.read_text(encoding="utf-8") for path in (tmp_path / "documents").rglob("*.md"))
    quotes = [citation["quote"] for each in answer["answers"] for citation in each["citations"]]
    assert quotes
    assert [quote for quote in quotes if quote not in texts] == []


def test_the_demo_names_the_broken_and_the_empty_file(lianlu) -> None:
    answer = lianlu("run", str(RECIPE), "--json").json
    documents = next(step for step in answer["steps"] if step["name"] == "documents")
    codes = {failure["code"] for failure in documents["summary"]["failures"]}
    assert "extract.empty" in codes
    assert len(documents["summary"]["failures"]) == 2


def test_two_fresh_stores_agree_in_all_ids_but_the_reports(lianlu, tmp_path: Path) -> None:
    one = ids(lianlu("run", str(RECIPE), "--json", "--store", str(tmp_path / "a")).json)
    two = ids(lianlu("run", str(RECIPE), "--json", "--store", str(tmp_path / "b")).json)
    one.pop("answers/report")
    two.pop("answers/report")
    assert one == two


def test_touching_nothing_runs_no_step(lianlu) -> None:
    lianlu("run", str(RECIPE), "--json")
    again = lianlu("run", str(RECIPE), "--json").json
    assert [step["name"] for step in again["steps"] if not step["cached"]] == []


def test_deleting_a_document_changes_exactly_what_depends_on_it(lianlu, tmp_path: Path) -> None:
    copy = tmp_path / "handbook"
    shutil.copytree(HANDBOOK, copy)
    before = ids(lianlu("run", str(RECIPE), f"documents={copy}", "--json").json)
    next(path for path in sorted(copy.rglob("*.md")) if path.stat().st_size).unlink()
    after = ids(lianlu("run", str(RECIPE), f"documents={copy}", "--json").json)
    assert {name for name in before if before[name] == after[name]} == {"answers/prompt"}


def test_why_lists_every_source_file_with_the_hash_it_has_on_disk(lianlu) -> None:
    answer = lianlu("run", str(RECIPE), "--json").json
    why = lianlu("store", "why", ids(answer)["answers/report"], "--json").json
    handbook = {source["path"]: source["sha256"] for source in why["sources"] if str(HANDBOOK) in source["path"]}
    files = [path for path in HANDBOOK.rglob("*") if path.is_file()]
    assert handbook == {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_the_demo_answers_from_other_documents(lianlu, tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    notes.mkdir()
    (notes / "tea.md").write_text("# Tea house\n\nThe tea house opens at nine o'clock on weekdays.\n", encoding="utf-8")
    answer = lianlu("run", "answers", f"documents={notes}", "question=When does the tea house open?", "--json").json
    (only,) = answer["answers"]
    assert "nine o'clock" in only["text"]
    assert only["citations"][0]["uri"].endswith("tea.md")
