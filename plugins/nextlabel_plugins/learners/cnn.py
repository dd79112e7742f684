"""A small convolutional network, trained on candidate sets.

The loss of an item is -log of the probability summed over its candidate set (Jin and Ghahramani,
"Learning with multiple labels", NIPS 2002). For a full label this is cross entropy. For a set of
all classes it is zero, so unlabelled items are left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import numpy as np

from nextlabel.contracts import Bounds, Items, Model, Targets, Training
from nextlabel_plugins.learners.base import ImageLearner
from nextlabel_plugins.learners.learner_inputs import check_network_size, read_pixels

if TYPE_CHECKING:
    from nextlabel_plugins.networks.architectures.network import Shape
    from nextlabel_plugins.networks.training.train_cnn import TrainedNetwork

_READ = 0.02
"""Share of a training's progress once all images are read."""


@dataclass(frozen=True)
class CNNParameters:
    """Parameters of `cnn`. The defaults were chosen for few labels, on a validation part of `digits`.

    Raises ValueError for a warm start with averaged weights, which the optimizer's state does not belong to.
    """

    network: Annotated[
        Literal["convnet", "mnist-net"],
        "`convnet`: batch norm, any image size; `mnist-net`: two convolutions and a linear layer, no padding",
    ] = "convnet"
    epochs: Annotated[int, Bounds(ge=1), "passes over the labelled items"] = 30
    min_steps: Annotated[int, Bounds(ge=1), "minimum number of updates, even with few labels"] = 300
    batch_size: Annotated[int, Bounds(ge=2), "images per update"] = 32
    input_scaling: Annotated[
        Literal["standardise", "minus-one-to-one"],
        "pixels: `standardise` by mean and deviation of the labelled items, or scale to -1..1",
    ] = "standardise"
    image_size: Annotated[
        int, Bounds(ge=0), "side the images are resized to; 0: their own size, or 64 if they differ"
    ] = 0
    filters: Annotated[int, Bounds(ge=1), "filters of the first convolution; doubled at each halving"] = 32
    dropout: Annotated[float, Bounds(ge=0, lt=1), "share of the embedding dropped in training"] = 0.3
    learning_rate: Annotated[float, Bounds(gt=0), "peak learning rate"] = 0.003
    schedule: Annotated[
        Literal["cosine", "constant"], "learning rate: `cosine` rises for a tenth of the updates and falls to zero"
    ] = "cosine"
    weight_decay: Annotated[float, Bounds(ge=0), "weight decay of AdamW; 0: plain Adam"] = 0.01
    label_smoothing: Annotated[float, Bounds(ge=0, lt=1), "label smoothing"] = 0.0
    warm_start: Annotated[
        bool, "continue with the network and the optimizer of the live checkpoint; else train from scratch"
    ] = False
    weight_averaging: Annotated[
        float, Bounds(ge=0, le=1), "share of the updates, at the end, whose weights are averaged"
    ] = 0.2
    shift: Annotated[float, Bounds(ge=0, le=1), "augmentation: largest shift, as a share of the side"] = 0.2
    rotation: Annotated[float, Bounds(ge=0, le=180), "augmentation: largest rotation in degrees"] = 10.0
    scale: Annotated[float, Bounds(ge=0, lt=1), "augmentation: largest change of size, as a share"] = 0.1
    shear: Annotated[float, Bounds(ge=0, le=1), "augmentation: largest shear, as a share of the height"] = 0.0
    flip: Annotated[bool, "augmentation: flip half of the images left to right; not for digits or letters"] = False
    mc_samples: Annotated[
        int,
        Bounds(ge=1),
        "Monte Carlo dropout samples, for strategies that need them; `convnet`: all equal if dropout is 0",
    ] = 20

    former_names: ClassVar[Mapping[str, str]] = {
        "steps": "min_steps",
        "batch": "batch_size",
        "size": "image_size",
        "rate": "learning_rate",
        "decay": "weight_decay",
        "smoothing": "label_smoothing",
        "average": "weight_averaging",
        "turn": "rotation",
        "draws": "mc_samples",
    }

    def __post_init__(self) -> None:
        if self.warm_start and self.weight_averaging:
            raise ValueError(
                f"warm_start needs weight_averaging = 0, not {self.weight_averaging:g}: the optimizer goes on with the "
                "last weights, not with an average"
            )


class CNN(ImageLearner[CNNParameters]):
    """Trains on all labelled items, from scratch or, with `warm_start`, from `training.start`."""

    name, default_size = "cnn", 64

    def fit(self, items: Items, targets: Targets, training: Training) -> Model:
        """Train on the items whose set is not every class.

        Raises Unprocessable if there are none, or if the images are too small for the network.
        """
        images, candidates = self.check_inputs(items, targets, training)
        rows = np.flatnonzero(targets.labelled)
        import torch  # noqa: PLC0415 - loaded for training, not for listing plugins

        from nextlabel_plugins.networks.architectures.network import Shape  # noqa: PLC0415 - as above
        from nextlabel_plugins.networks.inference.image_model import ImageModel  # noqa: PLC0415
        from nextlabel_plugins.networks.training.augment import RandomAffine  # noqa: PLC0415
        from nextlabel_plugins.networks.training.train_cnn import CNNConfig, train_cnn  # noqa: PLC0415

        options = self.parameters
        height, width = self.input_size(images, options.image_size)
        check_network_size(options.network, height, width)
        shape = Shape(
            height, width, images.channels, candidates.shape[1], options.filters, options.dropout, kind=options.network
        )
        pixels = read_pixels(
            images.take(rows), (height, width), images.channels, lambda share: training.progress(_READ * share, {})
        )
        config = CNNConfig(
            epochs=options.epochs,
            min_steps=options.min_steps,
            batch_size=options.batch_size,
            learning_rate=options.learning_rate,
            weight_decay=options.weight_decay,
            label_smoothing=options.label_smoothing,
            weight_averaging=options.weight_averaging,
            schedule=options.schedule,
            input_scaling=options.input_scaling,
        )
        trained = train_cnn(
            shape,
            torch.from_numpy(pixels).permute(0, 3, 1, 2),
            torch.from_numpy(candidates[rows]),
            RandomAffine(options.shift, options.rotation, options.scale, options.shear, options.flip),
            config,
            training.seed,
            lambda share, metrics: training.progress(_READ + (1 - _READ) * share, metrics),
            self._start(shape, training),
        )
        return ImageModel(
            trained.network,
            options.mc_samples,
            training.seed,
            trained_items=len(rows),
            optimizer_state=trained.optimizer if options.warm_start else None,
        )

    def _start(self, shape: Shape, training: Training) -> TrainedNetwork | None:
        """Return the network to go on from: that of a start model of the same shape whose optimizer is known.

        Print why there is none, if there is a start model.
        """
        from nextlabel_plugins.networks.inference.image_model import ImageModel  # noqa: PLC0415 - it loads torch
        from nextlabel_plugins.networks.training.optimizer_state import fits, from_arrays  # noqa: PLC0415 - as above
        from nextlabel_plugins.networks.training.train_cnn import TrainedNetwork  # noqa: PLC0415

        start = training.start
        if not self.parameters.warm_start or start is None:
            return None
        state = from_arrays(training.start_state)
        if not isinstance(start, ImageModel) or start.network.shape != shape:
            reason = "the live checkpoint has another network, image size or number of classes"
        elif not fits(state, start.network):
            reason = "the live checkpoint has no optimizer state: it was bundled, or trained without `warm_start`"
        else:
            return TrainedNetwork(start.network, state)
        print(f"training starts from scratch: {reason}", flush=True)  # noqa: T201 - the job's log
        return None
