"""Which images lie in a folder, and which class the folders say they are."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from nextlabel.contracts.errors import DatasetMissing, ProjectError

EXTENSIONS = (".jpeg", ".jpg", ".png", ".webp")
TRAIN = "train"
TESTS = frozenset({"test", "val", "valid", "validation"})
SPLIT = 2
"""Folders in `train` that make it look like a split, not a class."""


@dataclass(frozen=True)
class Image:
    """A file and what its place says of it."""

    path: str
    """Below the folder, with forward slashes."""
    name: str | None
    """The class its folder names; None: it lies in no class's folder."""


@dataclass(frozen=True)
class Tree:
    """The images of a folder, sorted by path."""

    pool: tuple[Image, ...]
    test: tuple[Image, ...]

    @property
    def names(self) -> frozenset[str]:
        """The classes that folders name."""
        return frozenset(image.name for image in self.pool + self.test if image.name is not None)


def plant(folder: Path, named: Collection[str] = ()) -> Tree:
    """Walk `folder` once, and tell the pool from a test split.

    `train` is the pool where nothing but splits (TESTS) stands beside it. Elsewhere those are
    splits where their own folders are classes of the pool; anything else of such a name is a
    class like any other, and so is what is `named` one. What a split holds outside a class is
    left out.

    Raise ProjectError where a split has a class that the pool has not, where `train` looks like
    a split and has something else beside it, or a name is not text; DatasetMissing where a
    folder cannot be read.
    """
    try:
        paths = [path.split("/") for path in sorted(_walk(folder, "", frozenset()))]
    except OSError as error:
        raise DatasetMissing(f"{error.filename} cannot be read: {error.strerror}") from None
    tops = {parts[0] for parts in paths if len(parts) > 1}
    tests = tops & TESTS - set(named)
    train = _classes(paths, TRAIN)
    # where `train` is a class by name, it may still be a split that has a class of its own name
    is_class = TRAIN in named and not (TRAIN in train and train <= set(named))
    if tops <= tests | {TRAIN} and train and not is_class:
        for split in sorted(tests):
            _refuse_strangers(folder, split, _classes(paths, split) - train, TRAIN)
        deep, splits = tops, tests
    else:
        if not is_class:
            _refuse_beside_train(folder, paths, tops - TESTS - {TRAIN})
        for split in sorted(tests):
            if _classes(paths, split) & (tops - tests):
                _refuse_strangers(folder, split, _classes(paths, split) - (tops - tests), "the folder above it")
        deep = splits = {split for split in tests if set() < _classes(paths, split) <= tops - tests}
    pool, test = [], []
    for parts in paths:
        level = 1 if parts[0] in deep else 0
        image = Image("/".join(parts), parts[level] if len(parts) > level + 1 else None)
        if parts[0] not in splits:
            pool.append(image)
        elif image.name is not None:
            test.append(image)
    return Tree(tuple(pool), tuple(test))


def _refuse_strangers(folder: Path, split: str, strangers: set[str], pool: str) -> None:
    if strangers:
        raise ProjectError(f"{folder / split} has classes that {pool} has not: {', '.join(sorted(strangers))}")


def _refuse_beside_train(folder: Path, paths: list[list[str]], others: set[str]) -> None:
    """Raise ProjectError where `train` holds classes and nothing else, or a test split has its classes.

    What stands beside it is then no class.
    """
    loose = any(parts[0] == TRAIN and len(parts) == 2 for parts in paths)  # noqa: PLR2004 - top, file
    train = _classes(paths, TRAIN)
    tested = any(_classes(paths, split) & train for split in TESTS)
    if others and (tested or (len(train) >= SPLIT and not loose)):
        raise ProjectError(
            f"{folder} has {', '.join(sorted(others))} beside {TRAIN}, which looks like a split with folders of "
            f"classes: name a test split one of {', '.join(sorted(TESTS))}, and move anything else away; where all "
            "are classes, name them in `classes`"
        )


def _classes(paths: list[list[str]], top: str) -> set[str]:
    """Names of the folders in the folder `top` that hold an image, however deep."""
    return {parts[1] for parts in paths if parts[0] == top and len(parts) > 2}  # noqa: PLR2004 - top, class, file


def _walk(folder: Path, below: str, above: frozenset[tuple[int, int]]) -> Iterator[str]:
    """Yield the images in `folder` and under it; links are followed, but not to a folder they lie in."""
    status = folder.stat()
    here = (status.st_dev, status.st_ino)
    if here in above:
        return
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith("."):
                continue
            if entry.is_dir():
                yield from _walk(Path(entry.path), f"{below}{entry.name}/", above | {here})
            elif entry.name.lower().endswith(EXTENSIONS) and entry.is_file():
                yield _text(below + entry.name)


def _text(path: str) -> str:
    """Return a path that can stand in JSON. Raise ProjectError for one that cannot."""
    try:
        path.encode()
    except UnicodeEncodeError:
        raise ProjectError(f"the name of {path!r} is not UTF-8; rename it") from None
    return path
