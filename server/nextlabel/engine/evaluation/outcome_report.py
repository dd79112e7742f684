"""Reports on predictions whose truth is known: scores by class and the confusion matrix, or errors of a regression."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from nextlabel.contracts.data import FloatArray, IntArray
from nextlabel.engine.metrics import Predictions
from nextlabel.engine.progress.confusion import predicted, table

Split = Literal["test", "holdout", "unlabelled"]
"""The data set's own test items, the hold-out, or the items of the pool that nobody has labelled."""


@dataclass(frozen=True)
class Outcome:
    """Predictions for k items, and their truth."""

    split: Split
    truth: IntArray | FloatArray
    """(k,): class numbers, or values."""
    predicted: IntArray | FloatArray
    """(k,): the most probable classes, or means."""
    classes: tuple[str, ...] = ()
    """Empty for regression."""


def outcome(split: Split, predictions: Predictions, classes: Sequence[str]) -> Outcome:
    """Return the outcome of predictions for the items of a split."""
    arrays, positions = predictions.arrays, predictions.positions
    if classes:
        return Outcome(split, predictions.truth, predicted(arrays["probabilities"], positions), tuple(classes))
    return Outcome(split, predictions.truth, np.asarray(arrays["mean"][positions]))


@dataclass(frozen=True)
class ClassScores:
    """How well a class is predicted, each score 0..1, or an average over the classes."""

    precision: float
    """Share of the items predicted as this class that are of it; 0 if there are none."""
    recall: float
    """Share of the items of this class that are predicted as it; 0 if there are none."""
    f1: float
    """Harmonic mean of precision and recall; 0 if both are 0."""
    support: int
    """Number of items of this class, or of all."""


@dataclass(frozen=True)
class ClassReport:
    """Scores by class, their averages and the confusion matrix."""

    names: tuple[str, ...]
    confusion: IntArray
    """(C, C) counts: rows are the true class, columns the predicted one."""
    classes: tuple[ClassScores, ...]
    accuracy: float
    macro: ClassScores
    """Each class with the same weight."""
    weighted: ClassScores
    """Each class with its support as weight."""

    def document(self) -> dict[str, Any]:
        """Return the report as a JSON object with the keys `report` and `confusion`."""
        scores = zip(self.names, self.classes, strict=True)
        return {
            "report": {
                "classes": {name: asdict(score) for name, score in scores},
                "accuracy": self.accuracy,
                "macro": asdict(self.macro),
                "weighted": asdict(self.weighted),
            },
            "confusion": self.confusion.tolist(),
        }


@dataclass(frozen=True)
class ErrorReport:
    """Errors of a regression, in the unit of the values."""

    rmse: float
    """Root mean square error."""
    mean_absolute_error: float
    r2: float | None
    """Coefficient of determination: 1 for no error, 0 for the mean of the truth; None if all values are equal."""
    support: int
    """Number of items."""

    def document(self) -> dict[str, Any]:
        """Return the report as a JSON object with the key `report`."""
        return {"report": asdict(self)}


Report = ClassReport | ErrorReport


def report(outcomes: Sequence[Outcome]) -> Report:
    """Return the report on all items of the outcomes together. They have the same classes."""
    truth = np.concatenate([outcome.truth for outcome in outcomes])
    answers = np.concatenate([outcome.predicted for outcome in outcomes])
    if classes := outcomes[0].classes:
        return class_report(classes, table(truth.astype(np.int64), answers.astype(np.int64), len(classes)))
    error = answers.astype(np.float64) - truth
    total = float(((truth - truth.mean()) ** 2).sum())
    return ErrorReport(
        rmse=float(np.sqrt((error**2).mean())),
        mean_absolute_error=float(np.abs(error).mean()),
        r2=1 - float((error**2).sum()) / total if total else None,
        support=len(truth),
    )


def class_report(classes: Sequence[str], confusion: IntArray) -> ClassReport:
    """Return the report of a confusion matrix (C, C) of at least one item. A share of no items counts as 0."""
    right, support = confusion.diagonal(), confusion.sum(axis=1)
    precision, recall = _share(right, confusion.sum(axis=0)), _share(right, support)
    f1 = _share(2 * precision * recall, precision + recall)
    scores = np.stack([precision, recall, f1], axis=1)
    total = int(support.sum())
    return ClassReport(
        names=tuple(classes),
        confusion=confusion,
        classes=tuple(_scores(row, count) for row, count in zip(scores, support.tolist(), strict=True)),
        accuracy=float(right.sum() / total),
        macro=_scores(scores.mean(axis=0), total),
        weighted=_scores(support @ scores / total, total),
    )


def _scores(row: FloatArray, support: int) -> ClassScores:
    """Return the scores of a row (3,): precision, recall and F1."""
    precision, recall, f1 = row.tolist()
    return ClassScores(precision, recall, f1, support)


def _share(part: FloatArray | IntArray, whole: FloatArray | IntArray) -> FloatArray:
    return np.divide(part, whole, out=np.zeros(len(part)), where=whole > 0)
