"""The handbook must say what docs/ says: the demo answers from it, and its answers must be true."""

from __future__ import annotations

import importlib.util
import shutil
import sys
import zipfile
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[3]


def _script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("build_handbook", ROOT / "examples" / "build_handbook.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


handbook = _script()


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    return Path(shutil.copytree(handbook.HANDBOOK, tmp_path / "handbook"))


def test_handbook_agrees_with_docs() -> None:
    assert handbook.stale() == []


def test_handbook_stays_below_one_and_a_half_megabytes() -> None:
    assert sum(path.stat().st_size for path in handbook.HANDBOOK.iterdir()) < 1_500_000


def test_every_format_and_language_stands_in_it() -> None:
    found = {(Path(entry.file).suffix, entry.lang) for entry in handbook.ENTRIES}
    assert {suffix for suffix, _ in found} == {".md", ".html", ".pdf", ".docx", ".txt"}
    assert {(".pdf", "zh-CN"), (".pdf", "en"), (".docx", "zh-CN"), (".docx", "en")} <= found


@pytest.mark.parametrize("file", ["01-what-is-lianlu.en.md", "04-quickstart.zh.docx", "14-store.zh.txt"])
def test_a_changed_file_is_stale(copied: Path, file: str) -> None:
    (copied / file).write_bytes((copied / file).read_bytes() + b"\n")
    assert [each.split()[0] for each in handbook.stale(copied)] == [file]


def test_a_stray_file_is_named(copied: Path) -> None:
    (copied / "notes.md").write_text("mine")
    assert handbook.stale(copied) == ["notes.md belongs to no page"]


def test_a_pdf_of_an_older_page_is_stale(tmp_path: Path) -> None:
    pdf = handbook.HANDBOOK / "20-prompts.en.pdf"
    page = (handbook.DOCS / "en" / "prompts.md").read_text(encoding="utf-8")
    assert handbook.text_differences(pdf, page) == []
    assert handbook.text_differences(pdf, page + "\nA new sentence.\n") == ["lacks 'A new sentence.'"]
    shortened = page.replace("## Why structure\n", "")
    assert handbook.text_differences(pdf, shortened) == ["has besides 'Whystructure'"]


def test_building_twice_gives_the_same_bytes() -> None:
    for entry in handbook.ENTRIES:
        write = handbook.FORMATS.get(Path(entry.file).suffix)
        page = (handbook.DOCS / entry.page).read_text(encoding="utf-8")
        assert write is None or write(entry, page) == write(entry, page)


def test_word_files_carry_the_fixed_date_only() -> None:
    with zipfile.ZipFile(handbook.HANDBOOK / "11-chains.en.docx") as archive:
        assert {member.date_time for member in archive.infolist()} == {(2026, 11, 1, 0, 0, 0)}


def test_links_become_text_but_code_stays() -> None:
    page = "See [the store](store.md) and [us](https://example.org).\n\n```\n[a](b)\n```\n"
    assert handbook.plain_links(page) == "See the store and [us](https://example.org).\n\n```\n[a](b)\n```\n"
