"""Base classes for plugins: strategies, learners with their models, backbones, and data sets.

Subclass one of them and offer it through a hook of `hookspecs`. It is created with its
parameters, an instance of the frozen dataclass that its record declares.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np

from nextlabel.contracts.data import (
    Contents,
    FloatArray,
    IntArray,
    Items,
    Need,
    NumberArray,
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

    Work that need not be repeated in every query belongs in `prepare` or `summarize`. The worker
    calls them once after each training; their arrays are stored beside the scores.
    """

    def prepare(self, pool: Pool, rng: np.random.Generator) -> Mapping[str, NumberArray]:  # noqa: ARG002 - for subclasses that override it
        """Return arrays with one row per item of `pool`, which queries then find in `Pool.prepared`.

        Here `pool` has all N items outside the hold-out, labelled or not, and the arrays in the
        record's `needs`. An array may be of any numeric type and shape (N, ...). An index of another
        item must be its `pool.positions`, which stay the same from query to query.

        Here an item is covered if it is labelled and no annotator must still label it; leases do not
        count. If its label is retracted or contested later, the item stays covered in the returned
        arrays until the next scoring.
        """
        return {}

    def summarize(self, pool: Pool) -> Mapping[str, NumberArray]:  # noqa: ARG002 - for subclasses that override it
        """Return arrays with one row per item of `pool`, which queries then find in `Pool.prepared`.

        Here `pool` has a part of the items, and only the arrays in the record's `summary_needs`. They
        are computed for this call and never stored, such as posterior samples (T, n, C).
        """
        return {}

    @abstractmethod
    def score(self, pool: Pool, rng: np.random.Generator) -> FloatArray:
        """Return finite scores (n,); items with larger scores are labelled sooner."""

    def choose(
        self,
        pool: Pool,  # noqa: ARG002 - for subclasses that override it
        scores: FloatArray,
        size: int,
        rng: np.random.Generator,
    ) -> IntArray | Selection:
        """Return `size` distinct positions, best first. Override this to choose a batch as a whole.

        Return a Selection if an item's score depends on the items chosen before it; otherwise the
        reported scores are those in `scores` (n,). The default chooses the largest scores and breaks
        ties at random. `size` is between 1 and n.
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
        scores = self.checked_scores(pool, rng)
        chosen = self.choose(pool, scores, size, rng)
        return chosen if isinstance(chosen, Selection) else Selection(chosen, scores[chosen])

    def checked_scores(self, pool: Pool, rng: np.random.Generator) -> FloatArray:
        """Return the scores of the pool (n,). Do not override this.

        Raises PluginError if they are not finite numbers of shape (n,).
        """
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
        return scores


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


@dataclass(frozen=True)
class Preprocessing:
    """How a backbone's images are prepared: upright, in colour, resized, cropped, and scaled."""

    size: int
    """Side of the square, or length of the shorter side, in pixels."""
    crop: bool = True
    """True: the shorter side is resized to `size` and the centre square is cropped. False: nothing is
    cropped, so that images have different shapes, one at a time."""
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """Subtracted from each channel of the pixels, which are 0 to 255."""
    std: tuple[float, float, float] = (1.0, 1.0, 1.0)
    """Divides each channel after that."""


