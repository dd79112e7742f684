"""The live model: one reference a project, read once when a request enters.

Where the checkpoint has an ONNX form no torch is imported: ONNX Runtime answers, one item
at a time on one thread, in as many processes as there are cores.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np

from nextlabel.contracts.data import FloatArray, PixelArray, VectorItems
from nextlabel.contracts.errors import NotReady, Unprocessable
from nextlabel.contracts.interfaces import ImageInput, Model, VectorInput
from nextlabel.engine.checkpoints.serialization import model_input, read_model
from nextlabel.engine.images.decoding import map_images, prepare
from nextlabel.engine.images.image_items import PixelItems
from nextlabel.engine.plugins.registry import Registry
from nextlabel.store import checkpoints, projects
from nextlabel.store.checkpoint_files import ONNX, checked, read_card
from nextlabel.store.database import Database
from nextlabel.store.home import Home

NOTICED = 0.5
"""Seconds until a change of the live pointer is seen."""

Answer = dict[str, FloatArray]


@dataclass(frozen=True)
class Served:
    """A checkpoint that answers new content."""

    checkpoint: str
    card: dict[str, Any]
    folder: Path
    registry: Registry

    def see(self, blobs: Sequence[bytes], max_pixels: int) -> PixelArray:
        """Return images as the model is given them, (n, height, width, channels).

        Raises as `decoding.prepare` does, naming which of many (counted from 0).
        """
        spec = model_input(self.card)
        if not isinstance(spec, ImageInput):
            raise self._refusal("images")
        size = (spec.height, spec.width)
        channels = spec.channels
        return np.stack(map_images(blobs, lambda blob: prepare(blob, size, channels, max_pixels)))

    def vectors(self, rows: Sequence[Sequence[float]]) -> Answer:
        """Predict vectors."""
        spec = model_input(self.card)
        if not isinstance(spec, VectorInput):
            raise self._refusal("vectors")
        wrong = [number for number, row in enumerate(rows) if len(row) != spec.dimensions]
        if wrong:
            raise Unprocessable(f"a vector here has {spec.dimensions} numbers; vectors {wrong} have not")
        with np.errstate(over="ignore"):  # it is told below
            array = np.asarray(rows, np.float32)
        if not np.isfinite(array).all():
            raise Unprocessable("the numbers of a vector must be finite in single precision")
        return self.answer(array)

    def _refusal(self, what: str) -> Unprocessable:
        spec = model_input(self.card)
        if spec is None:
            return Unprocessable(
                f"the model of {self.card['project']!r} knows only the items of its pool, no new {what}; "
                'ask for them by id: {"ids": [...]}'
            )
        takes = "images" if isinstance(spec, ImageInput) else f"vectors of {spec.dimensions} numbers"
        return Unprocessable(f"project {self.card['project']!r} takes {takes}, not {what}")

    def answer(self, array: Any) -> Answer:
        """Predict what is prepared: uint8 (n, height, width, channels), or float32 (n, dimensions)."""
        if self.card["onnx"]:
            # one at a time: beats batching on cores, and one request cannot delay another for long
            names, session = self._session
            answers = [session.run(names, {"input": array[row : row + 1]}) for row in range(len(array))]
            return {name: np.concatenate(parts) for name, parts in zip(names, zip(*answers, strict=True), strict=True)}
        grey = array.ndim == 4 and array.shape[3] == 1  # noqa: PLR2004
        items = PixelItems(array[..., 0] if grey else array) if array.dtype == np.uint8 else VectorItems(array)
        outputs = self._model.predict(items, frozenset(), np.random.default_rng(0))
        return {name: value for name, value in vars(outputs).items() if value is not None}

    @cached_property
    def _session(self) -> tuple[list[str], Any]:
        from onnxruntime import InferenceSession, SessionOptions  # noqa: PLC0415 - loaded by the first prediction

        options = SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        session = InferenceSession(checked(self.folder, ONNX), options, providers=["CPUExecutionProvider"])
        return [output.name for output in session.get_outputs()], session

    @cached_property
    def _model(self) -> Model:
        return read_model(self.folder, self.registry)[0]

    def warm(self) -> None:
        """Load what the first prediction would."""
        if self.card["onnx"]:
            _ = self._session


@dataclass
class LiveModels:
    """The live checkpoint of every project, as this process knows them."""

    database: Database
    home: Home
    registry: Registry
    _known: dict[str, tuple[float, Served | None]] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def current(self, project: str) -> Served:
        """Return the live checkpoint; NotReady where there is none yet."""
        seen, served = self._known.get(project, (-NOTICED, None))
        stale = served is None or time.monotonic() - seen > NOTICED
        # while one thread loads a new model, the others go on with the one they know
        if stale and self._lock.acquire(blocking=served is None):
            try:
                served = self._look(project)
            except NotReady:  # no word from the database: what was live answers meanwhile
                if served is None:
                    raise
                self._known[project] = (time.monotonic(), served)
            finally:
                self._lock.release()
        if served is None:
            raise NotReady(f"project {project!r} has no trained model yet; train it, or wait while it trains", 5)
        return served

    def _look(self, project: str) -> Served | None:
        seen, served = self._known.get(project, (-NOTICED, None))
        now = time.monotonic()
        if served is not None and now - seen <= NOTICED:
            return served  # another thread looked while this one waited
        with self.database.read() as connection:
            row = projects.get(connection, project)
            live = row.live if row else None
            found = checkpoints.get(connection, project, live) if live else None
        if found is None:
            served = None
        elif served is None or served.checkpoint != found.name:
            folder = self.home.at(found.folder)
            served = Served(found.name, read_card(folder), folder, self.registry)
            served.warm()
        self._known[project] = (now, served)
        return served
