from __future__ import annotations

import json
from pathlib import Path

import pytest

from lianlu.core.errors import DataError, UsageError
from lianlu.core.files import Files
from lianlu.core.job import Job
from lianlu.core.step import PathInput, Step
from lianlu.page import Page, SectionContext, render
from lianlu.prompt.page import section
from lianlu.prompt.step import RENDER, PromptRenderRecipe
from lianlu.records import Artifact

_TEXT = "# Role: {{who}}\n\n## Rules\n- <script>alert(1)</script>\n"
_CONTEXT = SectionContext(artifact=Artifact(id="a", kind="prompt", format_version=1, files=()), step="system")


def _run(folder: Path, **settings: object) -> dict[str, bytes]:
    RENDER.run(PromptRenderRecipe.model_validate(settings), {}, Job(outputs=folder))
    return {name: path.read_bytes() for name, path in Files.of_folder(folder / "prompt", kind="prompt").items()}


def test_the_step_fits_the_protocol() -> None:
    assert isinstance(RENDER, Step)


def test_text_and_description_are_written(tmp_path: Path) -> None:
    made = _run(tmp_path, text=_TEXT, variables={"who": "诗人"})
    assert made["prompt.md"].decode() == _TEXT.replace("{{who}}", "诗人")
    described = json.loads(made["prompt.json"])
    assert (described["framework"], described["variables"]) == ("langgpt", {"who": "诗人"})
    assert [module["name"] for module in described["modules"]] == ["Role", "Rules"]


def test_the_same_recipe_gives_the_same_bytes(tmp_path: Path) -> None:
    first, second = (_run(tmp_path / name, text=_TEXT, variables={"who": "a"}) for name in "ab")
    assert first == second


def test_a_file_gives_the_same_bytes_wherever_it_lies(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / name).mkdir()
        (tmp_path / name / "p.md").write_text(_TEXT, encoding="utf-8")
    first, second = (_run(tmp_path / f"o{n}", file=str(tmp_path / n / "p.md"), variables={"who": "x"}) for n in "ab")
    assert first == second


def test_crispe_is_sent_as_joined_sentences(tmp_path: Path) -> None:
    made = _run(tmp_path, text="Statement: Plan a menu.\nCapacity and Role: Act as a cook.\nExperiment: Twice.")
    assert made["prompt.md"] == b"Act as a cook. Plan a menu. Twice."


def test_the_file_is_what_the_step_reads_from_outside(tmp_path: Path) -> None:
    path = tmp_path / "p.md"
    path.write_text(_TEXT, encoding="utf-8")
    assert list(RENDER.outside(PromptRenderRecipe(file=str(path)))) == [PathInput(path, (path,))]
    assert list(RENDER.outside(PromptRenderRecipe(text=_TEXT))) == []


@pytest.mark.parametrize("settings", [{}, {"file": "a.md", "text": "x"}])
def test_exactly_one_source_is_needed(tmp_path: Path, settings: dict[str, str]) -> None:
    with pytest.raises(UsageError) as raised:
        _run(tmp_path, **settings)
    assert raised.value.code == "prompt.one-source"


def test_the_section_shows_the_text_and_escapes_it(tmp_path: Path) -> None:
    _run(tmp_path, text=_TEXT, variables={"who": "<b>"})
    shown = section(Files.of_folder(tmp_path / "prompt", kind="prompt"), _CONTEXT)
    html = render(Page("t", [shown]))
    assert "&lt;script&gt;alert(1)" in html
    assert "<script>alert" not in html


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b"{", None])
def test_a_broken_artifact_is_said_to_be_broken(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "prompt.json").write_bytes(content)
    with pytest.raises(DataError) as raised:
        section(Files.of_folder(tmp_path, kind="prompt"), _CONTEXT)
    assert raised.value.code == "prompt.broken-artifact"
