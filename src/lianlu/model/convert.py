"""Write the weights of a model in the other layout: InternLM2's, which packs q, k and v, or Llama's, which all tools read.

One tensor is in memory at a time. The tokenizer comes along as a fast one, so that no code of the folder is needed.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lianlu.core.errors import DataError
from lianlu.core.extras import require
from lianlu.core.files import Files, as_lianlu_error
from lianlu.core.job import Job
from lianlu.model.headers import tensors_of, weight_files
from lianlu.model.lora import read_json
from lianlu.nn.layout import Layout, config_in_layout, plan_folder, save_planned
from lianlu.nn.weights import copy_tokenizer, linked_folder

__all__ = ["convert"]

_LICENCES = ("license", "licence", "notice")


def convert(
    files: Mapping[str, Path], folder: Path, layout: Layout, job: Job, *, max_shard_size: int = 5 * 10**9
) -> dict[str, Any]:
    """Write the model into `folder`; returns a JSON-able summary.

    Args:
        files: the files of a Llama or InternLM2 model by name.
        max_shard_size: bytes.

    Raises:
        DataError: model.no-config, model.no-weights, model.only-pickle, model.bad-index, model.bad-weights,
            model.bad-json, nn.no-layout, nn.wrong-weights, nn.bad-internlm2, nn.bad-sentencepiece
        UsageError: extra.missing, file.unwritable
        LimitError: file.disk-full
    """
    require("torch", "torch")
    if "config.json" not in files:
        raise DataError("model.no-config", files=", ".join(sorted(files)[:5]) or "∅")
    config = read_json(files["config.json"])
    config_in_layout(config, layout)
    tensors_of(files)  # checks every header
    paths = [files[name] for name in weight_files(files)]
    planned = plan_folder(config, files["config.json"].parent, paths)

    def told(done: int, total: int) -> None:
        job.check()
        job.progress("tensors", done, total, "tensors")

    generation = files["generation_config.json"].read_bytes() if "generation_config.json" in files else b""
    save_planned(planned, config, folder, layout, max_shard_size=max_shard_size, generation=generation, on_tensor=told)
    with linked_folder(Files(files, kind="weights")) as source:
        copy_tokenizer(source, folder)
    _copy_licences(files, folder)
    return {
        "layout": layout,
        "tensors": len(planned),
        "parameters": sum(each.parameters for each in planned.values()),
        "bytes": sum(each.size for each in planned.values()),
        "shards": len(list(folder.glob("*.safetensors"))),
    }


def _copy_licences(files: Mapping[str, Path], folder: Path) -> None:
    for name, path in files.items():
        if "/" not in name and name.casefold().startswith(_LICENCES):
            try:
                shutil.copyfile(path, folder / name)
            except OSError as error:
                raise as_lianlu_error(error, folder / name) from error
