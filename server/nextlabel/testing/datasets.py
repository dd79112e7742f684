"""Checks a data set."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from nextlabel.contracts import (
    Contents,
    Dataset,
    DatasetPlugin,
    Files,
    GraphItems,
    Pixels,
    TestSplit,
    VectorItems,
)
from nextlabel.contracts.data import Content
from nextlabel.contracts.errors import DatasetMissing
from nextlabel.engine.datasets.validate_contents import candidate_set_error, known_truth
from nextlabel.engine.images.decoding import prepare
from nextlabel.testing.assertions import check_record, errors_prefixed, no_global_randomness, require

FILES_DECODED = 5
"""Number of a data set's files that the check decodes."""


def check_dataset(
    record: DatasetPlugin, root: Path | None = None, parameters: Mapping[str, Any] | None = None, seed: int = 0
) -> None:
    """Check a data set that can be read with `root` as the folder of data sets.

    With an empty folder, or without a folder (None), `read` must either work or raise
    DatasetMissing with one line that names what is missing.
    """
    make = check_record(record, parameters, Dataset)
    with errors_prefixed(f"data set {record.name}"):
        contents = make().read(root, seed)
        require(isinstance(contents, Contents), f"read() returned {type(contents).__name__}, which is not Contents")
        _check_ids(contents)
        _check_content(contents.content, len(contents.ids), "content")
        _check_labels(contents)
        if contents.test is not None:
            _check_test(contents, contents.test)
        with no_global_randomness():  # checked the second time: importing a library may draw random numbers
            again = make().read(root, seed)
        require(_equal_contents(contents, again), "read() with the same seed returned other contents the second time")
        with TemporaryDirectory() as empty:
            _check_missing(make(), Path(empty), seed, "with an empty folder of data sets")
        if root is not None:  # as the engine reads it if NEXTLABEL_DATA is not set
            _check_missing(make(), None, seed, "without a folder of data sets (root is None)")


def _check_ids(contents: Contents) -> None:
    ids = list(contents.ids)
    require(ids, "read() returned no items; raise DatasetMissing if the data is missing")
    require(all(isinstance(name, str) and name for name in ids), "ids must be non-empty strings")
    require(len(set(ids)) == len(ids), "ids must be distinct")
    classes = contents.classes
    require(
        all(isinstance(name, str) and name for name in classes), f"classes must be non-empty strings, not {classes}"
    )
    require(len(set(classes)) == len(classes), f"classes must be distinct: {classes}")
    require(
        len(classes) != 1,
        f"a single class, {classes}, leaves nothing to learn; return two or more, or none for regression",
    )


def _check_content(content: Content, size: int, name: str) -> None:
    if isinstance(content, Pixels):
        shape, dtype = content.array.shape, content.array.dtype
        valid = dtype == np.uint8 and (len(shape) == 3 or (len(shape) == 4 and shape[3] == 3))  # noqa: PLR2004
        require(valid, f"{name}: pixels must be uint8 (n, h, w) or (n, h, w, 3), not {dtype} {shape}")
        length = len(content.array)
    elif isinstance(content, Files):
        length = len(content.paths)
        require(content.channels in (1, 3), f"{name}: channels must be 1 or 3, not {content.channels}")
        for path in content.paths[:FILES_DECODED]:
            with errors_prefixed(str(path)):
                prepare(path, (8, 8), content.channels)
    elif isinstance(content, VectorItems):
        _check_rows(content.vectors, f"{name}: vectors")
        length = len(content)
    else:
        require(isinstance(content, GraphItems), f"{name}: {type(content).__name__} is not a kind of content")
        _check_rows(content.features, f"{name}: features")
        length = len(content)
        edges = content.edges
        require(edges.ndim == 2 and len(edges) == 2, f"{name}: edges must be (2, m), not {edges.shape}")  # noqa: PLR2004
        require(
            not edges.size or (edges.min() >= 0 and edges.max() < length),
            f"{name}: an edge refers to a node that does not exist",
        )
    require(length == size, f"{name}: {length} items for {size} names or labels")


def _check_rows(rows: np.ndarray[Any, Any], name: str) -> None:
    valid = rows.ndim == 2 and np.issubdtype(rows.dtype, np.floating)  # noqa: PLR2004
    require(
        valid and np.isfinite(rows).all(), f"{name} must be finite real numbers (n, d), not {rows.dtype} {rows.shape}"
    )


