"""The learning curve: every checkpoint by the labels it learnt from."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from nextlabel.engine.progress.progress_records import Point, Standing
from nextlabel.engine.progress.wilson import wilson
from nextlabel.store.checkpoints import CheckpointRow

_WAITS = ("worse than the live checkpoint", "there is no common hold-out")
"""How a verdict begins that leaves a checkpoint waiting (`judging.judge`)."""


def curve(rows: Sequence[CheckpointRow], live: str | None, kept: Callable[[CheckpointRow], bool]) -> tuple[Point, ...]:
    """Return a point a checkpoint, in the order they were made; `kept` tells whether one's files are there."""
    number = next((row.number for row in rows if row.name == live), None)
    return tuple(_point(row, _standing(row, number), kept(row)) for row in rows)


def _standing(row: CheckpointRow, live: int | None) -> Standing:
    if row.number == live:
        return "live"
    if row.verdict.startswith(_WAITS):
        return "waits"
    return "rolled back" if live is not None and row.number > live and row.job is not None else "earlier"


def _point(row: CheckpointRow, standing: Standing, kept: bool) -> Point:
    told = row.metrics
    accuracy, count = told.get("accuracy"), int(told.get("holdout", 0))
    return Point(
        checkpoint=row.name,
        number=row.number,
        standing=standing,
        labels=int(told["labels"]) if "labels" in told else None,
        accuracy=accuracy,
        interval=wilson(accuracy, count) if accuracy is not None and count else None,
        rmse=told.get("rmse"),
        holdout=count or None,
        verdict=row.verdict,
        created=row.created,
        job=row.job,
        start=row.card.get("start"),
        kept=kept,
    )
