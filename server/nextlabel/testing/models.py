"""The checks of a model: what it says, kept and rebuilt, in pieces, and as ONNX."""

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
from nextlabel.testing.assertions import require
from nextlabel.testing.toy_problems import Task

ASKED: tuple[Need, ...] = ("probabilities", "embeddings", "samples", "std")
CLOSE = 1e-4
"""How far two ways of computing the same answer may be apart."""
ONNX_CLOSE = 1e-3
"""The same for an ONNX form, as the engine wants it."""

Said = dict[str, FloatArray]


def check_model(record: LearnerPlugin, make: Callable[[], Learner[Any]], model: Model, task: Task) -> None:
    """Check a model fitted to `task` by the learner that `make` makes."""
    if record.transductive:
        require(
            model.input is None, "its record says transductive, and its model takes new content (input is not None)"
        )
    else:
        require(
            model.input is not None, "its model knows only its pool (input is None); the record must say transductive"
        )
        _check_input(model, task)
    said = say(model, task, task.items)
    _check_kept(make, model, task, said)
    if model.inductive:
        _check_pieces(model, task, said)
    with TemporaryDirectory() as folder:
        _check_onnx(model, task, said, Path(folder) / "model.onnx")


def say(model: Model, task: Task, items: Items) -> Said:
    """Ask a model for everything at once and one need at a time, and check what it says."""
    said = _said(model, items, frozenset(ASKED) - ({"std"} if task.classes else {"probabilities"}))
    _check_said(said, task, len(items))
    minimal = _said(model, items, frozenset())
    must = ("probabilities",) if task.classes else ("mean", "std")
    for name in must:
        require(name in minimal, f"it must say {name} whatever it is asked; it said {', '.join(minimal) or 'nothing'}")
    require(
        same({name: minimal[name] for name in must}, {name: said[name] for name in must}, CLOSE),
        "it says something else when it is asked for more",
    )
    return said


def same(one: Said, other: Said, tolerance: float) -> bool:
    """Return whether two answers are equal, to `tolerance`."""
    return one.keys() == other.keys() and all(
        one[name].shape == other[name].shape and np.allclose(one[name], other[name], rtol=tolerance, atol=tolerance)
        for name in one
    )


def _said(model: Model, items: Items, needs: frozenset[Need]) -> Said:
    outputs = model.predict(items, needs, np.random.default_rng(11))
    require(isinstance(outputs, Outputs), f"predict() gave {type(outputs).__name__}, which is not Outputs")
    return {name: np.asarray(array) for name, array in vars(outputs).items() if array is not None}


def _check_said(said: Said, task: Task, size: int) -> None:
    classes = len(task.classes)
    for name, array in said.items():
        require(np.issubdtype(array.dtype, np.floating), f"{name} must be real numbers, not {array.dtype}")
        require(np.isfinite(array).all(), f"{name} hold numbers that are not finite")
    shapes = {"probabilities": (size, classes), "mean": (size,), "std": (size,)}
    for name, shape in shapes.items():
        require(name not in said or said[name].shape == shape, f"{name} have shape {_shape(said, name)}, not {shape}")
    if "embeddings" in said:
        rows = said["embeddings"].shape
        require(len(rows) == 2 and rows[0] == size, f"embeddings have shape {rows}, not ({size}, D)")  # noqa: PLR2004
    if "samples" in said:
        shape = said["samples"].shape
        right = shape == (*shape[:1], size, classes)
        require(right, f"samples have shape {shape}, not (T, {size}, {classes})")
    for name in ("probabilities", "samples"):
        if name in said:
            require((said[name] >= 0).all(), f"{name} below zero")
            require(np.allclose(said[name].sum(axis=-1), 1, atol=1e-3), f"rows of {name} do not sum to one")
    require("std" not in said or (said["std"] >= 0).all(), "a standard deviation is below zero")


