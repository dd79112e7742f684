"""What several learners do with their inputs."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from nextlabel.contracts import ImageItems, Training
from nextlabel.contracts.data import PixelArray
from nextlabel.contracts.errors import Unprocessable

BATCH = 1024
"""Images that are read at a time: between two reports a training cannot be cancelled."""


def refuse_features(learner: str, training: Training) -> None:
    """Raise Unprocessable if the project has `[learner] features`, for a learner that does not use them."""
    if training.features is not None:
        raise Unprocessable(
            f"the learner `{learner}` does not use [learner] features; with a table [features] and "
            'plugin = "checkpoint:<project>", the items of a learner of vectors are a checkpoint\'s embeddings'
        )


def input_size(images: ImageItems, side: int, default: int) -> tuple[int, int]:
    """Return the (height, width) of a model's input: `side`; for 0 that of the images, or `default` if they differ."""
    return (side, side) if side else images.size or (default, default)


def check_network_size(network: str, height: int, width: int) -> None:
    """Raise Unprocessable if images of this size are too small for the network."""
    from nextlabel_plugins.networks.architectures.mnist_net import MIN_SIDE  # noqa: PLC0415 - it loads torch

    if network == "mnist-net" and min(height, width) < MIN_SIDE:
        raise Unprocessable(
            f"the network `mnist-net` needs images of at least {MIN_SIDE} x {MIN_SIDE} pixels, and these have "
            f"{height} x {width}; set `image_size` to {MIN_SIDE} or more, or choose another network"
        )


def read_pixels(
    images: ImageItems, size: tuple[int, int], channels: int, progress: Callable[[float], None]
) -> PixelArray:
    """Return the pixels (n, height, width, channels) of all images; `progress` receives the share that is read."""
    pixels = np.empty((len(images), *size, channels), np.uint8)
    for start in range(0, len(images), BATCH):
        stop = min(start + BATCH, len(images))
        pixels[start:stop] = images.take(np.arange(start, stop)).pixels(size, channels)
        progress(stop / len(images))
    return pixels
