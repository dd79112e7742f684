"""The checks of a data set."""

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
from nextlabel.testing.assertions import blamed, check_record, no_global_randomness, require

LOOKED_AT = 5
"""How many of a data set's files are decoded."""


def check_dataset(
    record: DatasetPlugin, root: Path | None = None, parameters: Mapping[str, Any] | None = None, seed: int = 0
) -> None:
    """Check a data set that can be read with `root` as the folder of data sets.

    Read from an empty folder, or with no folder named (None), it must either be there all the
    same or say in one line what is missing.
    """
    make = check_record(record, parameters, Dataset)
    with blamed(f"data set {record.name}"):
        contents = make().read(root, seed)
        require(isinstance(contents, Contents), f"read() gave {type(contents).__name__}, which is not Contents")
        _check_ids(contents)
        _check_content(contents.content, len(contents.ids), "content")
        _check_labels(contents)
        if contents.test is not None:
            _check_test(contents, contents.test)
        with (
            no_global_randomness()
        ):  # the second time: importing a library may draw, and that is not the plugin's doing
            again = make().read(root, seed)
        require(_alike(contents, again), "read again with the same seed, it is another")
        with TemporaryDirectory() as empty:
            _check_missing(make(), Path(empty), seed, "read from an empty folder")
        if root is not None:  # as the engine reads it where NEXTLABEL_DATA is not set
            _check_missing(make(), None, seed, "read without a folder of data sets (root is None)")


def _check_ids(contents: Contents) -> None:
    ids = list(contents.ids)
    require(ids, "it holds nothing; what is missing must be said by DatasetMissing")
    require(all(isinstance(name, str) and name for name in ids), "ids must be texts, none of them empty")
    require(len(set(ids)) == len(ids), "ids must be distinct")
    classes = contents.classes
    require(all(isinstance(name, str) and name for name in classes), f"classes must be names, not {classes}")
    require(len(set(classes)) == len(classes), f"classes must be distinct: {classes}")
    require(len(classes) != 1, f"one class, {classes}, leaves nothing to learn; give two or more, or none for values")


def _check_content(content: Content, size: int, name: str) -> None:
    if isinstance(content, Pixels):
        shape, dtype = content.array.shape, content.array.dtype
        right = dtype == np.uint8 and (len(shape) == 3 or (len(shape) == 4 and shape[3] == 3))  # noqa: PLR2004
        require(right, f"{name}: pixels must be uint8 (n, h, w) or (n, h, w, 3), not {dtype} {shape}")
        length = len(content.array)
    elif isinstance(content, Files):
        length = len(content.paths)
        require(content.channels in (1, 3), f"{name}: channels must be 1 or 3, not {content.channels}")
        for path in content.paths[:LOOKED_AT]:
            with blamed(str(path)):
                prepare(path, (8, 8), content.channels)
    elif isinstance(content, VectorItems):
        _check_rows(content.vectors, f"{name}: vectors")
        length = len(content)
    else:
        require(isinstance(content, GraphItems), f"{name}: {type(content).__name__} is no kind of content")
        _check_rows(content.features, f"{name}: features")
        length = len(content)
        edges = content.edges
        require(edges.ndim == 2 and len(edges) == 2, f"{name}: edges must be (2, m), not {edges.shape}")  # noqa: PLR2004
        require(not edges.size or (edges.min() >= 0 and edges.max() < length), f"{name}: an edge ends at no node")
    require(length == size, f"{name}: {length} items for {size} names or labels")


def _check_rows(rows: np.ndarray[Any, Any], name: str) -> None:
    right = rows.ndim == 2 and np.issubdtype(rows.dtype, np.floating)  # noqa: PLR2004
    require(
        right and np.isfinite(rows).all(), f"{name} must be finite real numbers (n, d), not {rows.dtype} {rows.shape}"
    )


def _check_labels(contents: Contents) -> None:
    size, classes = len(contents.ids), len(contents.classes)
    if contents.truth is not None:
        _check_truth(np.asarray(contents.truth), size, classes, "truth")
    if contents.candidates is not None:
        fault = candidate_set_error(contents.candidates)
        require(fault is None, str(fault))
        shape = contents.candidates.shape
        require(shape == (size, classes), f"candidates are {shape}, not {(size, classes)}")
        require(contents.candidates.any(axis=1).all(), "an item has no candidate class at all")
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
        require(contents.truth is not None, "initial labels need a truth to be taken from")
        unknown = ~known_truth(contents)[np.asarray(contents.initial)]
        require(not unknown.any(), f"initial names {unknown.sum()} items whose truth is not known")


def _check_truth(truth: np.ndarray[Any, Any], size: int, classes: int, name: str, *, known: bool = False) -> None:
    """Check right labels; `known`: of all the items."""
    require(truth.shape == (size,), f"{name} is {truth.shape}, not ({size},)")
    if classes:
        least = 0 if known else -1
        right = np.issubdtype(truth.dtype, np.integer) and ((truth >= least) & (truth < classes)).all()
        require(right, f"{name} must be class numbers from {least} to {classes - 1}")
    else:
        require(np.issubdtype(truth.dtype, np.floating), f"{name} must be real numbers, not {truth.dtype}")
        require(not np.isinf(truth).any(), f"{name} holds infinite values")
        require(not (known and np.isnan(truth).any()), f"{name} holds NaN; leave out what has no known value")


def _check_test(contents: Contents, test: TestSplit) -> None:
    require(type(test.content) is type(contents.content), "the test split is of another kind than the pool")
    size = len(test.truth)
    require(size, "the test split is empty; leave it out")
    _check_content(test.content, size, "test")
    _check_truth(np.asarray(test.truth), size, len(contents.classes), "the test split's truth", known=True)


def _check_missing(dataset: Dataset[Any], root: Path | None, seed: int, how: str) -> None:
    try:
        contents = dataset.read(root, seed)
    except DatasetMissing as error:
        text = str(error)
        require(text.strip() and "\n" not in text, f"DatasetMissing must say in one line what is missing, not {text!r}")
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
        raise AssertionError(f"{how}, it raised {reason}; it must work or raise DatasetMissing") from error
    else:
        require(isinstance(contents, Contents), f"{how}, it gave {type(contents).__name__}, which is not Contents")


def _alike(one: Contents, other: Contents) -> bool:
    same = list(one.ids) == list(other.ids) and one.classes == other.classes
    same = same and (one.test is None) == (other.test is None)
    tests = [(mine.truth, *_arrays(mine.content)) for mine in (one.test, other.test) if mine is not None]
    return same and all(
        _equal(mine, theirs)
        for mine, theirs in (
            (one.truth, other.truth),
            (one.candidates, other.candidates),
            (one.initial, other.initial),
            (one.holdout, other.holdout),
            *zip(_arrays(one.content), _arrays(other.content), strict=True),
            *zip(*tests, strict=True),
        )
    )


def _arrays(content: Content) -> list[Any]:
    if isinstance(content, Files):
        return [[str(path) for path in content.paths]]
    if isinstance(content, GraphItems):
        return [content.features, content.edges]
    return [content.array if isinstance(content, Pixels) else content.vectors]


def _equal(one: Any, other: Any) -> bool:
    if one is None or other is None:
        return one is other
    mine, theirs = np.asarray(one), np.asarray(other)
    return np.array_equal(mine, theirs, equal_nan=np.issubdtype(mine.dtype, np.floating))
