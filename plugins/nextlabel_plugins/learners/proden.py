"""PRODEN: partial-label learning that identifies the true label among the candidates during training.

Lv, Xu, Feng, Niu, Geng, Sugiyama, "Progressive identification of true labels for partial-label
learning", ICML 2020. With `consistency`, it follows CR-DPLL (ICML 2022) and PaPi (CVPR 2023).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import numpy as np

from nextlabel.contracts import Bounds, Items, Model, Targets, Training
from nextlabel.contracts.errors import Unprocessable
from nextlabel_plugins.learners.base import ImageLearner
from nextlabel_plugins.learners.learner_inputs import read_pixels

_READ = 0.02
"""Share of a training's progress once all images are read."""


@dataclass(frozen=True)
class NetworkDefaults:
    """Training defaults of a network, used for every parameter that a project leaves at 0."""

    epochs: int
    batch_size: int
    learning_rate: float
    weight_decay: float
    filters: int


DEFAULTS: Mapping[str, NetworkDefaults] = {
    "fast": NetworkDefaults(epochs=24, batch_size=2000, learning_rate=0.24, weight_decay=0.0, filters=64),
    "mlp": NetworkDefaults(epochs=60, batch_size=256, learning_rate=0.05, weight_decay=1e-3, filters=300),
    "convnet12": NetworkDefaults(epochs=200, batch_size=256, learning_rate=0.01, weight_decay=1e-3, filters=128),
    "resnet18": NetworkDefaults(epochs=200, batch_size=256, learning_rate=0.05, weight_decay=1e-3, filters=64),
}


@dataclass(frozen=True)
class ProdenParameters:
    """Parameters of `proden`. For those that default to 0, 0 means the default of the network."""

    network: Annotated[
        Literal["fast", "mlp", "convnet12", "resnet18"],
        "`fast`: for two cores; `mlp`: PRODEN's own; `convnet12`: by Laine and Aila; `resnet18`",
    ] = "fast"
    epochs: Annotated[int, Bounds(ge=0), "passes over the labelled items"] = 0
    min_steps: Annotated[int, Bounds(ge=1), "minimum number of updates when training from scratch"] = 200
    batch_size: Annotated[
        int, Bounds(ge=0), "views per update, at least two; never more than a quarter of the items, or 64"
    ] = 0
    learning_rate: Annotated[float, Bounds(ge=0), "peak learning rate"] = 0.0
    weight_decay: Annotated[float, Bounds(ge=0), "weight decay; not used by `fast`"] = 0.0
    schedule: Annotated[
        Literal["cosine", "step"],
        "how the learning rate falls: along a cosine to 0, or in steps; not used by `fast`",
    ] = "cosine"
    step_size: Annotated[int, Bounds(ge=1), "with `step`: number of epochs between two falls"] = 10
    gamma: Annotated[float, Bounds(gt=0, le=1), "with `step`: factor on the learning rate at each fall"] = 0.9
    sgd_momentum: Annotated[float, Bounds(ge=0, lt=1), "momentum of SGD; not used by `fast`"] = 0.9
    nesterov: Annotated[bool, "Nesterov's momentum instead of plain momentum; not used by `fast`"] = True
    filters: Annotated[int, Bounds(ge=0), "filters of the first convolution, or units of the first layer of `mlp`"] = 0
    image_size: Annotated[
        int, Bounds(ge=0), "side the images are resized to; 0: their own size, or 32 if they differ"
    ] = 0
    shift: Annotated[float, Bounds(ge=0, lt=0.5), "augmentation: largest shift, as a share of the side"] = 0.0625
    flip: Annotated[bool, "augmentation: flip left to right every other epoch; not for digits or letters"] = False
    progressive_resize: Annotated[
        bool, "use smaller images in early epochs, which halves their cost; not for `mlp`"
    ] = False
    target_momentum: Annotated[float, Bounds(ge=0, lt=1), "weight of the old targets at each re-estimation"] = 0.0
    delayed_targets: Annotated[
        bool, "learn from the targets of an item's previous visit, as the published code does"
    ] = False
    consistency: Annotated[bool, "train two views of each item towards their combined prediction"] = False
    tta: Annotated[
        Literal["none", "flip", "flip-shift"], "test-time augmentation: views that a prediction is averaged over"
    ] = "none"
    use_unlabelled: Annotated[bool, "also learn from items whose set is every class"] = False
    warm_start_lr_factor: Annotated[
        float, Bounds(gt=0, le=1), "factor on the learning rate when training continues from an earlier model"
    ] = 0.02
    mc_samples: Annotated[
        int, Bounds(ge=1), "Monte Carlo dropout samples, for strategies that need them; all equal if dropout is 0"
    ] = 20
    dropout: Annotated[float, Bounds(ge=0, lt=1), "share of the embedding dropped in training"] = 0.0

    former_names: ClassVar[Mapping[str, str]] = {
        "steps": "min_steps",
        "batch": "batch_size",
        "rate": "learning_rate",
        "decay": "weight_decay",
        "size": "image_size",
        "growth": "progressive_resize",
        "momentum": "target_momentum",
        "delay": "delayed_targets",
        "averaging": "tta",
        "unlabelled": "use_unlabelled",
        "restart": "warm_start_lr_factor",
        "draws": "mc_samples",
    }


