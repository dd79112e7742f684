"""Predictions: of new content by the live model, of pool items from its stored scores."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nextlabel.contracts.data import FloatArray
from nextlabel.contracts.errors import NotFound, NotReady, TooLarge, Unprocessable
from nextlabel.engine.live_models import Answer, Served
from nextlabel.engine.records import Prediction, Predictions
from nextlabel.engine.scores import Arrays, stored_scores
from nextlabel.engine.services import Services
from nextlabel.store import checkpoints, items
from nextlabel.store.items import ItemRow


class Predictor:
    """The predictions of one project."""

    def __init__(self, services: Services, project: str) -> None:
        self._services = services
        self._project = project

    def images(self, blobs: Sequence[bytes]) -> Predictions:
        """Predict images, in the order given."""
        served = self._served(len(blobs))
        return self._answer(served, self._said(served, blobs))

    def vectors(self, rows: Sequence[Sequence[float]]) -> Predictions:
        """Predict vectors, in the order given."""
        served = self._served(len(rows))
        return self._answer(served, served.vectors(rows))

    def ids(self, ids: Sequence[str]) -> Predictions:
        """Predict items of the pool from the stored scores, in the order given.

        An item added since is predicted from its content, or NotReady where the model cannot.
        """
        served = self._served(len(ids))
        with self._services.database.read() as connection:
            known = items.by_ids(connection, self._project, ids)
            scoring = checkpoints.scoring(connection, self._project, served.checkpoint)
        unknown = [identity for identity in ids if identity not in known]
        if unknown:
            raise NotFound(
                f"project {self._project!r} has no item " + ", ".join(repr(identity) for identity in unknown[:5])
            )
        arrays = stored_scores(self._services.home, scoring) or {}
        predictions = [self._one(served, known[identity], arrays) for identity in ids]
        return Predictions(self._project, served.checkpoint, tuple(predictions))

    def _one(self, served: Served, row: ItemRow, arrays: Arrays) -> Prediction:
        told = {name: array for name, array in arrays.items() if name in ("probabilities", "mean", "std")}
        if told and row.position < len(next(iter(told.values()))):
            slices = {name: np.asarray(array[row.position : row.position + 1]) for name, array in told.items()}
            return predictions(served.card["classes"], slices)[0]
        if row.media_type is None or served.card["input"] is None:
            raise NotReady(f"item {row.id!r} has not been scored yet", 2)
        image, _ = self._services.pool(self._project).image(row)
        return predictions(served.card["classes"], self._said(served, [image]))[0]

    def _said(self, served: Served, blobs: Sequence[bytes]) -> Answer:
        with self._services.room.for_all(blobs):
            pixels = served.see(blobs, self._services.settings.max_pixels)
        return served.answer(pixels)

    def _served(self, count: int) -> Served:
        if not count:
            raise Unprocessable("there is nothing to predict")
        if count > self._services.settings.max_batch:
            raise TooLarge(f"at most {self._services.settings.max_batch} are predicted at a time, not {count}")
        return self._services.live.current(self._project)

    def _answer(self, served: Served, arrays: Arrays) -> Predictions:
        return Predictions(self._project, served.checkpoint, tuple(predictions(served.card["classes"], arrays)))


def predictions(classes: Sequence[str], arrays: Arrays) -> list[Prediction]:
    """Return a record for each row of `probabilities` (n, C), or of `mean` and `std` (n,)."""
    if "probabilities" in arrays:
        return [_classified(classes, row) for row in arrays["probabilities"]]
    std = arrays.get("std")
    return [
        Prediction(mean=float(mean), std=None if std is None else float(std[row]))
        for row, mean in enumerate(arrays["mean"])
    ]


def _classified(classes: Sequence[str], row: FloatArray) -> Prediction:
    order = np.argsort(-row, kind="stable")
    named = {classes[place]: float(row[place]) for place in order}
    best = classes[int(order[0])]
    return Prediction(label=best, probability=named[best], probabilities=named)
