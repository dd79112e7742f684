"""Learning curves from the points of a simulation, one per strategy and annotator."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

from nextlabel.engine.simulation.annotators import EXACT
from nextlabel.engine.simulation.simulate import Point

LEVELS = (0.90, 0.95, 0.98)
"""Accuracies for which the number of labels needed is reported."""

TESTED = ("test_accuracy", "test_rmse")
"""Metrics on the data set's own test split."""
UNLABELLED = ("unlabelled_accuracy", "unlabelled_rmse")
"""Metrics on the items that nobody has labelled, measured if there is neither a hold-out nor a test split."""
METRICS = ("accuracy", "rmse", *TESTED, *UNLABELLED)
"""What a curve shows, the first that was measured; those on the test split only if there is no hold-out."""

Run = Sequence[tuple[int, float]]
"""Points (labels, metric) of one seed, in order."""


@dataclass(frozen=True)
class Needed:
    """How many labels a strategy needs to reach an accuracy."""

    level: float
    labels: float | None
    """Mean over the runs; None if not every run reached it."""
    reached: int
    """Number of runs that reached it."""


@dataclass(frozen=True)
class Curve:
    """All runs of one strategy with one annotator."""

    strategy: str
    metric: str
    runs: tuple[Run, ...]
    annotator: str = ""
    """Empty if only `exact` was simulated."""

    @property
    def is_accuracy(self) -> bool:
        """Whether the metric is an accuracy, on the hold-out or other items."""
        return self.metric.endswith("accuracy")

    @property
    def on_test_split(self) -> bool:
        """Whether the metric was measured on the data set's own test split."""
        return self.metric.startswith("test_")

    @property
    def on_unlabelled(self) -> bool:
        """Whether the metric was measured on the items that nobody has labelled."""
        return self.metric in UNLABELLED

    @property
    def name(self) -> str:
        """Name that is unique among the curves of a simulation."""
        return f"{self.strategy}, {self.annotator}" if self.annotator else self.strategy

    def band(self) -> list[tuple[int, float, float]]:
        """Return (labels, mean, standard deviation) at every number of labels that any run has.

        A run that has reached its goal and ended counts with its last value. Without it the mean
        would drop to that of the slower runs.
        """
        label_counts = sorted({labels for run in self.runs for labels, _ in run})
        rows = []
        for count in label_counts:
            values = [value for run in self.runs if (value := _at(run, count)) is not None]
            rows.append((count, *spread(values)))
        return rows

    def final(self) -> tuple[float, float]:
        """Return the mean and standard deviation of the last values of the runs."""
        return spread([run[-1][1] for run in self.runs])

    def needed(self, level: float) -> Needed:
        """Return the labels needed to reach `level`: the mean of each run's first crossing."""
        crossings = [labels for run in self.runs if (labels := crossing(run, level)) is not None]
        all_reached = len(crossings) == len(self.runs)
        return Needed(level, fmean(crossings) if all_reached else None, len(crossings))


def curves(points: Sequence[Point], metrics: Sequence[str] = METRICS) -> list[Curve]:
    """Return one curve per strategy and annotator, in the order they were simulated.

    They show the first of `metrics` that any point has.
    """
    metric = next((name for name in metrics if any(name in point.metrics for point in points)), "")
    name_annotators = any(point.annotator != EXACT for point in points)
    runs: dict[tuple[str, str], dict[int, list[tuple[int, float]]]] = {}
    for point in points:
        if metric in point.metrics:
            key = point.strategy, point.annotator if name_annotators else ""
            run = runs.setdefault(key, {}).setdefault(point.seed, [])
            run.append((point.labels, point.metrics[metric]))
    return [
        Curve(strategy, metric, tuple(by_seed.values()), annotator) for (strategy, annotator), by_seed in runs.items()
    ]


def crossing(run: Run, level: float) -> float | None:
    """Return the number of labels at which a run first reaches `level`, or None if it never does.

    Between two points the curve is a straight line.
    """
    previous: tuple[int, float] | None = None
    for labels, value in run:
        if value >= level:
            if previous is None:
                return float(labels)
            return previous[0] + (labels - previous[0]) * (level - previous[1]) / (value - previous[1])
        previous = labels, value
    return None


def spread(values: Sequence[float]) -> tuple[float, float]:
    """Return the mean and the sample standard deviation (0 for a single value)."""
    return fmean(values), stdev(values) if len(values) > 1 else 0.0


def _at(run: Run, count: int) -> float | None:
    """Return a run's value at `count` labels, interpolated; None before its first point."""
    if count < run[0][0]:
        return None
    previous = run[0]
    for labels, value in run:
        if labels >= count:
            share = 0.0 if labels == previous[0] else (count - previous[0]) / (labels - previous[0])
            return previous[1] + share * (value - previous[1])
        previous = labels, value
    return previous[1]
