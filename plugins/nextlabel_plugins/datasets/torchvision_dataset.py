"""Base class of the published data sets that torchvision reads. They can hide the truth behind candidate sets."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from nextlabel.contracts import Contents, Dataset, Pixels, TestSplit
from nextlabel.contracts.errors import DatasetMissing
from nextlabel_plugins.datasets.candidate_sets import NO_LOOK_ALIKES, PartialParameters, candidate_sets, generator
from nextlabel_plugins.datasets.torchvision_source import read_or_download


class TorchvisionDataset(Dataset[PartialParameters]):
    """The training split is the pool, with ids "0", "1", ... in its order; the test split is separate."""

    title: ClassVar[str]
    """Name of the data set in messages."""
    source: ClassVar[str]
    """Name of the class in torchvision.datasets that reads it."""
    folder: ClassVar[str]
    """Name of the folder in which torchvision stores it, below the folder of data sets."""
    classes: ClassVar[tuple[str, ...]] = ()
    """Class names that replace torchvision's."""
    look_alikes: ClassVar[Mapping[str, str]] = NO_LOOK_ALIKES
    """The class that each class is confused with; by default the next class."""

    def read(self, root: Path | None, seed: int) -> Contents:
        """Read the data set, or download it to `root`. Raises DatasetMissing if neither is possible.

        Candidate sets are drawn for all items including the hold-out. The truth is returned as well.
        """
        if root is None:
            raise DatasetMissing(
                f"{self.title}: NEXTLABEL_DATA is not set; set it to the folder that holds {self.folder}, "
                "or to a folder for the download"
            )
        from torchvision import datasets  # noqa: PLC0415 - the import takes seconds

        train, test = read_or_download(getattr(datasets, self.source), self.title, self.folder, root)
        classes = self.classes or train.classes
        sets = None
        if self.parameters.hides_truth:
            sets = candidate_sets(train.truth, classes, self.parameters, generator(seed), self.look_alikes)
        return Contents(
            ids=[str(number) for number in range(len(train.truth))],
            content=Pixels(train.pixels),
            classes=classes,
            truth=train.truth,
            candidates=sets,
            test=TestSplit(Pixels(test.pixels), test.truth),
        )
