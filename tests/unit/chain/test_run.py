from __future__ import annotations

import json
import shutil
import time
from pathlib import Path

import pytest

from lianlu.chain import RunResult, run_chain
from lianlu.core.errors import BackendError, DataError, UsageError
from lianlu.core.events import Finished, decode_events
from lianlu.store import open_store


def ids(result: RunResult) -> dict[str, str]:
    return {artifact.name: artifact.id for step in result.steps for artifact in step.artifacts}


def states(result: RunResult) -> dict[str, str]:
    return {step.name: step.state for step in result.steps}


def test_a_chain_runs_and_shows_what_its_results_name(small, tmp_path: Path) -> None:
    result = run_chain(str(small.path), store=tmp_path / "s", out=tmp_path / "o").as_json()
    assert result["characters"] == 21
    assert Path(result["report"]).read_bytes()
    assert [step["name"] for step in result["steps"]] == ["read", "other", "join", "clock"]
    assert {"name", "seconds", "cached", "artifacts"} <= set(result["steps"][0])


def test_the_second_run_does_nothing(small, tmp_path: Path) -> None:
    first = run_chain(str(small.path), store=tmp_path / "s", out=tmp_path / "o")
    second = run_chain(str(small.path), store=tmp_path / "s", out=tmp_path / "o")
    assert set(states(second).values()) == {"cached"}
    assert ids(first) == ids(second)
    assert second.results == first.results
    assert small.runs() == ["small/other", "small/join"]


def test_two_fresh_stores_give_equal_ids_but_for_the_report(small, tmp_path: Path) -> None:
    one = ids(run_chain(str(small.path), store=tmp_path / "s", out=tmp_path / "o"))
    two = ids(run_chain(str(small.path), store=tmp_path / "t", out=tmp_path / "o"))
    assert one.pop("small/clock") != two.pop("small/clock")
    assert one == two


def test_the_same_files_in_another_place_give_equal_ids(small, tmp_path: Path) -> None:
    one = ids(run_chain(str(small.path), store=tmp_path / "s", out=tmp_path / "o"))
    moved = tmp_path / "elsewhere" / "notes"
    moved.parent.mkdir()
    small.notes.rename(moved)
    two = ids(run_chain(str(small.path), [f"folder={moved}"], store=tmp_path / "t", out=tmp_path / "o"))
    assert one["small/join"] == two["small/join"]


def test_deleting_a_file_changes_exactly_what_depends_on_it(small, tmp_path: Path) -> None:
    before = ids(run_chain(str(small.path), store=tmp_path / "s", out=tmp_path / "o"))
    (small.notes / "b.txt").unlink()
    after_run = run_chain(str(small.path), store=tmp_path / "s", out=tmp_path / "o")
    after = ids(after_run)
    assert {name for name in before if before[name] != after[name]} == {"small/read", "small/join", "small/clock"}
    assert states(after_run)["other"] == "cached"


def test_from_does_a_step_and_what_needs_it_again(small, tmp_path: Path) -> None:
    run_chain(str(small.path), store=tmp_path / "s", out=tmp_path / "o")
    again = run_chain(str(small.path), store=tmp_path / "s", out=tmp_path / "o", from_step="join")
    assert states(again) == {"read": "cached", "other": "cached", "join": "done", "clock": "done"}
    with pytest.raises(UsageError) as caught:
        run_chain(str(small.path), store=tmp_path / "s", from_step="jion")
    assert "'join'" in caught.value.hint("en")


def test_a_dry_run_says_what_would_run_and_does_none_of_it(small, tmp_path: Path) -> None:
    foreseen = run_chain(str(small.path), store=tmp_path / "s", dry_run=True)
    assert set(states(foreseen).values()) == {"planned"}
    assert small.runs() == []
    run_chain(str(small.path), store=tmp_path / "s", out=tmp_path / "o")
    (small.notes / "b.txt").unlink()
    partly = run_chain(str(small.path), store=tmp_path / "s", dry_run=True)
    assert states(partly) == {"read": "planned", "other": "cached", "join": "planned", "clock": "planned"}


def test_a_dry_run_has_no_id_and_leaves_no_run(small, tmp_path: Path) -> None:
    assert run_chain(str(small.path), store=tmp_path / "s", dry_run=True).run == ""
    assert open_store(tmp_path / "s").runs() == []


