"""What enters the cache key of a step, and what must not."""

from __future__ import annotations

from pathlib import Path

import pytest

from lianlu.chain.key import read_outside, step_key
from lianlu.chain.plan import plan_tree
from lianlu.core.recipe import parse_tree

READ = "steps:\n  a: {uses: test.read, with: {folder: FOLDER}}\n"
JOIN = "steps:\n  a: {uses: test.join, inputs: {x: '@x', y: '@y'}, with: {separator: '-'}}\n"
ODD = "steps:\n  a: {uses: test.odd}\n"
SERVED = """\
services:
  web: {command: [serve, "${recipe}/files", small], port: 1}
steps:
  a: {uses: test.fetch, services: [web], with: {url: "${services.web.url}/x"}}
"""
INPUTS = {"x": "1" * 24, "y": "2" * 24}


def key(text: str, *, inputs: dict[str, str] = {}, seed: int = 0, threads: int = 1, run_id: str = "r", origin="c.yaml"):  # noqa: B006
    plan = plan_tree(parse_tree(text, origin))
    outside = read_outside(plan.steps[0], plan.services)
    found = step_key(plan.steps[0], inputs, outside, plan.services, seed=seed, threads=threads, run_id=run_id)
    return found.key


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    folder = tmp_path / "here" / "notes"
    folder.mkdir(parents=True)
    (folder / "a.txt").write_text("a")
    (folder / "b.txt").write_text("b")
    return folder


def reading(folder: Path | str) -> str:
    return READ.replace("FOLDER", str(folder))


CHANGES = {
    "a setting": (JOIN, JOIN.replace("'-'", "'+'")),
    "a setting that was the default": (JOIN, JOIN.replace("'-'", r'"\n"')),
    "the kind of step": (JOIN, JOIN.replace("test.join", "test.clock").replace(", with: {separator: '-'}", "")),
    "the command of a service": (SERVED, SERVED.replace("small", "large")),
    "the environment of a service": (SERVED, SERVED.replace("port: 1", "port: 1, env: {SIZE: '2'}")),
    "a service": (SERVED, SERVED.replace("services: [web], ", "")),
}


@pytest.mark.parametrize("texts", CHANGES.values(), ids=CHANGES.keys())
def test_a_change_of_the_work_is_another_key(texts: tuple[str, str]) -> None:
    assert key(texts[0], inputs=INPUTS) != key(texts[1], inputs=INPUTS)


LIKENESSES = {
    "the name of the step in the chain": (JOIN, JOIN.replace("  a:", "  b:")),
    "the name of the chain": (JOIN, "name: other\n" + JOIN),
    "a default that is written out": (JOIN, JOIN.replace("'-'", "'-', fail: false")),
    "a process of its own": (JOIN, JOIN.replace("uses:", "isolate: true, uses:")),
    "the port of a service": (SERVED, SERVED.replace("port: 1", "port: 2")),
    "the patience for a service": (SERVED, SERVED.replace("port: 1", "port: 1, timeout_seconds: 9")),
    "the health of a service": (SERVED, SERVED.replace("port: 1", "port: 1, health: http://x")),
}


@pytest.mark.parametrize("texts", LIKENESSES.values(), ids=LIKENESSES.keys())
def test_what_changes_no_result_changes_no_key(texts: tuple[str, str]) -> None:
    assert key(texts[0], inputs=INPUTS) == key(texts[1], inputs=INPUTS)


def test_the_place_of_the_chain_is_not_in_the_key_of_what_its_service_serves() -> None:
    assert key(SERVED, origin="here/c.yaml") == key(SERVED, origin="there/c.yaml")


def test_inputs_count_by_name_and_id_and_not_by_order() -> None:
    assert key(JOIN, inputs=INPUTS) == key(JOIN, inputs=dict(reversed(INPUTS.items())))
    assert key(JOIN, inputs=INPUTS) != key(JOIN, inputs={"x": INPUTS["y"], "y": INPUTS["x"]})
    assert key(JOIN, inputs=INPUTS) != key(JOIN, inputs={**INPUTS, "run": "3" * 24})


def test_the_seed_counts() -> None:
    assert key(JOIN, inputs=INPUTS, seed=1) != key(JOIN, inputs=INPUTS)


def test_threads_count_for_numeric_steps_only() -> None:
    assert key(ODD, threads=1) != key(ODD, threads=2)
    assert key(JOIN, inputs=INPUTS, threads=1) == key(JOIN, inputs=INPUTS, threads=2)


def test_the_run_counts_only_where_a_model_is_not_pinned() -> None:
    asking = JOIN.replace("'-'", "'-', model: 'http://x#m'")
    assert key(JOIN, inputs=INPUTS, run_id="1") == key(JOIN, inputs=INPUTS, run_id="2")
    assert key(asking, inputs=INPUTS, run_id="1") != key(asking, inputs=INPUTS, run_id="2")


def test_a_model_behind_a_service_of_the_chain_is_what_the_service_is() -> None:
    asking = (
        "services: {web: {command: [serve]}}\n"
        "steps: {a: {uses: test.join, services: [web], with: {model: '${services.web.url}/v1#m'}}}\n"
    )
    assert key(asking, run_id="1") == key(asking, run_id="2")


def test_the_bytes_and_names_of_outside_files_count(notes: Path) -> None:
    before = key(reading(notes))
    (notes / "a.txt").write_text("A")
    changed = key(reading(notes))
    (notes / "a.txt").rename(notes / "c.txt")
    renamed = key(reading(notes))
    (notes / "d.txt").write_text("")
    assert len({before, changed, renamed, key(reading(notes))}) == 4


def test_the_place_and_the_spelling_of_a_folder_do_not_count(
    notes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = key(reading(notes))
    assert key(reading(f"{notes}/")) == before
    monkeypatch.chdir(notes.parent)
    assert key(reading("notes")) == key(reading("./notes/")) == key(reading("../here/notes")) == before
    monkeypatch.chdir(notes)
    assert key(reading(".")) == before
    (tmp_path / "there").mkdir()
    assert key(reading(notes.rename(tmp_path / "there" / "notes"))) == before


def test_times_and_hidden_files_do_not_count(notes: Path) -> None:
    before = key(reading(notes))
    (notes / ".hidden").write_text("x")
    (notes / "a.txt").touch()
    assert key(reading(notes)) == before


def test_links_are_followed_for_files_and_count_by_their_own_name(notes: Path, tmp_path: Path) -> None:
    before = key(reading(notes))
    elsewhere = tmp_path / "elsewhere"
    (notes / "a.txt").rename(elsewhere)
    (notes / "a.txt").symlink_to(elsewhere)
    assert key(reading(notes)) == before
    linked = tmp_path / "linked" / "notes"
    linked.parent.mkdir()
    linked.symlink_to(notes)
    assert key(reading(linked)) == before


def test_sources_are_named_below_the_folder_that_was_named(notes: Path) -> None:
    plan = plan_tree(parse_tree(reading(notes), "c.yaml"))
    outside = read_outside(plan.steps[0], {})
    assert [source.uri for source in outside.sources] == ["a.txt", "b.txt"]
    assert outside.sources_root == str(notes)
