"""Data sets: one file each."""

from __future__ import annotations

from collections.abc import Iterator

from nextlabel.contracts import DatasetPlugin, hookimpl
from nextlabel_plugins.datasets.digits import DigitsParameters
from nextlabel_plugins.datasets.folder import FolderParameters

HERE = "nextlabel_plugins.datasets"


@hookimpl
def nextlabel_datasets() -> Iterator[DatasetPlugin]:
    """Offer the data sets in the box."""
    yield DatasetPlugin(
        "digits",
        "the 1,797 handwritten digits inside scikit-learn, 8 x 8 pictures",
        f"{HERE}.digits:Digits",
        DigitsParameters,
    )
    yield DatasetPlugin(
        "folder",
        "your own pictures: a folder a class, or a flat folder nobody has labelled yet",
        f"{HERE}.folder:Folder",
        FolderParameters,
    )
