"""Reads data sets with torchvision from disk, and downloads them completely or not at all."""

from __future__ import annotations

import socket
import tarfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from nextlabel.contracts import IntArray, PixelArray
from nextlabel.contracts.errors import DatasetMissing

TIMEOUT = 30.0
"""Seconds that a server may take to respond; torchvision itself has no timeout."""
READ_ERRORS = (RuntimeError, ValueError, TypeError, KeyError, AssertionError)
"""Exceptions of torchvision's readers for missing, truncated or invalid files."""
DOWNLOAD_ERRORS = (*READ_ERRORS, OSError, EOFError, HTTPException, tarfile.TarError, zlib.error)
"""Exceptions of torchvision's downloads; a missing network is an OSError."""


@dataclass(frozen=True)
class Split:
    """The training or test split of a data set."""

    pixels: PixelArray
    """Pixels (n, height, width) or (n, height, width, 3)."""
    truth: IntArray
    """Class numbers (n,)."""
    classes: tuple[str, ...]


class Damaged(DatasetMissing):
    """The files are missing or damaged, so that a download helps."""


def read(source: Any, title: str, folder: str, root: Path) -> tuple[Split, Split]:
    """Return the training and the test split of `source`, a class of torchvision.datasets.

    torchvision stores the files in `folder` below `root`. Raises DatasetMissing, with the reason, if
    they are missing, damaged or not readable.
    """
    try:
        return _read(source, root)
    except OSError as error:
        raise DatasetMissing(f"{title} cannot be read from {root / folder}: {one_line(error)}") from error
    except READ_ERRORS as error:
        require_folder(title, folder, root)
        reason = one_line(error).partition(". ")[0]  # torchvision's next sentence explains its own arguments
        raise _damaged(title, folder, root, f"is incomplete or damaged ({reason})") from error


def require_folder(title: str, folder: str, root: Path) -> None:
    """Raise DatasetMissing if there is no `folder` below `root`. This needs no torchvision, which loads for seconds."""
    if not (root / folder).exists():
        raise _damaged(title, folder, root, "is missing")


def _damaged(title: str, folder: str, root: Path, state: str) -> Damaged:
    return Damaged(
        f"{title}: {root / folder} {state}; download it with `nextlabel download PROJECT`, or set NEXTLABEL_DATA "
        f"to the folder that holds {folder}"
    )


def download(source: Any, title: str, folder: str, root: Path) -> None:
    """Download the files of `source` to `folder` below `root`, unless they can be read already.

    Raises DatasetMissing, with the reason, if that fails.
    """
    try:
        read(source, title, folder, root)
    except Damaged:
        try:
            _download(source, folder, root)
        except DOWNLOAD_ERRORS as error:
            raise DatasetMissing(
                f"{title} cannot be downloaded to {root / folder}: {one_line(error)}; connect to a network, "
                f"or {_manual_download(source, root / folder)}"
            ) from error


def _manual_download(source: Any, folder: Path) -> str:
    """Return the advice for a manual download."""
    if url := getattr(source, "url", None):
        return f"get it from {url} and unpack it as {folder}"
    names = ", ".join(name for name, _ in source.resources)
    return f"get {names} from {source.mirrors[0]} and unpack them into {folder / 'raw'}"


def _read(source: Any, root: Path) -> tuple[Split, Split]:
    # CIFAR's files are pickles: torchvision compares each with its published MD5 before unpickling it
    return _split(source(root, train=True)), _split(source(root, train=False))


def _split(dataset: Any) -> Split:
    pixels = np.ascontiguousarray(np.asarray(dataset.data), np.uint8)
    truth = np.asarray(dataset.targets, np.int64)
    if len(pixels) != len(truth):
        raise ValueError(f"{len(pixels)} images with {len(truth)} labels")
    return Split(pixels, truth, tuple(dataset.classes))


def _download(source: Any, folder: str, root: Path) -> None:
    """Download into a temporary folder, then move each file to `root` if all could be read.

    A failed download leaves nothing behind, and two simultaneous downloads do not interfere.
    """
    root.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=".download-", dir=root) as name:
        temporary = Path(name)
        with socket_timeout():
            source(temporary, download=True)
        _read(source, temporary)
        for file in sorted(path for path in (temporary / folder).rglob("*") if path.is_file()):
            target = root / file.relative_to(temporary)
            target.parent.mkdir(parents=True, exist_ok=True)
            file.replace(target)


@contextmanager
def socket_timeout() -> Iterator[None]:
    """Let connections that the block opens fail after `TIMEOUT` seconds without an answer."""
    previous = socket.getdefaulttimeout()
    socket.setdefaulttimeout(TIMEOUT)
    try:
        yield
    finally:
        socket.setdefaulttimeout(previous)


def one_line(error: BaseException) -> str:
    """Return the message of an error on one line."""
    return " ".join(str(error).split()) or type(error).__name__