class Proden(ImageLearner[ProdenParameters]):
    """Trains on candidate sets.

    Continues from `training.start` if that is a network of the same shape, trained on at least as
    many items as there are now. A network trained on fewer items costs more to correct than it saves.
    """

    name, default_size = "proden", 32

    def fit(self, items: Items, targets: Targets, training: Training) -> Model:
        """Train. Raises Unprocessable if no item is labelled or the items are not images."""
        images, candidates = self.check_inputs(items, targets, training)
        options = self.parameters
        if options.progressive_resize and options.network == "mlp":
            raise Unprocessable("`progressive_resize` needs a network that takes images of any size; `mlp` does not")
        rows = np.arange(len(items)) if options.use_unlabelled else np.flatnonzero(targets.labelled)
        import torch  # noqa: PLC0415 - loaded for training, not for listing plugins

        from nextlabel_plugins.networks.architectures.network import Shape  # noqa: PLC0415 - as above
        from nextlabel_plugins.networks.inference.image_model import ImageModel  # noqa: PLC0415
        from nextlabel_plugins.networks.training.optimizers import SGDConfig, cosine, steps  # noqa: PLC0415
        from nextlabel_plugins.networks.training.train_proden import (  # noqa: PLC0415
            ProdenConfig,
            TrainingData,
            train_proden,
        )

        defaults = DEFAULTS[options.network]
        height, width = self.input_size(images, options.image_size)
        shape = Shape(
            height,
            width,
            images.channels,
            candidates.shape[1],
            options.filters or defaults.filters,
            options.dropout,
            kind=options.network,
        )
        start, trained_items, previous = None, len(rows), training.start
        if isinstance(previous, ImageModel) and previous.network.shape == shape and previous.trained_items >= len(rows):
            start, trained_items = previous.network, previous.trained_items
        epochs = options.epochs or defaults.epochs
        config = ProdenConfig(
            epochs=epochs,
            min_steps=1 if start else options.min_steps,
            batch_size=options.batch_size or defaults.batch_size,
            learning_rate=(options.learning_rate or defaults.learning_rate)
            * (options.warm_start_lr_factor if start else 1),
            weight_decay=options.weight_decay or defaults.weight_decay,
            shift=round(options.shift * min(height, width)),
            flip=options.flip,
            progressive_resize=options.progressive_resize and start is None,
            target_momentum=options.target_momentum,
            delayed_targets=options.delayed_targets,
            consistency=options.consistency,
            sgd=SGDConfig(
                options.sgd_momentum,
                options.nesterov,
                cosine if options.schedule == "cosine" else steps(epochs, options.step_size, options.gamma),
            ),
        )
        pixels = read_pixels(
            images.take(rows), (height, width), images.channels, lambda share: training.progress(_READ * share, {})
        )
        network = train_proden(
            shape,
            TrainingData(torch.from_numpy(pixels), torch.from_numpy(candidates[rows])),
            config,
            training.seed,
            lambda share, metrics: training.progress(_READ + (1 - _READ) * share, metrics),
            start,
            training.folder,
        )
        return ImageModel(network, options.mc_samples, training.seed, options.tta, trained_items)
