"""CTAugment: learns in training how strongly images may be changed.

Berthelot et al., "ReMixMatch: Semi-supervised learning with distribution matching and augmentation anchoring",
ICLR 2020.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from nextlabel_plugins.networks.training.strong_augment import operations
from nextlabel_plugins.networks.training.strong_augment.operations import Operation, apply_operations, cutout

COUNT, BINS, POSTERIZE_BINS = 2, 17, 8
"""Operations of each image, and bins of each operation's magnitude; posterizing has one for each number of bits."""
DECAY, THRESHOLD = 0.99, 0.8
"""Weight of a bin's old weight at an update, and the share of the best bin's weight below which a bin is not used."""
OPERATIONS = (
    Operation(0, 0, 0),  # the image as it is
    Operation(0, 1, 0, operations.autocontrast),
    Operation(0, 1, 0, operations.blur),
    Operation(0.1, 2, 1, operations.brightness),
    Operation(0.1, 2, 1, operations.colour),
    Operation(0.1, 2, 1, operations.contrast),
    Operation(0, 0.5, 0, operations.grey_square),
    Operation(0, 1, 0, operations.equalize),
    Operation(0, 1, 0, operations.invert),
    Operation(1, 8.999, 8, operations.posterize),  # rounded down, each of 1 to 8 bits has an eighth of the range
    Operation(0.1, 2, 1, operations.sharpness),
    Operation(0, 1, 0, operations.smooth),
    Operation(0, 256, 256, operations.solarize),
    Operation(-45, 45, 0, geometry=operations.rotation),
    Operation(-0.3, 0.3, 0, geometry=operations.shear_x),
    Operation(-0.3, 0.3, 0, geometry=operations.shear_y),
    Operation(-0.3, 0.3, 0, geometry=operations.translate_x),
    Operation(-0.3, 0.3, 0, geometry=operations.translate_y),
    Operation(0, 0.25, 0, geometry=operations.zoom),
)


@dataclass(frozen=True)
class Probe:
    """Views (b, c, h, w) with the `operations` (b, 2) and `bins` (b, 2) that made them."""

    views: Tensor
    operations: Tensor
    bins: Tensor


class CTAugment:
    """Two random operations whose magnitudes come from bins that the network copes with, then cutout.

    The weight of a bin is a running mean of the probability that the network gives to the label of images that
    were changed with it. Views use bins of at least 0.8 of the weight of their operation's best bin.
    """

    def __init__(self, strength: float, largest_cutout: float, fill: Tensor) -> None:
        """`strength` scales magnitudes, `largest_cutout` is a share of the side, `fill` (c, 1, 1) its colour."""
        self._bins = torch.tensor([POSTERIZE_BINS if o.colours is operations.posterize else BINS for o in OPERATIONS])
        self._exists = torch.arange(BINS) < self._bins[:, None]
        self.weights = self._exists.float()
        self._strength = strength
        self._cutout = largest_cutout
        self._fill = fill

    def __call__(self, images: Tensor) -> Tensor:
        """Return a view of each image (b, c, h, w), float in 0..255."""
        return cutout(self._changed(images, self._usable_bins).views, self._cutout, self._fill)

    def probe(self, images: Tensor) -> Probe:
        """Return a view of each image with bins drawn from all, to learn from."""
        return self._changed(images, lambda chosen: (torch.rand(chosen.shape) * self._bins[chosen]).long())

    def learn(self, probe: Probe, agreement: Tensor) -> None:
        """Update the bins of a probe by the probability (b,) that the network gives to each image's label."""
        indices = (probe.operations * BINS + probe.bins).flatten()
        counts = torch.bincount(indices, minlength=self.weights.numel()).float()
        sums = torch.bincount(indices, agreement.float().repeat_interleave(COUNT), self.weights.numel())
        means = (sums / counts.clamp(min=1)).float()
        old = DECAY**counts
        self.weights.copy_((old * self.weights.flatten() + (1 - old) * means).view_as(self.weights))

    def state_dict(self) -> dict[str, Tensor]:
        """Return the weights of the bins, for `ResumeFile`."""
        return {"weights": self.weights}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Restore the weights of the bins."""
        self.weights.copy_(state["weights"])

    def _usable_bins(self, chosen: Tensor) -> Tensor:
        """Return a random bin (b,) of each of these operations (b,), by weight, none that the network fails on."""
        weights = self.weights + (1 - DECAY)  # so that not all are 0
        weights = weights / weights.amax(dim=1, keepdim=True)
        weights = torch.where((weights >= THRESHOLD) & self._exists, weights, 0.0)
        return torch.multinomial(weights[chosen], 1)[:, 0]

    def _changed(self, images: Tensor, draw: Callable[[Tensor], Tensor]) -> Probe:
        """Return the images after two random operations with bins from `draw`, which takes operations (b,)."""
        chosen = torch.randint(len(OPERATIONS), (len(images), COUNT))
        bins = torch.stack([draw(chosen[:, number]) for number in range(COUNT)], dim=1)
        levels = (bins + torch.rand(bins.shape)) / self._bins[chosen]
        for number in range(COUNT):
            images = apply_operations(images, OPERATIONS, chosen[:, number], levels[:, number], self._strength)
        return Probe(images, chosen, bins)
