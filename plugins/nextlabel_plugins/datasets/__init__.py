"""Built-in data sets, one file each."""

from __future__ import annotations

from collections.abc import Iterator

from nextlabel.contracts import DatasetPlugin, hookimpl
from nextlabel_plugins.datasets.candidate_sets import PartialParameters
from nextlabel_plugins.datasets.cora import CoraParameters
from nextlabel_plugins.datasets.digits import DigitsParameters
from nextlabel_plugins.datasets.folder import FolderParameters
from nextlabel_plugins.datasets.sine import SineParameters
from nextlabel_plugins.datasets.vectors import VectorsParameters

PACKAGE = "nextlabel_plugins.datasets"


@hookimpl
def nextlabel_datasets() -> Iterator[DatasetPlugin]:
    """Yield the built-in data sets."""
    yield DatasetPlugin(
        "digits",
        "the 1,797 handwritten digits of scikit-learn, 8 x 8",
        f"{PACKAGE}.digits:Digits",
        DigitsParameters,
    )
    yield DatasetPlugin(
        "folder",
        "your own images: one folder per class, or a flat folder of unlabelled images",
        f"{PACKAGE}.folder:Folder",
        FolderParameters,
    )
    yield DatasetPlugin(
        "vectors",
        "your own vectors: a table in a .csv or .npz file",
        f"{PACKAGE}.vectors:Vectors",
        VectorsParameters,
    )
    yield DatasetPlugin(
        "pets", "Oxford-IIIT Pet: 3,680 photos of 37 breeds of cats and dogs, of any size", f"{PACKAGE}.pets:Pets"
    )
    yield DatasetPlugin(
        "cifar10",
        "CIFAR-10: 50,000 photos of animals and vehicles in 10 classes, 32 x 32",
        f"{PACKAGE}.cifar10:Cifar10",
        PartialParameters,
    )
    yield DatasetPlugin(
        "cifar100",
        "CIFAR-100: 50,000 photos of 100 classes, 32 x 32",
        f"{PACKAGE}.cifar100:Cifar100",
        PartialParameters,
    )
    yield DatasetPlugin(
        "mnist", "MNIST: 60,000 handwritten digits, 28 x 28", f"{PACKAGE}.mnist:Mnist", PartialParameters
    )
    yield DatasetPlugin(
        "fashion-mnist",
        "Fashion-MNIST: 60,000 images of clothes in 10 classes, 28 x 28",
        f"{PACKAGE}.fashion_mnist:FashionMnist",
        PartialParameters,
    )
    yield DatasetPlugin(
        "kmnist",
        "KMNIST: 60,000 handwritten characters of classical Japanese in 10 classes, 28 x 28",
        f"{PACKAGE}.kmnist:Kmnist",
        PartialParameters,
    )
    yield DatasetPlugin(
        "sine",
        "a noisy sine: 200 points from 0 to 20 with their values, for regression",
        f"{PACKAGE}.sine:Sine",
        SineParameters,
    )
    yield DatasetPlugin(
        "cora",
        "Cora: a graph of 2,708 papers in 7 classes and their citations (needs nextlabel[graph])",
        f"{PACKAGE}.cora:Cora",
        CoraParameters,
    )
