"""The learning curve: every checkpoint by the labels it was trained on."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from nextlabel.engine.progress.progress_records import CurveState, Point
from nextlabel.engine.progress.wilson import wilson
from nextlabel.store.checkpoints import CheckpointRow


def curve(
    rows: Sequence[CheckpointRow], live: str | None, has_files: Callable[[CheckpointRow], bool]
) -> tuple[Point, ...]:
    """Return one point per checkpoint, in their order. `has_files` returns whether a checkpoint's files exist."""
    number = next((row.number for row in rows if row.name == live), None)
    return tuple(_point(row, _state(row, number), has_files(row)) for row in rows)


def _state(row: CheckpointRow, live: int | None) -> CurveState:
    if row.number == live:
        return "live"
    if row.job is None:  # a bundled one
        return "earlier"
    if not row.promoted:
        return "waits"
    return "rolled back" if live is not None and row.number > live else "earlier"


def _point(row: CheckpointRow, state: CurveState, has_files: bool) -> Point:
    metrics = row.metrics
    accuracy, count = metrics.get("accuracy"), int(metrics.get("holdout", 0))
    return Point(
        checkpoint=row.name,
        number=row.number,
        state=state,
        labels=int(metrics["labels"]) if "labels" in metrics else None,
        accuracy=accuracy,
        interval=wilson(accuracy, count) if accuracy is not None and count else None,
        rmse=metrics.get("rmse"),
        test_accuracy=metrics.get("test_accuracy"),
        test_rmse=metrics.get("test_rmse"),
        unlabelled_accuracy=metrics.get("unlabelled_accuracy"),
        unlabelled_rmse=metrics.get("unlabelled_rmse"),
        holdout=count or None,
        verdict=row.verdict,
        created=row.created,
        job=row.job,
        start=row.card.get("start"),
        has_files=has_files,
    )
