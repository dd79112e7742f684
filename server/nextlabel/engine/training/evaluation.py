"""Evaluation on items never trained on, and whether a new checkpoint may go live."""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, fsum, lgamma, log

import numpy as np

from nextlabel.contracts.data import BoolArray, FloatArray, IntArray
from nextlabel.engine.scores import Arrays

CHANCE = 0.05
_TINY = 1e-12


@dataclass(frozen=True)
class Verdict:
    """Whether a checkpoint goes live, and why, in a sentence."""

    promote: bool
    reason: str


def metrics(arrays: Arrays, positions: IntArray, truth: IntArray | FloatArray) -> dict[str, float]:
    """Return `accuracy` and `loss` (mean negative log-likelihood), or `rmse` and `loss`.

    `arrays` are scores of the items; the k `positions` have the `truth` (k,). Empty where k = 0.
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


def judge(new: Arrays, live: Arrays | None, positions: IntArray, truth: IntArray | FloatArray) -> Verdict:
    """Compare two checkpoints on the hold-out both have scored; `live` is None where there is none yet.

    One-sided exact sign test on the items where just one is right (McNemar 1947), or on which
    is nearer for regression: the new one waits if it would lose so often by chance less than
    once in twenty.
    """
    if live is None:
        return Verdict(True, "the first checkpoint of this project")
    scored = len(live.get("probabilities", live.get("mean", ())))
    common = positions < scored
    if not common.any():
        return Verdict(False, "there is no common hold-out to compare with the live checkpoint; promote it by hand")
    won, lost = _compare(new, live, positions[common], truth[common])
    likely = _so_few(won, won + lost)
    numbers = f"better on {won} and worse on {lost} of {int(common.sum())} held-out items"
    if won < lost and likely < CHANCE:
        return Verdict(False, f"worse than the live checkpoint beyond chance: {numbers} (p = {likely:.2g})")
    return Verdict(True, f"not worse than the live checkpoint: {numbers}")


def _so_few(won: int, decided: int) -> float:
    """Return how probable at most `won` heads in `decided` throws of a fair coin are."""
    whole = lgamma(decided + 1) - decided * log(2)
    return fsum(exp(whole - lgamma(k + 1) - lgamma(decided - k + 1)) for k in range(won + 1))


def _compare(new: Arrays, live: Arrays, positions: IntArray, truth: IntArray | FloatArray) -> tuple[int, int]:
    if "probabilities" in new:

        def right(arrays: Arrays) -> BoolArray:
            return np.asarray(np.asarray(arrays["probabilities"][positions]).argmax(axis=1) == truth)

        ours, theirs = right(new), right(live)
        return int((ours & ~theirs).sum()), int((theirs & ~ours).sum())
    ours, theirs = (np.abs(np.asarray(arrays["mean"][positions]) - truth) for arrays in (new, live))
    return int((ours < theirs).sum()), int((theirs < ours).sum())
