"""From a model folder to a model in memory, with every way it may be broken told apart.

On a CPU weights are computed in float32, so that answers do not depend on who else is being answered; on a GPU in the
type they are stored in. No code of the model's author is run, and nothing is fetched.
"""

from __future__ import annotations

import os
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from lianlu.core.errors import DataError, LimitError
from lianlu.engine.folder import ModelFolder
from lianlu.engine.runner import Runner, open_runner, token_limit
from lianlu.engine.tokenizer import Tokenizer
from lianlu.nn.internlm2 import is_internlm2
from lianlu.nn.layout import load_internlm2
from lianlu.nn.weights import open_tokenizer, quiet

__all__ = ["Loaded", "check_report", "end_tokens", "load", "room_tokens", "told_as"]

_SHOWN_KEYS = 3
_FREE_SHARE = 0.5
_USUAL_FREE_BYTES = 4 << 30


@dataclass(frozen=True)
class Loaded:
    """A model that can be asked.

    Attributes:
        ends: tokens that end an answer.
        limit: most tokens of prompt and answer together; None where the model sets none.
        room_tokens: how many tokens fit into memory as keys and values.
    """

    module: Any
    runner: Runner
    tokenizer: Tokenizer
    ends: frozenset[int]
    limit: int | None
    generation: Mapping[str, Any]
    dtype: str
    room_tokens: int

    @property
    def vocabulary(self) -> int:
        return int(self.module.get_input_embeddings().weight.shape[0])


def load(folder: ModelFolder, *, device: str | None = None) -> Loaded:
    """Read a model folder into memory.

    Args:
        device: `cpu`, `cuda`, `cuda:1`; a GPU if there is one when None.

    Raises:
        DataError: engine.unknown-architecture, engine.bad-config, engine.bad-weights, engine.missing-weights,
            engine.wrong-shapes, engine.bad-tokenizer, engine.vocabulary
        LimitError: engine.out-of-memory
    """
    place = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    with quiet():
        module = _module(folder, place)
        tokenizer = _tokenizer(folder)
    size = int(module.get_input_embeddings().weight.shape[0])
    if tokenizer.size > size:
        raise DataError("engine.vocabulary", path=str(folder.path), tokens=tokenizer.size, rows=size)
    return Loaded(
        module=module,
        runner=open_runner(module),
        tokenizer=tokenizer,
        ends=end_tokens(folder.generation, folder.config, tokenizer),
        limit=token_limit(module.config),
        generation=folder.generation,
        dtype=str(next(module.parameters()).dtype).removeprefix("torch."),
        room_tokens=room_tokens(module),
    )


def end_tokens(generation: Mapping[str, Any], config: Mapping[str, Any], tokenizer: Tokenizer) -> frozenset[int]:
    """All tokens that end an answer: of generation_config.json, else config.json, and the tokenizer's own."""
    named = generation.get("eos_token_id", config.get("eos_token_id"))
    found = named if isinstance(named, list) else [named]
    return frozenset(each for each in (*found, tokenizer.eos) if isinstance(each, int))


def room_tokens(module: Any) -> int:
    """How many tokens of keys and values fit into half of the memory that is free now."""
    config = module.config.get_text_config()
    heads = getattr(config, "num_key_value_heads", None) or getattr(config, "num_attention_heads", 1)
    size = getattr(config, "head_dim", None) or config.hidden_size // getattr(config, "num_attention_heads", 1)
    parameter = next(module.parameters())
    token_bytes = 2 * config.num_hidden_layers * heads * size * parameter.element_size()
    return max(1, int(_FREE_SHARE * _free_bytes(parameter.device) / max(token_bytes, 1)))


def _free_bytes(device: torch.device) -> int:
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    try:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError):  # not told on macOS
        return _USUAL_FREE_BYTES


def _tokenizer(folder: ModelFolder) -> Tokenizer:
    with told_as("engine.bad-tokenizer", folder.path):
        found = open_tokenizer(folder.path)
    if not found.is_fast:
        raise DataError(
            "engine.bad-tokenizer", path=str(folder.path), why="it has no tokenizer.json and none can be made"
        )
    return Tokenizer(found)


def _module(folder: ModelFolder, device: torch.device) -> Any:
    from transformers import MODEL_FOR_CAUSAL_LM_MAPPING, AutoModelForCausalLM

    path = str(folder.path)
    if is_internlm2(folder.config):
        with told_as("engine.bad-weights", folder.path):
            dtype = "auto" if device.type == "cuda" else "float32"
            return load_internlm2(folder.config, folder.path, folder.weights, device=device, dtype=dtype)
    config = _config(folder)
    if type(config) not in MODEL_FOR_CAUSAL_LM_MAPPING:
        raise DataError("engine.unknown-architecture", path=path, name=str(folder.config.get("model_type", "-")))
    dtype: Any = "auto" if device.type == "cuda" else torch.float32
    with told_as("engine.bad-config", folder.path):
        found: Any = AutoModelForCausalLM.from_pretrained(
            folder.path,
            config=config,
            dtype=dtype,
            local_files_only=True,
            trust_remote_code=False,
            use_safetensors=True,
            ignore_mismatched_sizes=True,
            output_loading_info=True,
        )
        module, report = found
        module = module.to(device).eval()
    check_report(path, report)
    return module


def _config(folder: ModelFolder) -> Any:
    from transformers import CONFIG_MAPPING, AutoConfig

    kind = folder.config.get("model_type")
    if not isinstance(kind, str) or kind not in CONFIG_MAPPING:
        raise DataError("engine.unknown-architecture", path=str(folder.path), name=str(kind or "-"))
    with told_as("engine.bad-config", folder.path):
        return AutoConfig.from_pretrained(folder.path, local_files_only=True, trust_remote_code=False)


def check_report(path: str, report: Mapping[str, Any]) -> None:
    """What transformers says of the weights it read. Raises DataError engine.wrong-shapes, engine.missing-weights."""
    wrong = sorted(report["mismatched_keys"])
    if wrong:
        name, found, wanted = wrong[0]
        raise DataError(
            "engine.wrong-shapes", path=path, name=name, found=list(found), wanted=list(wanted), count=len(wrong)
        )
    missing = sorted(report["missing_keys"])
    if missing:
        shown = ", ".join(missing[:_SHOWN_KEYS])
        raise DataError("engine.missing-weights", path=path, names=shown, count=len(missing))


_BROKEN = (OSError, ValueError, KeyError, TypeError, AttributeError, RuntimeError, ImportError, IndexError)


@contextmanager
def told_as(code: str, folder: Path) -> Generator[None]:
    """What the readers of transformers, tokenizers and safetensors raise over a broken file, as our own error."""
    from safetensors import SafetensorError

    path = str(folder)
    try:
        yield
    except SafetensorError as error:
        raise DataError("engine.bad-weights", path=path, why=_short(error)) from error
    except (MemoryError, torch.OutOfMemoryError) as error:
        raise LimitError("engine.out-of-memory") from error
    except Exception as error:
        # the Rust tokenizers raise a bare Exception, the checks of a config a class of huggingface_hub
        is_foreign = type(error) is Exception or type(error).__module__.startswith("huggingface_hub")
        if not is_foreign and not isinstance(error, _BROKEN):
            raise
        raise DataError(code, path=path, why=_short(error)) from error


def _short(error: BaseException) -> str:
    return " ".join(f"{error}".split())[:300] or type(error).__name__
