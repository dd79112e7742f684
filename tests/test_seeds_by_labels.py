"""The tables of the benchmarks count the results of one project file, and no others."""

from __future__ import annotations

import pytest
from seeds_by_labels import Cell, accuracies

CELL = Cell("mnist-pseudo", 3000)


@pytest.mark.parametrize(
    ("other", "counted"),
    [
        (CELL, [90]),
        (Cell("mnist-pseudo-supervised", 3000), []),
        (Cell("mnist-pseudo", 6000), []),
        (Cell("mnist-pseudo", 3000, {"threshold": 0.7}), []),
    ],
)
def test_results_with_other_labels_or_parameters_are_not_counted(other: Cell, counted: list[float]) -> None:
    result = {"project": other.project, "parameters": other.tables, "metrics": {"test_accuracy": 0.9}}
    assert accuracies([result], CELL) == counted
