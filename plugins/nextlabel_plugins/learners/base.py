"""Base class of the learners that classify images."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, TypeVar

import numpy as np

from nextlabel.contracts import ImageItems, Items, Learner, Model, Targets, Training
from nextlabel.contracts.data import BoolArray
from nextlabel.contracts.errors import Unprocessable
from nextlabel_plugins.learners import learner_inputs

P = TypeVar("P")


class ImageLearner(Learner[P]):
    """A learner for image classification whose model is an `ImageModel`."""

    name: ClassVar[str]
    """Name of the learner in project files."""
    default_size: ClassVar[int]
    """Side in pixels that images of different sizes are resized to by default."""

    def check_inputs(self, items: Items, targets: Targets, training: Training) -> tuple[ImageItems, BoolArray]:
        """Return the images and their candidate sets (n, C).

        Raises Unprocessable if the items are not images, the targets are not classes, no item is labelled, or the
        project has `[learner] features`.
        """
        learner_inputs.refuse_features(self.name, training)
        if not isinstance(items, ImageItems) or targets.candidates is None:
            raise Unprocessable(f"the learner `{self.name}` learns classes of images, nothing else")
        if not targets.labelled.any():
            raise Unprocessable("there is no label to learn from yet")
        return items, targets.candidates

    def input_size(self, items: ImageItems, side: int) -> tuple[int, int]:
        """Return the (height, width) of the network's input: `side`, or for 0 the size of the images."""
        return learner_inputs.input_size(items, side, self.default_size)

    def rebuild(self, description: Mapping[str, Any], tensors: Mapping[str, np.ndarray[Any, Any]]) -> Model:
        """Return the model with this description and these tensors."""
        from nextlabel_plugins.networks.inference.image_model import ImageModel  # noqa: PLC0415 - it loads torch

        return ImageModel.rebuild(description, tensors)
