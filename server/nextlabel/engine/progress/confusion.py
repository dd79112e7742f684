"""The confusion matrix of the live checkpoint on the hold-out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nextlabel.contracts.data import FloatArray, IntArray
from nextlabel.engine.progress.progress_records import ClassPair, ClassRates, Confusion

_CHUNK = 65_536
"""Rows of probabilities that are read at a time."""
_MAX_CLASSES = 100
"""Most classes in the table; with a thousand of them the page would be 10 MB."""


def predicted(probabilities: FloatArray, positions: IntArray) -> IntArray:
    """Return the most probable class of each position (k,). `probabilities` (n, C) may be on disk."""
    parts = [
        np.asarray(probabilities[positions[start : start + _CHUNK]]).argmax(axis=1)
        for start in range(0, len(positions), _CHUNK)
    ]
    return np.concatenate(parts) if parts else np.empty(0, np.int64)


def table(truth: IntArray, predictions: IntArray, width: int) -> IntArray:
    """Return (C, C) counts of k items: rows are the true class (k,), columns the predicted one (k,)."""
    flat = np.bincount(truth.astype(np.int64) * width + predictions, minlength=width * width)
    return flat.reshape(width, width).astype(np.int64)


def confusion(checkpoint: str, classes: Sequence[str], counts: IntArray, unscored: int) -> Confusion:
    """Return the record of a confusion matrix, with rates by class and the pairs that are confused."""
    return Confusion(
        checkpoint=checkpoint,
        classes=tuple(classes),
        counts=counts,
        rates=_rates(classes, counts),
        worst=_worst(classes, counts),
        shown=_shown(counts),
        unscored=unscored,
    )


def _rates(classes: Sequence[str], counts: IntArray) -> tuple[ClassRates, ...]:
    true_counts, predicted_counts, right = counts.sum(axis=1), counts.sum(axis=0), counts.diagonal()
    return tuple(
        ClassRates(
            name=name,
            items=int(true_counts[k]),
            predicted=int(predicted_counts[k]),
            right=int(right[k]),
            recall=float(right[k] / true_counts[k]) if true_counts[k] else None,
            precision=float(right[k] / predicted_counts[k]) if predicted_counts[k] else None,
        )
        for k, name in enumerate(classes)
    )


def _shown(counts: IntArray) -> tuple[int, ...]:
    """Return the indices of the classes in the table: those with the most mistakes, if there are too many."""
    mistakes = counts.sum(axis=0) + counts.sum(axis=1) - 2 * counts.diagonal()
    return tuple(sorted(np.argsort(-mistakes, kind="stable")[:_MAX_CLASSES].tolist()))


def _worst(classes: Sequence[str], counts: IntArray) -> tuple[ClassPair, ...]:
    wrong = counts.copy()
    np.fill_diagonal(wrong, 0)
    rows, columns = np.nonzero(wrong)
    true_counts = counts.sum(axis=1)
    share = wrong[rows, columns] / true_counts[rows]
    order = np.lexsort((columns, rows, -share, -wrong[rows, columns]))
    return tuple(
        ClassPair(classes[rows[k]], classes[columns[k]], int(wrong[rows[k], columns[k]]), float(share[k]))
        for k in order
    )
