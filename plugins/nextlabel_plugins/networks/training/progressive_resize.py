"""Smaller images in the first part of a training, which halves their cost."""

from __future__ import annotations

import math

from nextlabel_plugins.networks.architectures.network import Shape

MIN_RESIZED_SIDE = 16
"""Smallest side that is resized progressively: three quarters of less may be too small for the network."""


def view_size(shape: Shape, done: float) -> tuple[int, int]:
    """Return the (height, width) of the views after the share `done` of the training."""
    if min(shape.height, shape.width) < MIN_RESIZED_SIDE:
        return shape.height, shape.width
    # the first half costs 9/16 of full size, the next 30 % 49/64
    share = 0.75 if done < 0.5 else 0.875 if done < 0.8 else 1.0  # noqa: PLR2004 - see above
    return math.ceil(shape.height * share), math.ceil(shape.width * share)
