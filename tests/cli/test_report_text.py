"""Reports as tables: errors of a regression, and classes too many for a matrix."""

from __future__ import annotations

from io import StringIO

import numpy as np
from rich.console import Console

from nextlabel.cli.report_text import show_report
from nextlabel.engine.evaluation.outcome_report import ErrorReport, Outcome, report


def shown(result) -> list[list[str]]:
    """Return the cells of each printed line."""
    out = StringIO()
    show_report(Console(file=out, width=200), result)
    return [[cell.strip() for cell in line.strip("│┃").split("│")] for line in out.getvalue().splitlines()]


def test_errors_of_a_regression():
    assert ["0.25", "0.2", "0.9", "1,000"] in shown(ErrorReport(0.25, 0.2, 0.9, 1000))
    assert ["0.25", "0.2", "", "1,000"] in shown(ErrorReport(0.25, 0.2, None, 1000))


def test_a_small_confusion_matrix_is_shown_whole():
    truth, predicted = np.array([0, 0, 1, 1, 1]), np.array([0, 1, 1, 1, 1])
    lines = shown(report([Outcome("test", truth, predicted, ("cat", "dog"))]))
    assert ["cat", "100.0%", "50.0%", "66.7%", "2"] in lines
    assert ["cat", "1", "1"] in lines
    assert ["dog", "", "3"] in lines


def test_of_many_classes_the_most_frequent_confusions_are_shown():
    names = tuple(f"class {number}" for number in range(30))
    truth = np.repeat(np.arange(30), 5)
    predicted = truth.copy()
    predicted[[0, 1, 2]] = 7
    predicted[[10, 11]] = 4
    lines = shown(report([Outcome("test", truth, predicted, names)]))
    start = lines.index(["The most frequent confusions"])
    rows = [line for line in lines[start:] if len(line) == 3 and line[0].startswith("class")]
    assert rows == [["class 0", "class 7", "3"], ["class 2", "class 4", "2"]]
    assert lines[-1] == ["--json prints the whole confusion matrix"]
