from __future__ import annotations

from pathlib import Path

import pytest

from lianlu.prompt.convert import convert, read_prompt
from lianlu.prompt.file import parse_file
from lianlu.prompt.foreign import Traveller
from lianlu.prompt.foreign.skill import SKILL

from . import sets


def _written(text: str) -> tuple[str, str, list[str]]:
    written = SKILL.write(Traveller(parse_file(text, "p.md")))
    ((name, body),) = written.files.items()
    return name, body, [each.what for each in written.lost]


def test_a_name_becomes_one_that_skills_allow() -> None:
    name, body, lost = _written("---\nname: My Poet!\ndescription: writes\n---\n# Role: poet\n")
    assert (name, lost) == ("my-poet/SKILL.md", ["name: My Poet!"])
    assert body == "---\nname: my-poet\ndescription: writes\n---\n\n# Role: poet\n"


def test_a_missing_description_is_the_profiles_and_named() -> None:
    _, body, lost = _written("---\nname: a\n---\n# Role: x\n\n## Profile\n- Author: me\n- Description: finds rhymes\n")
    assert "description: finds rhymes\n" in body
    assert lost == ["description"]


def test_variables_stay_as_text_and_are_named() -> None:
    _, body, lost = _written("---\nname: a\ndescription: b\n---\nHi {{who}} \\{{x}}\n")
    assert (body.endswith("\nHi {{who}} {{x}}\n"), lost) == (True, ["{{who}}"])


def test_a_skill_says_the_same_after_writing(tmp_path: Path) -> None:
    path = tmp_path / "SKILL.md"
    path.write_text(
        "---\nname: a\ndescription: b\nlicense: MIT\nmetadata: {v: '1'}\n---\n# T\n\n{{braces}}\n", encoding="utf-8"
    )
    first = read_prompt(path)
    written = SKILL.write(first)
    path.write_text(written.text, encoding="utf-8")
    assert written.lost == ()
    assert read_prompt(path).file.head == first.file.head
    assert read_prompt(path).file.system_text == first.file.system_text


def test_files_beside_it_are_named(tmp_path: Path) -> None:
    (tmp_path / "scripts").mkdir()
    (tmp_path / "scripts" / "go.py").write_text("", encoding="utf-8")
    (tmp_path / "SKILL.md").write_text("---\nname: a\ndescription: b\n---\nhi\n", encoding="utf-8")
    assert [each.what for each in convert(tmp_path / "SKILL.md", "langgpt").lost] == ["scripts/go.py"]


def test_the_published_skill_is_read_and_written() -> None:
    path = sets.set_folder("langgpt") / "skill" / "langgpt" / "SKILL.md"
    prompt = read_prompt(path)
    again = SKILL.read(SKILL.write(prompt).text, Path("SKILL.md"))
    assert (again.file.head, again.file.system_text) == (prompt.file.head, prompt.file.system_text)


@pytest.mark.parametrize("length", [1024, 3000])
def test_a_long_description_is_cut_and_named(length: int) -> None:
    _, body, lost = _written(f"---\nname: a\ndescription: {'x' * length}\n---\nhi\n")
    assert ("x" * 1025 in body, lost) == (False, ["description"] if length > 1024 else [])
