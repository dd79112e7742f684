"""Checks a model: its outputs, also after it is stored and rebuilt, on parts of the pool, and as ONNX."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import onnxruntime
from safetensors.numpy import load, save

from nextlabel.contracts import (
    FloatArray,
    GraphItems,
    ImageInput,
    ImageItems,
    Items,
    Learner,
    LearnerPlugin,
    Model,
    Need,
    Outputs,
    VectorInput,
    VectorItems,
)
from nextlabel.engine.fitted import fitted_items
from nextlabel.testing.assertions import require
from nextlabel.testing.toy_problems import Task

ALL_NEEDS: tuple[Need, ...] = ("probabilities", "embeddings", "samples", "std")
CLOSE = 1e-4
"""Largest difference between two computations of the same output."""
ONNX_CLOSE = 1e-3
"""Largest difference between a model and its ONNX form, as the engine requires."""

Arrays = dict[str, FloatArray]


def check_model(record: LearnerPlugin, make: Callable[[], Learner[Any]], model: Model, task: Task) -> None:
    """Check a model that a learner created by `make` fitted to `task`."""
    if record.transductive:
        fault = (
            "its record declares transductive, but its model neither sets fitted nor has input None; "
            "fitted counts only if the class has predict_fitted()"
        )
        require(fitted_items(model) or model.input is None, fault)
    else:
        fault = "its model predicts only its pool (input is None); the record must declare transductive"
        require(model.input is not None, fault)
        require(not fitted_items(model), "its model sets fitted; the record must declare transductive")
    if model.input is not None:
        _check_input(model, task)
    outputs = predict_all(model, task, task.items)
    if fitted_items(model):
        _check_fitted(model, task, outputs)
    _check_rebuilt(make, model, task, outputs)
    if model.inductive:
        _check_parts(model, task, outputs)
    with TemporaryDirectory() as folder:
        _check_onnx(model, task, outputs, Path(folder) / "model.onnx")


def predict_all(model: Model, task: Task, items: Items) -> Arrays:
    """Return a model's outputs for all needs, and check them with and without needs."""
    if fitted_items(model) and model.input is None:
        return predict_fitted(model, task)  # the engine never calls its `predict`
    outputs = _predict(model, items, frozenset(ALL_NEEDS) - ({"std"} if task.classes else {"probabilities"}))
    _check_outputs(outputs, task, len(items))
    minimal = _predict(model, items, frozenset())
    required = ("probabilities",) if task.classes else ("mean", "std")
    for name in required:
        returned = ", ".join(minimal) or "nothing"
        require(name in minimal, f"predict() must always return {name}; without needs it returned {returned}")
    require(
        close({name: minimal[name] for name in required}, {name: outputs[name] for name in required}, CLOSE),
        "predict() returns other outputs if there are more needs",
    )
    return outputs


def close(first: Arrays, second: Arrays, tolerance: float) -> bool:
    """Return whether two models' outputs are equal within `tolerance`."""
    return first.keys() == second.keys() and all(
        first[name].shape == second[name].shape
        and np.allclose(first[name], second[name], rtol=tolerance, atol=tolerance)
        for name in first
    )


def _predict(model: Model, items: Items, needs: frozenset[Need]) -> Arrays:
    outputs = model.predict(items, needs, np.random.default_rng(11))
    require(isinstance(outputs, Outputs), f"predict() returned {type(outputs).__name__}, which is not Outputs")
    return {name: np.asarray(array) for name, array in vars(outputs).items() if array is not None}


def predict_fitted(model: Model, task: Task) -> Arrays:
    """Return the outputs of `predict_fitted`, checked, for all needs."""
    needs = frozenset(ALL_NEEDS) - ({"std"} if task.classes else {"probabilities"})
    outputs = model.predict_fitted(needs, np.random.default_rng(11))
    require(isinstance(outputs, Outputs), f"predict_fitted() returned {type(outputs).__name__}, which is not Outputs")
    arrays = {name: np.asarray(array) for name, array in vars(outputs).items() if array is not None}
    _check_outputs(arrays, task, fitted_items(model))
    return arrays


def _check_fitted(model: Model, task: Task, outputs: Arrays) -> None:
    """Check that the outputs for fitted items fit those of `predict`, which the engine stores beside them."""
    size, known = len(task.items), fitted_items(model)
    require(known <= size, f"its model is fitted to {known} items, but was given {size}")
    fitted = predict_fitted(model, task)
    require(
        fitted.keys() == outputs.keys(),
        f"predict_fitted() returned {', '.join(fitted)}, and predict() {', '.join(outputs)}",
    )
    for name, array in fitted.items():
        axis = 1 if name == "samples" else 0
        shapes = [tuple(np.delete(other.shape, axis)) for other in (array, outputs[name])]
        require(
            shapes[0] == shapes[1],
            f"predict_fitted() returned {name} of shape {array.shape}, and predict() of shape {outputs[name].shape}",
        )


