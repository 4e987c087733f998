"""The reference is made from the code and fresh; what the guides tell people to type exists."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from conftest import python
from lianlu.cli.table import VERBS
from lianlu.core.recipe import shipped
from lianlu.core.registry import load_target
from reference import ROOT

LANGUAGES = ("en", "zh_cn")
PAGES = sorted(
    path
    for place in ("docs/en", "docs/zh_cn", "README.md", "README_zh-CN.md", "CONTRIBUTING.md")
    for path in ([ROOT / place] if (ROOT / place).is_file() else (ROOT / place).rglob("*.md"))
)


def sub_verbs(command: click.Command, path: str) -> Iterator[str]:
    yield path
    if isinstance(command, click.Group):
        for name, each in command.commands.items():
            yield from sub_verbs(each, f"{path} {name}")


WORKING = {name: each.target for name, each in VERBS.items() if each.target}


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_verb_and_sub_verb_is_in_the_reference(lang: str) -> None:
    page = (ROOT / "docs" / lang / "reference" / "verbs.md").read_text(encoding="utf-8")
    headings = {line.lstrip("#").strip() for line in page.splitlines() if line.startswith("#")}
    wanted = {f"lianlu {name}" for name in VERBS}
    for name, target in WORKING.items():
        wanted |= set(sub_verbs(load_target(target), f"lianlu {name}"))
    assert sorted(wanted - headings) == []


def test_the_reference_is_fresh() -> None:
    done = python([str(ROOT / "docs" / "build.py"), "--check"])
    assert done.code == 0, f"run `make docs`\n{done.out}{done.err}"


def test_both_languages_have_the_same_reference_with_the_same_headings() -> None:
    english, chinese = (
        {path.name: len(re.findall(r"^#+ ", path.read_text(encoding="utf-8"), re.MULTILINE)) for path in pages}
        for pages in ((ROOT / "docs" / lang / "reference").glob("*.md") for lang in LANGUAGES)
    )
    assert english == chinese
    assert english


def typed_commands() -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for page in PAGES:
        for block in re.findall(r"^```(?:console|sh|bash)\n(.*?)^```", page.read_text(encoding="utf-8"), re.M | re.S):
            for line in re.sub(r"\\\n\s*", " ", block).splitlines():
                typed = re.sub(r"^\$ (?:[A-Z_]+=\S+ )*(?:\.venv/bin/)?", "", line)
                if typed.startswith("lianlu ") and line.startswith("$ "):
                    found.append((page.relative_to(ROOT).as_posix(), typed))
    return found


MEANT_TO_FAIL = ("lianlu exract", "lianlu label")


@pytest.mark.parametrize(("page", "typed"), typed_commands(), ids=lambda value: value)
def test_what_the_guides_tell_to_type_exists(page: str, typed: str) -> None:
    if typed.startswith(MEANT_TO_FAIL):
        return
    words = shlex.split(re.split(r"\s[|>&]+\s", typed)[0], comments=True)[1:]
    if not words or words[0] in ("--help", "--version"):
        return
    assert words[0] in WORKING, f"{page}: {typed}"
    command: click.Command = load_target(WORKING[words[0]])
    rest = words[1:]
    while isinstance(command, click.Group) and rest:
        default = getattr(command, "default_verb", None)
        if rest[0] not in command.commands and default is None:
            assert rest[0] == "--help", f"{page}: {typed}"
            return
        name = rest.pop(0) if rest[0] in command.commands else default
        command = command.commands[name]
    known = {name for each in command.params for name in (*each.opts, *each.secondary_opts)} | {"--help"}
    options = [word.split("=")[0] for word in rest if re.match(r"--?[A-Za-z]", word)]
    assert [each for each in options if each not in known] == [], f"{page}: {typed}"


def test_every_shipped_recipe_is_named_in_the_guides() -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in PAGES)
    assert [name for name in shipped() if name not in text] == []


def test_pages_are_found() -> None:
    assert {Path(page).parts[1] for page, _ in typed_commands() if page.startswith("docs")} == set(LANGUAGES)
