from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from lianlu.core.errors import LimitError, UsageError
from lianlu.prompt.conversation import system_prompt
from lianlu.prompt.file import read_file
from lianlu.prompt.include import LARGEST_BYTES, expanded


def _put(folder: Path, **texts: str) -> Path:
    for name, text in texts.items():
        (folder / f"{name}.md").write_text(text, encoding="utf-8")
    return folder / f"{next(iter(texts))}.md"


def test_a_file_stands_in_the_place_of_its_name_without_its_front_matter(tmp_path: Path) -> None:
    path = _put(tmp_path, a="# Role: x\n\n{{> b.md}}\n\nend\n", b="---\nname: b\n---\n## Rules\n- {{c}}\n")
    file = read_file(path)
    assert file.system_text == "# Role: x\n\n## Rules\n- {{c}}\n\nend\n"
    assert list(file.variables) == ["c"]
    assert file.files() == (tmp_path / "b.md",)
    assert file.text == path.read_text()


def test_paths_are_relative_to_the_file_that_names_them(tmp_path: Path) -> None:
    (tmp_path / "parts").mkdir()
    _put(tmp_path / "parts", b="{{> c.md}}", c="deep")
    assert read_file(_put(tmp_path, a="x {{> parts/b.md }} y")).system_text == "x deep y"


def test_a_backslash_makes_it_text(tmp_path: Path) -> None:
    file = read_file(_put(tmp_path, a="x \\{{> b.md}}"))
    assert file.system_text == "x \\{{> b.md}}"
    assert system_prompt(file, {}) == "x {{> b.md}}"


@pytest.mark.parametrize(
    ("texts", "code", "at"),
    [
        ({"a": "x\n{{> b.md}}", "b": "y\n\n{{> a.md}}"}, "prompt.include-loop", "b.md:3"),
        ({"a": "{{> a.md}}"}, "prompt.include-loop", "a.md:1"),
        ({"a": "---\nname: a\n---\n\n{{> no.md}}"}, "prompt.include-missing", "a.md:5"),
    ],
)
def test_what_cannot_be_included_is_told_with_its_line(
    tmp_path: Path, texts: dict[str, str], code: str, at: str
) -> None:
    path = _put(tmp_path, **texts)
    with pytest.raises(UsageError) as raised:
        _ = read_file(path).system_text
    assert raised.value.code == code
    assert raised.value.facts["at"] == str(tmp_path / at)


def test_a_prompt_of_a_megabyte_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "big.md"
    path.write_text("x" * (1 << 20))
    with pytest.raises(LimitError) as raised:
        read_file(path)
    assert raised.value.code == "prompt.too-large"


def test_files_that_include_each_other_many_times_end_at_the_limit(tmp_path: Path) -> None:
    names = [chr(ord("a") + number) for number in range(12)]
    for name, below in pairwise(names):
        (tmp_path / f"{name}.md").write_text(f"{{{{> {below}.md}}}}\n" * 10)
    (tmp_path / f"{names[-1]}.md").write_text("x" * 1000)
    with pytest.raises(LimitError):
        expanded((tmp_path / "a.md").read_text(), tmp_path / "a.md")
    assert LARGEST_BYTES == 1_000_000
