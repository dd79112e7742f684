"""A simulation as a table, as JSON and as an image."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from io import StringIO
from pathlib import Path
from typing import Any

from pydantic_core import to_json

from nextlabel.engine.simulation.annotators import EXACT
from nextlabel.engine.simulation.curves import LEVELS, Curve
from nextlabel.engine.simulation.simulate import Plan, Point
from nextlabel.engine.simulation.svg_chart import draw


def write(folder: Path, plan: Plan, points: Sequence[Point], found: Sequence[Curve]) -> None:
    """Write curve.csv, curve.json and curve.svg."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "curve.csv").write_text(table(points), "utf-8")
    (folder / "curve.json").write_bytes(to_json(document(plan, points, found), indent=2, inf_nan_mode="null") + b"\n")
    (folder / "curve.svg").write_text(draw(plan.project.title, found), "utf-8")


def table(points: Sequence[Point]) -> str:
    """Return a row for every point: strategy, seed, round, labels, then each metric.

    The annotator stands behind the strategy where there is another than `exact`.
    """
    several = _several(points)
    names = list(dict.fromkeys(name for point in points for name in point.metrics if name != "labels"))
    out = StringIO()
    rows = csv.writer(out, lineterminator="\n")
    rows.writerow(["strategy", *(["annotator"] if several else []), "seed", "round", "labels", *names])
    for point in points:
        measured = [point.metrics.get(name, "") for name in names]
        who = [point.annotator] if several else []
        rows.writerow([point.strategy, *who, point.seed, point.round, point.labels, *measured])
    return out.getvalue()


def document(plan: Plan, points: Sequence[Point], found: Sequence[Curve]) -> dict[str, Any]:
    """Return what was simulated, every point, and the curves they make."""
    several = _several(points)
    return {
        "project": plan.project.name,
        "size": plan.size,
        "rounds": plan.rounds,
        "seeds": sorted({point.seed for point in points}),
        **(_confusion(plan, points) if several else {}),
        "points": [
            {
                "strategy": point.strategy,
                **({"annotator": point.annotator} if several else {}),
                "seed": point.seed,
                "round": point.round,
                "labels": point.labels,
                "metrics": point.metrics,
            }
            for point in points
        ],
        "curves": [_curve(curve) for curve in found],
    }


def _several(points: Sequence[Point]) -> bool:
    return any(point.annotator != EXACT for point in points)


def _confusion(plan: Plan, points: Sequence[Point]) -> dict[str, Any]:
    """Return how annotators confuse classes: how often, and which, by seed."""
    alike = {str(point.seed): point.look_alikes for point in points if point.annotator != EXACT}
    return {"annotators": list(plan.annotators), "confusion": plan.confusion, "look_alikes": alike}


def _curve(curve: Curve) -> dict[str, Any]:
    mean, sd = curve.final()
    needed = [curve.needed(level) for level in LEVELS] if curve.metric == "accuracy" else []
    return {
        "strategy": curve.strategy,
        **({"annotator": curve.annotator} if curve.annotator else {}),
        "metric": curve.metric,
        "runs": len(curve.runs),
        "final": {"mean": mean, "sd": sd},
        "needed": [{"accuracy": each.level, "labels": each.labels, "reached": each.reached} for each in needed],
        "band": [{"labels": labels, "mean": mean, "sd": sd} for labels, mean, sd in curve.band()],
    }
