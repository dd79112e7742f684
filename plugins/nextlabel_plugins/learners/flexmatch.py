"""FlexMatch: semi-supervised learning from few labels, by pseudo-labels with a threshold for each class.

Zhang et al., "FlexMatch: Boosting semi-supervised learning with curriculum pseudo labeling", NeurIPS 2021.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np

from nextlabel.contracts import Bounds, Items, Model, Targets, Training
from nextlabel_plugins.learners.base import ImageLearner
from nextlabel_plugins.learners.learner_inputs import read_pixels

FILTERS: Mapping[str, int] = {"wideresnet": 16, "fast": 64, "convnet12": 128, "resnet18": 64}
"""Filters of the first convolution of each network."""
_READ = 0.02
"""Share of a training's progress once all images are read."""


@dataclass(frozen=True)
class FlexMatchParameters:
    """Parameters of `flexmatch`. The defaults are those of the published program for CIFAR-10."""

    network: Annotated[
        Literal["wideresnet", "fast", "convnet12", "resnet18"],
        "`wideresnet`: WRN-28-2, as published; `fast`: for two cores; `convnet12`; `resnet18`",
    ] = "wideresnet"
    steps: Annotated[int, Bounds(ge=1), "updates with labelled and unlabelled items"] = 1_048_576
    burn_in_steps: Annotated[int, Bounds(ge=0), "updates before these, with labelled items alone"] = 0
    burn_in_batch_size: Annotated[int, Bounds(ge=2), "labelled items in each of these updates"] = 64
    burn_in_learning_rate: Annotated[float, Bounds(gt=0), "learning rate at the start of these updates"] = 0.03
    batch_size: Annotated[int, Bounds(ge=2), "labelled items in an update"] = 64
    mu: Annotated[int, Bounds(ge=1), "unlabelled items in an update, for each labelled one"] = 7
    learning_rate: Annotated[
        float, Bounds(gt=0), "learning rate at the start; it falls along cos(7/16 pi t), with `fast` linearly to zero"
    ] = 0.03
    weight_decay: Annotated[
        float, Bounds(ge=0), "weight decay, except of biases and batch norms; not used by `fast`"
    ] = 5e-4
    ema_decay: Annotated[
        float, Bounds(ge=0, lt=1), "decay of the running average of the weights, which is the trained network"
    ] = 0.999
    unlabelled_weight: Annotated[
        float, Bounds(ge=0), "weight of the unlabelled items' loss; 0: supervised training"
    ] = 1.0
    threshold: Annotated[float, Bounds(gt=0, le=1), "confidence of a pseudo-label that makes its class count"] = 0.95
    curriculum: Annotated[
        Literal["convex", "linear"],
        "a class's share of the threshold: `convex` x / (2 - x), `linear` (1 + x) / 2",
    ] = "convex"
    threshold_warmup: Annotated[
        bool, "compare classes with the number of items without a pseudo-label too, while that is larger"
    ] = True
    expand_labels: Annotated[bool, "shuffle the labelled items' copies that fill an epoch, not one pass at a time"] = (
        True
    )
    epoch_steps: Annotated[int, Bounds(ge=1), "updates in an epoch, after which the loss is reported"] = 1024
    augment: Annotated[
        Literal["ctaugment", "randaugment", "jitter"],
        "strong views: `ctaugment` of ReMixMatch; `randaugment`; `jitter`, cheap rotation, size and colours",
    ] = "ctaugment"
    augment_labelled: Annotated[bool, "learn from strong views of the labelled items, instead of weak ones"] = False
    augment_strength: Annotated[
        float, Bounds(ge=0, le=1), "strong views: factor on the distance of each magnitude from no change"
    ] = 0.5
    cutout: Annotated[
        float, Bounds(ge=0, le=1), "strong views: largest side of the covered square, as a share of the image's"
    ] = 0.5
    shift: Annotated[float, Bounds(ge=0, lt=0.5), "all views: largest shift, as a share of the side"] = 0.125
    flip: Annotated[bool, "all views: flip half of them left to right; not for digits or letters"] = True
    teacher: Annotated[
        Literal["network", "average"],
        "gives the pseudo-labels: the `network` itself in each update, or the `average` through a table of predictions",
    ] = "network"
    refresh: Annotated[
        float, Bounds(gt=0), "with `average`: predictions renewed in an update, for each unlabelled item in it"
    ] = 0.34
    progressive_resize: Annotated[bool, "train on smaller images at first, which halves their cost"] = False
    filters: Annotated[int, Bounds(ge=0), "filters of the first convolution; 0: 16, 64, 128 and 64 in this order"] = 0
    image_size: Annotated[
        int, Bounds(ge=0), "side the images are resized to; 0: their own size, or 32 if they differ"
    ] = 0
    tta: Annotated[
        Literal["none", "flip", "flip-shift"], "test-time augmentation: views that a prediction is averaged over"
    ] = "none"


class FlexMatch(ImageLearner[FlexMatchParameters]):
    """Trains on labelled and unlabelled items, always from scratch. Resumes if it was killed."""

    name, default_size = "flexmatch", 32

    def fit(self, items: Items, targets: Targets, training: Training) -> Model:
        """Train. Raises Unprocessable if no item is labelled or the items are not images."""
        images, candidates = self.check_inputs(items, targets, training)
        import torch  # noqa: PLC0415 - loaded for training, not for listing plugins

        from nextlabel_plugins.networks.architectures.network import Shape  # noqa: PLC0415 - as above
        from nextlabel_plugins.networks.inference.image_model import ImageModel  # noqa: PLC0415
        from nextlabel_plugins.networks.training.train_flexmatch import (  # noqa: PLC0415
            FlexMatchConfig,
            FlexMatchData,
            train_flexmatch,
        )

        options = self.parameters
        height, width = self.input_size(images, options.image_size)
        rows = np.arange(len(images)) if options.unlabelled_weight else np.flatnonzero(targets.labelled)
        filters = options.filters or FILTERS[options.network]
        shape = Shape(height, width, images.channels, candidates.shape[1], filters, 0.0, kind=options.network)
        config = FlexMatchConfig(
            steps=options.steps,
            burn_in_steps=options.burn_in_steps,
            burn_in_batch_size=options.burn_in_batch_size,
            burn_in_learning_rate=options.burn_in_learning_rate,
            batch_size=options.batch_size,
            mu=options.mu,
            learning_rate=options.learning_rate,
            weight_decay=options.weight_decay,
            ema_decay=options.ema_decay,
            unlabelled_weight=options.unlabelled_weight,
            threshold=options.threshold,
            curriculum=options.curriculum,
            threshold_warmup=options.threshold_warmup,
            expand_labels=options.expand_labels,
            epoch_steps=options.epoch_steps,
            augment=options.augment,
            augment_labelled=options.augment_labelled,
            augment_strength=options.augment_strength,
            cutout=options.cutout,
            shift=round(options.shift * min(height, width)),
            flip=options.flip,
            teacher=options.teacher,
            refresh=options.refresh,
            progressive_resize=options.progressive_resize,
        )
        pixels = read_pixels(
            images.take(rows), (height, width), images.channels, lambda share: training.progress(_READ * share, {})
        )
        network = train_flexmatch(
            shape,
            FlexMatchData(torch.from_numpy(pixels), torch.from_numpy(candidates[rows])),
            config,
            training.seed,
            lambda share, metrics: training.progress(_READ + (1 - _READ) * share, metrics),
            training.folder,
        )
        return ImageModel(network, 1, training.seed, options.tta, len(rows))
