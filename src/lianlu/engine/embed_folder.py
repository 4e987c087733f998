"""The folder of an embedder or a reranker as files: what it is, how it pools, what it puts before a text. No torch.

An embedder is a sentence-transformers folder: `modules.json` names its parts in order. A bare encoder is refused, because
the wrong pooling gives vectors that look right and find little. A reranker is a model that classifies a pair of texts with
one score. Code that comes with a model is never run, pickles are never read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

from lianlu.core.errors import DataError, UsageError
from lianlu.core.hashing import canonical_json, digest, sha256_file
from lianlu.engine.folder import TOKENIZER_FILES, read_json, read_list, weight_files
from lianlu.engine.pooling import ACTIVATIONS, MODES, Dense, Norm, Normalize, Pooling, PoolMode, Step
from lianlu.engine.tensors import read_tensors

__all__ = ["EmbedderFolder", "FolderKind", "folder_kind", "open_embedder_folder"]

FolderKind = Literal["embed", "rerank", "generate"]

_VERSION = "1"
_USUAL_LIMIT = 512
_NO_LIMIT = 1 << 24  # tokenizers that know none write 10 ** 30
_MORE_TOKENIZER_FILES = ("sentencepiece.bpe.model", "spiece.model", "vocab.txt")
_VOCABULARIES = ("tokenizer.json", "tokenizer.model", "vocab.json", *_MORE_TOKENIZER_FILES)
_LENGTH_FILES = ("sentence_bert_config.json", "sentence_roberta_config.json", "sentence_xlm-roberta_config.json")
_ENCODERS = (
    "bert",
    "camembert",
    "deberta-v2",
    "distilbert",
    "electra",
    "modernbert",
    "mpnet",
    "roberta",
    "xlm-roberta",
)
_OFFSET_FAMILIES = ("roberta", "xlm-roberta", "camembert", "mpnet")
_OLD_MODES: dict[str, PoolMode] = {
    "pooling_mode_cls_token": "cls",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_mean_sqrt_len_tokens": "mean_sqrt_len_tokens",
    "pooling_mode_weightedmean_tokens": "weightedmean",
    "pooling_mode_lasttoken": "lasttoken",
}
_QUERY_PROMPTS = ("query",)
_DOCUMENT_PROMPTS = ("document", "passage", "corpus")


@dataclass(frozen=True)
class EmbedderFolder:
    """A folder that looks like an embedder or a reranker; its weights are not read yet.

    Attributes:
        body: the folder of the encoder itself, with its tokenizer.
        parts: the folders of what comes after pooling, with the name of each part.
        prompts: what is put before a text, by `query` and `document`.
        limit: longest row of tokens, special tokens included; what is longer is cut off.
        weights: safetensors of the encoder; none where there is only an ONNX file.
        onnx: the encoder as an ONNX file, where there is one.
    """

    path: Path
    task: Literal["embed", "rerank"]
    body: Path
    config: Mapping[str, Any]
    pooling: Pooling
    parts: tuple[tuple[str, Path], ...]
    prompts: Mapping[str, str]
    limit: int
    lowercase: bool
    weights: tuple[Path, ...]
    onnx: Path | None

    @property
    def dimensions(self) -> int:
        """Length of the vectors; 0 for a reranker."""
        if self.task == "rerank":
            return 0
        sizes = [read_json(path / "config.json").get("out_features") for name, path in self.parts if name == "Dense"]
        if sizes and isinstance(sizes[-1], int):
            return sizes[-1]
        return _whole(self.path, self.config, "hidden_size", "dim", "d_model") * len(self.pooling.modes)

    def steps(self) -> tuple[Step, ...]:
        """What is done to pooled vectors. Raises DataError engine.bad-weights, engine.unknown-part-file."""
        return tuple(_step(name, path) for name, path in self.parts)

    @property
    def activation(self) -> str:
        """What a reranker's score goes through: its config says, else the logistic function."""
        told = self.config.get("sentence_transformers")
        named = told.get("activation_fn") if isinstance(told, dict) else None
        named = (
            named or self.config.get("sbert_ce_default_activation_function") or "torch.nn.modules.activation.Sigmoid"
        )
        return _activation(self.path, str(named))

    @cached_property
    def tokenizer_hash(self) -> str:
        names = [*TOKENIZER_FILES, *_MORE_TOKENIZER_FILES]
        return _hash(self.body, [self.body / name for name in names if (self.body / name).is_file()])

    @cached_property
    def fingerprint(self) -> str:
        """Hash of all files that decide the vectors. Whatever computes them (numpy, torch, ONNX) makes the same ones."""
        named = ("modules.json", "config_sentence_transformers.json", *_LENGTH_FILES)
        files = [self.path / name for name in named] + [self.body / name for name in ("config.json", *_LENGTH_FILES)]
        for _, part in self.parts:
            files += [part / "config.json", *sorted(part.glob("*.safetensors"))]
        files += self.weights or (self.onnx.parent.glob(f"{self.onnx.name}*") if self.onnx else ())
        pooling = canonical_json({"modes": self.pooling.modes, "with_prompt": self.pooling.with_prompt})
        there = sorted({each for each in files if each.is_file()})
        return digest(_VERSION, self.task, _hash(self.path, there), self.tokenizer_hash, pooling)


