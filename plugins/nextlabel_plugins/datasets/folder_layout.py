"""Reads a folder of images: its pool, its test split and the class of each image."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from nextlabel.contracts.errors import DatasetMissing, ProjectError

EXTENSIONS = (".jpeg", ".jpg", ".png", ".webp")
TRAIN = "train"
TEST_NAMES = frozenset({"test", "val", "valid", "validation"})


@dataclass(frozen=True)
class ImageFile:
    """An image file and its class."""

    path: str
    """Path below the folder, with forward slashes."""
    class_name: str | None
    """Name of the class's folder; None if the image is in no such folder."""


@dataclass(frozen=True)
class Layout:
    """The images of a folder, sorted by path."""

    pool: tuple[ImageFile, ...]
    test: tuple[ImageFile, ...]

    @property
    def class_names(self) -> frozenset[str]:
        """Names of all classes that have a folder."""
        return frozenset(image.class_name for image in self.pool + self.test if image.class_name is not None)


def read_layout(folder: Path, classes: Collection[str] = ()) -> Layout:
    """Return the images of `folder`, split into pool and test split as torchvision's data sets are.

    If `train` has sub-folders, it is the pool and folders of TEST_NAMES beside it are the test split.
    Otherwise each sub-folder is a class; folders of TEST_NAMES are the test split if they have
    sub-folders of the same classes. A folder named in `classes` is a class, except a `train` that
    has a sub-folder `train` itself. Images of a test split without a class are left out.

    Raises ProjectError if a test split has a class that the pool does not have, if `train` has
    sub-folders and another folder is beside it, or if a file name is not UTF-8. Raises
    DatasetMissing if a folder cannot be read.
    """
    try:
        paths = [path.split("/") for path in sorted(_walk(folder, "", frozenset()))]
    except OSError as error:
        raise DatasetMissing(f"{error.filename} cannot be read: {error.strerror}") from None
    folders: dict[str, set[str]] = {parts[0]: set() for parts in paths if len(parts) > 1}
    for parts in paths:
        if len(parts) > 2:  # noqa: PLR2004 - folder, sub-folder, file
            folders[parts[0]].add(parts[1])
    tests = (folders.keys() & TEST_NAMES) - set(classes)
    if _has_train_split(folders, classes):
        _refuse_other_folders(folder, folders.keys() - tests - {TRAIN})
        splits, pool_classes = tests | {TRAIN}, folders[TRAIN]
    else:
        pool_classes = folders.keys() - tests
        tests = splits = {name for name in tests if folders[name] & pool_classes}
    for name in sorted(tests):
        if unknown := folders[name] - pool_classes:
            raise ProjectError(f"{folder / name} has classes that the pool does not have: {', '.join(sorted(unknown))}")
    pool, test = [], []
    for parts in paths:
        names = parts[1:-1] if parts[0] in splits else parts[:-1]
        image = ImageFile("/".join(parts), names[0] if names else None)
        if parts[0] not in tests:
            pool.append(image)
        elif names:
            test.append(image)
    return Layout(tuple(pool), tuple(test))


def _has_train_split(folders: Mapping[str, set[str]], classes: Collection[str]) -> bool:
    """Return whether `train` is a split. If `classes` names it, only a sub-folder `train` makes it one."""
    inside = folders.get(TRAIN, set())
    return bool(inside) and (TRAIN not in classes or TRAIN in inside)


def _refuse_other_folders(folder: Path, others: set[str]) -> None:
    if others:
        raise ProjectError(
            f"{folder} has {', '.join(sorted(others))} beside {TRAIN}, which has folders of classes itself: name a "
            f"test split {' or '.join(sorted(TEST_NAMES))} and move other folders away; if all these folders are "
            "classes, name them in `classes`"
        )


def _walk(folder: Path, below: str, above: frozenset[tuple[int, int]]) -> Iterator[str]:
    """Yield the paths of all images in `folder`. Links are followed, except to a folder that contains them."""
    status = folder.stat()
    identity = (status.st_dev, status.st_ino)
    if identity in above:
        return
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith("."):
                continue
            if entry.is_dir():
                yield from _walk(Path(entry.path), f"{below}{entry.name}/", above | {identity})
            elif entry.name.lower().endswith(EXTENSIONS) and entry.is_file():
                yield _check_utf8(below + entry.name)


def _check_utf8(path: str) -> str:
    """Return `path`. Raises ProjectError if it is not UTF-8, because JSON could not hold it."""
    try:
        path.encode()
    except UnicodeEncodeError:
        raise ProjectError(f"the name of {path!r} is not UTF-8; rename it") from None
    return path
