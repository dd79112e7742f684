"""The live model of each project, as this process serves it.

A request takes one reference and uses it throughout. If the checkpoint has an ONNX form, torch
is not imported: ONNX Runtime predicts one item at a time on one thread, and there are as many
web processes as cores. If the checkpoint was trained on features, their source embeds the content
first; all checkpoints of a process share its network.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import Any
from weakref import WeakValueDictionary

import numpy as np

from nextlabel.contracts.data import FloatArray, Items, PixelArray
from nextlabel.contracts.errors import NotReady, Unprocessable
from nextlabel.contracts.interfaces import ImageInput, Model, VectorInput
from nextlabel.engine.checkpoints.serialization import input_array, model_input, read_model
from nextlabel.engine.features.embedder import Embedder, empty_content
from nextlabel.engine.features.extraction import decode_items
from nextlabel.engine.features.sources import Sources
from nextlabel.engine.images.decoding import map_images, prepare
from nextlabel.engine.images.image_items import items_in
from nextlabel.engine.linked_features import lacks_network
from nextlabel.engine.onnx_graphs import open_session
from nextlabel.engine.plugins.registry import Registry
from nextlabel.engine.scheduling import is_recent, queue_once
from nextlabel.store import checkpoints, jobs, projects
from nextlabel.store.checkpoint_files import ONNX, read_card, verified_path
from nextlabel.store.checkpoints import CheckpointRow
from nextlabel.store.database import Database
from nextlabel.store.home import Home

REFRESH_AFTER = 0.5
"""Seconds for which a model is served before a request checks whether another is live."""

OutputArrays = dict[str, FloatArray]
"""Model outputs by name, such as `probabilities`: one row per item."""


@dataclass(frozen=True)
class Served:
    """A checkpoint that predicts new images or vectors."""

    checkpoint: str
    card: dict[str, Any]
    folder: Path
    registry: Registry
    embedder: Embedder | None = None
    """The source of the features that the model takes, if its card names one."""

    def preprocess(self, blobs: Sequence[bytes], max_pixels: int) -> Sequence[PixelArray]:
        """Return images as `infer` takes them: each uint8 (height, width, channels).

        Raises what `decoding.prepare` raises, with the number of the image (from 0) if there are several.
        """
        spec = model_input(self.card)
        if not isinstance(spec, ImageInput):
            raise self._wrong_input("images")
        size, channels, embedder = (spec.height, spec.width), spec.channels, self.embedder
        if embedder is not None:
            return map_images(blobs, lambda blob: embedder.decode(blob, max_pixels))
        return map_images(blobs, lambda blob: prepare(blob, size, channels, max_pixels))

    def preprocess_items(self, items: Items, max_pixels: int) -> Any:
        """Return items of a pool as `infer` takes them; an image that cannot be read is blank."""
        if self.embedder is None:
            return input_array(model_input(self.card), items)
        blank = empty_content(self.embedder.card)
        decoded = decode_items(items, self.embedder, max_pixels)
        return [blank if part.content is None else part.content for part in decoded]

    def predict_vectors(self, rows: Sequence[Sequence[float]]) -> OutputArrays:
        """Return the outputs for vectors. Raises Unprocessable if their length or a number is wrong."""
        spec = model_input(self.card)
        if not isinstance(spec, VectorInput):
            raise self._wrong_input("vectors")
        wrong = [number for number, row in enumerate(rows) if len(row) != spec.dimensions]
        if wrong:
            length = _numbers(spec.dimensions)
            raise Unprocessable(f"a vector must have {length}; vectors {wrong} have another length")
        with np.errstate(over="ignore"):  # checked below
            array = np.asarray(rows, np.float32)
        if not np.isfinite(array).all():
            raise Unprocessable("the numbers of a vector must be finite in single precision")
        return self.infer(array)

    def _wrong_input(self, kind: str) -> Unprocessable:
        spec = model_input(self.card)
        if spec is None:
            return Unprocessable(
                f"the model of {self.card['project']!r} only predicts the items of its pool, not new {kind}; "
                'send their ids: {"ids": [...]}'
            )
        takes = "images" if isinstance(spec, ImageInput) else f"vectors of {_numbers(spec.dimensions)}"
        return Unprocessable(f"project {self.card['project']!r} takes {takes}, not {kind}")

    def infer(self, contents: Any) -> OutputArrays:
        """Return the outputs for n contents: an array, or a sequence of images that may differ in shape."""
        if self.embedder is None:
            array = np.asarray(contents)
        else:
            array = np.concatenate([self.embedder.embed([content]).embeddings for content in contents])
        if self.card["onnx"]:
            # one at a time: faster than batches on a CPU, and no request delays another for long
            names, session = self._session
            rows = [session.run(names, {"input": array[row : row + 1]}) for row in range(len(array))]
            return {name: np.concatenate(parts) for name, parts in zip(names, zip(*rows, strict=True), strict=True)}
        outputs = self._model.predict(items_in(array), frozenset(), np.random.default_rng(0))
        return {name: value for name, value in vars(outputs).items() if value is not None}

    @cached_property
    def _session(self) -> tuple[list[str], Any]:
        path = verified_path(self.folder, ONNX)
        assert path is not None
        return open_session(path)

    @cached_property
    def _model(self) -> Model:
        return read_model(self.folder, self.registry)[0]

    def warm(self) -> None:
        """Load now what the first prediction would load, unless that is torch."""
        if self.embedder is not None:
            self.embedder.load()
        if self.card["onnx"]:
            _ = self._session


def _numbers(count: int) -> str:
    return f"{count} number{'' if count == 1 else 's'}"


@dataclass
class LiveModels:
    """The live checkpoint of every project, as far as this process knows."""

    database: Database
    home: Home
    registry: Registry
    _known: dict[str, tuple[float, Served | None]] = field(default_factory=dict)
    # by key, as long as a checkpoint that takes their embeddings is served
    _embedders: WeakValueDictionary[str, Embedder] = field(default_factory=WeakValueDictionary)
    _lock: Lock = field(default_factory=Lock)

    def load(self, checkpoint: str, folder: Path) -> Served:
        """Return a checkpoint in a folder, whether it is live or not. Raises Gone if its card is missing."""
        card = read_card(folder)
        features = card.get("features")
        embedder = None
        if features is not None:
            embedder = Sources(self.database, self.home, self.registry).embedder(features)
            embedder = self._embedders.setdefault(features["key"], embedder)
        return Served(checkpoint, card, folder, self.registry, embedder)

    def current(self, project: str) -> Served:
        """Return the live checkpoint.

        Raises NotReady if there is none yet, or if the network of its features is missing, and queues
        the scoring that writes the network.
        """
        checked_at, served = self._known.get(project, (-REFRESH_AFTER, None))
        is_stale = served is None or time.monotonic() - checked_at > REFRESH_AFTER
        # while one thread loads a new model, the others serve the previous one
        if is_stale and self._lock.acquire(blocking=served is None):
            try:
                served = self._refresh(project)
            except NotReady:  # the database does not answer, or a network is missing: serve the previous one
                if served is None:
                    raise
                self._known[project] = (time.monotonic(), served)
            finally:
                self._lock.release()
        if served is None:
            raise NotReady(f"project {project!r} has no trained model yet; train it, or wait while it trains", 5)
        return served

    def waits_for_network(self, checkpoint: CheckpointRow) -> bool:
        """Return whether this process cannot predict because the network of the checkpoint's features is missing."""
        _, served = self._known.get(checkpoint.project, (0.0, None))
        return served is None and lacks_network(self.home, checkpoint.card)

    def _network_missing(self, checkpoint: CheckpointRow) -> NotReady:
        """Queue the scoring that writes the network, unless one has just failed, and return the error to raise."""
        missing = f"checkpoint {checkpoint.name} cannot predict yet: the network of its features is missing"
        with self.database.read() as connection:
            last = next(iter(jobs.latest(connection, checkpoint.project, "score", 1)), None)
        if last is not None and last.state == "failed" and is_recent(last):
            return NotReady(f"{missing}, and job {last.id} could not write it: {last.error}", 60)
        number = queue_once(self.database, checkpoint.project, "score")
        return NotReady(f"{missing}; job {number} writes it, in a worker (nextlabel serve or nextlabel worker)", 5)

    def _refresh(self, project: str) -> Served | None:
        """Return the live checkpoint of the database, loaded; None if there is none."""
        checked_at, served = self._known.get(project, (-REFRESH_AFTER, None))
        now = time.monotonic()
        if served is not None and now - checked_at <= REFRESH_AFTER:
            return served  # another thread refreshed it while this one waited
        with self.database.read() as connection:
            row = projects.get(connection, project)
            live = row.live if row else None
            checkpoint = checkpoints.get(connection, project, live) if live else None
        if checkpoint is None:
            served = None
        elif served is None or served.checkpoint != checkpoint.name:
            if lacks_network(self.home, checkpoint.card):
                raise self._network_missing(checkpoint)
            folder = self.home.at(checkpoint.folder)
            served = self.load(checkpoint.name, folder)
            served.warm()
        self._known[project] = (now, served)
        return served
