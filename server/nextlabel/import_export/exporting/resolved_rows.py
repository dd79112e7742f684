"""One row an item: what it is held to be, by whom, and what the live model says."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from nextlabel.contracts.errors import NotReady
from nextlabel.engine.predict.predictor import predictions
from nextlabel.engine.scores import stored_scores
from nextlabel.import_export.exporting.export_view import Item, Snapshot
from nextlabel.import_export.formats import csv, jsonl
from nextlabel.store import checkpoints

COLUMNS = ("id", "state", "holdout", "candidates", "value", "annotators", "skips", "agreed")
PREDICTED = ("checkpoint", "prediction", "probability", "probabilities", "mean", "std")


def resolved(item: Item) -> dict[str, Any]:
    """Return an item as it stands; None where there is nothing to say."""
    sets = [set(said) for said in item.voices.values() if isinstance(said, tuple)]
    answers = [said for said in item.voices.values() if said is not None]
    return {
        "id": item.row.id,
        "state": item.summary.state,
        "holdout": item.row.holdout,
        "candidates": item.summary.candidates,
        "value": item.summary.value,
        "annotators": len(answers),
        "skips": len(item.voices) - len(answers),
        "agreed": bool(set.intersection(*sets)) if sets else None,
    }


def rows(snapshot: Snapshot, *, everything: bool, predicted: bool) -> Iterator[dict[str, Any]]:
    """Yield every item as it stands, with the live model's stored scores if `predicted`. NotReady."""
    predict = _Predictor(snapshot) if predicted else None
    for item in snapshot.items(everything=everything):
        yield resolved(item) | (predict(item.row.position) if predict else {})


def table(found: Iterator[dict[str, Any]], columns: tuple[str, ...]) -> Iterator[str]:
    """Yield a CSV: sets and probabilities stand as JSON, so that class names survive."""
    yield csv.line(columns)
    for row in found:
        yield csv.line([_cell(row[name]) for name in columns])


def lines(found: Iterator[dict[str, Any]]) -> Iterator[str]:
    """Yield JSON Lines."""
    for row in found:
        yield jsonl.dumps(row) + "\n"


def _cell(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    return jsonl.dumps(value) if isinstance(value, list | tuple | dict) else value


class _Predictor:
    def __init__(self, snapshot: Snapshot) -> None:
        services, name = snapshot.services, snapshot.name
        served = services.live.current(name)
        with services.database.read() as connection:
            scoring = checkpoints.scoring(connection, name, served.checkpoint)
        arrays = stored_scores(services.home, scoring)
        if arrays is None:
            raise NotReady(f"checkpoint {served.checkpoint} of {name!r} has not scored the pool yet", 2)
        self._told = {key: array for key, array in arrays.items() if key in ("probabilities", "mean", "std")}
        self._classes, self._checkpoint = served.card["classes"], served.checkpoint

    def __call__(self, position: int) -> dict[str, Any]:
        if not self._told or position >= len(next(iter(self._told.values()))):
            return dict.fromkeys(PREDICTED)
        part = {name: np.asarray(array[position : position + 1]) for name, array in self._told.items()}
        (said,) = predictions(self._classes, part)
        shares = None if said.probabilities is None else dict(said.probabilities)
        return {
            "checkpoint": self._checkpoint,
            "prediction": said.label,
            "probability": said.probability,
            "probabilities": shares,
            "mean": said.mean,
            "std": said.std,
        }
