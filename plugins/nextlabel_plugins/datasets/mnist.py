"""MNIST: 70,000 handwritten digits, 28 x 28, greyscale.

LeCun, Bottou, Bengio and Haffner, "Gradient-Based Learning Applied to Document Recognition", 1998.
"""

from __future__ import annotations

from types import MappingProxyType

from nextlabel_plugins.datasets.torchvision_dataset import TorchvisionDataset


class Mnist(TorchvisionDataset):
    """60,000 digits, and 10,000 in the test split. The class names are those of `digits`."""

    title = "MNIST"
    source = "MNIST"
    folder = "MNIST"
    classes = tuple("0123456789")
    look_alikes = MappingProxyType(dict(zip("0123456789", "6775930134", strict=True)))
