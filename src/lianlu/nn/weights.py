"""Weight files: Hugging Face folders in, Hugging Face folders out. Pickles are refused, code in folders is never run.

InternLM2 is read without its code, as the Llama model that it is (`nn.internlm2`). What is wrong with a folder is found
out before transformers sees it, because what transformers says of a cut-off file or a missing shard is a traceback.
Nothing is fetched: a folder is a folder.
"""

from __future__ import annotations

import json
import logging
import shutil
import struct
import tempfile
import warnings
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from threading import RLock
from typing import Any

from lianlu.core.errors import DataError, UsageError
from lianlu.core.files import Files, as_lianlu_error
from lianlu.nn.internlm2 import is_internlm2
from lianlu.nn.layout import Layout, load_internlm2, save_in_layout
from lianlu.nn.sentencepiece import needs_code, write_fast_folder

__all__ = [
    "TOKENIZER_FILES",
    "check_weights",
    "copy_tokenizer",
    "linked_folder",
    "load_model",
    "load_tokenizer",
    "open_tokenizer",
    "quiet",
    "save_model",
    "system_error",
]

_ONE_AT_A_TIME = RLock()
_PICKLES = (".bin", ".pt", ".pth", ".pkl", ".ckpt")
_LONGEST_HEADER = 100 << 20
TOKENIZER_FILES = (
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "chat_template.jinja",
    "chat_template.json",
    "tokenizer.model",
    "vocab.json",
    "vocab.txt",
    "merges.txt",
)


def check_weights(folder: Path) -> list[Path]:
    """The safetensors files of a model folder, each whole.

    Raises:
        UsageError: file.missing
        DataError: nn.no-config, nn.no-weights, nn.pickle, nn.broken-weights
    """
    if not folder.is_dir():
        raise UsageError("file.missing", path=str(folder))
    _json(folder, "config.json")
    found = _shards(folder) or sorted(folder.glob("*.safetensors"))
    if not found:
        pickles = sorted(path.name for path in folder.iterdir() if path.suffix in _PICKLES)
        if pickles:
            raise DataError("nn.pickle", path=str(folder), files=", ".join(pickles))
        raise DataError("nn.no-weights", path=str(folder), missing="*.safetensors")
    for path in found:
        _check_safetensors(path)
    return found


def load_model(folder: Path, *, device: str = "cpu", dtype: str = "float32") -> Any:
    """A transformers causal language model, every weight of which came from the folder.

    Raises:
        UsageError: file.missing
        DataError: nn.no-config, nn.no-weights, nn.pickle, nn.broken-weights, nn.wrong-weights, nn.unknown-model,
            nn.bad-internlm2
    """
    import torch
    from transformers import AutoModelForCausalLM

    files = check_weights(folder)
    config = _json(folder, "config.json")
    if is_internlm2(config):
        with quiet():
            return load_internlm2(config, folder, files, device=device, dtype=dtype)
    try:
        with quiet():
            loaded: Any = AutoModelForCausalLM.from_pretrained(
                folder,
                dtype=getattr(torch, dtype),
                local_files_only=True,
                use_safetensors=True,
                trust_remote_code=False,
                ignore_mismatched_sizes=True,  # told below, in our words
                output_loading_info=True,
            )
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        raise DataError("nn.unknown-model", path=str(folder), why=_first_line(error)) from error
    except RuntimeError as error:
        raise DataError("nn.wrong-weights", path=str(folder), why=_first_line(error)) from error
    model, report = loaded
    for name, found, wanted in sorted(report["mismatched_keys"]):
        why = f"{name} is {list(found)}, the configuration wants {list(wanted)}"
        raise DataError("nn.wrong-weights", path=str(folder), why=why)
    missing = sorted(str(key) for key in report["missing_keys"])
    if missing:
        raise DataError("nn.no-weights", path=str(folder), missing=", ".join(missing[:3]))
    return model.to(device)


def load_tokenizer(folder: Path) -> Any:
    """The tokenizer of a folder, as transformers reads it; that of an InternLM folder without its code.

    Raises:
        UsageError: file.missing
        DataError: nn.no-tokenizer, nn.bad-sentencepiece
    """

    if not folder.is_dir():
        raise UsageError("file.missing", path=str(folder))
    if not any((folder / name).is_file() for name in TOKENIZER_FILES):
        raise DataError("nn.no-tokenizer", path=str(folder), why="tokenizer.json is not there")
    try:
        return open_tokenizer(folder)
    except (ValueError, KeyError, OSError, TypeError, AttributeError, ImportError) as error:
        raise DataError("nn.no-tokenizer", path=str(folder), why=_first_line(error)) from error


def open_tokenizer(folder: Path) -> Any:
    """`load_tokenizer` without its checks: what is wrong is raised as transformers raises it.

    Raises:
        DataError: nn.no-tokenizer, nn.bad-sentencepiece: of an InternLM folder
    """
    from transformers import AutoTokenizer, PreTrainedTokenizerFast

    if not needs_code(folder):
        with quiet(), warnings.catch_warnings():  # it reads config.json too, and has its say on kinds it does not know
            warnings.simplefilter("ignore", FutureWarning)
            return AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    with tempfile.TemporaryDirectory(prefix="lianlu-tokenizer-") as made:
        write_fast_folder(folder, Path(made))
        return PreTrainedTokenizerFast.from_pretrained(made, local_files_only=True)


