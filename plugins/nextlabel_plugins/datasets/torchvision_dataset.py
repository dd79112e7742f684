"""What the published image data sets share: read by torchvision, and able to hide their truth."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from nextlabel.contracts import Contents, Dataset, Pixels, TestSplit
from nextlabel.contracts.errors import DatasetMissing
from nextlabel_plugins.datasets.candidate_sets import NONE, PartialParameters, candidate_sets, generator
from nextlabel_plugins.datasets.torchvision_source import obtain


class Published(Dataset[PartialParameters]):
    """The training split is the pool, ids "0", "1", ... in its order; the test split stays apart."""

    title: ClassVar[str]
    """What people call it."""
    source: ClassVar[str]
    """The class of torchvision.datasets that reads it."""
    folder: ClassVar[str]
    """Where that keeps it, below the folder of data sets."""
    classes: ClassVar[tuple[str, ...]] = ()
    """Names to use in the place of torchvision's."""
    look_alikes: ClassVar[Mapping[str, str]] = NONE
    """The class that each is taken for; the next one, for a class that is not named."""

    def read(self, root: Path | None, seed: int) -> Contents:
        """Read it, or download it to `root`. Raise DatasetMissing.

        Sets are drawn for all items, those of the hold-out too; the truth stays beside them.
        """
        if root is None:
            raise DatasetMissing(
                f"{self.title}: NEXTLABEL_DATA names no folder of data sets; "
                f"let it name the one that holds {self.folder}, or one to download it into"
            )
        from torchvision import datasets  # noqa: PLC0415 - seconds of import, spared those who do not read

        train, test = obtain(getattr(datasets, self.source), self.title, self.folder, root)
        classes = self.classes or train.classes
        sets = None
        if self.parameters.hidden:
            sets = candidate_sets(train.truth, classes, self.parameters, generator(seed), self.look_alikes)
        return Contents(
            ids=[str(number) for number in range(len(train.truth))],
            content=Pixels(train.pixels),
            classes=classes,
            truth=train.truth,
            candidates=sets,
            test=TestSplit(Pixels(test.pixels), test.truth),
        )
