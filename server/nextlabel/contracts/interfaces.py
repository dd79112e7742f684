"""Base classes for plugins: strategies, learners with their models, and data sets.

Subclass one of them and offer it through a hook of `hookspecs`. It is created with its
parameters, an instance of the frozen dataclass that its record declares.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np

from nextlabel.contracts.data import (
    Contents,
    FloatArray,
    IntArray,
    Items,
    Need,
    Outputs,
    Pool,
    Selection,
    Targets,
)
from nextlabel.contracts.errors import PluginError


@dataclass(frozen=True)
class NoParameters:
    """The parameters of a plugin that has none."""


P = TypeVar("P")


class Plugin(Generic[P]):
    """A plugin, created with its parameters."""

    def __init__(self, parameters: P) -> None:
        self.parameters = parameters


# ------------------------------------------------------------------------------- strategy


class Strategy(Plugin[P], ABC):
    """Scores the open items, then chooses which of them annotators label next.

    Strategies are pure: they use no storage, clock, network or global randomness. The same pool,
    size and generator state give the same choice.
    """

    @abstractmethod
    def score(self, pool: Pool, rng: np.random.Generator) -> FloatArray:
        """Return finite scores (n,); items with larger scores are labelled sooner."""

    def choose(self, pool: Pool, scores: FloatArray, size: int, rng: np.random.Generator) -> IntArray:  # noqa: ARG002 - for subclasses that override it
        """Return `size` distinct positions, best first. Override this to choose a batch as a whole.

        The default chooses the largest scores and breaks ties at random. `size` is between 1
        and n.
        """
        keys = rng.random(len(scores))
        if size < len(scores):
            smallest = np.partition(scores, len(scores) - size)[len(scores) - size]
            inside = np.flatnonzero(scores >= smallest)
        else:
            inside = np.arange(len(scores))
        order = np.lexsort((keys[inside], -scores[inside]))
        return inside[order][:size].astype(np.int64)

    def select(self, pool: Pool, size: int, rng: np.random.Generator) -> Selection:
        """Score the pool and choose at most `size` of its items. Do not override this.

        Raises PluginError if the scores are not finite numbers of shape (n,).
        """
        size = min(size, pool.size)
        if size <= 0:
            return Selection(np.empty(0, np.int64), np.empty(0))
        scores, name = np.asarray(self.score(pool, rng)), type(self).__name__
        if scores.shape != (pool.size,):
            raise PluginError(f"{name}.score() returned shape {scores.shape} for {pool.size} items, not ({pool.size},)")
        if scores.dtype.kind not in "biuf":
            raise PluginError(f"{name}.score() returned {scores.dtype}, not numbers")
        if scores.dtype.kind != "f":
            scores = scores.astype(np.float64)  # `choose` negates them, which overflows for unsigned numbers
        # checked here: with NaN, `choose` would return too few items
        if len(invalid := np.flatnonzero(~np.isfinite(scores))):
            detail = f"{len(invalid)} of {pool.size}, the first {scores[invalid[0]]} at position {invalid[0]}"
            raise PluginError(f"{name}.score() returned numbers that are not finite: {detail}")
        positions = self.choose(pool, scores, size, rng)
        return Selection(positions, scores[positions])


# -------------------------------------------------------------------------- learner and model


@dataclass(frozen=True)
class ImageInput:
    """Input of a model for images of (`height`, `width`, `channels`), uint8."""

    height: int
    width: int
    channels: int


@dataclass(frozen=True)
class VectorInput:
    """Input of a model for vectors of `dimensions` numbers, float32."""

    dimensions: int


ModelInput = ImageInput | VectorInput | None
"""None for a transductive model, which predicts only its pool."""


class Model(ABC):
    """Predicts items. Its learner rebuilds it from `tensors()` and `description()`."""

    input: ModelInput = None
    """Format of new content. None for a transductive model, which predicts only its pool."""

    @property
    def inductive(self) -> bool:
        """Whether the model can predict content that it was not fitted with."""
        return self.input is not None

    @abstractmethod
    def predict(self, items: Items, needs: frozenset[Need], rng: np.random.Generator) -> Outputs:
        """Return the outputs in `needs` for each item, and always probabilities, or mean and std.

        An inductive model receives the pool in parts. A transductive one receives the whole pool
        that it was fitted with, in the same order. Only `samples` may use `rng`.
        """

    @abstractmethod
    def tensors(self) -> Mapping[str, np.ndarray[Any, Any]]:
        """Return the arrays to store, by name; they are written as safetensors."""

    @abstractmethod
    def description(self) -> Mapping[str, Any]:
        """Return everything else that `rebuild` needs, as plain JSON."""

    def write_onnx(self, path: Path) -> bool:  # noqa: ARG002 - for subclasses that override it
        """Write the model as ONNX to `path` and return True, or return False if it has no ONNX form.

        The input is called `input`: uint8 (n, height, width, channels) or float32 (n, d), for any n.
        The outputs are float32 `probabilities` (n, C), or `mean` (n,) and `std` (n,).
        The graph includes everything between the pixels and the network, such as scaling and views.
        """
        return False


@dataclass(frozen=True)
class Training:
    """What a learner receives besides items and targets."""

    seed: int
    """Source of all randomness: the same seed and number of threads give the same model."""
    classes: tuple[str, ...] = ()
    """C names; empty for regression."""
    progress: Callable[[float, Mapping[str, float]], None] = lambda _share, _metrics: None
    """Call this regularly with the finished share, 0..1, and metrics such as {"loss": 0.3}."""
    start: Model | None = None
    """Model to start from, either bundled or live. A learner may ignore it."""
    features: Callable[[], FloatArray] | None = None
    """Returns features (n, D) if the project declares a source, such as the embeddings of a
    checkpoint. If None, compute features from the items."""


class Learner(Plugin[P], ABC):
    """Trains a model on items and targets."""

    @abstractmethod
    def fit(self, items: Items, targets: Targets, training: Training) -> Model:
        """Return a model trained on `items` (n) with `targets` (n). Unlabelled items are included.

        Held-out items are not included, except for a learner whose record sets `transductive`,
        which receives them as unlabelled. Raise `Unprocessable` if nothing can be learnt, for
        example without any label.
        """

    @abstractmethod
    def rebuild(self, description: Mapping[str, Any], tensors: Mapping[str, np.ndarray[Any, Any]]) -> Model:
        """Return the model that this description and these tensors came from."""


# -------------------------------------------------------------------------------- data set


class Dataset(Plugin[P], ABC):
    """A source of items and of known labels, if there are any."""

    @abstractmethod
    def read(self, root: Path | None, seed: int) -> Contents:
        """Return the contents. `root` is the folder of data sets (NEXTLABEL_DATA), or None if it is not set.

        `seed` is the project's. Raise `DatasetMissing` with one line that names what is missing
        and how to get it.
        """
