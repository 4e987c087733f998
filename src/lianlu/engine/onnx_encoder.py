"""An encoder as an ONNX file, by ONNX Runtime: neither torch nor transformers is imported."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from lianlu.core.errors import DataError
from lianlu.engine.embed_folder import EmbedderFolder
from lianlu.engine.embed_tokens import Row

__all__ = ["OnnxEncoder"]


class OnnxEncoder:
    """The first output of the file: states of tokens (B, T, E), or scores (B, labels).

    Raises:
        DataError: engine.bad-onnx
    """

    name = "onnx"
    dtype = "float32"
    vocabulary = 0

    def __init__(self, folder: EmbedderFolder, threads: int) -> None:
        import onnxruntime

        assert folder.onnx is not None
        self._path = str(folder.onnx)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        try:
            self._session: Any = onnxruntime.InferenceSession(self._path, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # its own classes come from its C++ side
            raise DataError("engine.bad-onnx", path=self._path, why=f"{error}"[:300]) from error
        self._takes = {each.name for each in self._session.get_inputs()}
        self._gives = [each.name for each in self._session.get_outputs()]
        pad = folder.config.get("pad_token_id")
        self._pad = pad if isinstance(pad, int) else 0

    def hidden(self, rows: Sequence[Row]) -> Any:
        made, mask_BT = self._run(rows, 3)
        return made[mask_BT.astype(bool)]

    def logits(self, rows: Sequence[Row]) -> Any:
        return self._run(rows, 2)[0]

    def _run(self, rows: Sequence[Row], dimensions: int) -> tuple[Any, Any]:
        shape = len(rows), max(len(ids) for ids, _ in rows)
        ids_BT, mask_BT, types_BT = (np.full(shape, value, np.int64) for value in (self._pad, 0, 0))
        for at, (ids, types) in enumerate(rows):
            ids_BT[at, : len(ids)], mask_BT[at, : len(ids)], types_BT[at, : len(ids)] = ids, 1, types
        given = {"input_ids": ids_BT, "attention_mask": mask_BT, "token_type_ids": types_BT}
        if "position_ids" in self._takes:
            given["position_ids"] = np.maximum(np.cumsum(mask_BT, axis=1) - 1, 0)
        unknown = self._takes - set(given)
        if unknown:
            raise DataError("engine.bad-onnx", path=self._path, why=f"it wants {', '.join(sorted(unknown))}")
        try:
            made = self._session.run(self._gives[:1], {name: given[name] for name in self._takes})[0]
        except Exception as error:  # its own classes come from its C++ side
            raise DataError("engine.bad-onnx", path=self._path, why=f"{error}"[:300]) from error
        if made.ndim != dimensions:
            raise DataError("engine.bad-onnx", path=self._path, why=f"an output of the shape {made.shape}")
        return made.astype(np.float32), mask_BT
