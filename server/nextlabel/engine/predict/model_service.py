"""The models of one project: predictions, checkpoints, and which of them is live."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from nextlabel.contracts.errors import NextlabelError, NotFound
from nextlabel.engine.predict.predictor import Predictor
from nextlabel.engine.predict.preview import Preview
from nextlabel.engine.records import Checkpoint, Predictions
from nextlabel.engine.scheduling import queue_scoring
from nextlabel.engine.services import Services
from nextlabel.store import checkpoints, projects
from nextlabel.store.checkpoint_files import ONNX, WEIGHTS, verified_path
from nextlabel.store.checkpoints import CheckpointRow
from nextlabel.store.projects import ProjectRow


class ModelService:
    """Predicts with the live model and lists checkpoints. `row` returns the imported project, or raises NotReady."""

    def __init__(self, services: Services, project: str, row: Callable[[], ProjectRow]) -> None:
        self._services = services
        self._project = project
        self._row = row
        self._predictor = Predictor(services, project)

    def predict_images(self, blobs: Sequence[bytes]) -> Predictions:
        """Predict encoded images. Raises Unsupported, Unprocessable or TooLarge if one cannot be read."""
        return self._predictor.images(blobs)

    def predict_vectors(self, rows: Sequence[Sequence[float]]) -> Predictions:
        """Predict vectors of the model's dimension."""
        return self._predictor.vectors(rows)

    def predict_ids(self, ids: Sequence[str]) -> Predictions:
        """Predict items of the pool."""
        self._row()
        return self._predictor.ids(ids)

    def preview(self, image: bytes) -> Preview:
        """Predict one encoded image and return what the model used of it. Raises as `predict_images` does."""
        return self._predictor.preview(image)

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


def _checkpoint(row: CheckpointRow, live: str | None) -> Checkpoint:
    return Checkpoint(row.name, row.project, row.name == live, row.verdict, row.metrics, row.created, row.job)
