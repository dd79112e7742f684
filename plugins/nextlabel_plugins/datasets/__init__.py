"""Data sets: one file each."""

from __future__ import annotations

from collections.abc import Iterator

from nextlabel.contracts import DatasetPlugin, hookimpl
from nextlabel_plugins.datasets.candidate_sets import PartialParameters
from nextlabel_plugins.datasets.digits import DigitsParameters
from nextlabel_plugins.datasets.folder import FolderParameters

HERE = "nextlabel_plugins.datasets"


@hookimpl
def nextlabel_datasets() -> Iterator[DatasetPlugin]:
    """Offer the data sets in the box."""
    yield DatasetPlugin(
        "digits",
        "the 1,797 handwritten digits inside scikit-learn, 8 x 8 images",
        f"{HERE}.digits:Digits",
        DigitsParameters,
    )
    yield DatasetPlugin(
        "folder",
        "your own images: a folder a class, or a flat folder nobody has labelled yet",
        f"{HERE}.folder:Folder",
        FolderParameters,
    )
    yield DatasetPlugin(
        "cifar10",
        "CIFAR-10: 50,000 photographs of 10 kinds of animals and vehicles, 32 x 32",
        f"{HERE}.cifar10:Cifar10",
        PartialParameters,
    )
    yield DatasetPlugin(
        "cifar100",
        "CIFAR-100: 50,000 photographs of 100 kinds of things, 32 x 32",
        f"{HERE}.cifar100:Cifar100",
        PartialParameters,
    )
    yield DatasetPlugin("mnist", "MNIST: 60,000 handwritten digits, 28 x 28", f"{HERE}.mnist:Mnist", PartialParameters)
    yield DatasetPlugin(
        "fashion-mnist",
        "Fashion-MNIST: 60,000 images of 10 kinds of clothes, 28 x 28",
        f"{HERE}.fashion_mnist:FashionMnist",
        PartialParameters,
    )
    yield DatasetPlugin(
        "kmnist",
        "KMNIST: 60,000 handwritten characters of old Japanese, 10 of them, 28 x 28",
        f"{HERE}.kmnist:Kmnist",
        PartialParameters,
    )
