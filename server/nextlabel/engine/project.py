"""A project's loop: ask, label, train, predict. One implementation for people and for `simulate`."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

from sqlalchemy import Connection

from nextlabel.contracts.errors import NextlabelError, NotFound, NotReady
from nextlabel.engine.browse.gallery import Gallery
from nextlabel.engine.browse.item_views import PoolView, Small, history_row
from nextlabel.engine.browse.uploads import Added, upload_images
from nextlabel.engine.labels.submit import store_labels
from nextlabel.engine.predict.predictor import Predictor
from nextlabel.engine.predict.preview import Preview
from nextlabel.engine.progress.progress import Progress
from nextlabel.engine.project_files import ProjectConfig
from nextlabel.engine.queries.service import QueryService
from nextlabel.engine.records import (
    Checkpoint,
    HistoryRow,
    ItemDetail,
    ItemPage,
    LabelInput,
    Predictions,
    ProjectStatus,
    QueryAnswer,
    Standing,
)
from nextlabel.engine.scheduling import queue_once, queue_scoring
from nextlabel.engine.services import Services
from nextlabel.engine.status import standing
from nextlabel.store import checkpoints, jobs, labels, projects
from nextlabel.store.checkpoint_files import ONNX, WEIGHTS, checked
from nextlabel.store.checkpoints import CheckpointRow
from nextlabel.store.jobs import JobRow
from nextlabel.store.projects import ProjectRow

_TRY_AGAIN = 60
"""Seconds until a data set that could not be read is looked for again."""


class Project:
    """One project. Cheap to make; what is costly is kept by the context."""

    def __init__(self, services: Services, config: ProjectConfig) -> None:
        self.config = config
        self._services = services
        self._queries = QueryService(services, config)
        self._predictor = Predictor(services, config.name)

    # ------------------------------------------------------------------------ predict

    def predict_images(self, blobs: Sequence[bytes]) -> Predictions:
        """Predict encoded images; Unsupported, Unprocessable or TooLarge where one cannot be read."""
        return self._predictor.images(blobs)

    def preview(self, image: bytes) -> Preview:
        """Predict one encoded image and return what the model used of it; raises as `predict_images` does."""
        return self._predictor.preview(image)

    def predict_vectors(self, rows: Sequence[Sequence[float]]) -> Predictions:
        """Predict vectors of the model's dimension."""
        return self._predictor.vectors(rows)

    def predict_ids(self, ids: Sequence[str]) -> Predictions:
        """Predict items of the pool."""
        self._imported()
        return self._predictor.ids(ids)

    # ---------------------------------------------------------------------------- ask

    def query(self, size: int, strategy: str | None = None, annotator: str | None = None) -> QueryAnswer:
        """Choose the next items to label, by the project's strategy unless another is named."""
        self._imported()
        return self._queries.query(size, strategy, annotator)

    def stored_query(self, query: str) -> QueryAnswer:
        """Return a query as it was answered."""
        return self._queries.stored(query)

    def replay(self, query: str) -> QueryAnswer:
        """Choose again from a query's record; the same answer, or Gone."""
        return self._queries.replay(query)

    def hand_back(self, query: str) -> int:
        """Free a query's leases; returns how many."""
        return self._queries.hand_back(query)

    # -------------------------------------------------------------------------- label

    def submit(self, annotator: str, given: Sequence[LabelInput], key: str | None = None) -> int:
        """Store labels, all or none, and return how many. On disk when this returns.

        The same `key` with the same labels again stores nothing and returns the same;
        with others: Conflict.
        """
        return store_labels(self._services, self.config, self._imported(), annotator, given, key)

    def history(self) -> Iterator[HistoryRow]:
        """Return every label ever stored, oldest first, read a page at a time."""
        self._imported()
        pages = labels.pages(self._services.database, self.config.name)
        return (history_row(row) for page in pages for row in page)

    # -------------------------------------------------------------------------- items

    def add_images(self, blobs: Sequence[bytes]) -> list[str]:
        """Add images to the pool and return their ids; content that is there already keeps its id."""
        return [added.id for added in self.upload_images(blobs)]

    def upload_images(self, blobs: Sequence[bytes]) -> list[Added]:
        """Add images as `add_images` does, and tell which of them are new."""
        return upload_images(self._services, self.config, self._imported(), blobs)

    def gallery(self) -> Gallery:
        """Return the pool as its page shows it: filtered, searched, counted."""
        return Gallery(self._services, self._imported())

    def items(self, state: str | None = None, after: str | None = None, limit: int = 100) -> ItemPage:
        """Return some of the pool, in order, from behind the item `after`."""
        return PoolView(self._services, self._imported()).page(state, after, limit)

    def item(self, identity: str) -> ItemDetail:
        """Return one item with all that was said of it."""
        return PoolView(self._services, self._imported()).detail(identity, self._predictor)

    def image(self, identity: str) -> tuple[bytes, str]:
        """Return an item's image with its media type."""
        return PoolView(self._services, self._imported()).image(identity)

    def thumbnail(self, identity: str, size: int) -> Small:
        """Return an item's image made small; raises as `image` and `decoding.prepare` do."""
        return PoolView(self._services, self._imported()).thumbnail(identity, size)

    # -------------------------------------------------------------------------- train

    def train(self, *, afresh: bool = False) -> int:
        """Queue a training and return its job; Conflict where one is queued or runs.

        `afresh`: it does not start from the live checkpoint.
        """
        with self._services.database.write() as connection:
            given = {"afresh": True} if afresh else {}
            return jobs.queue(connection, self.config.name, "train", given, time.time())

    def checkpoints(self) -> list[Checkpoint]:
        """Return every checkpoint, oldest first."""
        with self._services.database.read() as connection:
            row = projects.get(connection, self.config.name)
            found = checkpoints.all(connection, self.config.name)
        return [_checkpoint(c, row.live if row else None) for c in found]

    def promote(self, name: str) -> Checkpoint:
        """Make a checkpoint the live one, forward or back; Gone where its files are, or are damaged."""
        with self._services.database.read() as connection:
            found = checkpoints.get(connection, self.config.name, name)
            valid = [] if found else [c.name for c in checkpoints.all(connection, self.config.name)]
        if found is None:
            raise NotFound.name("checkpoint", name, valid)
        for file in (WEIGHTS, ONNX):
            checked(self._services.home.at(found.folder), file)
        with self._services.database.write() as connection:
            projects.set_live(connection, self.config.name, name)
            queue_scoring(connection, self.config.name)
        return _checkpoint(found, name)

    # ------------------------------------------------------------------------- status

    def progress(self) -> Progress:
        """Return what tells how the project goes, for one request."""
        return Progress(self._services, self.config.name)

    def ready(self) -> bool:
        """Whether the project can predict."""
        try:
            self._services.live.current(self.config.name)
        except NextlabelError:
            return False
        return True

    def status(self) -> ProjectStatus:
        """Return the project at a glance."""
        with self._services.database.read() as connection:
            row = projects.get(connection, self.config.name)
            job = jobs.active(connection, self.config.name, "train")
            live = checkpoints.get(connection, self.config.name, row.live) if row and row.live else None
            failed = None if row else self._failed(connection)
            counts = PoolView(self._services, row).counts(connection) if row else (0, 0, 0)
        metrics = live.metrics if live else {}
        stop = {name: float(goal) for name, goal in self.config.stop.model_dump().items() if goal is not None}
        return ProjectStatus(
            name=self.config.name,
            title=self.config.title,
            task=row.task if row else None,
            classes=row.classes if row else (),
            kind=self._services.pool(self.config.name).kind if row else None,
            items=counts[0],
            labelled=counts[1],
            open=counts[2],
            live=row.live if row else None,
            metrics=metrics,
            stop=stop,
            reached=any(metrics.get(name, 0.0) >= goal for name, goal in stop.items()),
            training=job.id if job else None,
            missing=failed.error if failed else None,
        )

    def standing(self) -> Standing:
        """Return where the project stands between two trainings, for whoever labels it."""
        return standing(self._services, self.config.train.every, self.status())

    def _imported(self) -> ProjectRow:
        try:
            return self._services.row(self.config.name)
        except NotReady:
            with self._services.database.read() as connection:
                last = self._failed(connection)
            if last is None or last.created < time.time() - _TRY_AGAIN:
                queue_once(self._services, self.config.name, "import")
            if last is None:
                raise
            raise NotReady(str(last.error), _TRY_AGAIN) from None

    def _failed(self, connection: Connection) -> JobRow | None:
        """Return the last job that ended, if it failed: why there is no pool yet."""
        ended = [job for job in jobs.page(connection, self.config.name, 5) if job.finished is not None]
        return ended[0] if ended and ended[0].state == "failed" else None


def _checkpoint(row: CheckpointRow, live: str | None) -> Checkpoint:
    return Checkpoint(row.name, row.project, row.name == live, row.verdict, row.metrics, row.created, row.job)