MISSING = {
    "file of a later step": ("  z: {uses: test.read, inputs: {}, with: {folder: nowhere}}\n", "file.missing"),
    "artifact": ("  z: {uses: test.join, inputs: {x: '@nothing', y: join}}\n", "store.unknown-artifact"),
}


@pytest.mark.parametrize("dry_run", [False, True], ids=["run", "dry run"])
@pytest.mark.parametrize(("step", "code"), MISSING.values(), ids=MISSING.keys())
def test_what_is_missing_is_found_before_any_work(step: str, code: str, dry_run: bool, small, tmp_path: Path) -> None:
    small.path.write_text(small.path.read_text().replace("results:\n", f"{step}results:\n"))
    with pytest.raises(UsageError) as caught:
        run_chain(str(small.path), store=tmp_path / "s", out=tmp_path / "o", dry_run=dry_run)
    assert caught.value.code == code
    assert small.runs() == []


def test_an_artifact_of_the_wrong_kind_is_found_before_any_work(small, tmp_path: Path) -> None:
    run_chain(str(small.path), store=tmp_path / "s", out=tmp_path / "o")
    chain = tmp_path / "c.yaml"
    chain.write_text("steps:\n  a: {uses: rag.build, inputs: {documents: '@small/join'}}\n")
    with pytest.raises(UsageError) as caught:
        run_chain(str(chain), store=tmp_path / "s")
    assert caught.value.code == "chain.wrong-kind"
    assert "'@small/join' is prompt" in str(caught.value)


