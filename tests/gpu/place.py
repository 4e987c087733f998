"""Where the tests of this folder run: `pytest -m gpu tests/gpu` on a CUDA device, and on the CPU to try the tests themselves
with `LIANLU_GPU_TESTS_ON=cpu`.
"""

from __future__ import annotations

import os

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

import torch  # noqa: TID253 - this folder is for torch

__all__ = ["DEVICE", "MARKS", "ON_CUDA"]

DEVICE = os.environ.get("LIANLU_GPU_TESTS_ON", "cuda")
ON_CUDA = DEVICE.startswith("cuda")
MARKS = [
    pytest.mark.gpu,
    pytest.mark.skipif(
        ON_CUDA and not torch.cuda.is_available(), reason="no CUDA device; LIANLU_GPU_TESTS_ON=cpu tries"
    ),
]
