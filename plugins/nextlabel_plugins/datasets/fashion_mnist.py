"""Fashion-MNIST: 70,000 images of clothes, shoes and bags, 28 x 28, greyscale.

Xiao, Rasul and Vollgraf, "Fashion-MNIST: a Novel Image Dataset for Benchmarking Machine Learning
Algorithms", 2017.
"""

from __future__ import annotations

from types import MappingProxyType

from nextlabel_plugins.datasets.torchvision_dataset import TorchvisionDataset


class FashionMnist(TorchvisionDataset):
    """60,000 images, and 10,000 in the test split."""

    title = "Fashion-MNIST"
    source = "FashionMNIST"
    folder = "FashionMNIST"
    look_alikes = MappingProxyType(
        {
            "T-shirt/top": "Shirt",
            "Trouser": "Dress",
            "Pullover": "Coat",
            "Dress": "Coat",
            "Coat": "Pullover",
            "Sandal": "Sneaker",
            "Shirt": "T-shirt/top",
            "Sneaker": "Ankle boot",
            "Bag": "Shirt",
            "Ankle boot": "Sneaker",
        }
    )