def test_a_place_that_cannot_hold_results_is_found_before_any_work(small, tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        run_chain(str(small.path), store=tmp_path / "s", out=small.path / "o")
    assert caught.value.code == "file.unwritable"
    assert small.runs() == []


def test_a_result_that_a_step_does_not_make_is_missed_when_that_step_is_done(small, tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        run_chain(str(small.path), ["results.n=other.charcters"], store=tmp_path / "s", out=tmp_path / "o")
    assert caught.value.code == "chain.unknown-result"
    assert "other.characters" in caught.value.hint("en")
    assert small.runs() == ["small/other"]


def test_results_lie_side_by_side_under_their_own_names(small, tmp_path: Path) -> None:
    overrides = ["results.notes=read", "results.one=join", "results.two=other.joined"]
    result = run_chain(str(small.path), overrides, store=tmp_path / "s", out=tmp_path / "o").results
    shown = {name: value for name, value in result.items() if name not in ("characters", "report")}
    assert shown == {
        "notes": str(tmp_path / "o/notes"),
        "one": str(tmp_path / "o/one.txt"),
        "two": str(tmp_path / "o/two"),
    }
    assert sorted(path.name for path in (tmp_path / "o/notes").iterdir()) == ["a.txt", "b.txt", "c.txt"]


def test_a_recipe_of_one_step_writes_what_it_makes_into_out(small, tmp_path: Path) -> None:
    recipe = tmp_path / "one.yaml"
    recipe.write_text(f"kind: test.read\nversion: 1\nfolder: {small.notes}\n")
    result = run_chain(str(recipe), store=tmp_path / "s", out=tmp_path / "o")
    assert result.results == {"documents": str(tmp_path / "o" / "documents")}
    assert (tmp_path / "o" / "documents" / "a.txt").read_text() == "NOTE A\n"


def test_an_input_called_run_is_an_input_like_any_other(small, tmp_path: Path) -> None:
    chain = tmp_path / "c.yaml"
    chain.write_text(
        f"steps:\n  r: {{uses: test.read, with: {{folder: {small.notes}}}}}\n  a: {{uses: test.join, inputs: {{run: r}}}}\n"
    )
    before = ids(run_chain(str(chain), store=tmp_path / "s"))
    (small.notes / "b.txt").unlink()
    assert ids(run_chain(str(chain), store=tmp_path / "s"))["chain/a"] != before["chain/a"]


def test_runs_with_different_settings_share_what_they_have_in_common(small, tmp_path: Path) -> None:
    run_chain(str(small.path), store=tmp_path / "s", out=tmp_path / "o")
    other = run_chain(str(small.path), ["steps.join.with.separator=+"], store=tmp_path / "s", out=tmp_path / "o")
    assert states(other) == {"read": "cached", "other": "cached", "join": "done", "clock": "done"}


def test_a_store_that_disappears_during_a_run_is_named(small, tmp_path: Path) -> None:
    process = small.start(tmp_path / "s", "seconds=1.5")
    while not (tmp_path / "s" / "refs" / "small" / "other").exists() and process.poll() is None:
        if any((tmp_path / "s").rglob("refs/**/other*")):
            break
        time.sleep(0.02)
    shutil.rmtree(tmp_path / "s", ignore_errors=True)
    output, errors = process.communicate(timeout=30)
    assert process.returncode in (
        2,
        3,
    )  # a place that cannot be written, or a blob that is gone: whichever is met first
    assert json.loads(output)["error"]["code"].startswith(("file.", "store."))
    assert b"Traceback" not in errors


def test_a_step_that_fails_keeps_the_steps_before_it(small, tmp_path: Path) -> None:
    text = small.path.read_text().replace('seconds: "${seconds}"', "fail: true")
    broken = tmp_path / "broken.yaml"
    broken.write_text(text)
    with pytest.raises(DataError):
        run_chain(str(broken), store=tmp_path / "s", out=tmp_path / "o")
    mended = run_chain(str(small.path), store=tmp_path / "s", out=tmp_path / "o")
    assert states(mended) == {"read": "cached", "other": "cached", "join": "done", "clock": "done"}


def test_events_and_recipe_of_a_run_are_kept(small, tmp_path: Path) -> None:
    result = run_chain(str(small.path), store=tmp_path / "s", out=tmp_path / "o")
    folder = open_store(tmp_path / "s").run_folder(result.run)
    events = decode_events((folder / "events.jsonl").read_bytes())
    finished = [event.job for event in events if isinstance(event, Finished) and event.outcome == "done"]
    assert finished == ["small/read", "small/other", "small/join", "small/clock", "small"]
    assert "test.join" in (folder / "recipe.yaml").read_text()
    assert json.loads((folder / "run.json").read_bytes())["run"] == result.run


def test_why_leads_from_the_last_artifact_to_the_files_with_their_hashes(small, tmp_path: Path) -> None:
    result = run_chain(str(small.path), store=tmp_path / "s", out=tmp_path / "o")
    lineage = open_store(tmp_path / "s").why(ids(result)["small/clock"])
    assert sorted(Path(source.path).name for source in lineage.sources) == ["a.txt", "b.txt", "c.txt"]
    assert all(source.sha256 == source.recorded for source in lineage.sources)


def test_a_model_that_is_not_pinned_is_asked_again(small, tmp_path: Path) -> None:
    chain = tmp_path / "m.yaml"
    chain.write_text("steps:\n  a: {uses: test.join, with: {model: 'http://127.0.0.1:1#m'}}\n")
    first = run_chain(str(chain), store=tmp_path / "s")
    second = run_chain(str(chain), store=tmp_path / "s")
    assert states(second) == {"a": "done"}
    assert ids(first) != ids(second)


def test_an_isolated_step_works_and_gives_the_same_artifact(small, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).resolve().parents[2] / "plugins"))
    isolated = tmp_path / "isolated.yaml"
    isolated.write_text(small.path.read_text().replace("uses: test.join\n", "uses: test.join\n    isolate: true\n"))
    plain = ids(run_chain(str(small.path), store=tmp_path / "s", out=tmp_path / "o"))
    alone = ids(run_chain(str(isolated), store=tmp_path / "t", out=tmp_path / "o"))
    assert plain["small/join"] == alone["small/join"]


@pytest.mark.parametrize(("setting", "error"), [("crash: true", BackendError), ("fail: true", DataError)])
def test_an_isolated_step_that_dies_or_fails_is_an_error_of_the_run(
    setting: str, error: type[Exception], tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).resolve().parents[2] / "plugins"))
    chain = tmp_path / "c.yaml"
    chain.write_text(f"steps:\n  a: {{uses: test.join, isolate: true, with: {{{setting}}}}}\n")
    with pytest.raises(error):
        run_chain(str(chain), store=tmp_path / "s")


def test_an_artifact_of_the_store_can_be_an_input(small, tmp_path: Path) -> None:
    run_chain(str(small.path), store=tmp_path / "s", out=tmp_path / "o")
    chain = tmp_path / "c.yaml"
    chain.write_text("name: more\nsteps:\n  a: {uses: test.join, inputs: {old: '@small/join'}}\n")
    result = run_chain(str(chain), store=tmp_path / "s")
    assert result.steps[0].summary["characters"] == 23