def _check_outputs(outputs: Arrays, task: Task, size: int) -> None:
    classes = len(task.classes)
    shapes: dict[str, tuple[int | str, ...]] = {
        "probabilities": (size, classes),
        "embeddings": (size, "D"),
        "samples": ("T", size, classes),
        "mean": (size,),
        "std": (size,),
    }
    for name, array in outputs.items():
        require(np.issubdtype(array.dtype, np.floating), f"{name} must be real numbers, not {array.dtype}")
        require(np.isfinite(array).all(), f"{name} have numbers that are not finite")
        fits = [have == need or isinstance(need, str) for have, need in zip(array.shape, shapes[name], strict=False)]
        valid = all(fits) and array.ndim == len(shapes[name])
        require(valid, f"{name} have shape {array.shape}, not ({', '.join(map(str, shapes[name]))})")
    for name in ("probabilities", "samples"):
        if name in outputs:
            require((outputs[name] >= 0).all(), f"{name} below zero")
            require(np.allclose(outputs[name].sum(axis=-1), 1, atol=1e-3), f"rows of {name} do not sum to one")
    require("std" not in outputs or (outputs["std"] >= 0).all(), "a standard deviation is below zero")


def _check_input(model: Model, task: Task) -> None:
    expected = ImageInput if isinstance(task.items, ImageItems) else VectorInput
    require(isinstance(model.input, expected), f"its model takes {model.input}, but the items are {task.kind}")
    if isinstance(task.items, VectorItems):
        width = task.items.vectors.shape[1]
        require(model.input == VectorInput(width), f"its model takes {model.input}, but vectors have {width} numbers")


def _check_rebuilt(make: Callable[[], Learner[Any]], model: Model, task: Task, outputs: Arrays) -> None:
    tensors = dict(model.tensors())
    require(
        all(isinstance(array, np.ndarray) for array in tensors.values()), "tensors() must return numpy arrays by name"
    )
    # copies in C order, as the engine writes them: safetensors stores the bytes without strides
    stored = load(save({name: np.ascontiguousarray(array) for name, array in tensors.items()}))
    description = model.description()
    try:
        text = json.dumps(description, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise AssertionError(f"description() is not plain JSON: {error}") from error
    rebuilt = make().rebuild(json.loads(text), stored)
    require(isinstance(rebuilt, Model), f"rebuild() returned {type(rebuilt).__name__}, which is not a Model")
    require(rebuilt.input == model.input, f"the rebuilt model takes {rebuilt.input} instead of {model.input}")
    before, after = fitted_items(model), fitted_items(rebuilt)
    require(after == before, f"the rebuilt model has fitted {after} instead of {before}")
    require(
        close(outputs, predict_all(rebuilt, task, task.items), CLOSE)
        and (not before or close(predict_fitted(model, task), predict_fitted(rebuilt, task), CLOSE)),
        "the model rebuilt from tensors and description gives other outputs",
    )


def _check_parts(model: Model, task: Task, outputs: Arrays) -> None:
    items = task.items
    assert not isinstance(items, GraphItems)
    size = len(items)
    for rows in (np.arange(size)[::-1].copy(), np.arange(5), np.arange(1), np.arange(0)):
        part = _predict(model, items.take(rows), frozenset())
        # samples have the axis of draws before that of the items
        expected = {name: outputs[name][:, rows] if name == "samples" else outputs[name][rows] for name in part}
        require(
            close(part, expected, CLOSE),
            f"predict() returns other outputs for {len(rows)} items alone than for the same items in the whole pool",
        )


def _check_onnx(model: Model, task: Task, outputs: Arrays, path: Path) -> None:
    written = model.write_onnx(path)
    require(written in (True, False), f"write_onnx() must return True or False, not {written!r}")
    require(
        written == path.exists(),
        f"write_onnx() returned {written}, but the file {'exists' if path.exists() else 'does not exist'}",
    )
    if not written:
        return
    items = task.items
    require(model.inductive, "a transductive model cannot have an ONNX form")
    if isinstance(items, ImageItems):
        assert isinstance(model.input, ImageInput)
        content: Any = items.pixels((model.input.height, model.input.width), model.input.channels)
    else:
        assert isinstance(items, VectorItems)
        content = np.asarray(items.vectors, np.float32)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    names = [put.name for put in session.get_inputs()]
    require(names == ["input"], f"the ONNX model's inputs are {names}, not ['input']")
    expected = ["probabilities"] if task.classes else ["mean", "std"]
    actual = [out.name for out in session.get_outputs()]
    # the engine refuses further outputs, such as embeddings, when it writes a checkpoint
    require(
        set(actual) == set(expected), f"the ONNX form must return {' and '.join(expected)}, not {', '.join(actual)}"
    )
    for rows in (slice(0, 1), slice(0, 5), slice(None)):
        results = session.run(expected, {"input": content[rows]})
        for name, result in zip(expected, results, strict=True):
            require(result.dtype == np.float32, f"the ONNX model's {name} are {result.dtype}, not float32")
            own = outputs[name][rows]
            difference = np.abs(result - own).max() if result.shape == own.shape else np.inf
            require(
                difference <= ONNX_CLOSE,
                f"the ONNX model's {name} differ by {difference:.2g} from the model's; at most {ONNX_CLOSE} is allowed",
            )
