"""Removes files that do not decode from a data set, once, before they become items."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from nextlabel.contracts.data import BoolArray, Contents, Files, TestSplit
from nextlabel.engine.datasets.select_items import select, select_content
from nextlabel.engine.images.decoding import inspect
from nextlabel.engine.images.unreadable import DECODE_ERRORS, MAX_LISTED, error_reason

_CHUNK = 64


@dataclass(frozen=True)
class DroppedFiles:
    """The files of a data set that cannot be read, with the reasons."""

    reasons: Mapping[Path, str]
    total: int
    """Number of files in the data set."""

    def lines(self) -> list[str]:
        """Return one line per dropped file."""
        return [f"{path}: {reason}" for path, reason in self.reasons.items()]

    def summary(self) -> str:
        """Return one line with the number of dropped files and the first few of them."""
        more = ["..."] if len(self.reasons) > MAX_LISTED else []
        count = f"{len(self.reasons):,} of {self.total:,} images cannot be read and are left out"
        return f"{count}: {'; '.join([*self.lines()[:MAX_LISTED], *more])}"


def drop_unreadable(
    contents: Contents, max_pixels: int, threads: int, progress: Callable[[float], None]
) -> tuple[Contents, DroppedFiles]:
    """Return the contents of a data set without the files that do not decode, and those files.

    Arrays are unchanged. Every file is decoded completely, because its header does not show
    whether it is truncated. `progress` is called with the share of files that were checked.
    """
    test = contents.test
    paths = [*_paths(contents.content), *(_paths(test.content) if test else ())]
    dropped = DroppedFiles(_check_files(paths, max_pixels, threads, progress), len(paths))
    if not dropped.reasons:
        return contents, dropped
    if isinstance(contents.content, Files):
        contents = select(contents, _readable(contents.content, dropped))
    if test is not None and isinstance(test.content, Files):
        readable = _readable(test.content, dropped)
        split = TestSplit(select_content(test.content, readable), test.truth[readable]) if readable.any() else None
        contents = replace(contents, test=split)
    return contents, dropped


def _paths(content: object) -> Sequence[Path]:
    return content.paths if isinstance(content, Files) else ()


def _readable(files: Files, dropped: DroppedFiles) -> BoolArray:
    return np.array([path not in dropped.reasons for path in files.paths], np.bool_)


def _check_files(
    paths: Sequence[Path], max_pixels: int, threads: int, progress: Callable[[float], None]
) -> dict[Path, str]:
    """Return the files that do not decode, with the reasons."""

    def check(path: Path) -> str | None:
        try:
            inspect(path.read_bytes(), max_pixels)
        except DECODE_ERRORS as error:
            return error_reason(error)
        return None

    reasons: dict[Path, str] = {}
    with ThreadPoolExecutor(threads) as pool:
        # in chunks, so that a job cancelled by `progress` ends soon
        for start in range(0, len(paths), _CHUNK):
            chunk = paths[start : start + _CHUNK]
            results = zip(chunk, pool.map(check, chunk), strict=True)
            reasons.update({path: reason for path, reason in results if reason is not None})
            progress((start + len(chunk)) / len(paths))
    return reasons