def _check_labels(contents: Contents) -> None:
    size, classes = len(contents.ids), len(contents.classes)
    if contents.truth is not None:
        _check_truth(np.asarray(contents.truth), size, classes, "truth")
    if contents.candidates is not None:
        error = candidate_set_error(contents.candidates)
        require(error is None, str(error))
        shape = contents.candidates.shape
        require(shape == (size, classes), f"candidates have shape {shape}, not {(size, classes)}")
        require(contents.candidates.any(axis=1).all(), "an item has no candidate class")
    for name, positions in (("initial", contents.initial), ("holdout", contents.holdout)):
        if positions is not None:
            numbers = np.asarray(positions)
            require(np.issubdtype(numbers.dtype, np.integer), f"{name} must be positions, not {numbers.dtype}")
            inside = ((numbers >= 0) & (numbers < size)).all()
            require(
                inside and len(np.unique(numbers)) == len(numbers), f"{name} must be distinct positions in the pool"
            )
    if contents.initial is not None and contents.holdout is not None:
        both = np.intersect1d(contents.initial, contents.holdout)
        require(not len(both), f"{len(both)} items are both held out and labelled from the start")
    if contents.initial is not None:
        require(contents.truth is not None, "initial needs truth, which has its labels")
        unknown = ~known_truth(contents)[np.asarray(contents.initial)]
        require(not unknown.any(), f"initial names {unknown.sum()} items whose truth is not known")


def _check_truth(truth: np.ndarray[Any, Any], size: int, classes: int, name: str, *, known: bool = False) -> None:
    """Check correct labels; `known` requires one for every item."""
    require(truth.shape == (size,), f"{name} has shape {truth.shape}, not ({size},)")
    if classes:
        lowest = 0 if known else -1
        valid = np.issubdtype(truth.dtype, np.integer) and ((truth >= lowest) & (truth < classes)).all()
        require(valid, f"{name} must be class numbers from {lowest} to {classes - 1}")
    else:
        require(np.issubdtype(truth.dtype, np.floating), f"{name} must be real numbers, not {truth.dtype}")
        require(not np.isinf(truth).any(), f"{name} has infinite values")
        require(not (known and np.isnan(truth).any()), f"{name} has NaN; leave out items without a known value")


def _check_test(contents: Contents, test: TestSplit) -> None:
    require(type(test.content) is type(contents.content), "the test split has another kind of content than the pool")
    size = len(test.truth)
    require(size, "the test split is empty; leave it out")
    _check_content(test.content, size, "test")
    _check_truth(np.asarray(test.truth), size, len(contents.classes), "the test split's truth", known=True)


def _check_missing(dataset: Dataset[Any], root: Path | None, seed: int, situation: str) -> None:
    try:
        contents = dataset.read(root, seed)
    except DatasetMissing as error:
        text = str(error)
        require(
            text.strip() and "\n" not in text, f"DatasetMissing must name in one line what is missing, not {text!r}"
        )
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
        raise AssertionError(f"{situation}, read() raised {reason}; it must work or raise DatasetMissing") from error
    else:
        require(
            isinstance(contents, Contents),
            f"{situation}, read() returned {type(contents).__name__}, which is not Contents",
        )


def _equal_contents(first: Contents, second: Contents) -> bool:
    same = list(first.ids) == list(second.ids) and first.classes == second.classes
    same = same and (first.test is None) == (second.test is None)
    tests = [(test.truth, *_arrays(test.content)) for test in (first.test, second.test) if test is not None]
    return same and all(
        _equal(array, other)
        for array, other in (
            (first.truth, second.truth),
            (first.candidates, second.candidates),
            (first.initial, second.initial),
            (first.holdout, second.holdout),
            *zip(_arrays(first.content), _arrays(second.content), strict=True),
            *zip(*tests, strict=True),
        )
    )


def _arrays(content: Content) -> list[Any]:
    if isinstance(content, Files):
        return [[str(path) for path in content.paths]]
    if isinstance(content, GraphItems):
        return [content.features, content.edges]
    return [content.array if isinstance(content, Pixels) else content.vectors]


def _equal(first: Any, second: Any) -> bool:
    if first is None or second is None:
        return first is second
    first, second = np.asarray(first), np.asarray(second)
    return np.array_equal(first, second, equal_nan=np.issubdtype(first.dtype, np.floating))
