"""The points of the study of partial answers as CSV, and the tables of docs/partial-answers.md."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from statistics import fmean

from nextlabel.engine.simulation.curves import Run, crossing, spread

LEVELS = (0.80, 0.90, 0.95)


@dataclass(frozen=True)
class Point:
    """One round of one simulation."""

    strategy: str
    rate: float
    """Probability that an item with look-alikes is in doubt."""
    annotator: str
    seed: int
    labels: int
    accuracy: float
    wrong: int
    """Answers so far that exclude the true class."""


@dataclass(frozen=True)
class Study:
    """The points of one strategy at one rate of doubt."""

    strategy: str
    rate: float
    points: Sequence[Point]

    @property
    def annotators(self) -> list[str]:
        """The simulated annotators, in the order of the points."""
        return list(dict.fromkeys(point.annotator for point in self.points))

    def runs(self, annotator: str) -> list[Run]:
        """Return the curve of each seed with an annotator."""
        return [[(point.labels, point.accuracy) for point in points] for points in self._by_seed(annotator)]

    def wrong(self, annotator: str) -> float:
        """Return the share of answers that exclude the true class, over all seeds."""
        runs = self._by_seed(annotator)
        answers = sum(points[-1].labels - points[0].labels for points in runs)
        return sum(points[-1].wrong for points in runs) / answers

    def _by_seed(self, annotator: str) -> list[list[Point]]:
        seeds: dict[int, list[Point]] = {}
        for point in self.points:
            if point.annotator == annotator:
                seeds.setdefault(point.seed, []).append(point)
        return list(seeds.values())


def studies(points: Iterable[Point]) -> list[Study]:
    """Return the points grouped by strategy and rate, in their order."""
    grouped: dict[tuple[str, float], list[Point]] = {}
    for point in points:
        grouped.setdefault((point.strategy, point.rate), []).append(point)
    return [Study(strategy, rate, group) for (strategy, rate), group in grouped.items()]


def write(points: Iterable[Point], path: Path) -> None:
    """Write the points as CSV."""
    with path.open("w", newline="") as file:
        rows = csv.DictWriter(file, [field.name for field in fields(Point)], lineterminator="\n")
        rows.writeheader()
        rows.writerows(asdict(point) for point in points)


def read(path: Path) -> list[Point]:
    """Return the points from a CSV file that `write` wrote."""
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    types = {"rate": float, "seed": int, "labels": int, "accuracy": float, "wrong": int}
    return [Point(**{name: types.get(name, str)(value) for name, value in row.items()}) for row in rows]


def table(study: Study) -> str:
    """Return a table of the results of each annotator in a study."""
    label_counts = [labels for labels, _ in study.runs("sets")[0]]
    columns = [label_counts[len(label_counts) // 4], label_counts[len(label_counts) // 2], label_counts[-1]]
    head = [
        "annotator",
        "wrong",
        *(f"at {count}" for count in columns),
        *(f"labels to {level:.0%}" for level in LEVELS),
    ]
    rows = []
    for annotator in study.annotators:
        runs = study.runs(annotator)
        accuracies = [[dict(run)[count] for run in runs] for count in columns]
        crossings = [[crossing(run, level) for run in runs] for level in LEVELS]
        rows.append(
            [f"`{annotator}`", f"{study.wrong(annotator):.1%}"]
            + [f"{percent(values)} %" for values in accuracies]
            + [labels_needed(labels) for labels in crossings]
        )
    return markdown(head, rows)


def comparison(several: Sequence[Study], other: str) -> str:
    """Return a table that compares `sets` with another annotator.

    It has the labels that `sets` needs to reach the other annotator's final accuracy, and the
    difference in accuracy over the curve and at its end.
    """
    rows = []
    for study in several:
        other_runs, set_runs = study.runs(other), study.runs("sets")
        if not other_runs:
            continue
        labels, final_accuracy = mean_curve(other_runs)[-1]
        fewer = crossing(mean_curve(set_runs), final_accuracy)
        # compared seed by seed, because the hold-out, the first labels and the doubts are the same
        pairs = list(zip(set_runs, other_runs, strict=True))
        over_curve = [
            fmean(a - b for (_, a), (_, b) in zip(set_run, other_run, strict=True)) for set_run, other_run in pairs
        ]
        at_end = [set_run[-1][1] - other_run[-1][1] for set_run, other_run in pairs]
        rows.append(
            [
                f"`{study.strategy}`",
                f"{100 * study.rate:.0f} %",
                f"{100 * final_accuracy:.1f} %",
                "never" if fewer is None else f"{fewer:.0f} ({100 * fewer / labels:.0f} %)",
                gain(over_curve),
                gain(at_end),
            ]
        )
    head = ["strategy", "in doubt", f"final accuracy of `{other}`", "reached by `sets` after"]
    head += [f"`sets` minus `{other}`, mean over the curve", "at the end"]
    return markdown(head, rows)


def markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table."""
    return "\n".join(f"| {' | '.join(row)} |" for row in [head, ["---"] * len(head), *rows])


def mean_curve(runs: Sequence[Run]) -> Run:
    """Return the mean of runs that have their points at the same numbers of labels."""
    return [(points[0][0], fmean(value for _, value in points)) for points in zip(*runs, strict=True)]


def gain(differences: Sequence[float]) -> str:
    """Return a difference in percentage points, and the number of seeds in which it is positive."""
    positive = sum(difference > 0 for difference in differences)
    return f"{percent(differences)} points ({positive} of {len(differences)} seeds)"


def percent(values: Sequence[float]) -> str:
    """Return the mean and standard deviation of shares, in percent."""
    mean, deviation = spread(values)
    return f"{100 * mean:.1f} ± {100 * deviation:.1f}"


def labels_needed(crossings: Sequence[float | None]) -> str:
    """Return the mean and standard deviation of labels, or how many seeds reached the level."""
    reached = [labels for labels in crossings if labels is not None]
    if len(reached) < len(crossings):
        return f"{len(reached)} of {len(crossings)} seeds"
    mean, deviation = spread(reached)
    return f"{mean:.0f} ± {deviation:.0f}"
