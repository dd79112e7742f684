"""Base class of the published data sets that torchvision reads. They can hide the truth behind candidate sets."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from nextlabel.contracts import Contents, Dataset, Pixels, TestSplit
from nextlabel_plugins.datasets.candidate_sets import NO_LOOK_ALIKES, PartialParameters, candidate_sets, generator
from nextlabel_plugins.datasets.torchvision_source import download, read, require_folder


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
        """Read the data set from `root`. Raises DatasetMissing if it is not there, or is damaged.

        Candidate sets are drawn for all items including the hold-out. The truth is returned as well.
        """
        assert root is not None
        require_folder(self.title, self.folder, root)
        train, test = read(self._source(), self.title, self.folder, root)
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

    def download(self, root: Path) -> None:
        """Download the data set to `root`, unless it is there. Raises DatasetMissing if that fails."""
        download(self._source(), self.title, self.folder, root)

    def _source(self) -> Any:
        """Return torchvision's class that reads it."""
        from torchvision import datasets  # noqa: PLC0415 - the import takes seconds

        return getattr(datasets, self.source)
