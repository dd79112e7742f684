"""The contents of a data set are validated before anything is stored, and all faults are listed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from support.contents import SOUND, VECTORS

from nextlabel.contracts import Contents, GraphItems, Pixels, TestSplit
from nextlabel.contracts.errors import PluginError
from nextlabel.engine.datasets.validate_contents import check_contents

VALUES = Contents(
    ids=["a", "b", "c", "d"],
    content=VECTORS,
    truth=np.array([0.5, np.nan, 1.5, 2.5]),
    initial=np.array([0]),
    test=TestSplit(VECTORS, np.array([0.5, 1.5, 2.5, 3.5])),
)
NODES = np.zeros((4, 1), np.float32)
MASK = np.array([True, False, False, False])


@pytest.mark.parametrize("contents", [SOUND, VALUES])
@pytest.mark.parametrize(
    "change",
    [{}, {"initial": np.array([], np.int64)}, {"initial": np.array([3, 0], np.uint8)}, {"initial": None, "test": None}],
)
def test_consistent_contents_pass(contents: Contents, change: dict[str, Any]) -> None:
    check_contents(replace(contents, **change), "data set")


@pytest.mark.parametrize(
    ("contents", "change", "reason"),
    [
        (SOUND, {"candidates": np.ones((4, 2), np.uint8)}, "candidates must be booleans, True for each .*, not uint8"),
        (SOUND, {"candidates": np.ones((4, 2))}, "candidates must be booleans, .*, not float64"),
        (SOUND, {"candidates": [[True, True]] * 4}, "candidates must be booleans, .*, not list"),
        (SOUND, {"initial": MASK}, "initial must be positions, integers from 0 to 3, not bool"),
        (SOUND, {"initial": np.array([0.0])}, "initial must be positions, integers from 0 to 3, not float64"),
        (SOUND, {"holdout": MASK}, "holdout must be positions, integers from 0 to 3, not bool"),
        (SOUND, {"initial": np.array([2])}, "initial names items whose truth is not known"),
        (VALUES, {"initial": np.array([1])}, "initial names items whose truth is not known"),
        (
            SOUND,
            {"test": TestSplit(VECTORS, np.array([0, 1, -1, 0]))},
            "the test split's truth must be class numbers from 0 to 1, none of them unknown",
        ),
        (SOUND, {"test": TestSplit(VECTORS, np.array([0, 1]))}, "the test split's truth has 2 rows for 4 items"),
        (
            SOUND,
            {"test": TestSplit(Pixels(np.zeros((2, 4, 4), np.uint8)), np.array([0, 1]))},
            "the test split is Pixels, the pool VectorItems",
        ),
        (
            SOUND,
            {"content": GraphItems(NODES, np.array([[0, 4], [1, 0]])), "test": None},
            "an edge names node 4, but the nodes are 0 to 3",
        ),
        (
            SOUND,
            {"content": GraphItems(NODES, np.array([[0], [-1]])), "test": None},
            "an edge names node -1, but the nodes are 0 to 3",
        ),
        (
            SOUND,
            {"content": GraphItems(NODES, np.array([[0, 1]])), "test": None},
            r"edges must be integers of the shape \(2, m\), not int64 \(1, 2\)",
        ),
        (
            SOUND,
            {"content": GraphItems(NODES, np.zeros((2, 3), np.float32)), "test": None},
            r"edges must be integers of the shape \(2, m\), not float32 \(2, 3\)",
        ),
        (
            VALUES,
            {"test": TestSplit(VECTORS, np.array([0.5, np.nan, 2.5, 3.5]))},
            "the test split's truth must be finite numbers, none of them unknown",
        ),
        (
            SOUND,
            {"candidates": np.ones((4, 2), np.uint8), "initial": MASK},
            "candidates must be booleans, .*, not uint8; initial must be positions, .*, not bool",
        ),
    ],
)
def test_inconsistent_contents_are_refused_with_the_reason(
    contents: Contents, change: dict[str, Any], reason: str
) -> None:
    with pytest.raises(PluginError, match=f"^data set 'odd': {reason}$"):
        check_contents(replace(contents, **change), "data set 'odd'")
