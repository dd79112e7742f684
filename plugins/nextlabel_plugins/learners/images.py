"""What learners of images share: what they refuse, the size they see, and how their models come back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, TypeVar

import numpy as np

from nextlabel.contracts import ImageItems, Items, Learner, Model, Targets
from nextlabel.contracts.data import BoolArray
from nextlabel.contracts.errors import Unprocessable

P = TypeVar("P")


class ImageLearner(Learner[P]):
    """A learner of the classes of images whose model is a `ImageModel`."""

    name: ClassVar[str]
    """As project files have it."""
    usual: ClassVar[int]
    """Side of what the network sees where the images differ in size."""

    def given(self, items: Items, targets: Targets) -> tuple[ImageItems, BoolArray]:
        """Return the images and their candidates (n, C).

        Raise Unprocessable where they are something else, or no item has a label.
        """
        if not isinstance(items, ImageItems) or targets.candidates is None:
            raise Unprocessable(f"the learner `{self.name}` learns classes of images, nothing else")
        if not targets.labelled.any():
            raise Unprocessable("there is no label to learn from yet")
        return items, targets.candidates

    def seen(self, items: ImageItems, side: int) -> tuple[int, int]:
        """Return the (height, width) the network sees: `side`, or for 0 the images' own."""
        return (side, side) if side else items.size or (self.usual, self.usual)

    def rebuild(self, description: Mapping[str, Any], tensors: Mapping[str, np.ndarray[Any, Any]]) -> Model:
        """Return the model that gave these."""
        from nextlabel_plugins.networks.image_model import ImageModel  # noqa: PLC0415 - it loads torch

        return ImageModel.rebuild(description, tensors)
