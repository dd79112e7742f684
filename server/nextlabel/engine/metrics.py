"""Accuracy, error and loss of predictions on items whose label is known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nextlabel.contracts.data import FloatArray, IntArray
from nextlabel.engine.scores import Arrays

_TINY = 1e-12
"""Smallest probability and deviation, so that the loss stays finite."""


@dataclass(frozen=True)
class Predictions:
    """Predictions for items, and which of them are measured."""

    arrays: Arrays
    """By name, one row per item."""
    positions: IntArray
    """(k,): rows of the items that are measured; those that cannot be read are not."""
    truth: IntArray | FloatArray
    """(k,): their class numbers, or values."""


def metrics(arrays: Arrays, positions: IntArray, truth: IntArray | FloatArray) -> dict[str, float]:
    """Return `accuracy` and `loss` (mean negative log-likelihood), or `rmse` and `loss`.

    `arrays` are predictions by name, one row per item. They are compared at the k `positions` with
    their `truth` (k,). `holdout` is k. Returns an empty dictionary if k = 0.
    """
    if not len(positions):
        return {}
    if "probabilities" in arrays:
        rows = np.asarray(arrays["probabilities"][positions], np.float64)
        chosen = rows[np.arange(len(rows)), truth.astype(np.int64)]
        return {
            "accuracy": float((rows.argmax(axis=1) == truth).mean()),
            "loss": float(-np.log(np.maximum(chosen, _TINY)).mean()),
            "holdout": float(len(rows)),
        }
    error = np.asarray(arrays["mean"][positions], np.float64) - truth
    spread = np.maximum(np.asarray(arrays["std"][positions], np.float64), _TINY)
    loss = 0.5 * np.log(2 * np.pi * spread**2) + error**2 / (2 * spread**2)
    return {"rmse": float(np.sqrt((error**2).mean())), "loss": float(loss.mean()), "holdout": float(len(error))}