def _check_input(model: Model, task: Task) -> None:
    wanted = ImageInput if isinstance(task.items, ImageItems) else VectorInput
    require(isinstance(model.input, wanted), f"its model takes {model.input}, and the items are {task.kind}")
    if isinstance(task.items, VectorItems):
        width = task.items.vectors.shape[1]
        require(model.input == VectorInput(width), f"its model takes {model.input} where vectors have {width} numbers")


def _check_kept(make: Callable[[], Learner[Any]], model: Model, task: Task, said: Said) -> None:
    tensors = dict(model.tensors())
    require(
        all(isinstance(array, np.ndarray) for array in tensors.values()),
        "tensors() must give numpy arrays by name",
    )
    # copies in C order, as the engine writes them: safetensors keeps the bytes and forgets strides
    kept = load(save({name: np.ascontiguousarray(array) for name, array in tensors.items()}))
    description = model.description()
    try:
        text = json.dumps(description, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise AssertionError(f"description() is not plain JSON: {error}") from error
    rebuilt = make().rebuild(json.loads(text), kept)
    require(isinstance(rebuilt, Model), f"rebuild() gave {type(rebuilt).__name__}, which is not a Model")
    require(rebuilt.input == model.input, f"rebuilt, it takes {rebuilt.input} instead of {model.input}")
    require(
        same(said, say(rebuilt, task, task.items), CLOSE),
        "rebuilt from tensors and description, it says something else",
    )


def _check_pieces(model: Model, task: Task, said: Said) -> None:
    items = task.items
    assert not isinstance(items, GraphItems)
    size = len(items)
    for rows in (np.arange(size)[::-1].copy(), np.arange(5), np.arange(1), np.arange(0)):
        piece = _said(model, items.take(rows), frozenset())
        # samples have an axis of draws before that of the items
        whole = {name: said[name][:, rows] if name == "samples" else said[name][rows] for name in piece}
        require(
            same(piece, whole, CLOSE),
            f"it says something else of {len(rows)} items taken out of the pool than of the same items in the pool",
        )


def _check_onnx(model: Model, task: Task, said: Said, path: Path) -> None:
    written = model.write_onnx(path)
    require(written in (True, False), f"write_onnx() must give True or False, not {written!r}")
    require(
        written == path.exists(), f"write_onnx() gave {written}, and the file is {'' if path.exists() else 'not '}there"
    )
    if not written:
        return
    items = task.items
    require(model.inductive, "a model that knows only its pool has no ONNX form")
    if isinstance(items, ImageItems):
        assert isinstance(model.input, ImageInput)
        content: Any = items.pixels((model.input.height, model.input.width), model.input.channels)
    else:
        assert isinstance(items, VectorItems)
        content = np.asarray(items.vectors, np.float32)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    names = [put.name for put in session.get_inputs()]
    require(names == ["input"], f"the ONNX model's inputs are {names}, not ['input']")
    wanted = ["probabilities"] if task.classes else ["mean", "std"]
    given = [out.name for out in session.get_outputs()]
    # one more, such as embeddings, is refused where the engine writes a checkpoint
    require(set(given) == set(wanted), f"the ONNX form must give {' and '.join(wanted)}, not {', '.join(given)}")
    for rows in (slice(0, 1), slice(0, 5), slice(None)):
        answers = session.run(wanted, {"input": content[rows]})
        for name, answer in zip(wanted, answers, strict=True):
            require(answer.dtype == np.float32, f"the ONNX model's {name} are {answer.dtype}, not float32")
            apart = np.abs(answer - said[name][rows]).max() if answer.shape == said[name][rows].shape else np.inf
            require(
                apart <= ONNX_CLOSE,
                f"the ONNX model's {name} are {apart:.2g} from the model's own; at most {ONNX_CLOSE} is allowed",
            )


def _shape(said: Said, name: str) -> tuple[int, ...] | None:
    return said[name].shape if name in said else None
