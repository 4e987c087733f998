"""Encoders on torch: the lean forward of BERT's family without padding on a CPU, transformers' own classes for the rest.

Half precision only where the machine computes in it: bfloat16 on CPUs that have the instructions for it, which is twice as
fast there and several times slower elsewhere. No code of the model's author is run, and nothing is fetched.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch.nn.functional import gelu, layer_norm, linear, relu
from torch.nn.functional import scaled_dot_product_attention as sdpa

from lianlu.core.errors import DataError
from lianlu.engine.bert import Bert, bert_config
from lianlu.engine.embed_folder import EmbedderFolder
from lianlu.engine.embed_tokens import Row
from lianlu.engine.load import check_report, told_as
from lianlu.engine.tensors import Floats, read_tensors
from lianlu.nn.weights import quiet

__all__ = ["LeanTorch", "TorchOps", "TransformersEncoder", "computing_type", "open_torch_encoder"]


def open_torch_encoder(folder: EmbedderFolder) -> LeanTorch | TransformersEncoder:
    """The fastest encoder for a folder on this machine.

    Raises:
        DataError: engine.unknown-architecture, engine.bad-config, engine.bad-weights, engine.missing-weights,
            engine.wrong-shapes
        LimitError: engine.out-of-memory
    """
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if device.type == "cpu" and bert_config(folder.config) is not None:
        return LeanTorch(folder, computing_type(device))
    return TransformersEncoder(folder, device, computing_type(device))


def computing_type(device: torch.device) -> torch.dtype:
    """bfloat16 where it is computed in hardware, float16 on older cards, else float32."""
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float16
    return torch.bfloat16 if _cpu_has_bfloat16() else torch.float32


def _cpu_has_bfloat16() -> bool:
    tests = (getattr(torch.cpu, name, None) for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"))
    return any(bool(test()) for test in tests if test is not None)


class TorchOps:
    """The operations of `bert.Ops` in torch, on a CPU."""

    def __init__(self, dtype: torch.dtype) -> None:
        self._dtype = dtype

    def weight(self, values: Floats) -> torch.Tensor:
        return torch.from_numpy(np.array(values)).to(self._dtype)

    def ids(self, values: Sequence[int]) -> torch.Tensor:
        return torch.tensor(values, dtype=torch.long)

    def join(self, parts: Sequence[torch.Tensor]) -> torch.Tensor:
        return torch.cat(list(parts)) if len(parts) > 1 else parts[0]

    def linear(self, x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
        return linear(x, weight, bias)

    def norm(self, x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor, eps: float) -> torch.Tensor:
        return layer_norm(x, (x.shape[-1],), weight, bias, eps)

    def act(self, x: torch.Tensor, name: str) -> torch.Tensor:
        return {"gelu": gelu, "relu": relu, "tanh": torch.tanh}[name](x)

    def attend(self, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, scale: float) -> torch.Tensor:
        return sdpa(query, key, value, scale=scale)

    def transposed(self, x: torch.Tensor) -> torch.Tensor:
        return x.transpose(1, 2)


class LeanTorch:
    """The encoder of `bert` on torch."""

    name = "torch"

    def __init__(self, folder: EmbedderFolder, dtype: torch.dtype) -> None:
        config = bert_config(folder.config)
        assert config is not None
        self.dtype = str(dtype).removeprefix("torch.")
        self._bert = Bert(read_tensors(folder.weights), config, TorchOps(dtype), str(folder.path))
        self.vocabulary = self._bert.vocabulary

    def hidden(self, rows: Sequence[Row]) -> Any:
        with torch.inference_mode():
            return self._bert.hidden([ids for ids, _ in rows], [types for _, types in rows]).float().numpy()

    def logits(self, rows: Sequence[Row]) -> Any:
        with torch.inference_mode():
            return self._bert.logits([ids for ids, _ in rows], [types for _, types in rows]).float().numpy()


class TransformersEncoder:
    """Any encoder that transformers has, over padded rows."""

    name = "torch"

    def __init__(self, folder: EmbedderFolder, device: torch.device, dtype: torch.dtype) -> None:
        self._device = device
        self.is_on_gpu = device.type == "cuda"
        self.dtype = str(dtype).removeprefix("torch.")
        with quiet():
            self._module = _module(folder, dtype).to(device).eval()
        self.vocabulary = int(self._module.get_input_embeddings().weight.shape[0])
        pad = self._module.config.get_text_config().pad_token_id
        self._pad = pad if isinstance(pad, int) and pad >= 0 else 0
        takes = inspect.signature(self._module.forward).parameters
        self._has_types = "token_type_ids" in takes and getattr(self._module.config, "type_vocab_size", 0) > 1
        self._options: dict[str, Any] = {"use_cache": False} if "use_cache" in takes else {}

    def hidden(self, rows: Sequence[Row]) -> Any:
        """The states of the tokens that are no padding, (T, E); on a GPU as a tensor there."""
        with torch.inference_mode():
            inputs = self._inputs(rows)
            hidden_BTE = self._module(**inputs, **self._options).last_hidden_state
            flat_TE = hidden_BTE[inputs["attention_mask"].bool()]
            return flat_TE if self._device.type == "cuda" else flat_TE.float().numpy()

    def logits(self, rows: Sequence[Row]) -> Any:
        with torch.inference_mode():
            return self._module(**self._inputs(rows), **self._options).logits.float().cpu().numpy()

    def _inputs(self, rows: Sequence[Row]) -> dict[str, torch.Tensor]:
        """Padded at the end: under a causal mask no token sees what comes after it, under a full one the mask hides it."""
        shape = len(rows), max(len(ids) for ids, _ in rows)
        ids_BT, mask_BT, types_BT = np.full(shape, self._pad), np.zeros(shape, np.int64), np.zeros(shape, np.int64)
        for at, (ids, types) in enumerate(rows):
            ids_BT[at, : len(ids)], mask_BT[at, : len(ids)], types_BT[at, : len(ids)] = ids, 1, types
        arrays = {"input_ids": ids_BT, "attention_mask": mask_BT}
        if self._has_types:
            arrays["token_type_ids"] = types_BT
        return {name: torch.from_numpy(each).to(self._device) for name, each in arrays.items()}


def _module(folder: EmbedderFolder, dtype: torch.dtype) -> Any:
    from transformers import CONFIG_MAPPING, AutoConfig, AutoModel, AutoModelForSequenceClassification

    kind = folder.config.get("model_type")
    if not isinstance(kind, str) or kind not in CONFIG_MAPPING:
        raise DataError("engine.unknown-architecture", path=str(folder.path), name=str(kind or "-"))
    auto: Any = AutoModelForSequenceClassification if folder.task == "rerank" else AutoModel
    with told_as("engine.bad-config", folder.path):
        config = AutoConfig.from_pretrained(folder.body, local_files_only=True, trust_remote_code=False)
        found, report = auto.from_pretrained(
            folder.body,
            config=config,
            dtype=dtype,
            local_files_only=True,
            trust_remote_code=False,
            use_safetensors=True,
            ignore_mismatched_sizes=True,
            output_loading_info=True,
        )
    needless = "pooler." if folder.task == "embed" else "\0"  # the pooler of BERT, which pooling does not use
    missing = [each for each in report["missing_keys"] if needless not in str(each)]
    check_report(str(folder.path), {**report, "missing_keys": missing})
    return found
