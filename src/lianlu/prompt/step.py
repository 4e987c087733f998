"""The step `prompt.render`: a prompt file (or inline text) and values in, the exact text for a model out.

`prompt.md` is what a model is sent, byte for byte; `prompt.json` says how it came about: framework, modules, values.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from pydantic import Field

from lianlu.core.errors import UsageError
from lianlu.core.files import Files, write_bytes
from lianlu.core.hashing import sha256_bytes
from lianlu.core.job import Job
from lianlu.core.recipe import Recipe
from lianlu.core.step import Outside, PathInput, Step, Summary
from lianlu.prompt.file import PromptFile, find_prompt, parse_file, read_file
from lianlu.prompt.framework import framework
from lianlu.prompt.render import Format, fill, parse, render, source, variables_of

__all__ = ["RENDER", "PromptRender", "PromptRenderRecipe", "rendered"]


class PromptRenderRecipe(Recipe):
    """Which prompt, and what stands for its variables."""

    file: str | None = Field(default=None, description="a prompt file, or the name of a ready prompt")
    text: str | None = Field(default=None, description="the prompt itself, instead of a file")
    framework: str = Field(
        default="", description="langgpt, costar or crispe; by default what the file says or looks like"
    )
    variables: dict[str, Any] = Field(default={}, description="values of the {{variables}}")
    format: Format = Field(default="md", description="notation of the text: md, json or yaml")
    normal: bool = Field(default=False, description="write the framework's own form instead of the words as they stand")

    def read(self) -> PromptFile:
        """Raises UsageError prompt.one-source, and those of `prompt.file`."""
        if (self.file is None) == (self.text is None):
            raise UsageError("prompt.one-source")
        if self.text is not None:
            return parse_file(self.text, "prompt", framework=self.framework)
        return read_file(find_prompt(self.file or ""), framework=self.framework)


class PromptRender(Step):
    """Render one prompt."""

    name = "prompt.render"
    version = 1
    recipe = PromptRenderRecipe
    inputs: Mapping[str, str] = {}
    outputs: Mapping[str, str] = {"prompt": "prompt"}

    def outside(self, recipe: PromptRenderRecipe) -> Iterable[Outside]:
        """The prompt file. Raises UsageError file.missing."""
        if recipe.file is not None:
            path = find_prompt(recipe.file)
            yield PathInput(path, (path, *read_file(path, framework=recipe.framework).files()))

    def run(self, recipe: PromptRenderRecipe, inputs: Mapping[str, Files], job: Job) -> Summary:  # noqa: ARG002
        """Fill `prompt`.

        Raises:
            UsageError: prompt.one-source, prompt.missing-variable, prompt.unknown-variable, prompt.bad-variable, those
                of `prompt.file`
        """
        file = recipe.read()
        values = file.values(recipe.variables)
        text = rendered(file, values, format=recipe.format, normal=recipe.normal)
        folder = job.folder("prompt")
        write_bytes(folder / "prompt.md", text.encode())
        write_bytes(folder / "prompt.json", _described(file, values, recipe))
        return {
            "name": file.name,
            "framework": file.prompt.framework,
            "modules": [module.name for module in file.prompt.modules],
            "characters": len(text),
            "sha256": sha256_bytes(text.encode()),
        }


RENDER = PromptRender()


def rendered(file: PromptFile, values: Mapping[str, Any], *, format: Format | None = "md", normal: bool = False) -> str:
    """The text for a model: as written where the framework sends that, else composed; what is included in its place.

    Of a file with messages of several roles, all of them under their role lines.
    """
    as_written = framework(file.prompt.framework).sends_as_written
    prompt = file.prompt
    if file.system_text != source(prompt):
        prompt = parse(file.system_text, prompt.framework, syntax=prompt.syntax)
    used = variables_of(source(prompt))
    known = {name: value for name, value in values.items() if name in used}
    text = render(prompt, known, format=format, normal=normal or not as_written)
    if format not in (None, "md") or not file.messages:
        return text
    pieces = [f"system:\n{text.strip()}\n"] if text.strip() else []
    pieces += [
        f"{each.role}:\n{fill(words, values).strip()}\n"
        for each, words in zip(file.messages, file.message_texts, strict=True)
    ]
    return "\n".join(pieces)


def _described(file: PromptFile, values: Mapping[str, Any], recipe: PromptRenderRecipe) -> bytes:
    modules = [msgspec.structs.replace(module, source="") for module in file.prompt.modules]
    described = {
        "name": file.name,
        "framework": file.prompt.framework,
        "description": file.head.description,
        "format": recipe.format,
        "variables": dict(values),
        "modules": modules,
    }
    return msgspec.json.format(msgspec.json.encode(described), indent=2) + b"\n"
