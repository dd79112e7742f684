"""Label spreading: each item takes labels from the items that are similar to it.

Zhou, Bousquet, Lal, Weston and Schoelkopf, "Learning with local and global consistency", NIPS 2004. With full
labels, the results are those of scikit-learn's `LabelSpreading`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np

from nextlabel.contracts import Bounds, ImageItems, Items, Learner, Model, Targets, Training, VectorItems
from nextlabel.contracts.errors import Unprocessable
from nextlabel_plugins.learners.learner_inputs import input_size, read_pixels, refuse_features
from nextlabel_plugins.spreading.graph_matrix import DenseGraph, Graph, NeighbourGraph
from nextlabel_plugins.spreading.item_vectors import ItemVectors
from nextlabel_plugins.spreading.spread_labels import spread_labels
from nextlabel_plugins.spreading.spreading_model import Kernel, SpreadingModel

DEFAULT_SIDE = 32
"""Side in pixels that images of different sizes are resized to by default."""
_READ, _GRAPH = 0.3, 0.9
"""Shares of the progress at which the items are read, and the graph is complete."""


@dataclass(frozen=True)
class LabelSpreadingParameters:
    """Parameters of `label-spreading`. The defaults are those of scikit-learn, but for the kernel."""

    kernel: Annotated[
        Kernel,
        "`knn`: each item's nearest ones, for many items; `rbf`: all pairs of at most 20,000 items, by their distance",
    ] = "knn"
    gamma: Annotated[float, Bounds(gt=0), "with `rbf`, similarity falls as exp(-gamma x squared distance)"] = 20.0
    neighbours: Annotated[int, Bounds(ge=1), "with `knn`, nearest items, the item itself among them"] = 7
    alpha: Annotated[float, Bounds(gt=0, lt=1), "share that an item takes from similar ones in each iteration"] = 0.2
    max_iter: Annotated[int, Bounds(ge=1), "largest number of iterations"] = 30
    pixel_max: Annotated[
        int, Bounds(ge=1, le=255), "what a white pixel becomes; above 1, pixels are rounded to whole numbers"
    ] = 1
    image_size: Annotated[
        int, Bounds(ge=0), "side the images are resized to; 0: their own size, or 32 if they differ"
    ] = 0


class LabelSpreading(Learner[LabelSpreadingParameters]):
    """Transductive: it uses all items, labelled or not. `training.start` is not used, and nothing is random."""

    def fit(self, items: Items, targets: Targets, training: Training) -> Model:
        """Spread the labels.

        Raises Unprocessable if there is none, for a graph, for values, for more items than `rbf` takes, and for
        features from `[learner] features`.
        """
        if not isinstance(items, ImageItems | VectorItems) or targets.candidates is None:
            raise Unprocessable("the learner `label-spreading` learns classes of images or vectors, nothing else")
        refuse_features("label-spreading", training)
        if not targets.labelled.any():
            raise Unprocessable("there is no label to spread yet")
        options, pool = self.parameters, self._pool(items, training)

        def report(share: float, metrics: Mapping[str, float]) -> None:
            training.progress(_GRAPH + share * (1 - _GRAPH), metrics)

        distributions = spread_labels(
            self._graph(pool, training), targets.candidates, options.alpha, options.max_iter, report
        )
        training.progress(1.0, {})
        return SpreadingModel(
            pool, distributions, kernel=options.kernel, gamma=options.gamma, neighbours=options.neighbours
        )

    def rebuild(self, description: Mapping[str, Any], tensors: Mapping[str, np.ndarray[Any, Any]]) -> Model:
        """Return the model with this description and these tensors."""
        return SpreadingModel.rebuild(description, tensors)

    def _pool(self, items: ImageItems | VectorItems, training: Training) -> ItemVectors:
        def report(share: float) -> None:
            training.progress(share * _READ, {})

        if isinstance(items, VectorItems):
            return ItemVectors(items.vectors)
        size = input_size(items, self.parameters.image_size, DEFAULT_SIDE)
        return ItemVectors(read_pixels(items, size, items.channels, report), self.parameters.pixel_max)

    def _graph(self, pool: ItemVectors, training: Training) -> Graph:
        def report(share: float) -> None:
            training.progress(_READ + share * (_GRAPH - _READ), {})

        if self.parameters.kernel == "rbf":
            return DenseGraph(pool, self.parameters.gamma, report)
        return NeighbourGraph(pool, self.parameters.neighbours, report)
