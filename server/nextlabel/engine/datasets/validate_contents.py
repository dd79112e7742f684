"""Validates the contents of a data set before any of it is stored."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from nextlabel.contracts.data import BoolArray, Content, Contents, Files, GraphItems
from nextlabel.contracts.errors import PluginError


def check_contents(contents: Contents, where: str) -> None:
    """Raise PluginError that lists every inconsistency; `where` names the data set."""
    faults = [*_size_faults(contents)] or [
        *_graph_faults(contents.content),
        *_label_faults(contents),
        *_position_faults(contents),
        *_test_faults(contents),
    ]
    if faults:
        raise PluginError(f"{where}: {'; '.join(faults)}")


def known_truth(contents: Contents) -> BoolArray:
    """Return (n,) whether the data set knows an item's correct label."""
    if contents.truth is None:
        return np.zeros(len(contents.ids), np.bool_)
    truth = np.asarray(contents.truth)
    return truth >= 0 if contents.classes else ~np.isnan(truth)


def candidate_set_error(candidates: object) -> str | None:
    """Return why an array cannot hold candidate sets, or None if its type is right."""
    # a row of the numbers 0 and 1 would be used as positions of classes, and give wrong labels
    dtype = getattr(candidates, "dtype", type(candidates).__name__)
    if dtype == np.bool_:
        return None
    return f"candidates must be booleans, True for each class an item could be, not {dtype}"


def _size_faults(contents: Contents) -> Iterator[str]:
    size = len(contents.ids)
    if (length := _length(contents.content)) != size:
        yield f"{size} ids for {length} items"
    if len(set(contents.ids)) != size:
        yield "ids repeat"
    for name, array in (("truth", contents.truth), ("candidates", contents.candidates)):
        if array is not None and len(array) != size:
            yield f"{name} has {len(array)} rows for {size} items"


def _length(content: Content) -> int:
    return len(content.paths) if isinstance(content, Files) else len(getattr(content, "array", content))  # type: ignore[arg-type]


def _graph_faults(content: Content) -> Iterator[str]:
    if not isinstance(content, GraphItems):
        return
    edges, nodes = np.asarray(content.edges), len(content)
    if edges.ndim != 2 or len(edges) != 2 or not np.issubdtype(edges.dtype, np.integer):  # noqa: PLR2004
        yield f"edges must be integers of the shape (2, m), not {edges.dtype} {edges.shape}"
    elif (outside := (edges < 0) | (edges >= nodes)).any():
        yield f"an edge names node {edges[outside][0]}, but the nodes are 0 to {nodes - 1}"


def _label_faults(contents: Contents) -> Iterator[str]:
    count = len(contents.classes)
    if len(set(contents.classes)) != count or count == 1:
        yield f"a classification needs two or more distinct classes, got {contents.classes}"
    if count and contents.truth is not None and not np.isin(contents.truth, np.arange(-1, count)).all():
        yield f"truth must be class numbers up to {count - 1}, or -1 if not known"
    candidates = contents.candidates
    if candidates is None:
        return
    if (fault := candidate_set_error(candidates)) is not None:
        yield fault
    elif candidates.shape != (len(contents.ids), count) or not candidates.any(axis=1).all():
        yield f"candidates must be rows of {count}, each with one class or more"


def _position_faults(contents: Contents) -> Iterator[str]:
    size = len(contents.ids)
    for name, positions in (("initial", contents.initial), ("holdout", contents.holdout)):
        if positions is None:
            continue
        numbers = np.asarray(positions)
        # a mask would be used as the positions 0 and 1
        if not np.issubdtype(numbers.dtype, np.integer):
            yield f"{name} must be positions, integers from 0 to {size - 1}, not {numbers.dtype}"
        elif not np.isin(numbers, np.arange(size)).all():
            yield f"{name} must be positions from 0 to {size - 1}"
        elif name == "initial" and not known_truth(contents)[numbers].all():
            yield "initial names items whose truth is not known"


def _test_faults(contents: Contents) -> Iterator[str]:
    if contents.test is None:
        return
    truth, count = np.asarray(contents.test.truth), len(contents.classes)
    if (kind := type(contents.test.content)) is not type(contents.content):
        yield f"the test split is {kind.__name__}, the pool {type(contents.content).__name__}"
    elif (length := _length(contents.test.content)) != len(truth):
        yield f"the test split's truth has {len(truth)} rows for {length} items"
    if count and not np.isin(truth, np.arange(count)).all():
        yield f"the test split's truth must be class numbers from 0 to {count - 1}, none of them unknown"
    # a single unknown value would make the error over all items NaN
    elif not count and not (np.issubdtype(truth.dtype, np.number) and np.isfinite(truth).all()):
        yield "the test split's truth must be finite numbers, none of them unknown"
