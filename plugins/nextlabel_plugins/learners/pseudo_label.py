"""Pseudo-labels: a network learns from the labels, and from its own confident predictions of the other items.

Lee, "Pseudo-label: the simple and efficient semi-supervised learning method for deep neural networks", ICML 2013
workshop on challenges in representation learning.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from nextlabel.contracts import Bounds, Items, Model, Targets, Training
from nextlabel_plugins.learners.base import ImageLearner
from nextlabel_plugins.learners.learner_inputs import check_network_size, read_pixels

_READ = 0.02
"""Share of the progress at which the images are read."""


@dataclass(frozen=True)
class PseudoLabelParameters:
    """Parameters of `pseudo-label`. The defaults are those of the project `mnist-pseudo`.

    Raises ValueError for more supervised epochs than epochs.
    """

    network: Annotated[
        Literal["simple", "mnist-net", "convnet"],
        "`simple`: one convolution and a linear layer; `mnist-net` and `convnet`: as in `cnn`",
    ] = "simple"
    threshold: Annotated[
        float,
        Bounds(gt=0, le=1),
        "smallest probability, within an item's set, of a class that becomes its pseudo-label",
    ] = 0.8
    epochs: Annotated[int, Bounds(ge=1), "passes over the labelled items"] = 10
    supervised_epochs: Annotated[
        int, Bounds(ge=1), "epochs before the first pseudo-labels; as many as `epochs`: supervised training"
    ] = 1
    min_steps: Annotated[int, Bounds(ge=1), "minimum number of updates, even with few labels"] = 300
    batch_size: Annotated[int, Bounds(ge=2), "labelled images per update"] = 64
    pseudo_batch_size: Annotated[
        int, Bounds(ge=1), "pseudo-labelled images that join them; fewer if fewer have a pseudo-label"
    ] = 64
    learning_rate: Annotated[float, Bounds(gt=0), "peak learning rate of Adam"] = 0.001
    schedule: Annotated[
        Literal["cosine", "constant"], "learning rate: `cosine` rises for a tenth of the updates and falls to zero"
    ] = "constant"
    image_size: Annotated[
        int, Bounds(ge=0), "side the images are resized to; 0: their own size, or 32 if they differ"
    ] = 0
    filters: Annotated[int, Bounds(ge=1), "filters of the first convolution"] = 32
    dropout: Annotated[float, Bounds(ge=0, lt=1), "share of the embedding dropped in training"] = 0.0
    shift: Annotated[float, Bounds(ge=0, le=1), "augmentation: largest shift, as a share of the side"] = 0.0
    rotation: Annotated[float, Bounds(ge=0, le=180), "augmentation: largest rotation in degrees"] = 0.0
    scale: Annotated[float, Bounds(ge=0, lt=1), "augmentation: largest change of size, as a share"] = 0.0
    shear: Annotated[float, Bounds(ge=0, le=1), "augmentation: largest shear, as a share of the height"] = 0.0
    flip: Annotated[bool, "augmentation: flip half of the images left to right; not for digits or letters"] = False
    mc_samples: Annotated[
        int, Bounds(ge=1), "Monte Carlo dropout samples, for strategies that need them; all equal if dropout is 0"
    ] = 20

    def __post_init__(self) -> None:
        if self.supervised_epochs > self.epochs:
            raise ValueError(
                f"supervised_epochs is {self.supervised_epochs}, more than the {self.epochs} epochs in all; "
                "choose as many for supervised training, fewer for pseudo-labels"
            )


class PseudoLabel(ImageLearner[PseudoLabelParameters]):
    """Trains on all items, labelled or not, from scratch; `training.start` is not used."""

    name, default_size = "pseudo-label", 32

    def fit(self, items: Items, targets: Targets, training: Training) -> Model:
        """Train on the labels; after the `supervised_epochs`, also on pseudo-labels, which each epoch renews.

        Raises Unprocessable if no item is labelled, or if the images are too small for the network.
        """
        images, candidates = self.check_inputs(items, targets, training)
        import torch  # noqa: PLC0415 - loaded for training, not for listing plugins

        from nextlabel_plugins.networks.architectures.network import Shape  # noqa: PLC0415 - as above
        from nextlabel_plugins.networks.inference.image_model import ImageModel  # noqa: PLC0415
        from nextlabel_plugins.networks.training.augment import RandomAffine  # noqa: PLC0415
        from nextlabel_plugins.networks.training.train_pseudo_label import (  # noqa: PLC0415
            PseudoLabelConfig,
            train_pseudo_label,
        )

        options = self.parameters
        height, width = self.input_size(images, options.image_size)
        check_network_size(options.network, height, width)
        shape = Shape(
            height, width, images.channels, candidates.shape[1], options.filters, options.dropout, kind=options.network
        )
        config = PseudoLabelConfig(
            epochs=options.epochs,
            supervised_epochs=options.supervised_epochs,
            min_steps=options.min_steps,
            batch_size=options.batch_size,
            pseudo_batch_size=options.pseudo_batch_size,
            threshold=options.threshold,
            learning_rate=options.learning_rate,
            schedule=options.schedule,
        )
        pixels = read_pixels(
            images, (height, width), images.channels, lambda share: training.progress(share * _READ, {})
        )
        network = train_pseudo_label(
            shape,
            torch.from_numpy(pixels).permute(0, 3, 1, 2),
            torch.from_numpy(candidates.copy()),
            RandomAffine(options.shift, options.rotation, options.scale, options.shear, options.flip),
            config,
            training.seed,
            lambda share, metrics: training.progress(_READ + share * (1 - _READ), metrics),
        )
        return ImageModel(network, options.mc_samples, training.seed, trained_items=int(targets.labelled.sum()))
