"""The network that computes features, as jobs and web processes run it: an ONNX graph, or another project's model.

A feature card is a JSON table that describes a source of features. It stands in `features/<key>/source.json`
and in the card of every checkpoint that was trained on these features:

    plugin, parameters, version     the backbone, or "checkpoint:<project>" and the checkpoint's name
    key                             the folder in `features/`
    input, crop                     the content that the network takes, and whether images are cropped
    dimensions, classes             numbers of an embedding, and of classes of its own (0: none)
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from PIL import Image

from nextlabel.contracts.data import FloatArray, Outputs, PixelArray
from nextlabel.contracts.errors import PluginError
from nextlabel.contracts.interfaces import ImageInput, Model, VectorInput
from nextlabel.engine.checkpoints.serialization import model_input
from nextlabel.engine.images.decoding import prepare, prepare_whole, resize_and_crop, resize_whole
from nextlabel.engine.images.image_items import items_in
from nextlabel.engine.images.to_rgb import to_rgb_or_grey
from nextlabel.engine.onnx_graphs import open_session
from nextlabel.store.feature_files import network_path

FeatureCard: TypeAlias = Mapping[str, Any]
MAX_HALF = 65_504
"""The largest number in half precision."""
_VECTORS = 4096
"""Vectors that a network embeds at a time."""
_IMAGES = 4
"""Images that ONNX Runtime embeds at a time: more are slower, as they no longer fit the processor's cache."""
_MODEL_IMAGES = 64
"""Images that another project's model embeds at a time."""


@dataclass(frozen=True)
class Embedder(ABC):
    """Turns content into embeddings. The network is loaded when it is first used."""

    card: FeatureCard

    concurrent = False
    """Whether several threads may embed at the same time."""

    @property
    def name(self) -> str:
        """The source as a project file names it."""
        return str(self.card["plugin"])

    @property
    def batch(self) -> int:
        """Number of contents to embed at a time."""
        return _VECTORS if self.card["input"]["kind"] == "vector" else _IMAGES

    def decode(self, image: bytes | Path | PixelArray, max_pixels: int) -> PixelArray:
        """Return an image, encoded or (height, width) or (height, width, 3), as the network takes it.

        Raises what `decoding.prepare` raises.
        """
        spec = model_input(self.card)
        assert isinstance(spec, ImageInput)
        size = (spec.height, spec.width)
        if isinstance(image, bytes | Path):
            if self.card["crop"]:
                return prepare(image, size, spec.channels, max_pixels)
            return prepare_whole(image, spec.height, spec.channels, max_pixels)
        picture = to_rgb_or_grey(Image.fromarray(image), spec.channels)
        return resize_and_crop(picture, size) if self.card["crop"] else resize_whole(picture, spec.height)

    def embed(self, contents: Sequence[FloatArray | PixelArray]) -> Outputs:
        """Return float32 embeddings (n, D), and probabilities (n, B) if the network has classes of its own.

        Raises PluginError if they are not finite, or embeddings not in half precision.
        """
        arrays = {name: array for name, array in vars(self._embed(contents)).items() if array is not None}
        # also False for NaN
        if not (np.abs(arrays["embeddings"]) <= MAX_HALF).all():
            raise PluginError(
                f"{self.name} returned embeddings that are not finite or beyond {MAX_HALF:,}, which half precision "
                "cannot hold; scale them down in its graph"
            )
        if "probabilities" in arrays and not np.isfinite(arrays["probabilities"]).all():
            raise PluginError(f"{self.name} returned probabilities that are not finite")
        # a model may return double precision, which a graph that takes embeddings refuses
        return Outputs(**{name: np.asarray(array, np.float32) for name, array in arrays.items()})

    @abstractmethod
    def _embed(self, contents: Sequence[FloatArray | PixelArray]) -> Outputs: ...

    @abstractmethod
    def load(self) -> None:
        """Load now what the first call would load, unless that is torch."""


@dataclass(frozen=True)
class OnnxEmbedder(Embedder):
    """A backbone's graph in ONNX Runtime, on one thread per call."""

    folder: Path

    concurrent = True

    def _embed(self, contents: Sequence[FloatArray | PixelArray]) -> Outputs:
        # images of different shapes cannot be stacked
        batches = [np.stack(contents)] if self._stackable else [content[None] for content in contents]
        names, session = self._session
        rows = [session.run(names, {"input": batch}) for batch in batches]
        arrays = dict(zip(names, (np.concatenate(parts) for parts in zip(*rows, strict=True)), strict=True))
        return Outputs(arrays.get("probabilities"), arrays["embeddings"])

    def load(self) -> None:
        """Load the graph. Raises Gone if its file is missing."""
        _ = self._session

    @property
    def _stackable(self) -> bool:
        return bool(self.card["input"]["kind"] == "vector" or self.card["crop"])

    @cached_property
    def _session(self) -> tuple[list[str], Any]:
        return open_session(network_path(self.folder))


@dataclass(frozen=True)
class ModelEmbedder(Embedder):
    """Another project's model, whose own class computes its embeddings."""

    read: Callable[[], Model]

    @property
    def batch(self) -> int:
        """Number of contents to embed at a time."""
        return _VECTORS if self.card["input"]["kind"] == "vector" else _MODEL_IMAGES

    def _embed(self, contents: Sequence[FloatArray | PixelArray]) -> Outputs:
        array: Any = np.stack(contents)
        items = items_in(array)
        outputs = self._model.predict(items, frozenset({"embeddings"}), np.random.default_rng(0))
        if outputs.embeddings is None or len(outputs.embeddings) != len(items):
            count = "no" if outputs.embeddings is None else f"{len(outputs.embeddings)}"
            raise PluginError(f"{self.name}: its model returned {count} embeddings for {len(items)} items")
        return Outputs(embeddings=outputs.embeddings)

    def load(self) -> None:
        """Load nothing: the model's class may import torch."""

    @cached_property
    def _model(self) -> Model:
        return self.read()


def empty_content(card: FeatureCard) -> FloatArray | PixelArray:
    """Return a content of zeros, as the network takes it."""
    spec = model_input(card)
    if isinstance(spec, ImageInput):
        return np.zeros((spec.height, spec.width, spec.channels), np.uint8)
    assert isinstance(spec, VectorInput)
    return np.zeros(spec.dimensions, np.float32)
