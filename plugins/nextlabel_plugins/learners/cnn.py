"""A small convolutional network, trained from scratch on candidate sets.

The loss of an item is -log of the probability summed over its set: plain cross entropy where
the label is full, nothing at all where it says nothing, so that items without a label are
left out (Jin and Ghahramani, "Learning with multiple labels", NIPS 2002).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np

from nextlabel.contracts import Bounds, Items, Model, Targets, Training
from nextlabel_plugins.learners.images import ImageLearner


@dataclass(frozen=True)
class CNNParameters:
    """Parameters of `cnn`. The defaults were chosen for few labels, on a validation part of `digits`."""

    epochs: Annotated[int, Bounds(ge=1), "passes over the labelled items"] = 30
    steps: Annotated[int, Bounds(ge=1), "fewest updates, however few the labels"] = 300
    batch: Annotated[int, Bounds(ge=2), "images an update"] = 32
    size: Annotated[int, Bounds(ge=0), "side the images are resized to; 0: their own, or 64 where they differ"] = 0
    filters: Annotated[int, Bounds(ge=1), "of the first convolution; doubled at each halving"] = 32
    dropout: Annotated[float, Bounds(ge=0, lt=1), "share of the embedding left out in training"] = 0.3
    rate: Annotated[float, Bounds(gt=0), "highest learning rate"] = 0.003
    decay: Annotated[float, Bounds(ge=0), "weight decay"] = 0.01
    smoothing: Annotated[float, Bounds(ge=0, lt=1), "label smoothing"] = 0.0
    average: Annotated[float, Bounds(ge=0, le=1), "share of the last updates whose weights are averaged"] = 0.2
    shift: Annotated[float, Bounds(ge=0, le=1), "views: moved by up to this share of the side"] = 0.2
    turn: Annotated[float, Bounds(ge=0, le=180), "views: turned by up to so many degrees"] = 10.0
    scale: Annotated[float, Bounds(ge=0, lt=1), "views: grown or shrunk by up to this share"] = 0.1
    shear: Annotated[float, Bounds(ge=0, le=1), "views: slanted by up to this share of the height"] = 0.0
    flip: Annotated[bool, "views: half of them mirrored left to right; not for digits or letters"] = False
    draws: Annotated[int, Bounds(ge=1), "posterior samples, by `dropout` (without it all alike), where needed"] = 20


class CNN(ImageLearner[CNNParameters]):
    """Trains on whatever sets there are; `training.start` is not used."""

    name, usual = "cnn", 64

    def fit(self, items: Items, targets: Targets, training: Training) -> Model:
        """Train on the items whose set is not every class. Raise Unprocessable where there is none."""
        images, candidates = self.given(items, targets)
        rows = np.flatnonzero(targets.labelled)
        import torch  # noqa: PLC0415 - loaded when it is used, not when plugins are listed

        from nextlabel_plugins.networks.augment import Views  # noqa: PLC0415 - as above
        from nextlabel_plugins.networks.fitting import Schedule, train  # noqa: PLC0415
        from nextlabel_plugins.networks.image_model import ImageModel  # noqa: PLC0415
        from nextlabel_plugins.networks.network import Shape  # noqa: PLC0415

        own = self.parameters
        height, width = self.seen(images, own.size)
        shape = Shape(height, width, images.channels, candidates.shape[1], own.filters, own.dropout)
        pixels = torch.from_numpy(images.take(rows).pixels((height, width), images.channels))
        network = train(
            shape,
            pixels.permute(0, 3, 1, 2),
            torch.from_numpy(candidates[rows]),
            Views(own.shift, own.turn, own.scale, own.shear, own.flip),
            Schedule(own.epochs, own.steps, own.batch, own.rate, own.decay, own.smoothing, own.average),
            training.seed,
            training.progress,
        )
        return ImageModel(network, own.draws, training.seed, learnt=len(rows))
