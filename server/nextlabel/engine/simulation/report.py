"""The results of a simulation as a CSV table, as JSON and as SVG pictures."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from io import StringIO
from pathlib import Path
from typing import Any

from pydantic_core import to_json

from nextlabel.engine.simulation.annotators import EXACT
from nextlabel.engine.simulation.comparison import Comparison
from nextlabel.engine.simulation.curve_chart import draw_curves
from nextlabel.engine.simulation.curves import LEVELS, Curve
from nextlabel.engine.simulation.fit_chart import draw_fits
from nextlabel.engine.simulation.outcomes import PooledReport
from nextlabel.engine.simulation.queried_chart import draw_queried
from nextlabel.engine.simulation.simulate import Plan, Point


def write(
    folder: Path, plan: Plan, points: Sequence[Point], curves: Sequence[Curve], result: Mapping[str, Any]
) -> list[str]:
    """Write curve.csv, curve.json, curve.svg, asked.json and, if something was asked, asked.svg; return these names.

    curve.json is `result`, the `document`. With several strategies there is a picture of the items asked for each, as
    in asked-margin.svg. If fits were recorded, fit.svg shows them.
    """
    contents = {
        "curve.csv": table(points).encode(),
        "curve.json": to_json(result, indent=2, inf_nan_mode="null") + b"\n",
        "curve.svg": draw_curves(plan.project.title, curves).encode(),
        "asked.json": queried_table(points).encode(),
    }
    for strategy in plan.strategies:
        first = first_run(plan, points, strategy)
        if any(point.queried for point in first):
            name = "asked.svg" if len(plan.strategies) == 1 else f"asked-{strategy}.svg"
            contents[name] = draw_queried(plan.project.title, first).encode()
    if fits := [point.fit for point in points if point.fit is not None]:
        contents["fit.svg"] = draw_fits(plan.project.title, fits).encode()
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    return list(contents)


def first_run(plan: Plan, points: Sequence[Point], strategy: str) -> list[Point]:
    """Return the points of a strategy's first run, the one that is drawn."""
    first = strategy, plan.annotators[0], plan.project.seed
    return [point for point in points if (point.strategy, point.annotator, point.seed) == first]


def queried_table(points: Sequence[Point]) -> str:
    """Return a JSON array with one line per round: the items asked, with their predicted and their true class."""
    name_annotators = _name_annotators(points)
    rounds = [
        {
            **_run(point, name_annotators=name_annotators),
            "items": [{"id": item.id, "predicted": item.predicted, "true": item.true} for item in point.queried],
        }
        for point in points
        if point.queried
    ]
    return "[\n" + ",\n".join(to_json(row, inf_nan_mode="null").decode() for row in rounds) + "\n]\n"


def table(points: Sequence[Point]) -> str:
    """Return CSV with one row per point: strategy, seed, round, labels, and each metric.

    A column for the annotator follows the strategy if other annotators than `exact` were simulated.
    """
    name_annotators = _name_annotators(points)
    metrics = list(dict.fromkeys(name for point in points for name in point.metrics if name != "labels"))
    out = StringIO()
    rows = csv.writer(out, lineterminator="\n")
    rows.writerow(["strategy", *(["annotator"] if name_annotators else []), "seed", "round", "labels", *metrics])
    for point in points:
        values = [point.metrics.get(name, "") for name in metrics]
        annotator = [point.annotator] if name_annotators else []
        rows.writerow([point.strategy, *annotator, point.seed, point.round, point.labels, *values])
    return out.getvalue()


def document(
    plan: Plan,
    points: Sequence[Point],
    curves: Sequence[Curve],
    compared: Sequence[Comparison],
    reports: Sequence[PooledReport] = (),
) -> dict[str, Any]:
    """Return the plan, every point, the curves, comparisons and the reports on the last rounds as a JSON object."""
    name_annotators = _name_annotators(points)
    return {
        "project": plan.project.name,
        "size": plan.size,
        "rounds": plan.rounds,
        "seeds": sorted({point.seed for point in points}),
        **(_confusion(plan, points) if name_annotators else {}),
        "points": [
            {
                **_run(point, name_annotators=name_annotators),
                "labels": point.labels,
                "metrics": point.metrics,
                **({"epochs": point.epochs} if point.epochs else {}),
            }
            for point in points
        ],
        "curves": [_curve(curve) for curve in curves],
        **({"comparisons": [comparison.document() for comparison in compared]} if compared else {}),
        **({"reports": [report.document() for report in reports]} if reports else {}),
    }


def _run(point: Point, *, name_annotators: bool) -> dict[str, Any]:
    annotator = {"annotator": point.annotator} if name_annotators else {}
    return {"strategy": point.strategy, **annotator, "seed": point.seed, "round": point.round}


def _name_annotators(points: Sequence[Point]) -> bool:
    return any(point.annotator != EXACT for point in points)


def _confusion(plan: Plan, points: Sequence[Point]) -> dict[str, Any]:
    """Return how annotators confuse classes: how often, and the groups of look-alikes by seed."""
    look_alikes = {str(point.seed): point.look_alikes for point in points if point.annotator != EXACT}
    return {"annotators": list(plan.annotators), "confusion": plan.confusion, "look_alikes": look_alikes}


def _curve(curve: Curve) -> dict[str, Any]:
    mean, sd = curve.final()
    crossings = [curve.needed(level) for level in LEVELS] if curve.is_accuracy else []
    return {
        "strategy": curve.strategy,
        **({"annotator": curve.annotator} if curve.annotator else {}),
        "metric": curve.metric,
        "runs": len(curve.runs),
        "final": {"mean": mean, "sd": sd},
        "needed": [
            {"accuracy": crossing.level, "labels": crossing.labels, "reached": crossing.reached}
            for crossing in crossings
        ],
        "band": [{"labels": labels, "mean": mean, "sd": sd} for labels, mean, sd in curve.band()],
    }
