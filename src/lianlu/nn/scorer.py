"""Reward models: the body of a language model with a score for each token instead of a head, as transformers keeps them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from lianlu.core.errors import DataError
from lianlu.nn.weights import check_weights, quiet

__all__ = ["as_scorer", "load_scorer"]


def as_scorer(model: Any) -> Any:
    """A causal language model's body with one new score, which starts near zero; the body is the same, not a copy.

    Raises:
        DataError: nn.no-scorer: transformers has no such model of this kind
    """
    from copy import deepcopy

    from transformers import MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING

    config = deepcopy(model.config)
    config.num_labels = 1
    if type(config) not in MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING:
        raise DataError("nn.no-scorer", kind=str(config.model_type))
    if config.pad_token_id is None:  # the last token is found by it
        config.pad_token_id = config.eos_token_id if isinstance(config.eos_token_id, int) else 0
    kind: Any = MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING[type(config)]
    body, parameter = model.base_model, next(model.parameters())
    with torch.device("meta"):
        made = kind(config)
    setattr(made, made.base_model_prefix, body)
    score = torch.nn.Linear(config.hidden_size, 1, bias=False)
    torch.nn.init.normal_(score.weight, std=1 / (config.hidden_size + 1))
    made.score = score.to(device=parameter.device, dtype=parameter.dtype)
    return made


def load_scorer(folder: Path, *, device: str = "cpu") -> Any:
    """A reward model from its folder, in float32.

    Raises:
        DataError: nn.*, as `load_model`
        UsageError: file.missing
    """
    from transformers import AutoModelForSequenceClassification

    check_weights(folder)
    try:
        with quiet():
            found: Any = AutoModelForSequenceClassification.from_pretrained(
                folder, dtype=torch.float32, local_files_only=True, use_safetensors=True, trust_remote_code=False
            )
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        raise DataError("nn.unknown-model", path=str(folder), why=str(error).splitlines()[0][:300]) from error
    return found.to(device)
