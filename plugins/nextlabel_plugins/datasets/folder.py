"""The user's own images: one folder per class, or a flat folder of unlabelled images.

One folder per class, with any depth below it. Images beside those folders are unlabelled. A folder
`test` (or `val`, `valid`, `validation`) with the same classes is the test split:

    pets/cat/1.jpg    pets/dog/old/2.jpg    pets/3.jpg    pets/test/cat/4.jpg

Or torchvision's layout, with any of those folders beside `train` as the test split:

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
from nextlabel_plugins.datasets.folder_layout import EXTENSIONS, ImageFile, Layout, read_layout

MIN_CLASSES = 2
"""Minimum number of classes of a project."""


@dataclass(frozen=True)
class FolderParameters:
    """Parameters of `folder`."""

    path: Annotated[str, "path of the folder; absolute, or relative to the folder of data sets"]
    classes: Annotated[
        Sequence[str], "the classes in order; required for a flat folder, else by default the sub-folders, sorted"
    ] = ()
    grey: Annotated[bool, "read all images as greyscale"] = False


class Folder(Dataset[FolderParameters]):
    """Image files in a folder; an item's id is its path below the folder."""

    def read(self, root: Path | None, seed: int) -> Contents:  # noqa: ARG002 - nothing is random
        """List the images without opening them.

        Raises DatasetMissing if there is no folder or no image, and ProjectError if the classes are unclear.
        """
        folder = self._folder(root)
        layout = read_layout(folder, self.parameters.classes)
        if not layout.pool:
            raise DatasetMissing(
                f"{folder} holds no image; files with these extensions are read: {', '.join(EXTENSIONS)}"
            )
        classes = self._classes(layout, folder)
        return Contents(
            ids=[image.path for image in layout.pool],
            content=self._files(folder, layout.pool),
            classes=classes,
            truth=_class_numbers(layout.pool, classes) if layout.class_names else None,
            test=TestSplit(self._files(folder, layout.test), _class_numbers(layout.test, classes))
            if layout.test
            else None,
        )

    def _folder(self, root: Path | None) -> Path:
        path = Path(self.parameters.path).expanduser()
        if not path.is_absolute():
            assert root is not None
            path = root / path
        if not path.is_dir():
            raise DatasetMissing(f"there is no folder {path}; put the images there or correct `path`")
        return path

    def _classes(self, layout: Layout, folder: Path) -> tuple[str, ...]:
        named = tuple(self.parameters.classes)
        if len(set(named)) < len(named):
            raise ProjectError(f"`classes` names a class twice: {', '.join(named)}")
        if not named and not layout.class_names:
            raise ProjectError(
                f"{folder} has no sub-folders, so its classes must be named: classes = [...] in [dataset]"
            )
        unknown = sorted(layout.class_names - set(named)) if named else []
        if unknown:
            raise ProjectError(f"{folder} has folders that `classes` does not name: {', '.join(unknown)}")
        classes = named or tuple(sorted(layout.class_names))
        if len(classes) < MIN_CLASSES:
            raise ProjectError(f"{folder} has only one class, {classes[0]!r}; name the others too: classes = [...]")
        return classes

    def _files(self, folder: Path, images: Sequence[ImageFile]) -> Files:
        return Files([folder / image.path for image in images], channels=1 if self.parameters.grey else 3)


def _class_numbers(images: Sequence[ImageFile], classes: Sequence[str]) -> IntArray:
    """Return (n,) class numbers, -1 for unlabelled images."""
    number = {name: index for index, name in enumerate(classes)}
    return np.array([-1 if image.class_name is None else number[image.class_name] for image in images], np.int64)
