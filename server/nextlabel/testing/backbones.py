"""Checks a backbone."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import onnxruntime

from nextlabel.contracts import Backbone, BackbonePlugin, FloatArray, Preprocessing
from nextlabel.testing.assertions import check_record, errors_prefixed, no_global_randomness, require

ITEMS = 4
CLOSE = 1e-3
"""Largest difference between an item's embedding alone and among others, as a share of the largest number."""

Arrays = dict[str, FloatArray]


def check_backbone(record: BackbonePlugin, parameters: Mapping[str, Any] | None = None) -> None:
    """Check a backbone's preprocessing and its ONNX graph, which it must be able to write."""
    make = check_record(record, parameters, Backbone)
    with errors_prefixed(f"backbone {record.name}"), TemporaryDirectory() as folder:
        backbone = make()
        version = backbone.version
        require(isinstance(version, str) and version, f"its version must be a non-empty string, not {version!r}")
        if backbone.preprocessing is not None:
            _check_preprocessing(backbone.preprocessing)
        session = _written(backbone, Path(folder) / "first.onnx")
        shapes = _input_shapes(session, backbone.preprocessing)
        outputs = [_check_shape(session, shape) for shape in shapes]
        dimensions = sorted({arrays["embeddings"].shape[1] for arrays in outputs})
        require(len(dimensions) == 1, f"embeddings have {dimensions} dimensions, depending on the image's shape")
        with no_global_randomness():  # not the first time: importing a library may draw random numbers
            again = _written(make(), Path(folder) / "second.onnx")
        same = _close(outputs[0], _run(again, _random(ITEMS, shapes[0])))
        require(same, "write_onnx() of another instance writes a graph with other outputs")


def _check_preprocessing(preprocessing: Any) -> None:
    known = isinstance(preprocessing, Preprocessing)
    require(known, f"its preprocessing is {preprocessing!r}, which is not a Preprocessing")
    require(preprocessing.size >= 1, f"its preprocessing has size {preprocessing.size}; at least 1 is needed")
    for name, numbers in (("mean", preprocessing.mean), ("std", preprocessing.std)):
        valid = len(numbers) == 3 and all(map(math.isfinite, numbers))  # noqa: PLR2004 - one a colour
        require(valid, f"its preprocessing's {name} must be three finite numbers, not {numbers!r}")
    require(all(number > 0 for number in preprocessing.std), "its preprocessing's std must be above zero")


def _written(backbone: Backbone[Any], path: Path) -> Any:
    backbone.write_onnx(path)
    require(path.exists(), "write_onnx() wrote no file")
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    inputs = [put.name for put in session.get_inputs()]
    require(inputs == ["input"], f"the ONNX graph's inputs are {inputs}, not ['input']")
    kind = session.get_inputs()[0].type
    require(kind == "tensor(float)", f"the ONNX graph's input is {kind}, not float32")
    outputs = {out.name for out in session.get_outputs()}
    require(
        outputs in ({"embeddings"}, {"embeddings", "probabilities"}),
        f"the ONNX graph must return embeddings, and may return probabilities, not {', '.join(sorted(outputs))}",
    )
    return session


def _input_shapes(session: Any, preprocessing: Preprocessing | None) -> list[tuple[int, ...]]:
    """Return shapes of one item that the graph must take."""
    declared = session.get_inputs()[0].shape
    if preprocessing is None:
        vectors = len(declared) == 2 and isinstance(declared[1], int)  # noqa: PLR2004 - (n, d)
        require(vectors, f"its preprocessing is None, but the graph takes {declared}, not vectors (n, d)")
        return [(declared[1],)]
    images = len(declared) == 4 and declared[1] == 3  # noqa: PLR2004 - (n, 3, height, width)
    require(images, f"the ONNX graph takes {declared}, not images (n, 3, height, width)")
    size = preprocessing.size
    if preprocessing.crop:
        return [(3, size, size)]
    free = not any(isinstance(side, int) for side in declared[2:])
    require(free, f"its preprocessing does not crop, but the graph takes {declared}; height and width must be free")
    return [(3, size, size), (3, size, 2 * size), (3, size + 7, size)]


def _check_shape(session: Any, shape: tuple[int, ...]) -> Arrays:
    """Return the outputs for some items of this shape, after checking them."""
    items = _random(ITEMS, shape)
    outputs = _run(session, items)
    for name, array in outputs.items():
        require(array.dtype == np.float32, f"{name} are {array.dtype}, not float32")
        fits = array.ndim == 2 and len(array) == len(items)  # noqa: PLR2004 - (n, D)
        require(fits, f"{name} have shape {array.shape} for {len(items)} items, not ({len(items)}, ...)")
        require(np.isfinite(array).all(), f"{name} have numbers that are not finite")
    if "probabilities" in outputs:
        rows = outputs["probabilities"]
        valid = (rows >= 0).all() and np.allclose(rows.sum(axis=1), 1, atol=CLOSE)
        require(valid, "rows of probabilities are negative or do not sum to one")
    require(_close(outputs, _run(session, items)), "the same items have other embeddings the second time")
    for number in range(len(items)):
        alone = _run(session, items[number : number + 1])
        part = {name: array[number : number + 1] for name, array in outputs.items()}
        require(_close(part, alone), "an item has other embeddings alone than among other items")
    return outputs


def _run(session: Any, items: FloatArray) -> Arrays:
    names = [out.name for out in session.get_outputs()]
    return dict(zip(names, session.run(names, {"input": items}), strict=True))


def _random(count: int, shape: tuple[int, ...]) -> FloatArray:
    return np.random.default_rng(0).standard_normal((count, *shape), np.float32)


def _close(first: Arrays, second: Arrays) -> bool:
    return first.keys() == second.keys() and all(
        first[name].shape == second[name].shape
        and np.abs(first[name] - second[name]).max(initial=0) <= CLOSE * max(1.0, np.abs(first[name]).max(initial=0))
        for name in first
    )
