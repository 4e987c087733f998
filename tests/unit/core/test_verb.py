"""Verbs: the common options, groups, JSON on stdout, exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import click
import pytest

from lianlu.core.errors import UsageError
from lianlu.core.i18n import Text
from lianlu.core.verb import Call, LoadedVerbs, Outcome, RoomGroup, argument, option, verb

HELP = Text("Brew.", "泡茶。")
seen: list[Call] = []


@verb("brew", HELP)
@argument("leaves", nargs=-1)
@option("--cups", type=int, default=1, help=Text("how many", "几杯"))
def brew(call: Call, leaves: tuple[str, ...], cups: int) -> Outcome:
    seen.append(call)
    if "plastic" in leaves:
        raise UsageError("file.missing", path="plastic")
    with call.job("brew").child("pour") as job:
        list(job.track(range(cups), "cups"))
    return Outcome({"leaves": list(leaves), "cups": cups}, lambda: click.echo("poured"), verdict="burnt" not in leaves)


@verb("bare", HELP)
def bare(call: Call) -> Outcome:
    return Outcome({"seed": call.seed, "词": "茶"})


def ran(command: click.Command, capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = 0
    try:
        command.main(list(arguments), standalone_mode=False)
    except SystemExit as leaving:
        code = int(leaving.code or 0)
    printed = capsys.readouterr()
    return code, printed.out, printed.err


def test_the_human_view_goes_to_stdout_and_progress_to_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = ran(brew, capsys, "green")
    assert (code, out) == (0, "poured\n")
    assert "✓ pour: done" in err


def test_json_is_one_object_on_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = ran(brew, capsys, "--json", "绿茶", "--cups", "3")
    assert (code, json.loads(out)) == (0, {"leaves": ["绿茶"], "cups": 3})
    assert "绿茶" in out


def test_without_a_human_view_the_data_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert json.loads(ran(bare, capsys, "--seed", "7")[1]) == {"seed": 7, "词": "茶"}


def test_a_verdict_of_no_is_exit_code_one_after_the_results(capsys: pytest.CaptureFixture[str]) -> None:
    assert ran(brew, capsys, "burnt")[:2] == (1, "poured\n")


def test_quiet_shows_no_progress(capsys: pytest.CaptureFixture[str]) -> None:
    assert ran(brew, capsys, "-q")[2] == ""


def test_common_options_reach_the_verb(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    seen.clear()
    ran(brew, capsys, "--out", str(tmp_path), "--no-resume", "--dry-run", "--store", "s", "-vv", "--seed", "3")
    call = seen[0]
    assert (call.out, call.resume, call.dry_run, call.store) == (tmp_path, False, True, Path("s"))
    assert (call.verbose, call.seed, call.json, call.quiet) == (2, 3, False, False)
    assert call.out_folder("brew-green") == tmp_path


def test_results_go_below_out_unless_told_otherwise() -> None:
    assert Call().out_folder("brew-green") == Path("out/brew-green")


def test_an_error_of_the_tree_passes_through(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(UsageError):
        ran(brew, capsys, "plastic")


@pytest.mark.parametrize("arguments", [["--cups", "many"], ["--cupz", "1"], ["--seed", "x"]], ids=" ".join)
def test_bad_options_are_errors_of_click_that_name_them(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(click.UsageError, match=r"many|--cup|x"):
        ran(brew, capsys, *arguments)


def tea(default: str | None = None) -> RoomGroup:
    return RoomGroup("tea", HELP, (brew, bare), default_verb=default)


def test_a_group_runs_its_sub_verb(capsys: pytest.CaptureFixture[str]) -> None:
    assert json.loads(ran(tea(), capsys, "brew", "--json", "green")[1])["leaves"] == ["green"]


def test_a_group_with_a_default_takes_anything_else_as_its_argument(capsys: pytest.CaptureFixture[str]) -> None:
    assert json.loads(ran(tea("brew"), capsys, "green", "--json")[1])["leaves"] == ["green"]
    assert json.loads(ran(tea("brew"), capsys, "bare")[1])["seed"] == 0


def test_a_misspelt_sub_verb_gets_the_nearest_one(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(UsageError) as caught:
        ran(tea(), capsys, "brwe")
    assert caught.value.message() == "lianlu has no verb 'tea brwe'"
    assert caught.value.hint().startswith("did you mean 'brew'")


def test_every_verb_lists_the_common_options_in_its_help(capsys: pytest.CaptureFixture[str]) -> None:
    text = ran(brew, capsys, "--help")[1]
    for name in ("--json", "--out", "--seed", "--resume", "--dry-run", "--store", "--quiet", "--verbose"):
        assert name in text


def test_verbs_are_loaded_when_they_are_asked_for() -> None:
    verbs = LoadedVerbs({"doctor": "lianlu.cli.doctor:doctor", "gone": "lianlu.nowhere:verb"})
    group = RoomGroup("room", Text("a room", "房间"), verbs)
    assert (list(group.commands), len(group.commands), "gone" in group.commands) == (["doctor", "gone"], 2, True)
    assert group.commands["doctor"] is group.commands["doctor"]
    with pytest.raises(ModuleNotFoundError):
        group.commands["gone"]
    del group.commands["gone"]
    assert "gone" not in group.commands
    assert [name for name, _ in group.commands.items()] == ["doctor"]
