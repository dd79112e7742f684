"""A classifier on the codes of an autoencoder: learnt from images without labels, then fine-tuned on the labels.

Hinton and Salakhutdinov, "Reducing the dimensionality of data with neural networks", Science 2006.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np

from nextlabel.contracts import Bounds, Items, Model, Targets, Training
from nextlabel_plugins.learners.base import ImageLearner
from nextlabel_plugins.learners.learner_inputs import read_pixels

_READ = 0.05
"""Share of the progress at which the images are read."""


@dataclass(frozen=True)
class AutoencoderParameters:
    """Parameters of `autoencoder`. The defaults are those of the project `mnist-autoencoder`."""

    codes: Annotated[int, Bounds(ge=1), "numbers that an image is encoded as; they are its embedding"] = 32
    pretrain_items: Annotated[
        int, Bounds(ge=0), "images that the autoencoder is trained on, the first of the pool; 0: all"
    ] = 10_000
    pretrain_epochs: Annotated[
        int, Bounds(ge=0), "passes over these images; 0: the classifier without pre-training"
    ] = 50
    pretrain_batch_size: Annotated[int, Bounds(ge=1), "images per update of the autoencoder"] = 256
    epochs: Annotated[int, Bounds(ge=1), "passes over the labelled images"] = 20
    min_steps: Annotated[int, Bounds(ge=1), "minimum number of updates with labels, even if they are few"] = 300
    batch_size: Annotated[int, Bounds(ge=1), "labelled images per update"] = 32
    learning_rate: Annotated[float, Bounds(gt=0), "learning rate of Adam"] = 0.001
    image_size: Annotated[
        int, Bounds(ge=0), "side the images are resized to; 0: their own size, or 32 if they differ"
    ] = 0


class Autoencoder(ImageLearner[AutoencoderParameters]):
    """Trains from scratch; `training.start` is not used."""

    name, default_size = "autoencoder", 32

    def fit(self, items: Items, targets: Targets, training: Training) -> Model:
        """Train the autoencoder on the first items, labelled or not, then the classifier on the labelled ones.

        Raises Unprocessable if there is no label.
        """
        images, candidates = self.check_inputs(items, targets, training)
        import torch  # noqa: PLC0415 - loaded for training, not for listing plugins

        from nextlabel_plugins.networks.architectures.network import Shape  # noqa: PLC0415 - as above
        from nextlabel_plugins.networks.inference.image_model import ImageModel  # noqa: PLC0415
        from nextlabel_plugins.networks.training.train_autoencoder import (  # noqa: PLC0415
            AutoencoderConfig,
            train_autoencoder,
        )

        options = self.parameters
        height, width = self.input_size(images, options.image_size)
        shape = Shape(height, width, images.channels, candidates.shape[1], options.codes, 0.0, kind="encoder")
        config = AutoencoderConfig(
            pretrain_epochs=options.pretrain_epochs,
            pretrain_batch_size=options.pretrain_batch_size,
            epochs=options.epochs,
            min_steps=options.min_steps,
            batch_size=options.batch_size,
            learning_rate=options.learning_rate,
        )
        first = min(options.pretrain_items or len(images), len(images)) if options.pretrain_epochs else 0
        rows = np.flatnonzero(targets.labelled)
        needed = np.union1d(np.arange(first), rows)
        array = read_pixels(
            images.take(needed),
            (height, width),
            images.channels,
            lambda share: training.progress(share * _READ, {}),
        )
        pixels = torch.from_numpy(array).permute(0, 3, 1, 2)
        network = train_autoencoder(
            shape,
            pixels[:first],
            pixels[np.searchsorted(needed, rows)],
            torch.from_numpy(candidates[rows]),
            config,
            training.seed,
            lambda share, metrics: training.progress(_READ + share * (1 - _READ), metrics),
        )
        return ImageModel(network, mc_samples=1, seed=training.seed, trained_items=len(rows))
