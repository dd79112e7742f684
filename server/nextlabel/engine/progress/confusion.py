"""Which classes the live checkpoint takes for which, on items it never learnt from."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nextlabel.contracts.data import FloatArray, IntArray
from nextlabel.engine.progress.progress_records import Confusion, Pair, Rates

_CHUNK = 65_536
_SHOWN = 100
"""Classes of a table that can still be read: a thousand of them are a page of 10 MB."""


def predicted(probabilities: FloatArray, positions: IntArray) -> IntArray:
    """Return the most probable class of each position (k,); `probabilities` (n, C) may be on disk."""
    parts = [
        np.asarray(probabilities[positions[start : start + _CHUNK]]).argmax(axis=1)
        for start in range(0, len(positions), _CHUNK)
    ]
    return np.concatenate(parts) if parts else np.empty(0, np.int64)


def table(truth: IntArray, said: IntArray, width: int) -> IntArray:
    """Return (C, C) counts of k items: rows the true class (k,), columns the predicted (k,)."""
    flat = np.bincount(truth.astype(np.int64) * width + said, minlength=width * width)
    return flat.reshape(width, width).astype(np.int64)


def confusion(checkpoint: str, classes: Sequence[str], counts: IntArray, unscored: int) -> Confusion:
    """Return what a table of counts (C, C) tells."""
    return Confusion(
        checkpoint=checkpoint,
        classes=tuple(classes),
        counts=counts,
        rates=_rates(classes, counts),
        worst=_worst(classes, counts),
        shown=_shown(counts),
        unscored=unscored,
    )


def _rates(classes: Sequence[str], counts: IntArray) -> tuple[Rates, ...]:
    of, taken, right = counts.sum(axis=1), counts.sum(axis=0), counts.diagonal()
    return tuple(
        Rates(
            name=name,
            items=int(of[k]),
            predicted=int(taken[k]),
            right=int(right[k]),
            recall=float(right[k] / of[k]) if of[k] else None,
            precision=float(right[k] / taken[k]) if taken[k] else None,
        )
        for k, name in enumerate(classes)
    )


def _shown(counts: IntArray) -> tuple[int, ...]:
    mistakes = counts.sum(axis=0) + counts.sum(axis=1) - 2 * counts.diagonal()
    return tuple(sorted(np.argsort(-mistakes, kind="stable")[:_SHOWN].tolist()))


def _worst(classes: Sequence[str], counts: IntArray) -> tuple[Pair, ...]:
    wrong = counts.copy()
    np.fill_diagonal(wrong, 0)
    rows, columns = np.nonzero(wrong)
    of = counts.sum(axis=1)
    share = wrong[rows, columns] / of[rows]
    order = np.lexsort((columns, rows, -share, -wrong[rows, columns]))
    return tuple(
        Pair(classes[rows[k]], classes[columns[k]], int(wrong[rows[k], columns[k]]), float(share[k])) for k in order
    )
