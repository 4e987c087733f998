"""Where the verbs of `lianlu prompt` stand. Writing a prompt imports nothing of comparing or optimizing."""

from __future__ import annotations

from lianlu.core.i18n import Text
from lianlu.core.verb import LoadedVerbs, RoomGroup

__all__ = ["prompt"]

prompt = RoomGroup(
    "prompt",
    Text("Write, check, compare and optimize prompts.", "编写、检查、对比与优化提示词。"),
    LoadedVerbs(
        {
            "new": "lianlu.prompt.verbs:new",
            "list": "lianlu.prompt.verbs:list_",
            "parse": "lianlu.prompt.verbs:parse_",
            "render": "lianlu.prompt.verbs:render_",
            "convert": "lianlu.prompt.convert_verb:convert",
            "diff": "lianlu.prompt.diff_verb:diff",
            "lint": "lianlu.prompt.lint_verb:lint",
            "apply": "lianlu.prompt.technique_verb:apply",
            "check": "lianlu.prompt.check_verb:check_verb",
            "compare": "lianlu.prompt.compare_verb:compare",
            "grade": "lianlu.prompt.compare_verb:grade",
            "optimize": "lianlu.prompt.optimize_verb:optimize",
        }
    ),
)
