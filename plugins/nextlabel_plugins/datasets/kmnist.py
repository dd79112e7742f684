"""KMNIST: 70,000 handwritten characters of old Japanese, 28 x 28, greyscale.

Clanuwat et al., "Deep Learning for Classical Japanese Literature", 2018.
"""

from __future__ import annotations

from nextlabel_plugins.datasets.torchvision_dataset import Published


class Kmnist(Published):
    """60,000 characters, and 10,000 to test with; no table of look-alikes is published, so the next class is one."""

    title = "KMNIST"
    source = "KMNIST"
    folder = "KMNIST"
