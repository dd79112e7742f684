"""One row per item: its resolved label, how its annotators agree, and the live model's prediction."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from nextlabel.contracts.errors import NotReady
from nextlabel.engine.predict.model_service import predictions as as_predictions
from nextlabel.engine.scores import stored_scores
from nextlabel.import_export.exporting.snapshot import ExportItem, Snapshot
from nextlabel.store import checkpoints

COLUMNS = ("id", "state", "holdout", "candidates", "value", "annotators", "skips", "agreed")
PREDICTION_COLUMNS = ("checkpoint", "prediction", "probability", "probabilities", "mean", "std")


def resolved_rows(snapshot: Snapshot, *, everything: bool, predictions: bool) -> Iterator[dict[str, Any]]:
    """Yield the row of every item. Raises NotReady if predictions are required and there are none."""
    predict = _predictor(snapshot) if predictions else None
    for item in snapshot.items(everything=everything):
        yield resolved_row(item) | (predict(item.row.position) if predict else {})


def resolved_row(item: ExportItem) -> dict[str, Any]:
    """Return the row of an item, by column."""
    labels = [stored.event.label for stored in item.current.values() if not stored.event.label.skip]
    sets = [set(label.candidates) for label in labels if label.candidates is not None]
    return {
        "id": item.row.id,
        "state": item.summary.state,
        "holdout": item.row.holdout,
        "candidates": item.summary.candidates,
        "value": item.summary.value,
        "annotators": len(labels),
        "skips": len(item.current) - len(labels),
        "agreed": bool(set.intersection(*sets)) if sets else None,
    }


def _predictor(snapshot: Snapshot) -> Callable[[int], dict[str, Any]]:
    """Return what gives the prediction of an item by its position, from the stored scores of the live model."""
    services, name = snapshot.services, snapshot.name
    live = services.live.current(name)
    with services.database.read() as connection:
        scores = stored_scores(services.home, checkpoints.scoring(connection, name, live.checkpoint))
    if scores is None:
        raise NotReady(f"checkpoint {live.checkpoint} of {name!r} has not scored the pool yet", 2)
    arrays = {key: array for key, array in scores.items() if key in ("probabilities", "mean", "std")}

    def predict(position: int) -> dict[str, Any]:
        if not all(position < len(array) for array in arrays.values()) or not arrays:
            return dict.fromkeys(PREDICTION_COLUMNS)
        rows = {key: np.asarray(array[position : position + 1]) for key, array in arrays.items()}
        (prediction,) = as_predictions(live.card["classes"], rows)
        return {
            "checkpoint": live.checkpoint,
            "prediction": prediction.label,
            "probability": prediction.probability,
            "probabilities": None if prediction.probabilities is None else dict(prediction.probabilities),
            "mean": prediction.mean,
            "std": prediction.std,
        }

    return predict
