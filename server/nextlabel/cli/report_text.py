"""Reports on predictions as tables: scores by class and the confusion matrix, or the errors of a regression."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from rich.console import Console
from rich.table import Table

from nextlabel.engine.evaluation.outcome_report import ClassReport, ClassScores, Report, Split

SPLITS: Mapping[Split, str] = {
    "test": "the data set's own test split",
    "holdout": "the hold-out",
    "unlabelled": "the items that nobody has labelled",
}
"""What a report is on, in words."""
_MAX_COLUMNS = 20
"""Most classes whose confusion matrix fits on a screen; with more, the most frequent confusions are listed."""
_MAX_CONFUSIONS = 20


def show_report(console: Console, report: Report) -> None:
    """Print a report."""
    if not isinstance(report, ClassReport):
        values = {"rmse": report.rmse, "mean absolute error": report.mean_absolute_error, "r2": report.r2}
        table = Table(*values, "support")
        table.add_row(*("" if value is None else f"{value:.4g}" for value in values.values()), f"{report.support:,}")
        console.print(table)
        return
    console.print(_scores(report))
    console.print()
    if len(report.names) <= _MAX_COLUMNS:
        console.print("Confusion matrix: a row is a true class, a column a predicted one", soft_wrap=True)
        console.print(_matrix(report))
    else:
        console.print("The most frequent confusions")
        console.print(_confusions(report))
        console.print("--json prints the whole confusion matrix")


def _scores(report: ClassReport) -> Table:
    table = Table("class")
    for heading in ("precision", "recall", "F1", "support"):
        table.add_column(heading, justify="right")
    for name, scores in zip(report.names, report.classes, strict=True):
        table.add_row(name, *_cells(scores))
    table.add_section()
    table.add_row("macro average", *_cells(report.macro))
    table.add_row("weighted average", *_cells(report.weighted))
    return table


def _cells(scores: ClassScores) -> list[str]:
    return [*(f"{value:.1%}" for value in (scores.precision, scores.recall, scores.f1)), f"{scores.support:,}"]


def _matrix(report: ClassReport) -> Table:
    table = Table("")
    for name in report.names:
        table.add_column(name, justify="right", overflow="fold")
    for name, row in zip(report.names, report.confusion.tolist(), strict=True):
        table.add_row(name, *(f"{count:,}" if count else "" for count in row))
    return table


def _confusions(report: ClassReport) -> Table:
    table = Table("true class", "predicted class", "items")
    wrong = report.confusion.copy()
    np.fill_diagonal(wrong, 0)
    width = len(report.names)
    for place in np.argsort(-wrong, axis=None, kind="stable")[:_MAX_CONFUSIONS].tolist():
        true, predicted = divmod(place, width)
        if wrong[true, predicted]:
            table.add_row(report.names[true], report.names[predicted], f"{wrong[true, predicted]:,}")
    return table
