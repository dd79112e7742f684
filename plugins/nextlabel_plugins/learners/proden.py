"""Partial-label learning by progressive identification: finds the true label among candidates while it trains.

Lv, Xu, Feng, Niu, Geng, Sugiyama, "Progressive identification of true labels for partial-label
learning", ICML 2020. With `consistency`, in the line of CR-DPLL (ICML 2022) and PaPi (CVPR 2023).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np

from nextlabel.contracts import Bounds, Items, Model, Targets, Training
from nextlabel.contracts.errors import Unprocessable
from nextlabel_plugins.learners.images import ImageLearner


@dataclass(frozen=True)
class NetworkDefaults:
    """What a network is trained with where the project says nothing."""

    epochs: int
    batch: int
    rate: float
    decay: float
    filters: int


DEFAULTS: Mapping[str, NetworkDefaults] = {
    "fast": NetworkDefaults(epochs=24, batch=2000, rate=0.24, decay=0.0, filters=64),
    "mlp": NetworkDefaults(epochs=60, batch=256, rate=0.05, decay=1e-3, filters=300),
    "convnet12": NetworkDefaults(epochs=200, batch=256, rate=0.01, decay=1e-3, filters=128),
    "resnet18": NetworkDefaults(epochs=200, batch=256, rate=0.05, decay=1e-3, filters=64),
}


@dataclass(frozen=True)
class ProdenParameters:
    """Parameters of `proden`. Zero: what the network is usually trained with."""

    network: Annotated[
        Literal["fast", "mlp", "convnet12", "resnet18"],
        "`fast`: the one for two cores; `mlp`: the paper's; `convnet12`: Laine and Aila's; `resnet18`",
    ] = "fast"
    epochs: Annotated[int, Bounds(ge=0), "passes over the labelled items"] = 0
    steps: Annotated[int, Bounds(ge=1), "fewest updates of a training from nothing, however few the labels"] = 200
    batch: Annotated[int, Bounds(ge=0), "views an update, two at least; at most a quarter of the items, or 64"] = 0
    rate: Annotated[float, Bounds(ge=0), "highest learning rate"] = 0.0
    decay: Annotated[float, Bounds(ge=0), "weight decay of all but `fast`"] = 0.0
    filters: Annotated[int, Bounds(ge=0), "width: of the first convolution, or the first hidden layer of `mlp`"] = 0
    size: Annotated[int, Bounds(ge=0), "side the images are resized to; 0: their own, or 32 where they differ"] = 0
    shift: Annotated[float, Bounds(ge=0, lt=0.5), "views: moved by up to this share of the side"] = 0.0625
    flip: Annotated[bool, "views: mirrored every other epoch; not for digits or letters"] = False
    growth: Annotated[bool, "early epochs see smaller views, which cost half; not for `mlp`"] = False
    momentum: Annotated[float, Bounds(ge=0, lt=1), "share of the old targets kept at each re-estimation"] = 0.0
    delay: Annotated[bool, "learn from the targets of an item's last visit, as the published code does"] = False
    consistency: Annotated[bool, "two views of each item in an update, held to what both say together"] = False
    averaging: Annotated[
        Literal["none", "flip", "flip-shift"], "views of an image that predictions are averaged over"
    ] = "none"
    unlabelled: Annotated[bool, "also learn from items whose set is every class"] = False
    restart: Annotated[float, Bounds(gt=0, le=1), "share of the rate where training starts from a model"] = 0.02
    draws: Annotated[int, Bounds(ge=1), "posterior samples, by `dropout` (without it all alike), where needed"] = 20
    dropout: Annotated[float, Bounds(ge=0, lt=1), "share of the embedding left out in training"] = 0.0


class Proden(ImageLearner[ProdenParameters]):
    """Trains on candidate sets.

    Starts from `training.start` where that is a network of the same shape that has learnt from no
    fewer items than there are now; what learnt from fewer has less to give than to be unlearnt.
    """

    name, usual = "proden", 32

    def fit(self, items: Items, targets: Targets, training: Training) -> Model:
        """Train. Raise Unprocessable where no item has a label, or the items are not images."""
        images, candidates = self.given(items, targets)
        own = self.parameters
        if own.growth and own.network == "mlp":
            raise Unprocessable("`growth` needs a network that takes images of any size; `mlp` does not")
        rows = np.arange(len(items)) if own.unlabelled else np.flatnonzero(targets.labelled)
        import torch  # noqa: PLC0415 - loaded when it is used, not when plugins are listed

        from nextlabel_plugins.networks.image_model import ImageModel  # noqa: PLC0415
        from nextlabel_plugins.networks.network import Shape  # noqa: PLC0415 - as above
        from nextlabel_plugins.networks.proden_fitting import Data, Recipe, train  # noqa: PLC0415

        usual = DEFAULTS[own.network]
        height, width = self.seen(images, own.size)
        classes = candidates.shape[1]
        shape = Shape(
            height, width, images.channels, classes, own.filters or usual.filters, own.dropout, kind=own.network
        )
        start, learnt, before = None, len(rows), training.start
        if isinstance(before, ImageModel) and before.network.shape == shape and before.learnt >= len(rows):
            start, learnt = before.network, before.learnt
        recipe = Recipe(
            epochs=own.epochs or usual.epochs,
            steps=1 if start else own.steps,
            batch=own.batch or usual.batch,
            rate=(own.rate or usual.rate) * (own.restart if start else 1),
            decay=own.decay or usual.decay,
            shift=round(own.shift * min(height, width)),
            flip=own.flip,
            growth=own.growth and start is None,
            momentum=own.momentum,
            delay=own.delay,
            consistency=own.consistency,
        )
        pixels = images.take(rows).pixels((height, width), images.channels)
        data = Data(torch.from_numpy(pixels), torch.from_numpy(candidates[rows]))
        network = train(shape, data, recipe, training.seed, training.progress, start)
        return ImageModel(network, own.draws, training.seed, own.averaging, learnt)
