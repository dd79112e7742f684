"""RandAugment as FixMatch and FlexMatch use it (Cubuk et al., "RandAugment", 2020; Sohn et al., "FixMatch", 2020)."""

from __future__ import annotations

import torch
from torch import Tensor

from nextlabel_plugins.networks.training.strong_augment import operations
from nextlabel_plugins.networks.training.strong_augment.operations import Operation, apply_operations, cutout

COUNT = 3
"""Operations of each image."""
OPERATIONS = (
    Operation(0, 0, 0),  # the image as it is
    Operation(1, 1, 0, operations.autocontrast),
    Operation(1, 1, 0, operations.equalize),
    Operation(0.05, 0.95, 1, operations.brightness),
    Operation(0.05, 0.95, 1, operations.colour),
    Operation(0.05, 0.95, 1, operations.contrast),
    Operation(0.05, 0.95, 1, operations.sharpness),
    Operation(4, 8, 8, operations.posterize),  # rounded down to 4..7 bits
    Operation(0, 256, 256, operations.solarize),
    Operation(-30, 30, 0, geometry=operations.rotation),
    Operation(-0.3, 0.3, 0, geometry=operations.shear_x),
    Operation(-0.3, 0.3, 0, geometry=operations.shear_y),
    Operation(-0.3, 0.3, 0, geometry=operations.translate_x),
    Operation(-0.3, 0.3, 0, geometry=operations.translate_y),
)


class RandAugment:
    """Three random operations with random magnitudes, then cutout."""

    def __init__(self, strength: float, largest_cutout: float, fill: Tensor) -> None:
        """`strength` scales magnitudes, `largest_cutout` is a share of the side, `fill` (c, 1, 1) its colour."""
        self._strength = strength
        self._cutout = largest_cutout
        self._fill = fill

    def __call__(self, images: Tensor) -> Tensor:
        """Return a view of each image (b, c, h, w), float in 0..255."""
        for _ in range(COUNT):
            chosen = torch.randint(len(OPERATIONS), (len(images),))
            images = apply_operations(images, OPERATIONS, chosen, torch.rand(len(images)), self._strength)
        return cutout(images, self._cutout, self._fill)
