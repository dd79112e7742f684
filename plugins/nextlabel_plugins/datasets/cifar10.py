"""CIFAR-10: 60,000 photos of animals and vehicles in ten classes, 32 x 32, in colour.

Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009.
"""

from __future__ import annotations

from types import MappingProxyType

from nextlabel_plugins.datasets.torchvision_dataset import TorchvisionDataset


class Cifar10(TorchvisionDataset):
    """50,000 photos, and 10,000 in the test split."""

    title = "CIFAR-10"
    source = "CIFAR10"
    folder = "cifar-10-batches-py"
    # cat and dog, deer to horse, bird to airplane and truck to automobile are from Patrini et al., "Making Deep Neural
    # Networks Robust to Label Noise", CVPR 2017; the others have a similar shape or background
    look_alikes = MappingProxyType(
        {
            "airplane": "bird",
            "automobile": "truck",
            "bird": "airplane",
            "cat": "dog",
            "deer": "horse",
            "dog": "cat",
            "frog": "cat",
            "horse": "deer",
            "ship": "airplane",
            "truck": "automobile",
        }
    )
