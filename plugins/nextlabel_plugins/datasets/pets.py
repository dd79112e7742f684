"""Oxford-IIIT Pet: photographs of 37 breeds of cats and dogs, of any size.

Parkhi, Vedaldi, Zisserman and Jawahar, "Cats and Dogs", CVPR 2012. The files are those of torchvision's class
OxfordIIITPet.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from nextlabel.contracts import Contents, Dataset, Files, IntArray, NoParameters, TestSplit
from nextlabel.contracts.errors import DatasetMissing
from nextlabel_plugins.datasets.torchvision_source import DOWNLOAD_ERRORS, one_line, socket_timeout

FOLDER = "oxford-iiit-pet"
"""The folder of torchvision below the folder of data sets."""
_TITLE = "Oxford-IIIT Pet"
_COLUMNS = 4
"""Columns of a line: the image's name, its class from 1, cat or dog, and its number among them."""


@dataclass(frozen=True)
class _Split:
    """The training or the test split."""

    names: Sequence[str]
    """Names of the images, such as Abyssinian_100."""
    truth: IntArray
    """Class numbers (n,)."""


class _Damaged(DatasetMissing):
    """The files are missing or damaged, so that a download helps."""


class Pets(Dataset[NoParameters]):
    """The split `trainval` is the pool, with the images' names as ids; the split `test` is the test split."""

    def read(self, root: Path | None, seed: int) -> Contents:  # noqa: ARG002 - nothing is random
        """List the images without opening them. Raises DatasetMissing if files are missing or damaged."""
        assert root is not None
        folder = root / FOLDER
        pool, test = _read_split(folder, "trainval"), _read_split(folder, "test")
        names = _class_names(folder, pool, test)
        _check_images(folder, [*pool.names, *test.names])
        return Contents(
            ids=pool.names,
            content=_files(folder, pool),
            classes=names,
            truth=pool.truth,
            test=TestSplit(_files(folder, test), test.truth),
        )

    def download(self, root: Path) -> None:
        """Download the images and their classes with torchvision. Raises DatasetMissing if that fails."""
        try:
            self.read(root, 0)
        except _Damaged:
            try:
                self._download(root)
            except _Damaged as error:  # its message names the temporary folder
                raise DatasetMissing(
                    f"{_TITLE} cannot be downloaded to {root / FOLDER}: what arrived is incomplete or damaged; "
                    f"try again, or {_manual_download(root / FOLDER)}"
                ) from error
            except DOWNLOAD_ERRORS as error:
                raise DatasetMissing(
                    f"{_TITLE} cannot be downloaded to {root / FOLDER}: {one_line(error)}; connect to a network, "
                    f"or {_manual_download(root / FOLDER)}"
                ) from error

    def _download(self, root: Path) -> None:
        """Download into a temporary folder, then move each file to `root` if all could be read."""
        from torchvision.datasets import OxfordIIITPet  # noqa: PLC0415 - the import takes seconds

        root.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix=".download-", dir=root) as name:
            with socket_timeout():
                OxfordIIITPet(name, download=True)
            self.read(Path(name), 0)
            for part in ("images", "annotations"):
                for file in sorted(path for path in (Path(name) / FOLDER / part).rglob("*") if path.is_file()):
                    target = root / file.relative_to(name)
                    target.parent.mkdir(parents=True, exist_ok=True)
                    file.replace(target)


def _manual_download(folder: Path) -> str:
    """Return the advice for a manual download."""
    from torchvision.datasets import OxfordIIITPet  # noqa: PLC0415 - the import takes seconds

    resources = OxfordIIITPet._RESOURCES  # noqa: SLF001 - torchvision has the addresses nowhere else
    addresses = " and ".join(address for address, _ in resources)
    return f"get {addresses} and unpack them into {folder}"


def _read_split(folder: Path, split: str) -> _Split:
    """Return a split. Raises _Damaged, or DatasetMissing if its file cannot be read."""
    path = folder / "annotations" / f"{split}.txt"
    try:
        rows = [line.split() for line in path.read_text("utf-8").splitlines()]
    except FileNotFoundError as error:
        raise _damaged(folder, f"{path} is missing") from error
    except UnicodeDecodeError as error:
        raise _damaged(folder, f"{path} is damaged (not text)") from error
    except OSError as error:
        raise DatasetMissing(f"{_TITLE} cannot be read: {error}") from error
    for number, row in enumerate(rows, 1):
        if len(row) != _COLUMNS or "/" in row[0] or not row[1].isdecimal() or int(row[1]) < 1:
            raise _damaged(folder, f"{path} is damaged (line {number})")
    names = [row[0] for row in rows]
    if not names or len(set(names)) < len(names):
        raise _damaged(folder, f"{path} is damaged ({'an image occurs twice' if names else 'it is empty'})")
    return _Split(names, np.array([int(row[1]) - 1 for row in rows], np.int64))


def _class_names(folder: Path, *splits: _Split) -> tuple[str, ...]:
    """Return the names of the classes, which are those of their images without the number: American Bulldog."""
    names: dict[int, set[str]] = {}
    for split in splits:
        for image, number in zip(split.names, split.truth.tolist(), strict=True):
            names.setdefault(number, set()).add(image.rpartition("_")[0].replace("_", " ").title())
    numbers = sorted(names)
    if numbers != list(range(len(numbers))) or any(len(same) > 1 for same in names.values()):
        raise _damaged(
            folder, f"{folder / 'annotations'} is damaged (its class numbers do not match the images' names)"
        )
    return tuple(min(names[number]) for number in numbers)


def _check_images(folder: Path, names: Sequence[str]) -> None:
    """Raise _Damaged if the file of an image is missing."""
    images = folder / "images"
    present = {path.name for path in images.iterdir()} if images.is_dir() else set()
    missing = [name for name in names if f"{name}.jpg" not in present]
    if missing:
        raise _damaged(
            folder,
            f"{len(missing):,} of {len(names):,} images are missing, the first is {images / f'{missing[0]}.jpg'}",
        )


def _damaged(folder: Path, what: str) -> _Damaged:
    return _Damaged(
        f"{_TITLE}: {what}; download it with `nextlabel download PROJECT`, or set NEXTLABEL_DATA to the folder that "
        f"holds {folder.name}"
    )


def _files(folder: Path, split: _Split) -> Files:
    return Files([folder / "images" / f"{name}.jpg" for name in split.names])
