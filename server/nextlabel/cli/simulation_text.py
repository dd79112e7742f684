"""The text that `nextlabel simulate` prints: lines while it runs, the table of curves, and reports."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from nextlabel.cli.report_text import SPLITS, show_report
from nextlabel.engine.simulation.annotators import EXACT
from nextlabel.engine.simulation.comparison import BASELINE, MIN_SEEDS, Comparison
from nextlabel.engine.simulation.curves import LEVELS, Curve
from nextlabel.engine.simulation.outcomes import PooledReport
from nextlabel.engine.simulation.simulate import Epoch, Point

_MEASURES = ("accuracy", "rmse")


def epoch_line(epoch: Epoch) -> str:
    """Return a line about an epoch of a training."""
    run = epoch.run
    return f"{_run(run.strategy, run.annotator, run.seed, epoch.round)}: epoch {epoch.number}, loss {epoch.loss:.4g}"


def round_line(point: Point) -> str:
    """Return a line about the checkpoint of a round: how good it is on everything that it was measured on."""
    shown = {name: value for name, value in point.metrics.items() if name.endswith(_MEASURES)}
    values = [f"{name.replace('_', ' ')} {value:{_spec(name)}}" for name, value in shown.items()]
    run = _run(point.strategy, point.annotator, point.seed, point.round)
    return f"{run}, {point.labels:,} labels: {', '.join(values) or 'not measured'}"


def _spec(metric: str) -> str:
    return ".2%" if metric.endswith("accuracy") else ".4g"


def _run(strategy: str, annotator: str, seed: int, number: int) -> str:
    annotators = f", {annotator}" if annotator != EXACT else ""
    return f"{strategy}{annotators}, seed {seed}, round {number}"


def progress_text(point: Point) -> str:
    """Return a short text for the progress bar."""
    shown = ((name, value) for name, value in point.metrics.items() if name.endswith(_MEASURES))
    result = next(
        (f", {value:.1%}" if name.endswith("accuracy") else f", rmse {value:.4g}" for name, value in shown), ""
    )
    annotator = f", {point.annotator}" if point.annotator != EXACT else ""
    return f"{point.strategy}{annotator}, seed {point.seed}: {point.labels} labels{result}"


def show_curves(
    console: Console, results: Sequence[Curve], tested: Sequence[Curve], compared: Sequence[Comparison] = ()
) -> None:
    """Print a row per curve, and what the column of comparisons is, if there are any.

    The labels needed for an accuracy are left out if no run has a second point.

    `tested` are the same curves on the test split, if there is one beside the hold-out.
    """
    has_rounds = any(len(run) > 1 for curve in results for run in curve.runs)
    levels = LEVELS if results[0].is_accuracy and has_rounds else ()
    finals = [f"final {shown[0].metric.replace('_', ' ')}" for shown in (results, tested) if shown]
    table = Table("strategy", *(f"labels to {level:.0%}" for level in levels), *finals)
    against = {(entry.strategy, entry.annotator): comparison_text(entry) for entry in compared}
    if compared:
        table.add_column(f"against {BASELINE}")
    for row, curve in enumerate(results):
        values = [_final(shown[row]) for shown in (results, tested) if shown]
        comparison = [against.get((curve.strategy, curve.annotator), "")] if compared else []
        table.add_row(curve.name, *(_needed(curve, level) for level in levels), *values, *comparison)
    console.print(table)
    if compared:
        console.print(comparison_note(compared), soft_wrap=True)


def comparison_text(entry: Comparison) -> str:
    """Return a strategy's result against random choice, with its 95 % interval if it has one."""
    spec, unit = (".3f", "") if entry.measure == "ratio" else ("+.2f", " points")
    interval = "" if entry.low is None else f" ({entry.low:{spec}} to {entry.high:{spec}})"
    return f"{entry.value:{spec}}{unit}{interval}"


def comparison_note(compared: Sequence[Comparison]) -> str:
    """Return what the comparisons with random choice compare."""
    is_ratio = compared[0].measure == "ratio"
    measure = "mean divided by that of" if is_ratio else "percentage points above"
    note = f"against {BASELINE}: final {compared[0].metric.replace('_', ' ')}, {measure} {BASELINE}"
    seeds = max(entry.seeds for entry in compared)
    if seeds >= MIN_SEEDS:
        note += f", with its 95 % interval (bootstrap of {seeds} pairs of runs with the same seed)"
    else:
        note += f" (--seeds {MIN_SEEDS} or more gives an interval)"
    if any(entry.ended_early for entry in compared):
        note += "; a run that ended early counts with its last value, so the runs have different numbers of labels"
    return note


def show_reports(console: Console, reports: Sequence[PooledReport]) -> None:
    """Print the report on the last round of each strategy and annotator."""
    for entry in reports:
        name = f"{entry.strategy}, {entry.annotator}" if entry.annotator else entry.strategy
        count = len(entry.seeds)
        seeds = f"seed {entry.seeds[0]}" if count == 1 else f"{count} seeds together"
        console.print(f"\n{name}, the last round of {seeds}, on {SPLITS[entry.split]}", soft_wrap=True)
        show_report(console, entry.report)


def _needed(curve: Curve, level: float) -> str:
    needed = curve.needed(level)
    if needed.labels is not None:
        return f"{needed.labels:.1f}"
    if not needed.reached:
        return "not reached"
    return f"reached by {needed.reached} of {len(curve.runs)}"


def _final(curve: Curve) -> str:
    mean, sd = curve.final()
    spec = ".1%" if curve.is_accuracy else ".4g"
    return f"{mean:{spec}}" + (f" ± {sd:{spec}}" if len(curve.runs) > 1 else "")
