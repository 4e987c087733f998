from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lianlu.page import Note, Page, Section, render
from lianlu.prompt import parse_file
from lianlu.prompt.diff import Change, as_parts, changes
from lianlu.prompt.diff_words import marked, pieces

Lianlu = Callable[..., Any]
_OLD = """---
name: poet
variables:
  town: {default: Rome}
---
# Role: poet

## Profile
- Language: 中文

## Rules
1. always rhyme
2. be brief

## Workflow
1. ask
2. write
   - in verse
"""


def _changes(old: str, new: str) -> list[Change]:
    return changes(parse_file(old), parse_file(new))


def _told(old: str, new: str) -> list[tuple[str, str, str]]:
    return [(each.kind, each.where, each.name) for each in _changes(old, new)]


def test_the_same_prompt_has_no_changes() -> None:
    assert _changes(_OLD, _OLD) == []


def test_only_spacing_and_numbers_is_no_change() -> None:
    assert _changes(_OLD, _OLD.replace("2. be brief", "2.be brief\n\n")) == []


def test_a_changed_element_shows_its_words() -> None:
    (change,) = _changes(_OLD, _OLD.replace("be brief", "be very brief"))
    assert (change.kind, change.where, change.name) == ("changed", "module", "Rules")
    (element,) = change.elements
    assert marked(element.words) == "1. be {+very +}brief"


def test_elements_are_added_and_removed_on_their_own() -> None:
    (change,) = _changes(_OLD, _OLD.replace("2. write\n   - in verse", "2. write\n3. sing loudly"))
    assert [(each.kind, each.before, each.after) for each in change.elements] == [
        ("removed", "  - in verse", ""),
        ("added", "", "1. sing loudly"),
    ]


@pytest.mark.parametrize(
    ("new", "told"),
    [
        (_OLD + "\n## Tone\n- warm\n", [("added", "module", "Tone")]),
        (_OLD.replace("## Profile\n- Language: 中文\n\n", ""), [("removed", "module", "Profile")]),
        (_OLD.replace("## Rules", "## Rule"), [("changed", "module", "Rule")]),
        (_OLD.replace("name: poet", "name: bard"), [("changed", "head", "name")]),
        (_OLD.replace("Rome", "Oslo"), [("changed", "variable", "town")]),
        (_OLD.replace("be brief", "be {{how}}"), [("added", "variable", "how"), ("changed", "module", "Rules")]),
        (_OLD.replace("---\n# Role", "---\nAttend.\n\n# Role"), [("added", "text", "preamble")]),
        (_OLD + "\nuser:\nhi\n", [("added", "message", "user")]),
    ],
)
def test_each_kind_of_change_is_told(new: str, told: list[tuple[str, str, str]]) -> None:
    assert _told(_OLD, new) == told


def test_a_moved_module_is_moved_not_removed_and_added() -> None:
    rules = "## Rules\n1. always rhyme\n2. be brief\n\n"
    new = _OLD.replace(rules, "").rstrip() + "\n\n" + rules
    (change,) = _changes(_OLD, new)
    assert (change.kind, change.name, change.places) == ("moved", "Rules", (3, 4))


def test_a_module_that_was_renamed_is_found_by_its_words() -> None:
    (change,) = _changes(_OLD, _OLD.replace("## Rules", "## My own way"))
    assert (change.kind, change.name, change.old_name) == ("changed", "My own way", "Rules")


def test_two_modules_of_one_title_are_paired_by_their_words() -> None:
    old = "# Rules\n- a b c\n# Rules\n- x y z\n"
    (change,) = _changes(old, old.replace("x y z", "x y z w"))
    assert [marked(each.words) for each in change.elements] == ["- x y z{+ w+}"]


def test_chinese_beside_latin_words_is_compared_by_character() -> None:
    assert marked(pieces("用GPT写诗", "用GPT作诗")) == "用GPT[-写-]{+作+}诗"


