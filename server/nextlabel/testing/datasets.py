"""Checks a data set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from nextlabel.contracts import Contents, Dataset, DatasetPlugin, Files, GraphItems, Pixels, VectorItems
from nextlabel.contracts.data import Content, FloatArray, IntArray
from nextlabel.contracts.errors import DatasetMissing, PluginError
from nextlabel.engine.datasets.validate_contents import check_contents
from nextlabel.engine.images.decoding import prepare
from nextlabel.testing.assertions import check_record, errors_prefixed, no_global_randomness, require

FILES_DECODED = 5
"""Number of a data set's files that the check decodes."""


def check_dataset(
    record: DatasetPlugin, root: Path | None = None, parameters: Mapping[str, Any] | None = None, seed: int = 0
) -> None:
    """Check a data set that can be read with `root` as the folder of data sets.

    With an empty folder, `read` must either work or raise DatasetMissing with one line that names
    what is missing, and must write nothing there.
    """
    make = check_record(record, parameters, Dataset)
    with errors_prefixed(f"data set {record.name}"):
        contents = make().read(root, seed)
        require(isinstance(contents, Contents), f"read() returned {type(contents).__name__}, which is not Contents")
        _check_names(contents)
        _check_content(contents.content, "content")
        require(contents.test is None or len(contents.test.truth), "the test split is empty; leave it out")
        try:
            check_contents(contents, "read()")
        except PluginError as error:
            raise AssertionError(str(error)) from error
        _check_labels(contents)
        if contents.test is not None:
            _check_content(contents.test.content, "test")
            _check_numbers(contents.test.truth, contents.classes, "the test split's truth")
        with no_global_randomness():  # checked the second time: importing a library may draw random numbers
            again = make().read(root, seed)
        require(_equal_contents(contents, again), "read() with the same seed returned other contents the second time")
        with TemporaryDirectory() as empty:
            _check_missing(make(), Path(empty), seed, "with an empty folder of data sets")
            require(not any(Path(empty).iterdir()), "read() wrote to the folder of data sets; only download() may")


def _check_names(contents: Contents) -> None:
    require(len(contents.ids), "read() returned no items; raise DatasetMissing if the data is missing")
    for kind, names in (("ids", contents.ids), ("classes", contents.classes)):
        require(all(isinstance(name, str) and name for name in names), f"{kind} must be non-empty strings")


def _check_content(content: Content, name: str) -> None:
    if isinstance(content, Pixels):
        shape, dtype = content.array.shape, content.array.dtype
        valid = dtype == np.uint8 and (len(shape) == 3 or (len(shape) == 4 and shape[3] == 3))  # noqa: PLR2004
        require(valid, f"{name}: pixels must be uint8 (n, h, w) or (n, h, w, 3), not {dtype} {shape}")
    elif isinstance(content, Files):
        require(content.channels in (1, 3), f"{name}: channels must be 1 or 3, not {content.channels}")
        for path in content.paths[:FILES_DECODED]:
            with errors_prefixed(str(path)):
                prepare(path, (8, 8), content.channels)
    elif isinstance(content, VectorItems):
        _check_rows(content.vectors, f"{name}: vectors")
    else:
        require(isinstance(content, GraphItems), f"{name}: {type(content).__name__} is not a kind of content")
        _check_rows(content.features, f"{name}: features")


def _check_rows(rows: np.ndarray[Any, Any], name: str) -> None:
    valid = rows.ndim == 2 and np.issubdtype(rows.dtype, np.floating)  # noqa: PLR2004
    require(
        valid and np.isfinite(rows).all(), f"{name} must be finite real numbers (n, d), not {rows.dtype} {rows.shape}"
    )


def _check_labels(contents: Contents) -> None:
    """Check what `check_contents`, which an import runs, accepts although it is an oversight."""
    if contents.truth is not None:
        _check_numbers(contents.truth, contents.classes, "truth")
    for name, positions in (("initial", contents.initial), ("holdout", contents.holdout)):
        if positions is not None:
            require(len(np.unique(positions)) == len(positions), f"{name} must be distinct positions in the pool")
    if contents.initial is not None and contents.holdout is not None:
        both = np.intersect1d(contents.initial, contents.holdout)
        require(not len(both), f"{len(both)} items are both held out and labelled from the start")


def _check_numbers(truth: IntArray | FloatArray, classes: Sequence[str], name: str) -> None:
    numbers = np.asarray(truth)
    if classes:
        require(np.issubdtype(numbers.dtype, np.integer), f"{name} must be class numbers, not {numbers.dtype}")
    else:
        require(np.issubdtype(numbers.dtype, np.floating), f"{name} must be real numbers, not {numbers.dtype}")
        require(not np.isinf(numbers).any(), f"{name} has infinite values")


def _check_missing(dataset: Dataset[Any], root: Path, seed: int, situation: str) -> None:
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
