"""The results of a simulation as a CSV table, as JSON and as an SVG chart."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from io import StringIO
from pathlib import Path
from typing import Any

from pydantic_core import to_json

from nextlabel.engine.simulation.annotators import EXACT
from nextlabel.engine.simulation.curve_chart import draw_curves
from nextlabel.engine.simulation.curves import LEVELS, Curve
from nextlabel.engine.simulation.simulate import Plan, Point


def write(folder: Path, plan: Plan, points: Sequence[Point], curves: Sequence[Curve]) -> None:
    """Write curve.csv, curve.json and curve.svg to `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "curve.csv").write_text(table(points), "utf-8")
    (folder / "curve.json").write_bytes(to_json(document(plan, points, curves), indent=2, inf_nan_mode="null") + b"\n")
    (folder / "curve.svg").write_text(draw_curves(plan.project.title, curves), "utf-8")


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


def document(plan: Plan, points: Sequence[Point], curves: Sequence[Curve]) -> dict[str, Any]:
    """Return the plan, every point, and the curves as a JSON object."""
    name_annotators = _name_annotators(points)
    return {
        "project": plan.project.name,
        "size": plan.size,
        "rounds": plan.rounds,
        "seeds": sorted({point.seed for point in points}),
        **(_confusion(plan, points) if name_annotators else {}),
        "points": [
            {
                "strategy": point.strategy,
                **({"annotator": point.annotator} if name_annotators else {}),
                "seed": point.seed,
                "round": point.round,
                "labels": point.labels,
                "metrics": point.metrics,
            }
            for point in points
        ],
        "curves": [_curve(curve) for curve in curves],
    }


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
