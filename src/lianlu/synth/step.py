"""The step `synth.rules`: rules, and documents for cloze, in; training conversations and evaluation samples out."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import Field, field_validator

from lianlu.core.files import Files
from lianlu.core.job import Job
from lianlu.core.recipe import Recipe, Tree, check
from lianlu.core.step import Step, Summary
from lianlu.synth.file import CONVERSATIONS, SAMPLES, load_conversations, load_samples, write_lines
from lianlu.synth.generator import GeneratorConfig, Material, generator
from lianlu.synth.make import Made, make
from lianlu.text.documents import load_documents

__all__ = ["RULES", "SynthRules", "SynthRulesRecipe", "load_conversations", "load_samples", "synth_into"]

_SYSTEM_PROMPTS = [
    "你是一个乐于助人的助手。",
    "请用中文简洁地回答问题。",
    "你是一名智能助手，请如实回答。",
    "You are a helpful assistant.",
    "Answer the question briefly and truthfully.",
    "You are an assistant for our team.",
]


class SynthRulesRecipe(Recipe):
    """Which generators, with their own settings, and how often a system prompt stands before the question."""

    generators: dict[str, dict[str, Any]] = Field(
        min_length=1,
        description="settings by name of generator: `lianlu synth list` shows them; each takes `train`, `eval`, `languages`",
    )
    system_prompts: list[str] = Field(default=_SYSTEM_PROMPTS, description="system prompts to choose from")
    system_share: float = Field(
        default=0.3, ge=0, le=1, description="share of the training conversations that begin with a system prompt"
    )

    @field_validator("generators", mode="before")
    @classmethod
    def _empty_is_default(cls, value: Any) -> Any:
        if isinstance(value, dict):
            return {name: {} if settings is None else settings for name, settings in value.items()}
        return value

    @field_validator("generators")
    @classmethod
    def _known(cls, value: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
        for name, settings in value.items():
            _config(name, settings)
        return value

    def configs(self) -> dict[str, GeneratorConfig]:
        """The settings of each generator. Raises UsageError registry.unknown-name, recipe.unknown-key, recipe.bad-value."""
        return {name: _config(name, settings) for name, settings in self.generators.items()}


def _config(name: str, settings: dict[str, Any]) -> GeneratorConfig:
    return check(Tree(settings, origin=f"generators.{name}"), generator(name).config, f"the generator {name}")


class SynthRules(Step):
    """Make data by rules, every item proved right by an independent check."""

    name = "synth.rules"
    version = 1
    recipe = SynthRulesRecipe
    inputs: Mapping[str, str] = {"documents?": "documents"}
    outputs: Mapping[str, str] = {"conversations": "conversations", "samples": "samples"}
    found_in = ("generator",)

    def run(self, recipe: SynthRulesRecipe, inputs: Mapping[str, Files], job: Job) -> Summary:
        """Fill `conversations` and `samples`.

        Raises:
            UsageError: synth.no-documents, synth.too-few, synth.wrong-item, synth.nothing-made
            DataError: text.no-documents, text.documents-broken
            LimitError: file.disk-full
        """
        folders = {output: job.folder(output) for output in self.outputs}
        return synth_into(folders["conversations"], folders["samples"], recipe, inputs.get("documents"), job)


RULES = SynthRules()


def synth_into(
    conversations: Path, samples: Path, recipe: SynthRulesRecipe, documents: Files | None, job: Job
) -> dict[str, Any]:
    """Write both artifacts; returns a JSON-able summary. Raises as the step."""
    read = tuple(load_documents(documents)) if documents is not None else ()
    material = Material(documents=read, system_prompts=tuple(recipe.system_prompts))
    made = make(recipe.configs(), material, job, system_share=recipe.system_share)
    write_lines(conversations / CONVERSATIONS, made.conversations)
    write_lines(samples / SAMPLES, made.samples)
    return _summary(made)


def _summary(made: Made) -> dict[str, Any]:
    with_system = sum(each.messages[0].role == "system" for each in made.conversations)
    return {
        "conversations": len(made.conversations),
        "samples": len(made.samples),
        "with_system": with_system,
        "counts": made.counts,
    }
