"""Learning curves: what a simulation's points say, strategy by strategy, annotator by annotator."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

from nextlabel.engine.simulation.annotators import EXACT
from nextlabel.engine.simulation.simulate import Point

LEVELS = (0.90, 0.95, 0.98)

Run = Sequence[tuple[int, float]]
"""The (labels, measured) of one seed, in order."""


@dataclass(frozen=True)
class Needed:
    """The labels it takes to reach a level of accuracy."""

    level: float
    labels: float | None
    """Mean over the runs; None where not every run got there."""
    reached: int
    """How many runs did."""


@dataclass(frozen=True)
class Curve:
    """The runs of one strategy, with one annotator, put together."""

    strategy: str
    metric: str
    runs: tuple[Run, ...]
    annotator: str = ""
    """Empty where nobody but `exact` was simulated."""

    @property
    def name(self) -> str:
        """What tells it from the other curves of its simulation."""
        return f"{self.strategy}, {self.annotator}" if self.annotator else self.strategy

    def band(self) -> list[tuple[int, float, float]]:
        """Return (labels, mean, standard deviation) at every number of labels that a run has.

        A run that has reached its goal keeps its last value: to leave it out would let the
        others pull the mean down.
        """
        places = sorted({labels for run in self.runs for labels, _ in run})
        rows = []
        for place in places:
            values = [value for run in self.runs if (value := _at(run, place)) is not None]
            rows.append((place, *spread(values)))
        return rows

    def final(self) -> tuple[float, float]:
        """Return the mean and the standard deviation of what the runs ended with."""
        return spread([run[-1][1] for run in self.runs])

    def needed(self, level: float) -> Needed:
        """Return the labels needed to reach `level`: each run's first crossing, by straight lines."""
        crossings = [place for run in self.runs if (place := crossing(run, level)) is not None]
        everyone = len(crossings) == len(self.runs)
        return Needed(level, fmean(crossings) if everyone else None, len(crossings))


def curves(points: Sequence[Point]) -> list[Curve]:
    """Return one curve a strategy and annotator, in the order they were simulated."""
    metric = "accuracy" if any("accuracy" in point.metrics for point in points) else "rmse"
    several = any(point.annotator != EXACT for point in points)
    runs: dict[tuple[str, str], dict[int, list[tuple[int, float]]]] = {}
    for point in points:
        if metric in point.metrics:
            key = point.strategy, point.annotator if several else ""
            run = runs.setdefault(key, {}).setdefault(point.seed, [])
            run.append((point.labels, point.metrics[metric]))
    return [
        Curve(strategy, metric, tuple(by_seed.values()), annotator) for (strategy, annotator), by_seed in runs.items()
    ]


def crossing(run: Run, level: float) -> float | None:
    """Return the number of labels at which a run first reaches `level`; None: it never does."""
    before: tuple[int, float] | None = None
    for labels, value in run:
        if value >= level:
            if before is None:
                return float(labels)
            return before[0] + (labels - before[0]) * (level - before[1]) / (value - before[1])
        before = labels, value
    return None


def spread(values: Sequence[float]) -> tuple[float, float]:
    """Return the mean and the sample standard deviation (0 for a single value)."""
    return fmean(values), stdev(values) if len(values) > 1 else 0.0


def _at(run: Run, place: int) -> float | None:
    """Return a run's value at `place` labels, between its points by straight lines."""
    if place < run[0][0]:
        return None
    before = run[0]
    for labels, value in run:
        if labels >= place:
            share = 0.0 if labels == before[0] else (place - before[0]) / (labels - before[0])
            return before[1] + share * (value - before[1])
        before = labels, value
    return before[1]
