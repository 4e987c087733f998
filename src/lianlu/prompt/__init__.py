"""Structured prompts: LangGPT, CO-STAR and CRISPE as modules and elements, read and written without loss."""

from lianlu.prompt.file import PromptFile, Variable, find_prompt, parse_file, read_file
from lianlu.prompt.framework import Framework, detect, framework
from lianlu.prompt.model import Assignment, Element, Function, Module, Prompt, Statement
from lianlu.prompt.modules import A_TO_Z, CHAIN, Kind
from lianlu.prompt.render import fill, parse, render, source, variables_of

__all__ = [
    "A_TO_Z",
    "CHAIN",
    "Assignment",
    "Element",
    "Framework",
    "Function",
    "Kind",
    "Module",
    "Prompt",
    "PromptFile",
    "Statement",
    "Variable",
    "detect",
    "fill",
    "find_prompt",
    "framework",
    "parse",
    "parse_file",
    "read_file",
    "render",
    "source",
    "variables_of",
]
