"""Weights in half precision: half the bytes on disk, float32 again when they are read."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

_RELATIVE = 1e-3
"""Of a tensor's largest number: how far rounding may move any of its numbers."""
_WORTH = 64
"""Numbers a tensor of an ONNX file has at least: a smaller one is not worth a node."""


def in_half(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any] | None:
    """Return a float32 array as float16, or None where that would lose more than rounding does."""
    if array.dtype != np.float32 or not array.size:
        return None
    with np.errstate(over="ignore", under="ignore"):
        half = array.astype(np.float16)
    largest = float(np.abs(array).max())
    lost = np.abs(half.astype(np.float32) - array).max()
    return half if np.isfinite(half).all() and lost <= _RELATIVE * largest else None


def halved(tensors: Mapping[str, np.ndarray[Any, Any]]) -> dict[str, np.ndarray[Any, Any]]:
    """Return the tensors, the float32 ones as float16 where they bear it."""
    whole = {name: np.ascontiguousarray(array) for name, array in tensors.items()}
    halves = {name: in_half(array) for name, array in whole.items()}
    return {name: array if (half := halves[name]) is None else half for name, array in whole.items()}


def halve_onnx(source: Path, target: Path) -> None:
    """Write the ONNX file `source` with its float32 weights as float16, each behind a Cast to float32.

    What computes stays in float32, and ONNX Runtime does the casts once, when it loads the file.
    """
    import onnx  # noqa: PLC0415 - only who packs a checkpoint needs it
    from onnx import TensorProto, helper, numpy_helper  # noqa: PLC0415 - as above

    model = onnx.load(source)
    graph = model.graph
    replaceable = {tensor.name for tensor in graph.initializer} - {value.name for value in graph.input}
    kept, casts = [], []
    for tensor in graph.initializer:
        array = numpy_helper.to_array(tensor)
        half = in_half(array) if tensor.name in replaceable and array.size >= _WORTH else None
        if half is None:
            kept.append(tensor)
            continue
        name = f"{tensor.name}.half"
        kept.append(numpy_helper.from_array(half, name))
        casts.append(helper.make_node("Cast", [name], [tensor.name], to=TensorProto.FLOAT))
    nodes = list(graph.node)
    del graph.initializer[:], graph.node[:]
    graph.initializer.extend(kept)
    graph.node.extend([*casts, *nodes])
    onnx.checker.check_model(model)
    onnx.save(model, target)
