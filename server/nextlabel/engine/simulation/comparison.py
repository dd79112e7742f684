"""Compares each strategy of a simulation with random choice, run by run with the same seed.

A run ends with its last value, even if it reached its goal early and so has fewer labels than others.
The interval is that of the percentile bootstrap over seeds (Efron, 1979): the runs of both strategies with one
seed start from the same pool and the same labels, so they are drawn together. With few seeds such an interval is too
narrow, so there is none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from nextlabel.contracts.data import FloatArray
from nextlabel.engine.random_streams import generator
from nextlabel.engine.simulation.curves import Curve
from nextlabel.engine.simulation.simulate import Point

BASELINE = "random"
MIN_SEEDS = 20
"""Fewest seeds for an interval: with 5, a percentile bootstrap covers the true difference of normal pairs in about 85 %
of the cases only, with 20 in 93 %."""
RESAMPLES = 10_000
_ENDS = (2.5, 97.5)
"""Percentiles that bound the 95 % interval."""


@dataclass(frozen=True)
class Comparison:
    """The last values of one strategy beside those of random choice."""

    strategy: str
    annotator: str
    metric: str
    measure: Literal["ratio", "difference"]
    """Errors: mean of the strategy divided by that of random. Accuracies: percentage points above random."""
    value: float
    low: float | None
    """Lower end of the 95 % interval; None with fewer than 20 seeds."""
    high: float | None
    seeds: int
    """Number of seeds, that is of pairs of runs."""
    ended_early: bool
    """Whether these runs do not all end with the same number of labels."""

    def document(self) -> dict[str, Any]:
        """Return the comparison as JSON."""
        annotator = {"annotator": self.annotator} if self.annotator else {}
        return {"strategy": self.strategy, "against": BASELINE, **annotator} | {
            name: value for name, value in vars(self).items() if name not in ("strategy", "annotator")
        }


def comparisons(points: Sequence[Point], curves: Sequence[Curve], seed: int) -> list[Comparison]:
    """Return how each of `curves` compares with that of `random` and the same annotator; `seed` draws the samples.

    Empty without such a curve, with fewer than two seeds, or if the error of random choice is 0 in a run.
    """
    found = [_compare(points, curve, seed) for curve in curves if curve.strategy != BASELINE]
    return [comparison for comparison in found if comparison is not None]


def _compare(points: Sequence[Point], curve: Curve, seed: int) -> Comparison | None:
    own, other = (_last(points, strategy, curve) for strategy in (curve.strategy, BASELINE))
    seeds = sorted(own.keys() & other.keys())
    values, baseline = (np.array([runs[number][1] for number in seeds]) for runs in (own, other))
    if len(seeds) < 2 or (not curve.is_accuracy and not baseline.all()):  # noqa: PLR2004 - one pair has no spread
        return None
    measured = _measure(values[None], baseline[None], is_accuracy=curve.is_accuracy)
    low, high = None, None
    if len(seeds) >= MIN_SEEDS:
        drawn = generator(seed, "comparison", curve.name).integers(0, len(seeds), (RESAMPLES, len(seeds)))
        samples = _measure(values[drawn], baseline[drawn], is_accuracy=curve.is_accuracy)
        low, high = np.percentile(samples, _ENDS).tolist()
    labels = {runs[number][0] for runs in (own, other) for number in seeds}
    return Comparison(
        curve.strategy, curve.annotator, curve.metric, "difference" if curve.is_accuracy else "ratio",
        float(measured[0]), low, high, len(seeds), ended_early=len(labels) > 1,
    )  # fmt: skip


def _measure(values: FloatArray, baseline: FloatArray, *, is_accuracy: bool) -> FloatArray:
    """Return (k,) the difference or ratio of the means of k rows of runs."""
    means, others = values.mean(axis=1), baseline.mean(axis=1)
    measured: FloatArray = 100 * (means - others) if is_accuracy else means / others
    return measured


def _last(points: Sequence[Point], strategy: str, curve: Curve) -> dict[int, tuple[int, float]]:
    """Return the labels and the value at the end of each run of a strategy, by seed, with the annotator of `curve`."""
    return {
        point.seed: (point.labels, point.metrics[curve.metric])
        for point in points
        if point.strategy == strategy and curve.metric in point.metrics and curve.annotator in ("", point.annotator)
    }
