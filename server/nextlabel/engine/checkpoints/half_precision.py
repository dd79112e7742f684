"""Weights in half precision: half the bytes on disk, read back as float32."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

_RELATIVE = 1e-3
"""Largest accepted rounding error, as a share of the tensor's largest absolute value."""
_MIN_SIZE = 64
"""Fewest numbers in an ONNX tensor that is converted; a smaller one is not worth an extra node."""


def to_half(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any] | None:
    """Return a float32 array as float16, or None if that would lose more than rounding does."""
    if array.dtype != np.float32 or not array.size:
        return None
    with np.errstate(over="ignore", under="ignore"):
        half = array.astype(np.float16)
    largest = float(np.abs(array).max())
    error = np.abs(half.astype(np.float32) - array).max()
    return half if np.isfinite(half).all() and error <= _RELATIVE * largest else None


def halve_tensors(tensors: Mapping[str, np.ndarray[Any, Any]]) -> dict[str, np.ndarray[Any, Any]]:
    """Return the tensors with the float32 ones as float16, except those that would lose precision."""
    whole = {name: np.ascontiguousarray(array) for name, array in tensors.items()}
    halves = {name: to_half(array) for name, array in whole.items()}
    return {name: array if (half := halves[name]) is None else half for name, array in whole.items()}


def halve_onnx(source: Path, target: Path) -> None:
    """Write the ONNX file `source` to `target` with its float32 weights as float16, each behind a Cast to float32.

    The computation stays in float32; ONNX Runtime applies the casts once, when it loads the file.
    """
    import onnx  # noqa: PLC0415 - only bundling a checkpoint needs it
    from onnx import TensorProto, helper, numpy_helper  # noqa: PLC0415 - as above

    model = onnx.load(source)
    graph = model.graph
    replaceable = {tensor.name for tensor in graph.initializer} - {value.name for value in graph.input}
    initializers, casts = [], []
    for tensor in graph.initializer:
        array = numpy_helper.to_array(tensor)
        half = to_half(array) if tensor.name in replaceable and array.size >= _MIN_SIZE else None
        if half is None:
            initializers.append(tensor)
            continue
        name = f"{tensor.name}.half"
        initializers.append(numpy_helper.from_array(half, name))
        casts.append(helper.make_node("Cast", [name], [tensor.name], to=TensorProto.FLOAT))
    nodes = list(graph.node)
    del graph.initializer[:], graph.node[:]
    graph.initializer.extend(initializers)
    graph.node.extend([*casts, *nodes])
    onnx.checker.check_model(model)
    onnx.save(model, target)
