"""Decides whether a new checkpoint goes live, by comparing it with the live one on the hold-out."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from nextlabel.contracts.data import BoolArray, FloatArray, GraphItems, IntArray
from nextlabel.contracts.errors import NextlabelError
from nextlabel.engine.checkpoints.serialization import read_model, trained_with_other_holdout
from nextlabel.engine.project_files import ProjectConfig
from nextlabel.engine.scores import Arrays, predict_rows, stored_scores
from nextlabel.engine.services import Services
from nextlabel.engine.training.pool_items import PoolItems
from nextlabel.store import checkpoints, projects
from nextlabel.store.checkpoints import CheckpointRow

SIGNIFICANCE = 0.05
"""Below this p-value a new checkpoint that lost more items than it won counts as worse."""
_OUTPUTS = ("probabilities", "mean", "std")


@dataclass(frozen=True)
class Verdict:
    """Whether a checkpoint goes live, and the reason in a sentence."""

    promote: bool
    reason: str


@dataclass(frozen=True)
class LiveHoldout:
    """The live checkpoint's predictions for the k held-out items, as far as it has any."""

    checkpoint: str
    common: IntArray
    """Indices (c,) into the k items: those it can be compared on."""
    arrays: Arrays
    """Its predictions for the c items, by name."""
    files_missing: bool = False
    other_holdout: bool = False
    """Whether it may have been trained on the held-out items, so that it can be compared on none."""
    bundled: bool = False
    """Whether it ships with the product."""


def score_holdout(
    services: Services, config: ProjectConfig, pool: PoolItems, positions: IntArray
) -> LiveHoldout | None:
    """Predict the held-out `positions` (k,) of a pool with the live checkpoint; None if there is none.

    Predicting them here compares a live checkpoint whose scores are not computed yet, such as a
    bundled one. One that cannot predict them, such as a transductive one, is compared on the items
    in its stored scores.
    """
    with services.database.read() as connection:
        row = projects.get(connection, config.name)
        live = checkpoints.get(connection, config.name, row.live) if row and row.live else None
        scoring = checkpoints.scoring(connection, config.name, live.name) if live else None
    if row is None or row.live is None:
        return None
    nothing = LiveHoldout(row.live, np.empty(0, np.int64), {}, bundled=live is not None and live.job is None)
    if live is None or not services.home.at(live.folder).is_dir():
        return LiveHoldout(row.live, nothing.common, {}, files_missing=True)
    other_holdout = trained_with_other_holdout(live, row, config, sampled=services.pool(config.name).sampled)
    if other_holdout or not len(positions):
        return replace(nothing, other_holdout=other_holdout)
    predicted = _predict(services, live, pool, positions)
    if predicted is not None:
        return LiveHoldout(live.name, np.arange(len(positions)), predicted)
    stored = stored_scores(services.home, scoring)
    if scoring is None or stored is None:
        return nothing
    common = np.flatnonzero(positions < scoring.rows)
    return LiveHoldout(live.name, common, holdout_rows(stored, positions[common]))


def holdout_rows(arrays: Arrays, positions: IntArray) -> Arrays:
    """Return the predictions at the held-out `positions` (k,), read into memory."""
    return {name: np.asarray(array[positions]) for name, array in arrays.items() if name in _OUTPUTS}


def decide_promotion(
    new: Arrays, live: LiveHoldout | None, truth: IntArray | FloatArray, *, holds_out: bool = True
) -> Verdict:
    """Return whether the new checkpoint goes live, by its predictions `new` for the k held-out items.

    `truth` (k,) are their labels; `holds_out` is whether the project holds out any items. The new
    checkpoint waits if it is worse than the live one beyond chance, if the live one's predictions for
    the held-out items are unknown or not comparable, or if the live one is bundled, so that its author
    has measured it, and no held-out item has a label yet.
    """
    if live is not None and live.bundled and holds_out and not len(truth):
        why = "no held-out item has a known label yet to compare it with the bundled checkpoint on"
        return Verdict(False, f"{why}; label some of them, or promote it by hand")
    if live is None or live.files_missing or not holds_out or not len(truth):
        return Verdict(True, _without_comparison(live, holds_out=holds_out))
    if not len(live.common):
        why = "has no predictions for the held-out items"
        if live.other_holdout:
            why = "was trained with another one, perhaps on these items"
        return Verdict(False, f"there is no common hold-out: the live checkpoint {why}; promote it by hand")
    better, worse = _compare({name: array[live.common] for name, array in new.items()}, live.arrays, truth[live.common])
    numbers = f"better on {better} and worse on {worse} of {len(live.common)} held-out items"
    p_value = sign_test(better, worse)
    if better < worse and p_value < SIGNIFICANCE:
        return Verdict(False, f"worse than the live checkpoint beyond chance: {numbers} (p = {p_value:.2g})")
    too_few = sign_test(0, len(live.common)) >= SIGNIFICANCE
    reason = "too few held-out items to show whether it is worse than" if too_few else "not worse than"
    return Verdict(True, f"{reason} the live checkpoint: {numbers}")


def _without_comparison(live: LiveHoldout | None, *, holds_out: bool) -> str:
    """Return why a checkpoint goes live without a comparison."""
    if live is None:
        return "the first checkpoint of this project"
    if live.files_missing:
        return "the files of the live checkpoint are missing"
    if not holds_out:
        return "there is no hold-out to compare it with the live checkpoint on: the newest goes live"
    return "no held-out item has a known label yet to compare it on: the newest goes live"


def sign_test(better: int, worse: int) -> float:
    """Return the p-value of the one-sided exact sign test (McNemar 1947).

    It is the probability of winning at most `better` of `better + worse` fair coin throws.
    """
    from scipy.stats import binomtest  # noqa: PLC0415 - only training jobs load scipy, not the web processes

    if not better + worse:
        return 1.0
    return float(binomtest(better, better + worse, alternative="less").pvalue)


def _predict(services: Services, live: CheckpointRow, pool: PoolItems, positions: IntArray) -> Arrays | None:
    """Return the live model's predictions for the held-out items, or None if it cannot predict them."""
    if live.card["input"] is None:
        return None
    try:
        items = pool.of(live.card.get("features"))
        if isinstance(items, GraphItems):
            return None
        model = read_model(services.home.at(live.folder), services.registry)[0]
        return predict_rows(model, items, positions)
    except NextlabelError as error:  # its learner is no longer installed, or its files are damaged
        print(f"the live checkpoint cannot predict the hold-out: {error}", flush=True)  # noqa: T201 - the job's log
        return None


def _compare(new: Arrays, live: Arrays, truth: IntArray | FloatArray) -> tuple[int, int]:
    """Return on how many of the c items the new checkpoint is better, and on how many it is worse.

    Better is being right where the other is wrong; for regression, having the smaller error.
    """
    if "probabilities" in new:

        def correct(arrays: Arrays) -> BoolArray:
            return np.asarray(arrays["probabilities"].argmax(axis=1) == truth)

        ours, theirs = correct(new), correct(live)
        return int((ours & ~theirs).sum()), int((theirs & ~ours).sum())
    ours, theirs = (np.abs(arrays["mean"] - truth) for arrays in (new, live))
    return int((ours < theirs).sum()), int((theirs < ours).sum())
