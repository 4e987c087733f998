"""The guides say the same in both languages, their links lead somewhere, and the READMEs promise what the table has."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from lianlu.cli.table import VERBS

ROOT = Path(__file__).resolve().parents[2]
ENGLISH, CHINESE = ROOT / "docs" / "en", ROOT / "docs" / "zh_cn"
GUIDES = sorted(page.relative_to(ENGLISH).as_posix() for page in [*ENGLISH.glob("*.md"), *ENGLISH.glob("course/*.md")])
WRITTEN = [
    *(ROOT / name for name in ("README.md", "README_zh-CN.md", "CONTRIBUTING.md", "CHANGELOG.md")),
    ROOT / "docs" / "architecture.md",
    *sorted((ROOT / "docs" / "decisions").glob("*.md")),
    *(folder / name for folder in (ENGLISH, CHINESE) for name in GUIDES),
]
STATUS = {"README.md": {"works": True, "planned": False}, "README_zh-CN.md": {"可用": True, "计划中": False}}


def _without_code(markdown: str) -> str:
    return re.sub(r"^```.*?^```$", "", markdown, flags=re.MULTILINE | re.DOTALL)


def _outline(page: Path) -> list[str]:
    """Heading depths, tables with their columns, lists and code blocks, in order: what both languages must share."""
    shapes: list[str] = []
    text = page.read_text(encoding="utf-8")
    for block in re.split(r"\n{2,}", re.sub(r"^```(\w*)\n.*?^```$", r"```\1", text, flags=re.MULTILINE | re.DOTALL)):
        first = block.strip().splitlines()[0] if block.strip() else ""
        if first.startswith("#"):
            shapes.append(first.split(" ")[0])
        elif first.startswith("|"):
            shapes.append(f"table {len(block.strip().splitlines())}x{first.count('|') - 1}")
        elif first.startswith("- "):
            shapes.append(f"list {len(block.strip().splitlines())}")
        elif first.startswith("1. "):
            shapes.append(f"steps {len(block.strip().splitlines())}")
        elif first.startswith("```"):
            shapes.append(first)
        elif first:
            shapes.append("para")
    return shapes


def _status_rows(readme: str) -> list[tuple[str, str]]:
    """(command cell, status cell) of the table below the marker."""
    text = (ROOT / readme).read_text(encoding="utf-8").split("<!-- status-table -->\n", 1)[1]
    table = text.split("\n\n", 1)[0].splitlines()[2:]
    cells = [[cell.strip() for cell in row.strip("|").split("|")] for row in table]
    return [(row[2], row[3]) for row in cells]


def test_both_languages_have_the_same_pages() -> None:
    found = [*CHINESE.glob("*.md"), *CHINESE.glob("course/*.md")]
    assert sorted(page.relative_to(CHINESE).as_posix() for page in found) == GUIDES


@pytest.mark.parametrize("name", GUIDES)
def test_both_languages_have_the_same_outline(name: str) -> None:
    assert _outline(CHINESE / name) == _outline(ENGLISH / name)


@pytest.mark.parametrize("page", WRITTEN, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_to_files(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:|#)([^)#\s]+)", _without_code(page.read_text(encoding="utf-8")))
    assert [link for link in links if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("readme", STATUS)
def test_readme_promises_what_the_command_table_has(readme: str) -> None:
    """A verb that works has a row that says so; a further row of it may still be planned, a planned verb's none works."""
    found: dict[str, list[bool]] = {}
    for command, status in _status_rows(readme):
        named = re.match(r"`lianlu ([a-z]+)", command)
        assert named, command
        found.setdefault(named[1], []).append(STATUS[readme][status])
    assert {verb: any(rows) for verb, rows in found.items()} == {verb: VERBS[verb].target is not None for verb in found}


def test_both_readmes_list_the_same_commands() -> None:
    english, chinese = ([command for command, _ in _status_rows(readme)] for readme in STATUS)
    assert english == chinese
