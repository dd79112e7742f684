"""The models of one project: predictions, checkpoints, and which of them is live."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from nextlabel.contracts.data import FloatArray
from nextlabel.contracts.errors import NextlabelError, NotFound, NotReady, TooLarge, Unprocessable
from nextlabel.engine.images.decoding import crop_box, encode_png, measure_upright
from nextlabel.engine.live_models import Served
from nextlabel.engine.predict.preview import Preview
from nextlabel.engine.records import Checkpoint, Prediction, Predictions
from nextlabel.engine.scheduling import queue_scoring
from nextlabel.engine.scores import Arrays, stored_scores
from nextlabel.engine.services import Services
from nextlabel.store import checkpoints, items, projects
from nextlabel.store.checkpoint_files import ONNX, WEIGHTS, verified_path
from nextlabel.store.checkpoints import CheckpointRow
from nextlabel.store.items import ItemRow
from nextlabel.store.projects import ProjectRow

_MAX_LISTED = 5
"""Unknown ids that an error lists."""


class ModelService:
    """Predicts with the live model and lists checkpoints. `row` returns the imported project, or raises NotReady."""

    def __init__(self, services: Services, project: str, row: Callable[[], ProjectRow]) -> None:
        self._services = services
        self._project = project
        self._row = row

    def predict_images(self, blobs: Sequence[bytes]) -> Predictions:
        """Predict encoded images, in order. Raises Unsupported, Unprocessable or TooLarge if one cannot be read."""
        served = self._served(len(blobs))
        pixels = served.preprocess(blobs, self._services.settings.max_pixels)
        return self._predictions(served, served.infer(pixels))

    def preview(self, image: bytes) -> Preview:
        """Predict one encoded image and return what the model used of it. Raises as `predict_images` does."""
        served = self._served(1)
        max_pixels = self._services.settings.max_pixels
        pixels = served.preprocess([image], max_pixels)
        size = (pixels[0].shape[0], pixels[0].shape[1])
        width, height = measure_upright(image, max_pixels)
        predicted = self._predictions(served, served.infer(pixels))
        return Preview(predicted, width, height, crop_box(width, height, size), encode_png(pixels[0]), size)

    def predict_vectors(self, rows: Sequence[Sequence[float]]) -> Predictions:
        """Predict vectors of the model's dimension, in order."""
        served = self._served(len(rows))
        return self._predictions(served, served.predict_vectors(rows))

    def predict_ids(self, ids: Sequence[str]) -> Predictions:
        """Predict items of the pool from the stored scores, in order.

        An item without scores, such as a new one, is predicted from its content. Raises NotFound
        for an unknown id, and NotReady if the model cannot predict an item's content.
        """
        self._row()
        served = self._served(len(ids))
        with self._services.database.read() as connection:
            rows = items.by_ids(connection, self._project, ids)
            scoring = checkpoints.scoring(connection, self._project, served.checkpoint)
        unknown = [identity for identity in ids if identity not in rows]
        if unknown:
            listed = ", ".join(repr(identity) for identity in unknown[:_MAX_LISTED])
            raise NotFound(f"project {self._project!r} has no item {listed}")
        scores = stored_scores(self._services.home, scoring) or {}
        predicted = [self._item(served, rows[identity], scores) for identity in ids]
        return Predictions(self._project, served.checkpoint, tuple(predicted))

    def ready(self) -> bool:
        """Return whether the project can predict."""
        try:
            self._services.live.current(self._project)
        except NextlabelError:
            return False
        return True

    def checkpoints(self) -> list[Checkpoint]:
        """Return every checkpoint, oldest first."""
        with self._services.database.read() as connection:
            row = projects.get(connection, self._project)
            rows = checkpoints.all(connection, self._project)
        return [_checkpoint(checkpoint, row.live if row else None) for checkpoint in rows]

    def promote(self, name: str) -> Checkpoint:
        """Make a checkpoint the live one, newer or older. Raises Gone if its files are missing or damaged."""
        with self._services.database.read() as connection:
            checkpoint = checkpoints.get(connection, self._project, name)
            valid = [] if checkpoint else [row.name for row in checkpoints.all(connection, self._project)]
        if checkpoint is None:
            raise NotFound.name("checkpoint", name, valid)
        for file in (WEIGHTS, ONNX):
            verified_path(self._services.home.at(checkpoint.folder), file)
        with self._services.database.write() as connection:
            projects.set_live(connection, self._project, name)
            queue_scoring(connection, self._project)
        return _checkpoint(checkpoint, name)

    def _item(self, served: Served, row: ItemRow, scores: Arrays) -> Prediction:
        arrays = {name: array for name, array in scores.items() if name in ("probabilities", "mean", "std")}
        if arrays and row.position < len(next(iter(arrays.values()))):
            only_row = {name: np.asarray(array[row.position : row.position + 1]) for name, array in arrays.items()}
            return predictions(served.card["classes"], only_row)[0]
        known = row.position < served.card.get("fitted", 0)  # its content alone would give another prediction
        if row.media_type is None or served.card["input"] is None or known:
            raise NotReady(f"item {row.id!r} has not been scored yet", 2)
        image, _ = self._services.pool(self._project).image(row)
        pixels = served.preprocess([image], self._services.settings.max_pixels)
        return predictions(served.card["classes"], served.infer(pixels))[0]

    def _served(self, count: int) -> Served:
        """Return the live model; raises Unprocessable or TooLarge for a batch of `count` items."""
        if not count:
            raise Unprocessable("there is nothing to predict; send at least one item")
        if count > self._services.settings.max_batch:
            raise TooLarge(f"the batch has {count} items; at most {self._services.settings.max_batch} are allowed")
        return self._services.live.current(self._project)

    def _predictions(self, served: Served, arrays: Arrays) -> Predictions:
        return Predictions(self._project, served.checkpoint, tuple(predictions(served.card["classes"], arrays)))


def predictions(classes: Sequence[str], arrays: Arrays) -> list[Prediction]:
    """Return a record for each row of `probabilities` (n, C), or of `mean` and `std` (n,)."""
    if "probabilities" in arrays:
        return [_class_prediction(classes, row) for row in arrays["probabilities"]]
    std = arrays.get("std")
    return [
        Prediction(mean=float(mean), std=None if std is None else float(std[row]))
        for row, mean in enumerate(arrays["mean"])
    ]


def _class_prediction(classes: Sequence[str], probabilities: FloatArray) -> Prediction:
    order = np.argsort(-probabilities, kind="stable")
    by_class = {classes[number]: float(probabilities[number]) for number in order}
    best = classes[int(order[0])]
    return Prediction(label=best, probability=by_class[best], probabilities=by_class)


def _checkpoint(row: CheckpointRow, live: str | None) -> Checkpoint:
    return Checkpoint(row.name, row.project, row.name == live, row.verdict, row.metrics, row.created, row.job)
