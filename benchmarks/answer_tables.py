"""What the study of partial answers says: its points on disk, and the tables of docs/partial-answers.md."""

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
    """How often an answer is in doubt."""
    annotator: str
    seed: int
    labels: int
    accuracy: float
    wrong: int
    """Answers so far that leave the true class out."""


@dataclass(frozen=True)
class Study:
    """The points of one strategy at one rate of doubt."""

    strategy: str
    rate: float
    points: Sequence[Point]

    @property
    def annotators(self) -> list[str]:
        """Who was played, in their order."""
        return list(dict.fromkeys(point.annotator for point in self.points))

    def runs(self, annotator: str) -> list[Run]:
        """Return every seed's curve with an annotator."""
        return [[(point.labels, point.accuracy) for point in points] for points in self._by_seed(annotator)]

    def wrong(self, annotator: str) -> float:
        """Return the share of all answers, over the seeds, that left the truth out."""
        several = self._by_seed(annotator)
        given = sum(points[-1].labels - points[0].labels for points in several)
        return sum(points[-1].wrong for points in several) / given

    def _by_seed(self, annotator: str) -> list[list[Point]]:
        seeds: dict[int, list[Point]] = {}
        for point in self.points:
            if point.annotator == annotator:
                seeds.setdefault(point.seed, []).append(point)
        return list(seeds.values())


def studies(points: Iterable[Point]) -> list[Study]:
    """Return the points by strategy and rate, in their order."""
    grouped: dict[tuple[str, float], list[Point]] = {}
    for point in points:
        grouped.setdefault((point.strategy, point.rate), []).append(point)
    return [Study(strategy, rate, some) for (strategy, rate), some in grouped.items()]


def write(points: Iterable[Point], path: Path) -> None:
    """Write the points as CSV."""
    with path.open("w", newline="") as file:
        rows = csv.DictWriter(file, [field.name for field in fields(Point)], lineterminator="\n")
        rows.writeheader()
        rows.writerows(asdict(point) for point in points)


def read(path: Path) -> list[Point]:
    """Return the points of a CSV that `write` wrote."""
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    kinds = {"rate": float, "seed": int, "labels": int, "accuracy": float, "wrong": int}
    return [Point(**{name: kinds.get(name, str)(value) for name, value in row.items()}) for row in rows]


def table(study: Study) -> str:
    """Return what each annotator came to, of one strategy at one rate."""
    places = [labels for labels, _ in study.runs("sets")[0]]
    shown = [places[len(places) // 4], places[len(places) // 2], places[-1]]
    head = ["annotator", "wrong", *(f"at {place}" for place in shown), *(f"labels to {level:.0%}" for level in LEVELS)]
    rows = []
    for annotator in study.annotators:
        played = study.runs(annotator)
        accuracies = [[dict(run)[place] for run in played] for place in shown]
        reached = [[crossing(run, level) for run in played] for level in LEVELS]
        rows.append(
            [f"`{annotator}`", f"{study.wrong(annotator):.1%}"]
            + [f"{percent(values)} %" for values in accuracies]
            + [needed(crossings) for crossings in reached]
        )
    return markdown(head, rows)


def against(several: Sequence[Study], other: str) -> str:
    """Return sets beside another annotator: how many labels they need for where that one ends, and the gain."""
    rows = []
    for study in several:
        played, sets = study.runs(other), study.runs("sets")
        if not played:
            continue
        last, end = average(played)[-1]
        fewer = crossing(average(sets), end)
        # seed by seed, because the hold-out, the first labels and the doubts are the same
        pairs = list(zip(sets, played, strict=True))
        whole = [fmean(a - b for (_, a), (_, b) in zip(mine, theirs, strict=True)) for mine, theirs in pairs]
        final = [mine[-1][1] - theirs[-1][1] for mine, theirs in pairs]
        there = "never" if fewer is None else f"{fewer:.0f} ({100 * fewer / last:.0f} %)"
        rows.append(
            [
                f"`{study.strategy}`",
                f"{100 * study.rate:.0f} %",
                f"{100 * end:.1f} %",
                there,
                gained(whole),
                gained(final),
            ]
        )
    head = ["asked by", "in doubt", f"`{other}` ends at", "sets are there after"]
    head += [f"sets less `{other}`, mean over the curve", "the same at the end"]
    return markdown(head, rows)


def markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table."""
    return "\n".join(f"| {' | '.join(row)} |" for row in [head, ["---"] * len(head), *rows])


def average(several: Sequence[Run]) -> Run:
    """Return the mean curve; every run has its points at the same labels."""
    return [(same[0][0], fmean(value for _, value in same)) for same in zip(*several, strict=True)]


def gained(differences: Sequence[float]) -> str:
    """Return a difference in points of accuracy, and in how many seeds it is above 0."""
    above = sum(each > 0 for each in differences)
    return f"{percent(differences)} points ({above} of {len(differences)} seeds)"


def percent(values: Sequence[float]) -> str:
    """Return the mean with the standard deviation over the seeds, in hundredths."""
    middle, deviation = spread(values)
    return f"{100 * middle:.1f} ± {100 * deviation:.1f}"


def needed(crossings: Sequence[float | None]) -> str:
    """Return the labels it took, or how many seeds got there at all."""
    there = [labels for labels in crossings if labels is not None]
    if len(there) < len(crossings):
        return f"{len(there)} of {len(crossings)} seeds"
    middle, deviation = spread(there)
    return f"{middle:.0f} ± {deviation:.0f}"
