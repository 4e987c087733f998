"""Data made by rules: generators of questions with answers that a checker of their own has proved right."""

from lianlu.synth.generator import Checker, Generator, GeneratorConfig, Item, Material, Split, is_held_out
from lianlu.synth.step import RULES, SynthRulesRecipe, load_conversations, load_samples

__all__ = [
    "RULES",
    "Checker",
    "Generator",
    "GeneratorConfig",
    "Item",
    "Material",
    "Split",
    "SynthRulesRecipe",
    "is_held_out",
    "load_conversations",
    "load_samples",
]
