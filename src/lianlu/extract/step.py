"""The step `extract`: files and folders in, one documents artifact out. The verb and every chain run this same code."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
from pydantic import Field, field_validator

from lianlu.core.files import Files, named_path
from lianlu.core.job import Job
from lianlu.core.recipe import Recipe
from lianlu.core.step import Outside, PathInput, Step, Summary
from lianlu.extract.read import FoundFile, all_failed, find_files, read_each
from lianlu.extract.reader import ReadConfig
from lianlu.extract.worker import Limits
from lianlu.records import Failure
from lianlu.text.documents import DocumentEntry, write_documents

__all__ = ["EXTRACT", "Extract", "ExtractRecipe", "extract_into"]


class ExtractRecipe(Recipe):
    """What to read, and what one file may cost."""

    files: list[str] = Field(min_length=1, description="files and folders to read; one path may stand without brackets")
    include: list[str] = Field(
        default=[], description="read only files of a folder that match one of these patterns, as *.md"
    )
    exclude: list[str] = Field(default=[], description="leave out files of a folder that match one of these patterns")
    main_content: bool = Field(default=True, description="of a web page keep the article; without it all visible text")
    max_bytes: int = Field(default=200_000_000, ge=1, description="a larger file is refused")
    max_pages: int = Field(default=5000, ge=1, description="a file with more pages is refused")
    max_seconds: float = Field(default=120.0, gt=0, description="time after which reading one file is given up")
    max_memory_mb: int = Field(default=2048, ge=256, description="memory of a reading process, in MB")

    @field_validator("files", "include", "exclude", mode="before")
    @classmethod
    def _one_is_a_list(cls, value: Any) -> Any:
        return [value] if isinstance(value, str) else value

    @field_validator("files")
    @classmethod
    def _plain_paths(cls, value: list[str]) -> list[str]:
        return [str(named_path(path)) if path else path for path in value]

    def find_files(self) -> list[FoundFile]:
        """Raises UsageError file.missing, extract.no-files."""
        return find_files(self.files, self.include, self.exclude)

    @property
    def config(self) -> ReadConfig:
        return ReadConfig(max_pages=self.max_pages, main_content=self.main_content)

    @property
    def limits(self) -> Limits:
        return Limits(max_bytes=self.max_bytes, max_seconds=self.max_seconds, max_memory_bytes=self.max_memory_mb << 20)


class Extract(Step):
    """Read files into Documents; what cannot be read is listed in failures.jsonl and the rest goes on."""

    name = "extract"
    version = 1
    recipe = ExtractRecipe
    inputs: Mapping[str, str] = {}
    outputs: Mapping[str, str] = {"documents": "documents"}
    found_in = ("reader",)

    def outside(self, recipe: ExtractRecipe) -> Iterable[Outside]:
        """The files that will be read. Raises UsageError file.missing, extract.no-files."""
        found = recipe.find_files()
        for named in recipe.files:
            path = Path(named)
            below = tuple(file.path for file in found if file.path == path or file.root == path)
            if below:
                yield PathInput(path, below)

    def run(self, recipe: ExtractRecipe, inputs: Mapping[str, Files], job: Job) -> Summary:  # noqa: ARG002
        """Fill `documents`.

        Raises:
            UsageError: file.missing, extract.no-files
            DataError: extract.all-failed
            LimitError: file.disk-full
        """
        return extract_into(job.folder("documents"), recipe, job)


EXTRACT = Extract()


def extract_into(
    folder: Path, recipe: ExtractRecipe, job: Job, found: Sequence[FoundFile] | None = None
) -> dict[str, Any]:
    """Read the recipe's files (or those already `found`) and write the documents artifact into `folder`.

    Returns a JSON-able summary.

    Raises:
        UsageError: file.missing, extract.no-files
        DataError: extract.all-failed
        LimitError: file.disk-full
    """
    found = recipe.find_files() if found is None else found
    failures: list[Failure] = []
    documents = read_each(found, job, failures, config=recipe.config, limits=recipe.limits)
    entries = write_documents(folder, documents, failures)
    if not entries:
        raise all_failed(failures)
    return _summary(entries, failures)


def _summary(entries: Sequence[DocumentEntry], failures: Sequence[Failure]) -> dict[str, Any]:
    formats = Counter(entry.media_type for entry in entries)
    return {
        "documents": len(entries),
        "blocks": sum(entry.blocks for entry in entries),
        "characters": sum(entry.characters for entry in entries),
        "failed": len(failures),
        "formats": dict(sorted(formats.items())),
        "failures": [msgspec.to_builtins(failure) for failure in sorted(failures, key=lambda failure: failure.uri)],
    }