def folder_kind(path: Path) -> FolderKind:
    """What the folder of a model is for. Raises nothing: what is no model at all is left to who opens it."""
    if (path / "modules.json").is_file():
        return "embed"
    try:
        config = read_json(path / "config.json")
    except (DataError, UsageError):
        return "generate"
    named = config.get("architectures")
    architectures = [str(each) for each in named] if isinstance(named, list) else []
    if any(each.endswith("ForSequenceClassification") for each in architectures):
        return "rerank"
    is_bare = bool(architectures) and all(each.endswith(("Model", "ForMaskedLM")) for each in architectures)
    return "embed" if is_bare and config.get("model_type") in _ENCODERS else "generate"


def open_embedder_folder(path: Path) -> EmbedderFolder:
    """Look at the folder of an embedder or a reranker.

    Raises:
        UsageError: file.missing, file.unreadable
        DataError: engine.no-config, engine.bad-json, engine.no-weights, engine.pickle, engine.missing-shard,
            engine.no-tokenizer, engine.bad-config, engine.no-pooling, engine.unknown-module, engine.remote-code, engine.many-labels
    """
    if not path.is_dir():
        raise UsageError("file.missing", path=str(path))
    is_reranker = folder_kind(path) == "rerank"
    modules = [] if is_reranker else _modules(path)
    body = modules[0][1] if modules else path
    if not (body / "config.json").is_file():
        raise DataError("engine.no-config", path=str(body))
    config = read_json(body / "config.json")
    _check_code(path, config)
    if is_reranker and _labels(config) != 1:
        raise DataError("engine.many-labels", path=str(path), count=_labels(config))
    if not any((body / name).is_file() for name in _VOCABULARIES):
        raise DataError("engine.no-tokenizer", path=str(body))
    onnx = next((each for each in (body / "onnx" / "model.onnx", body / "model.onnx") if each.is_file()), None)
    lengths = _lengths(path, body)
    return EmbedderFolder(
        path=path,
        task="rerank" if is_reranker else "embed",
        body=body,
        config=config,
        pooling=_pooling(modules[1][1]) if modules else Pooling(),
        parts=tuple(modules[2:]),
        prompts=_prompts(path),
        limit=_limit(path, config, read_json(body / "tokenizer_config.json"), lengths),
        lowercase=bool(lengths.get("do_lower_case")),
        weights=() if onnx and not any(body.glob("*.safetensors")) else weight_files(body),
        onnx=onnx,
    )


def _modules(path: Path) -> list[tuple[str, Path]]:
    """The parts of modules.json: (name, folder), an encoder and a pooling first."""
    if not (path / "modules.json").is_file():
        raise DataError("engine.no-pooling", path=str(path))
    found: list[tuple[str, Path]] = []
    for each in read_list(path / "modules.json"):
        kind, place = str(each.get("type", "-")), str(each.get("path", ""))
        name = kind.rsplit(".", 1)[-1]
        folder = path / place
        if not kind.startswith("sentence_transformers.") or ".." in Path(place).parts or Path(place).is_absolute():
            raise DataError("engine.remote-code", path=str(path), name=kind)
        if name != "Dropout":
            found.append((name, folder))
    names = [name for name, _ in found]
    if names[:2] != ["Transformer", "Pooling"]:
        raise DataError("engine.unknown-module", path=str(path), names=", ".join(names) or "-")
    for name in names[2:]:
        if name not in ("Dense", "Normalize", "LayerNorm"):
            raise DataError("engine.unknown-module", path=str(path), names=name)
    return found


