"""Your own images: a folder a class, or a flat folder of images nobody has labelled yet.

A folder a class, however deep; images beside those folders have no label yet; a folder
`test` (or `val`, `valid`, `validation`) of the same classes is the data set's own test split:

    pets/cat/1.jpg    pets/dog/old/2.jpg    pets/3.jpg    pets/test/cat/4.jpg

Or torchvision's layout, where whichever of those stands beside `train` is the test split:

    pets/train/cat/1.jpg    pets/val/cat/2.jpg
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np

from nextlabel.contracts import Contents, Dataset, Files, IntArray, TestSplit
from nextlabel.contracts.errors import DatasetMissing, ProjectError
from nextlabel_plugins.datasets.folder_layout import EXTENSIONS, Image, Tree, plant

MINIMUM = 2
"""Fewest classes there is anything to learn about."""


@dataclass(frozen=True)
class FolderParameters:
    """Parameters of `folder`."""

    path: Annotated[str, "the folder; absolute, or below the folder of data sets"]
    classes: Annotated[
        Sequence[str], "the classes in order; needed for a flat folder, else the sub folders' names, sorted"
    ] = ()
    grey: Annotated[bool, "read all images as greyscale"] = False


class Folder(Dataset[FolderParameters]):
    """Images in files; an item's id is its path below the folder."""

    def read(self, root: Path | None, seed: int) -> Contents:  # noqa: ARG002 - nothing is drawn
        """Walk the folder, without opening an image. Raise DatasetMissing or ProjectError."""
        folder = self._folder(root)
        tree = plant(folder, self.parameters.classes)
        if not tree.pool:
            raise DatasetMissing(f"{folder} holds no image; read are files named {', '.join(EXTENSIONS)}")
        classes = self._classes(tree, folder)
        return Contents(
            ids=[image.path for image in tree.pool],
            content=self._files(folder, tree.pool),
            classes=classes,
            truth=_numbers(tree.pool, classes) if tree.names else None,
            test=TestSplit(self._files(folder, tree.test), _numbers(tree.test, classes)) if tree.test else None,
        )

    def _folder(self, root: Path | None) -> Path:
        path = Path(self.parameters.path).expanduser()
        if not path.is_absolute():
            if root is None:
                raise DatasetMissing(f"{path} is relative to the folder of data sets, and NEXTLABEL_DATA names none")
            path = root / path
        if not path.is_dir():
            raise DatasetMissing(f"there is no folder {path}; put the images there, or correct `path`")
        return path

    def _classes(self, tree: Tree, folder: Path) -> tuple[str, ...]:
        given = tuple(self.parameters.classes)
        if len(set(given)) < len(given):
            raise ProjectError(f"`classes` names a class twice: {', '.join(given)}")
        if not given and not tree.names:
            raise ProjectError(f"{folder} is flat, so its classes must be named: classes = [...] below [dataset]")
        strangers = sorted(tree.names - set(given)) if given else []
        if strangers:
            raise ProjectError(f"{folder} has folders that `classes` does not name: {', '.join(strangers)}")
        classes = given or tuple(sorted(tree.names))
        if len(classes) < MINIMUM:
            raise ProjectError(f"{folder} has one class, {classes[0]!r}; name the others too: classes = [...]")
        return classes

    def _files(self, folder: Path, images: Sequence[Image]) -> Files:
        return Files([folder / image.path for image in images], channels=1 if self.parameters.grey else 3)


def _numbers(images: Sequence[Image], classes: Sequence[str]) -> IntArray:
    number = {name: position for position, name in enumerate(classes)}
    return np.array([-1 if image.name is None else number[image.name] for image in images], np.int64)