class Model(ABC):
    """Predicts items. Its learner rebuilds it from `tensors()` and `description()`."""

    input: ModelInput = None
    """Format of new content. None for a transductive model, which predicts only its pool."""

    fitted: int = 0
    """Number of items that `predict_fitted` predicts: the first ones of the pool that it was fitted with.

    More than 0 for a model that knows the items of its pool better than from their content. It may
    still predict new content, if it also has an input. Counts only if the class has `predict_fitted`."""

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

    def predict_fitted(self, needs: frozenset[Need], rng: np.random.Generator) -> Outputs:
        """Return the outputs in `needs` for the first `fitted` items of the pool, as `predict` does.

        Called only if `fitted` is more than 0; `predict` then receives the items after them.
        """
        raise NotImplementedError(f"{type(self).__name__} sets fitted, but has no predict_fitted()")

    @abstractmethod
    def tensors(self) -> Mapping[str, np.ndarray[Any, Any]]:
        """Return the arrays to store, by name; they are written as safetensors."""

    @abstractmethod
    def description(self) -> Mapping[str, Any]:
        """Return everything else that `rebuild` needs, as plain JSON."""

    def training_state(self) -> Mapping[str, np.ndarray[Any, Any]]:
        """Return arrays that only a training that goes on from this model needs, such as an optimizer's state.

        They are stored in a file of their own, and passed to that training as `Training.start_state`.
        Bundled checkpoints do not have them, and `rebuild` does not receive them.
        """
        return {}

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
    """Call this regularly with the finished share, 0..1, and metrics such as {"loss": 0.3}.

    At the end of each epoch, add the epoch's number, from 1: {"loss": 0.3, "epoch": 2}. `nextlabel simulate` prints
    and stores the losses of such calls only. "step", the number of updates, and "bits", the precision of the forward
    passes, are stored by `nextlabel train --seeds`."""
    start: Model | None = None
    """Model to start from, either bundled or live. A learner may ignore it."""
    features: Callable[[], FloatArray] | None = None
    """Returns features (n, D) if `[learner] features` names a source, such as the embeddings of a
    checkpoint. If None, compute features from the items."""
    folder: Path | None = None
    """A folder for what a long training needs to resume after its process was killed.

    A training of the same learner, parameters, seed, items, labels and start finds there what the last
    one wrote. It is empty at first, and deleted when the training has succeeded. Write each file under
    another name and rename it: the process may be killed while it writes."""
    start_state: Mapping[str, np.ndarray[Any, Any]] = field(default_factory=dict)
    """The `training_state()` of `start`; empty if it has none, or was bundled."""


class Learner(Plugin[P], ABC):
    """Trains a model on items and targets."""

    @abstractmethod
    def fit(self, items: Items, targets: Targets, training: Training) -> Model:
        """Return a model trained on `items` (n) with `targets` (n). Unlabelled items are included.

        Held-out items are not included, except for a learner whose record sets `transductive`,
        which receives them as unlabelled. Raise `Unprocessable` if nothing can be learnt; whether
        that is so without any label is the learner's decision.
        """

    @abstractmethod
    def rebuild(self, description: Mapping[str, Any], tensors: Mapping[str, np.ndarray[Any, Any]]) -> Model:
        """Return the model that this description and these tensors came from."""


# -------------------------------------------------------------------------------- backbone


class Backbone(Plugin[P], ABC):
    """A frozen network that turns items into embeddings. Each item's embedding is computed once."""

    preprocessing: Preprocessing | None = None
    """How images are prepared; None for a backbone of vectors."""
    version: str = "1"
    """Part of the key under which embeddings are stored. Change it if the same content would give others."""

    @abstractmethod
    def write_onnx(self, path: Path) -> None:
        """Write the network as ONNX to `path`. Called once, in the worker; may be slow and import torch.

        The input is called `input`: float32 (n, 3, height, width), prepared by `preprocessing`, or
        float32 (n, d). If `preprocessing` does not crop, height and width must be free. The outputs are
        float32 `embeddings` (n, D) and, if it has classes of its own, `probabilities` (n, B).

        Raise `DatasetMissing` with one line that names the file that is missing and how to get it.
        """

    def download(self) -> None:
        """Download the weights with the library that offers them; do nothing if they are there.

        Called by `nextlabel download` only. Raise `DatasetMissing` with the reason if it fails. By default
        there is nothing to download.
        """


# -------------------------------------------------------------------------------- data set


class Dataset(Plugin[P], ABC):
    """A source of items and of known labels, if there are any."""

    def download(self, root: Path) -> None:
        """Download the data set to the folder `root` with the library that offers it; do nothing if it is there.

        Called by `nextlabel download` only; `read` never downloads. Raise `DatasetMissing` with the reason
        if it fails. By default there is nothing to download.
        """

    @abstractmethod
    def read(self, root: Path | None, seed: int) -> Contents:
        """Return the contents. `root` is the folder of data sets (NEXTLABEL_DATA).

        The engine always passes a folder, which need not exist. A test may pass None to a data set that
        needs none. `seed` is the project's. Raise `DatasetMissing` with one line that names what is missing
        and how to get it.
        """