def _pooling(folder: Path) -> Pooling:
    if not (folder / "config.json").is_file():
        raise DataError("engine.no-pooling", path=str(folder))
    told = read_json(folder / "config.json")
    named: Any = told.get("pooling_mode") or [mode for key, mode in _OLD_MODES.items() if told.get(key)] or "mean"
    wanted = [str(each) for each in named] if isinstance(named, list) else [str(named)]
    unknown = [each for each in wanted if each not in MODES]
    if unknown:
        raise DataError("engine.unknown-module", path=str(folder), names=", ".join(unknown))
    known: dict[str, PoolMode] = {str(mode): mode for mode in MODES}
    return Pooling(
        modes=tuple(known[each] for each in wanted), with_prompt=told.get("include_prompt", True) is not False
    )


def _step(name: str, folder: Path) -> Step:
    if name == "Normalize":
        return Normalize()
    tensors = read_tensors(weight_files(folder))
    told = read_json(folder / "config.json")
    prefix, bias = ("linear", None) if name == "Dense" else ("norm", "norm.bias")
    missing = [each for each in (f"{prefix}.weight", bias) if each and each not in tensors]
    if missing:
        raise DataError("engine.missing-weights", path=str(folder), names=", ".join(missing), count=len(missing))
    if name == "LayerNorm":
        return Norm(tensors["norm.weight"], tensors["norm.bias"])
    if told.get("use_residual"):
        raise DataError("engine.unknown-module", path=str(folder), names="use_residual")
    activation = _activation(folder, str(told.get("activation_function", "torch.nn.modules.activation.Tanh")))
    return Dense(tensors["linear.weight"], tensors.get("linear.bias"), activation)


def _activation(folder: Path, named: str) -> str:
    name = named.rsplit(".", 1)[-1]
    if name not in ACTIVATIONS:
        raise DataError("engine.unknown-module", path=str(folder), names=named)
    return name


def _prompts(path: Path) -> dict[str, str]:
    """What is put before questions and before texts: the prompt of that name, else the folder's default."""
    told = read_json(path / "config_sentence_transformers.json")
    named = told.get("prompts")
    prompts = {str(name): str(text) for name, text in named.items()} if isinstance(named, dict) else {}
    default = prompts.get(str(told.get("default_prompt_name") or ""), "")
    chosen = {"query": _QUERY_PROMPTS, "document": _DOCUMENT_PROMPTS}
    return {kind: next((prompts[name] for name in names if name in prompts), default) for kind, names in chosen.items()}


def _lengths(path: Path, body: Path) -> dict[str, Any]:
    return next(
        (read_json(folder / name) for folder in (body, path) for name in _LENGTH_FILES if (folder / name).is_file()), {}
    )


def _limit(path: Path, config: Mapping[str, Any], tokenizer: Mapping[str, Any], lengths: Mapping[str, Any]) -> int:
    """The least of what the folder, its tokenizer and the positions of its model set."""
    positions = _whole(path, config, "max_position_embeddings")
    if positions and config.get("model_type") in _OFFSET_FAMILIES:
        positions -= _whole(path, config, "pad_token_id", default=1) + 1
    told = lengths.get("max_seq_length") or tokenizer.get("model_max_length")
    sizes = [int(each) for each in (positions, told) if isinstance(each, int | float) and 0 < each < _NO_LIMIT]
    return min(sizes, default=_USUAL_LIMIT)


def _whole(path: Path, config: Mapping[str, Any], *names: str, default: int = 0) -> int:
    """The first of some fields that is there."""
    found = next((config[name] for name in names if config.get(name) is not None), default)
    if type(found) is not int:
        raise DataError("engine.bad-config", path=str(path), why=f"{names[0]} = {found!r}")
    return found


def _labels(config: Mapping[str, Any]) -> int:
    names, count = config.get("id2label"), config.get("num_labels", 2)
    return len(names) if isinstance(names, dict) else count if isinstance(count, int) else 0


def _check_code(path: Path, config: Mapping[str, Any]) -> None:
    """A model that brings code of its own, where transformers has none of the same name."""
    kind = str(config.get("model_type", ""))
    if not config.get("auto_map") or not kind:
        return
    library = find_spec("transformers")
    places = library.submodule_search_locations if library else None
    if not places or not (Path(places[0]) / "models" / kind.replace("-", "_")).is_dir():
        raise DataError("engine.remote-code", path=str(path), name=kind)


def _hash(root: Path, files: list[Path]) -> str:
    return digest(canonical_json({each.relative_to(root).as_posix(): sha256_file(each) for each in sorted(files)}))
