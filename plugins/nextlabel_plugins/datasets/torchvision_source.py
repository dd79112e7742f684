"""Published data sets by torchvision's own readers: from disk, else downloaded whole or not at all."""

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

PATIENCE = 30.0
"""Seconds that a server may be silent; torchvision itself would wait forever."""
DAMAGED = (RuntimeError, ValueError, TypeError, KeyError, AssertionError)
"""What torchvision's readers raise on files that are absent, cut short or not what they should be."""
FAILED = (*DAMAGED, OSError, EOFError, HTTPException, tarfile.TarError, zlib.error)
"""What its downloads raise besides; no network is an OSError."""


@dataclass(frozen=True)
class Split:
    """Half of a data set."""

    pixels: PixelArray
    """(n, height, width), or (n, height, width, 3)."""
    truth: IntArray
    """(n,): class numbers."""
    classes: tuple[str, ...]


def obtain(source: Any, title: str, folder: str, root: Path) -> tuple[Split, Split]:
    """Return the training and the test split of `source`, a class of torchvision.datasets.

    It keeps its files in `folder` below `root`. Raise DatasetMissing where they are not there
    and cannot be downloaded, with the reason.
    """
    try:
        return _read(source, root)
    except OSError as error:
        raise DatasetMissing(f"{title} cannot be read from {root / folder}: {_line(error)}") from error
    except DAMAGED as error:
        why = _line(error).partition(". ")[0]  # the rest of what torchvision says is how to call it
        state = f"is incomplete or damaged ({why})" if (root / folder).exists() else "is not there"
    try:
        return _download(source, folder, root)
    except FAILED as error:
        raise DatasetMissing(
            f"{title}: {root / folder} {state}, and it cannot be downloaded: {_line(error)}; connect to a network, "
            f"or {_by_hand(source, root / folder)}"
        ) from error


def _by_hand(source: Any, folder: Path) -> str:
    if url := getattr(source, "url", None):
        return f"get it from {url} and unpack it as {folder}"
    names = ", ".join(name for name, _ in source.resources)
    return f"get {names} from {source.mirrors[0]} and unpack them into {folder / 'raw'}"


def _read(source: Any, root: Path) -> tuple[Split, Split]:
    # CIFAR's files are pickles: torchvision compares each with its published MD5 before it unpickles it
    return _split(source(root, train=True)), _split(source(root, train=False))


def _split(read: Any) -> Split:
    pixels = np.ascontiguousarray(np.asarray(read.data), np.uint8)
    truth = np.asarray(read.targets, np.int64)
    if len(pixels) != len(truth):
        raise ValueError(f"{len(pixels)} images with {len(truth)} labels")
    return Split(pixels, truth, tuple(read.classes))


def _download(source: Any, folder: str, root: Path) -> tuple[Split, Split]:
    """Download into a folder of its own, and move in what could be read, a whole file at a time.

    A broken download leaves nothing behind, and two at a time do not meet.
    """
    root.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=".download-", dir=root) as name:
        fresh = Path(name)
        with _patience():
            source(fresh, download=True)
        splits = _read(source, fresh)
        for file in sorted(path for path in (fresh / folder).rglob("*") if path.is_file()):
            place = root / file.relative_to(fresh)
            place.parent.mkdir(parents=True, exist_ok=True)
            file.replace(place)
    return splits


@contextmanager
def _patience() -> Iterator[None]:
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(PATIENCE)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


def _line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__
