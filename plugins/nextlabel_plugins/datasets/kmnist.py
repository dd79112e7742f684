"""KMNIST: 70,000 handwritten characters of old Japanese, 28 x 28, greyscale.

Clanuwat et al., "Deep Learning for Classical Japanese Literature", 2018.
"""

from __future__ import annotations

from nextlabel_plugins.datasets.torchvision_dataset import TorchvisionDataset


class Kmnist(TorchvisionDataset):
    """60,000 characters, and 10,000 in the test split. The look-alike is the next class, as none is published."""

    title = "KMNIST"
    source = "KMNIST"
    folder = "KMNIST"
