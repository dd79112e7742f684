"""The four roles a plugin can play: strategy, learner (with its model), data set.

Subclass one, then hand it to nextlabel through a hook of `hookspecs`. Each is made with its
parameters, an instance of the frozen dataclass its record names.
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
    """For a plugin that has no parameters."""


P = TypeVar("P")


class Plugin(Generic[P]):
    """What all roles share: the parameters they were made with."""

    def __init__(self, parameters: P) -> None:
        self.parameters = parameters


# ------------------------------------------------------------------------------- strategy


class Strategy(Plugin[P], ABC):
    """Chooses which open items to ask next: score, then choose.

    Pure: no storage, clock, network or global randomness. The same pool, size and generator
    state give the same answer.
    """

    @abstractmethod
    def score(self, pool: Pool, rng: np.random.Generator) -> FloatArray:
        """Return (n,) scores, finite; the larger, the sooner an item is asked."""

    def choose(self, pool: Pool, scores: FloatArray, size: int, rng: np.random.Generator) -> IntArray:  # noqa: ARG002 - for those that override it
        """Return `size` distinct positions, best first. Override it to choose a batch as a whole.

        The default takes the largest scores and breaks ties at random. `size` is between 1
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
        """Score the pool and choose at most `size` of it. Not meant to be overridden.

        PluginError where the scores are not (n,) finite numbers.
        """
        size = min(size, pool.size)
        if size <= 0:
            return Selection(np.empty(0, np.int64), np.empty(0))
        scores, name = np.asarray(self.score(pool, rng)), type(self).__name__
        if scores.shape != (pool.size,):
            raise PluginError(f"{name}.score() gave shape {scores.shape} for {pool.size} items, not ({pool.size},)")
        if scores.dtype.kind not in "biuf":
            raise PluginError(f"{name}.score() gave {scores.dtype}, not numbers")
        if scores.dtype.kind != "f":
            scores = scores.astype(np.float64)  # `choose` negates them, which an unsigned number does not bear
        # told here: NaN compares with nothing, and `choose` would be blamed for choosing too few
        if len(odd := np.flatnonzero(~np.isfinite(scores))):
            told = f"{len(odd)} of {pool.size}, the first {scores[odd[0]]} at position {odd[0]}"
            raise PluginError(f"{name}.score() gave numbers that are not finite: {told}")
        positions = self.choose(pool, scores, size, rng)
        return Selection(positions, scores[positions])


# -------------------------------------------------------------------------- learner and model


@dataclass(frozen=True)
class ImageInput:
    """A model that takes images of (`height`, `width`, `channels`), uint8."""

    height: int
    width: int
    channels: int


@dataclass(frozen=True)
class VectorInput:
    """A model that takes vectors of `dimensions` numbers, float32."""

    dimensions: int


ModelInput = ImageInput | VectorInput | None
"""None: a model that knows only its pool."""


class Model(ABC):
    """Predicts. Rebuilt by its learner from `tensors()` and `description()`."""

    input: ModelInput = None
    """What new content must look like. None: transductive, it knows only its pool."""

    @property
    def inductive(self) -> bool:
        """Whether the model answers content it was not fitted with."""
        return self.input is not None

    @abstractmethod
    def predict(self, items: Items, needs: frozenset[Need], rng: np.random.Generator) -> Outputs:
        """Say what is in `needs` of each item; probabilities, or mean and std, always.

        An inductive model gets the pool in pieces, a transductive one the whole pool it was
        fitted with, in the same order. Only `samples` may use `rng`.
        """

    @abstractmethod
    def tensors(self) -> Mapping[str, np.ndarray[Any, Any]]:
        """Return the arrays to keep; what is written as safetensors."""

    @abstractmethod
    def description(self) -> Mapping[str, Any]:
        """Return the rest as plain JSON."""

    def write_onnx(self, path: Path) -> bool:  # noqa: ARG002 - for those that override it
        """Write the model as ONNX to `path` and return True, or return False where it cannot.

        Input `input`: uint8 (n, height, width, channels) or float32 (n, d), n free.
        Outputs: float32 `probabilities` (n, C), or `mean` (n,) and `std` (n,).
        Whatever lies between the pixels and the network (scaling, views) is in the graph.
        """
        return False


@dataclass(frozen=True)
class Training:
    """What a learner is given beside items and targets."""

    seed: int
    """All randomness comes from here: the same seed and threads, the same model."""
    classes: tuple[str, ...] = ()
    """C names; empty for regression."""
    progress: Callable[[float, Mapping[str, float]], None] = lambda _share, _metrics: None
    """Call now and then with the share done, 0..1, and metrics such as {"loss": 0.3}."""
    start: Model | None = None
    """A model to start from: the shipped or the live one. A learner may ignore it."""
    features: Callable[[], FloatArray] | None = None
    """Reads features (n, D) where the project names a source of them, such as a checkpoint's
    embeddings; None: make your own from the items."""


class Learner(Plugin[P], ABC):
    """Turns items and targets into a model."""

    @abstractmethod
    def fit(self, items: Items, targets: Targets, training: Training) -> Model:
        """Train on `items` (n) with `targets` (n). Items without a label are there too.

        Held-out items are not among them; for a learner whose record says `transductive`
        they are, unlabelled. Raise `Unprocessable` where nothing can be learnt (no label at
        all, say).
        """

    @abstractmethod
    def rebuild(self, description: Mapping[str, Any], tensors: Mapping[str, np.ndarray[Any, Any]]) -> Model:
        """Return the model that gave these."""


# -------------------------------------------------------------------------------- data set


class Dataset(Plugin[P], ABC):
    """Where items come from, and known labels where there are any."""

    @abstractmethod
    def read(self, root: Path | None, seed: int) -> Contents:
        """Read it. `root` is the folder of data sets (NEXTLABEL_DATA) or None, `seed` the project's.

        Raise `DatasetMissing`, in one line, with what is missing and how to get it.
        """
