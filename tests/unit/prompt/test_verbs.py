from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lianlu.prompt import texts

Lianlu = Callable[..., Any]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "poet.md"
    path.write_text("# Role: poet\n\n## Rules\n- write in {{language}}\n\n## Own part\n- x\n", encoding="utf-8")
    return path


def test_render_prints_the_text(lianlu: Lianlu, file: Path) -> None:
    printed = lianlu("prompt", "render", file, "language=中文")
    assert printed.code == 0
    assert "- write in 中文\n" in printed.out


def test_render_gives_json_on_request(lianlu: Lianlu, file: Path) -> None:
    printed = lianlu("prompt", "render", file, "language=zh", "--format", "yaml", "--json")
    assert json.loads(printed.out)["variables"] == {"language": "zh"}


def test_render_writes_into_a_folder(lianlu: Lianlu, file: Path, tmp_path: Path) -> None:
    assert lianlu("prompt", "render", file, "language=zh", "--out", tmp_path / "o").code == 0
    assert "write in zh" in (tmp_path / "o" / "poet.md").read_text(encoding="utf-8")


def test_parse_lists_the_modules_and_variables(lianlu: Lianlu, file: Path) -> None:
    shown = json.loads(lianlu("prompt", "parse", file, "--json").out)
    assert [(module["name"], module["known"]) for module in shown["modules"]] == [
        ("Role", True),
        ("Rules", True),
        ("Own part", False),
    ]
    assert list(shown["variables"]) == ["language"]
    assert "Own part (own)" in lianlu("prompt", "parse", file).out


@pytest.mark.parametrize("framework", ["langgpt", "costar", "crispe"])
def test_a_new_prompt_can_be_read_at_once(lianlu: Lianlu, tmp_path: Path, framework: str) -> None:
    assert lianlu("prompt", "new", "first", "--framework", framework, "--out", tmp_path).code == 0
    shown = json.loads(lianlu("prompt", "parse", tmp_path / "first.md", "--json").out)
    assert (shown["name"], shown["framework"]) == ("first", framework)
    assert all(module["known"] for module in shown["modules"])


def test_new_takes_modules_in_any_spelling_and_orders_them(lianlu: Lianlu, tmp_path: Path) -> None:
    printed = lianlu("prompt", "new", "x", "--modules", "workflow,角色,Skill,示例", "--out", tmp_path, "--json")
    assert json.loads(printed.out)["modules"] == ["Role", "Skills", "Workflow", "Example"]


def test_list_shows_frameworks_and_ready_prompts(lianlu: Lianlu) -> None:
    shown = json.loads(lianlu("prompt", "list", "--json").out)
    assert [each["name"] for each in shown["frameworks"]] == ["costar", "crispe", "langgpt"]
    assert "cited-answer" in shown["prompts"]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("render", "nowhere.md"), "file.missing"),
        (("render", "cited-answer", "langauge=zh"), "prompt.unknown-variable"),
        (("render", "cited-answer", "sentences=many"), "prompt.bad-variable"),
        (("render", "cited-answer", "language"), "recipe.bad-override"),
        (("render", "cited-answer", "--format", "xml"), "prompt.bad-format"),
        (("render", "cited-answer", "--framework", "costra"), "registry.unknown-name"),
        (("new", "../x"), "prompt.bad-name"),
        (("new", "x", "--modules", "Rules,Wrokflow"), "prompt.unknown-module"),
        (("new", "x", "--framework", "langgtp"), "registry.unknown-name"),
        (("pars", "cited-answer"), "cli.unknown-verb"),
    ],
)
def test_a_wrong_command_ends_with_code_two_and_a_hint(lianlu: Lianlu, arguments: tuple[str, ...], code: str) -> None:
    printed = lianlu("prompt", *arguments)
    assert printed.code == 2
    assert code in printed.err
    assert "hint: " in printed.err


def test_new_never_overwrites(lianlu: Lianlu, tmp_path: Path) -> None:
    (tmp_path / "x.md").write_text("mine", encoding="utf-8")
    assert "prompt.exists" in lianlu("prompt", "new", "x", "--out", tmp_path).err
    assert (tmp_path / "x.md").read_text(encoding="utf-8") == "mine"


def test_a_slot_without_value_is_named(lianlu: Lianlu, file: Path) -> None:
    printed = lianlu("prompt", "render", file)
    assert printed.code == 2
    assert "'language'" in printed.err


def test_every_error_speaks_both_languages() -> None:
    for code, words in texts.ERRORS.items():
        assert code.startswith("prompt.")
        assert all((words.message.en, words.message.zh, words.hint.en, words.hint.zh))
