"""The texts of a Space: the README with its front matter, what builds it and what starts it.

The keys of the front matter are those of the hub's configuration reference. No licence is claimed: the documents are not
ours to license.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from importlib.resources import files

from lianlu.cli.space.plan import PORT, SpacePlan

__all__ = ["attributes", "dockerfile", "readme", "server_command", "start_script"]

GRADIO_VERSION = "6.31.0"
_LARGE = ("*.sqlite", "*.lexical", "*.vectors", "*.whl", "*.safetensors", "*.onnx")
_PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
_LONGEST_DESCRIPTION = 60
_HUB = "https://huggingface.co"  # shows a Space in a frame of its own page


def server_command(plan: SpacePlan, base: str) -> list[str]:
    """What the Space runs: `lianlu …`."""
    model = ["--model", plan.model] if plan.model else []
    at = ["--host", "0.0.0.0", "--port", str(PORT)]  # noqa: S104 - inside the Space
    return ["lianlu", "rag", "serve", base, *at, "--title", plan.shown_title, "--framed-by", _HUB, *model]


def readme(plan: SpacePlan, facts: Mapping[str, int], keys: Sequence[str]) -> str:
    """README.md.

    Args:
        facts: counts of documents and chunks.
        keys: variables that may hold the key of a model.
    """
    front = "\n".join(f"{key}: {json.dumps(value, ensure_ascii=False)}" for key, value in _front(plan).items())
    name = _code(plan.shown_title)
    lines = [
        f"---\n{front}\n---\n",
        f"# {name}\n",
        f"{facts['documents']} documents, {facts['chunks']} passages. Every answer cites the place it comes from.",
        f"{facts['documents']} 篇文档，{facts['chunks']} 个片段。每个回答都标注出处。\n",
        "Made with lianlu; the files of this repository are written by `lianlu deploy space` and checked against"
        " `lianlu-space.json`.",
        "由 lianlu 生成；本仓库的文件由 `lianlu deploy space` 写出，并以 `lianlu-space.json` 核对。\n",
    ]
    if plan.model:
        lines += [
            f"Answers are written by `{plan.model}` and checked before they are shown. Its key is a secret of this Space"
            f" ({_listed(keys or plan.secrets)}), set under Settings, and stands in no file.",
            f"回答由 `{plan.model}` 撰写，展示前经过核对。密钥是本 Space 的 secret（{_listed(keys or plan.secrets)}），"
            "在 Settings 中设置，不写入任何文件。\n",
        ]
    return "\n".join(lines)


def dockerfile(plan: SpacePlan, base: str, wheel: str) -> str:
    """Built by the hub; runs as user 1000, the one Spaces have."""
    template = _template("Dockerfile.txt")
    filled = {"PYTHON": _PYTHON, "WHEEL": wheel, "PORT": str(PORT), "COMMAND": json.dumps(server_command(plan, base))}
    return _filled(template, filled)


def start_script(plan: SpacePlan, base: str, wheel: str) -> str:
    """app.py of a Gradio Space, which starts our server in place of a Gradio app."""
    return _filled(_template("app.py.txt"), {"WHEEL": wheel, "COMMAND": repr(server_command(plan, base)[1:])})


def attributes() -> str:
    """.gitattributes: what git keeps as large files."""
    return "".join(f"{pattern} filter=lfs diff=lfs merge=lfs -text\n" for pattern in _LARGE)


def _front(plan: SpacePlan) -> dict[str, str | int | bool]:
    of_sdk: dict[str, dict[str, str | int | bool]] = {
        "docker": {"app_port": PORT},
        "gradio": {"sdk_version": GRADIO_VERSION, "python_version": _PYTHON, "app_file": "app.py"},
        "static": {"app_file": "index.html"},
    }
    description = "Cited answers from documents · 带出处的文档问答"
    assert len(description) <= _LONGEST_DESCRIPTION, "the hub refuses longer ones"
    return {
        "title": plan.shown_title,
        "emoji": "📚",
        "colorFrom": "blue",
        "colorTo": "green",
        "sdk": plan.sdk,
        **of_sdk[plan.sdk],
        "pinned": False,
        "short_description": description,
    }


def _template(name: str) -> str:
    return files("lianlu.cli.space").joinpath(name).read_text(encoding="utf-8")


def _filled(template: str, values: Mapping[str, str]) -> str:
    for name, value in values.items():
        template = template.replace(f"@{name}@", value)
    return template


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names) or "-"


def _code(text: str) -> str:
    """A title as a heading: nothing in it is markup."""
    return "".join(f"\\{each}" if each in "\\`*_[]<>#!|" else each for each in text)