def test_chinese_is_compared_by_character() -> None:
    assert [(each.kind, each.text) for each in pieces("保持押韵", "保持对仗")] == [
        ("same", "保持"),
        ("removed", "押韵"),
        ("added", "对仗"),
    ]


def test_a_long_text_is_compared_by_line() -> None:
    text = "word and word\n" * 3000
    assert len(pieces(text, text + "more\n")) == 2


def test_report_parts_can_be_drawn() -> None:
    parts = as_parts(_changes(_OLD, _OLD.replace("be brief", "<b>be</b>")))
    page = render(Page("x", [Section("d", "d", parts)]), "zh")
    assert "修改" in page
    assert "<b>be</b>" not in page
    assert isinstance(as_parts([])[0], Note)


class TestVerb:
    def _write(self, folder: Path, name: str, text: str) -> Path:
        path = folder / name
        path.write_text(text, encoding="utf-8")
        return path

    def test_two_files(self, lianlu: Lianlu, tmp_path: Path) -> None:
        old = self._write(tmp_path, "a.md", _OLD)
        new = self._write(tmp_path, "b.md", _OLD.replace("be brief", "be very brief") + "\n## Tone\n- warm\n")
        printed = lianlu("prompt", "diff", old, new)
        assert printed.code == 0
        assert "~ module Rules: changed\n    ~ 1. be {+very +}brief\n" in printed.out
        assert "+ module Tone: added\n    - warm\n" in printed.out
        assert "\x1b" not in printed.out

    def test_json_has_every_change(self, lianlu: Lianlu, tmp_path: Path) -> None:
        old = self._write(tmp_path, "a.md", _OLD)
        new = self._write(tmp_path, "b.md", _OLD.replace("Rome", "Oslo"))
        (change,) = json.loads(lianlu("prompt", "diff", old, new, "--json").out)["changes"]
        assert (change["where"], change["name"], change["after"]) == ("variable", "town", "type: string, default: Oslo")

    def test_a_file_alone_means_against_the_last_commit(self, lianlu: Lianlu, tmp_path: Path) -> None:
        path = self._write(tmp_path, "a.md", _OLD)
        for command in (
            ("init", "-q"),
            ("add", "."),
            ("-c", "user.name=a", "-c", "user.email=a@example.org", "commit", "-qm", "x"),
        ):
            subprocess.run(["git", "-C", str(tmp_path), *command], check=True, capture_output=True)
        assert "no difference" in lianlu("prompt", "diff", path).out
        self._write(tmp_path, "a.md", _OLD.replace("Rome", "Oslo"))
        printed = lianlu("prompt", "diff", path)
        assert (printed.code, "~ variable town: changed" in printed.out) == (0, True)

    def test_without_git_the_error_says_what_to_do(
        self, lianlu: Lianlu, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = self._write(tmp_path, "a.md", _OLD)
        monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
        printed = lianlu("prompt", "diff", path)
        assert (printed.code, "prompt.no-git" in printed.err, "OLD NEW" in printed.err) == (2, True, True)
        monkeypatch.setenv("PATH", "")
        assert "prompt.no-git" in lianlu("prompt", "diff", path).err

    def test_letters_that_steer_a_terminal_are_not_printed(self, lianlu: Lianlu, tmp_path: Path) -> None:
        old = self._write(tmp_path, "a.md", _OLD)
        new = self._write(tmp_path, "b.md", _OLD.replace("be brief", "be \x1b[2J brief"))
        assert "\x1b" not in lianlu("prompt", "diff", old, new).out

    def test_formats_of_other_tools_are_compared_too(self, lianlu: Lianlu, tmp_path: Path) -> None:
        old = self._write(tmp_path, "a.prompty", "---\nname: a\n---\nsystem:\n# Role: x\n\n## Rules\n- be brief\n")
        new = self._write(tmp_path, "b.md", "---\nname: a\n---\n# Role: x\n\n## Rules\n- be kind\n")
        assert "[-brief-]{+kind+}" in lianlu("prompt", "diff", old, new).out