def save_model(
    model: Any, folder: Path, tokenizer_folder: Path | None = None, *, layout: Layout | None = None, **options: Any
) -> None:
    """Write a model (or the adapter of a peft model) as a Hugging Face folder, with the tokenizer files it came with.

    Args:
        layout: write a Llama model with the names of this layout, however it came; `options` then may only be
            `max_shard_size` in bytes. None: as transformers writes it.

    Raises:
        DataError: nn.no-layout
        LimitError: file.disk-full
        UsageError: file.unwritable
    """
    from safetensors import SafetensorError

    if layout is not None:
        save_in_layout(model, folder, layout, **options)
        if tokenizer_folder is not None:
            copy_tokenizer(tokenizer_folder, folder)
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with quiet():
            model.save_pretrained(folder, **options)
        (folder / "README.md").unlink(missing_ok=True)  # peft's empty model card
    except OSError as error:
        raise as_lianlu_error(error, folder) from error
    except SafetensorError as error:  # the Rust side wraps what the system says
        raise as_lianlu_error(system_error(error), folder) from error
    if tokenizer_folder is not None:
        copy_tokenizer(tokenizer_folder, folder)


def copy_tokenizer(source: Path, target: Path) -> None:
    """Copy the tokenizer files as they are: reading and writing them again could change them.

    Beside the tokenizer.model of an InternLM folder its tokenizer.json is written, and no code is named any longer.
    """
    for name in TOKENIZER_FILES:
        if (source / name).is_file():
            try:
                shutil.copyfile(source / name, target / name)
            except OSError as error:
                raise as_lianlu_error(error, target / name) from error
    if needs_code(source):
        write_fast_folder(source, target)


@contextmanager
def linked_folder(files: Files) -> Generator[Path]:
    """The files of an artifact as one folder, for libraries that want a folder: links, no copies."""
    with tempfile.TemporaryDirectory(prefix="lianlu-model-") as made:
        folder = Path(made)
        for name, path in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).symlink_to(path.resolve())
        yield folder


@contextmanager
def quiet() -> Generator[None]:
    """transformers tells its loading report and its bars to stderr; what matters of it is raised here as an error.

    One thread at a time: while it reads a model it takes the tying of weights out of all its classes, and of two threads
    that do so side by side the second may leave it out for good.
    """
    from transformers.utils import logging as reports

    log = logging.getLogger("transformers")
    with _ONE_AT_A_TIME:
        level, had_bars = log.level, reports.is_progress_bar_enabled()
        log.setLevel(logging.CRITICAL)
        reports.disable_progress_bar()
        try:
            yield
        finally:
            log.setLevel(level)
            if had_bars:
                reports.enable_progress_bar()


def _shards(folder: Path) -> list[Path]:
    if not (folder / "model.safetensors.index.json").is_file():
        return []
    index = _json(folder, "model.safetensors.index.json")
    named = index.get("weight_map")
    names = sorted({str(name) for name in named.values()}) if isinstance(named, dict) else []
    missing = [name for name in names if not (folder / name).is_file()]
    if missing or not names:
        raise DataError("nn.no-weights", path=str(folder), missing=", ".join(missing[:3]) or "weight_map")
    return [folder / name for name in names]


def _json(folder: Path, name: str) -> dict[str, Any]:
    try:
        found = json.loads((folder / name).read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise DataError("nn.no-config", path=str(folder), file=name) from error
    if not isinstance(found, dict):
        raise DataError("nn.no-config", path=str(folder), file=name)
    return found


def _check_safetensors(path: Path) -> None:
    """The header must be JSON and the file as long as the header says (format: huggingface/safetensors README)."""
    size = path.stat().st_size
    with path.open("rb") as file:
        start = file.read(8)
        length = struct.unpack("<Q", start)[0] if len(start) == 8 else size
        if length > min(size - 8, _LONGEST_HEADER):
            raise DataError("nn.broken-weights", path=str(path), why="it ends inside its header")
        try:
            header = json.loads(file.read(length))
            ends = [entry["data_offsets"][1] for key, entry in header.items() if key != "__metadata__"]
        except (ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError) as error:
            raise DataError("nn.broken-weights", path=str(path), why="its header is not JSON") from error
    if max(ends, default=0) != size - 8 - length:
        raise DataError("nn.broken-weights", path=str(path), why=f"it has {size:,} bytes, its header tells otherwise")


def system_error(error: Exception) -> OSError:
    """What the Rust side of safetensors says, as the error of the system that it was."""
    import errno

    full = "No space left" in str(error)
    return OSError(errno.ENOSPC if full else errno.EIO, str(error))


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0][:300] if lines else type(error).__name__
