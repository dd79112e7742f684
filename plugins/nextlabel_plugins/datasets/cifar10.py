"""CIFAR-10: 60,000 photographs of ten kinds of animals and vehicles, 32 x 32, in colour.

Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009.
"""

from __future__ import annotations

from types import MappingProxyType

from nextlabel_plugins.datasets.torchvision_dataset import Published


class Cifar10(Published):
    """50,000 photographs, and 10,000 to test with."""

    title = "CIFAR-10"
    source = "CIFAR10"
    folder = "cifar-10-batches-py"
    # cat and dog, deer and horse, bird to airplane, truck to automobile are those of Patrini et al., "Making Deep
    # Neural Networks Robust to Label Noise", CVPR 2017; the rest is what has the same shape or stands before the same
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
