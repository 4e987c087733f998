"""The report puts together what each kind of artifact shows of itself, and lists the files of a kind that shows nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from lianlu.chain import run_chain

REPORT = """\
name: reported
title: {{en: A small report, zh: 一份小报告}}
steps:
  first: {{uses: test.clock}}
  second: {{uses: test.clock, inputs: {{first: first}}}}
  odd: {{uses: test.odd, with: {{how: answers}}}}
  report: {{uses: report, inputs: {{{inputs}}}}}
results:
  report: report
"""


def page(inputs: str, tmp_path: Path) -> str:
    chain = tmp_path / "c.yaml"
    chain.write_text(REPORT.format(inputs=inputs), encoding="utf-8")
    result = run_chain(str(chain), store=tmp_path / "s", out=tmp_path / "o")
    return Path(result.results["report"]).read_text(encoding="utf-8")


def test_a_kind_without_a_page_is_listed_by_its_files(tmp_path: Path) -> None:
    html = page("shown: second", tmp_path)
    assert "shown · report" in html
    assert "report.json" in html


def test_the_title_stands_in_both_languages(tmp_path: Path) -> None:
    html = page("shown: second", tmp_path)
    assert "A small report" in html
    assert "一份小报告" in html


def test_steps_of_the_run_are_timed_and_the_lineage_is_drawn(tmp_path: Path) -> None:
    html = page("shown: second", tmp_path)
    assert all(name in html for name in ("test.clock", "first", "second"))
    assert "<svg" in html


def test_an_artifact_of_the_store_is_shown_with_all_it_came_from(small, tmp_path: Path) -> None:
    run_chain(str(small.path), store=tmp_path / "s", out=tmp_path / "o")
    html = page("old: '@small/clock'", tmp_path)
    assert "old · report" in html
    assert all(name in html for name in ("a.txt", "b.txt", "c.txt"))


def test_the_same_artifact_twice_is_no_trouble(tmp_path: Path) -> None:
    html = page("one: second, two: second", tmp_path)
    assert "one · report" in html
    assert "two · report" in html


def test_names_are_text_and_never_markup(tmp_path: Path) -> None:
    html = page("'<script>alert(1)</script>': second", tmp_path)
    assert "<script>alert(1)" not in html
    assert "&lt;script&gt;alert(1)" in html


@pytest.mark.parametrize("kind", ["report", "run"])
def test_the_record_of_the_run_cannot_be_replaced(kind: str, tmp_path: Path) -> None:
    from lianlu.core.errors import UsageError

    with pytest.raises(UsageError, match="takes run, but"):
        page("run: second", tmp_path)
