"""What of a data set's files decodes: looked at once, before they are items, so that no training meets the rest."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from nextlabel.contracts.data import BoolArray, Contents, Files, IntArray, TestSplit
from nextlabel.engine.images.decode_limit import Room
from nextlabel.engine.images.decoding import inspect
from nextlabel.engine.images.unreadable import REFUSED, TOLD, why

_PIECE = 64


@dataclass(frozen=True)
class LeftOut:
    """A data set's files that cannot be read, with the reasons."""

    reasons: Mapping[Path, str]
    of: int
    """How many files there are."""

    def lines(self) -> list[str]:
        """Return every one of them, a line each."""
        return [f"{path}: {reason}" for path, reason in self.reasons.items()]

    def said(self) -> str:
        """Return in a line how many there are, and which the first few are."""
        more = ["..."] if len(self.reasons) > TOLD else []
        first = f"{len(self.reasons):,} of {self.of:,} images cannot be read and are left out"
        return f"{first}: {'; '.join([*self.lines()[:TOLD], *more])}"


def readable(
    contents: Contents, max_pixels: int, threads: int, progress: Callable[[float], None]
) -> tuple[Contents, LeftOut]:
    """Return what a data set holds without the files that do not decode, and those; arrays stay as they are.

    Each file is decoded, as each scoring does again: a header says nothing of what is cut off.
    """
    test = contents.test
    paths = [*_paths(contents.content), *(_paths(test.content) if test else ())]
    left_out = LeftOut(_reasons(paths, max_pixels, threads, progress), len(paths))
    if not left_out.reasons:
        return contents, left_out
    if isinstance(contents.content, Files):
        contents = _kept(contents, contents.content, left_out)
    if test is not None and isinstance(test.content, Files):
        stays = _stays(test.content, left_out)
        split = TestSplit(_some(test.content, stays), test.truth[stays]) if stays.any() else None
        contents = replace(contents, test=split)
    return contents, left_out


def _kept(contents: Contents, files: Files, left_out: LeftOut) -> Contents:
    stays = _stays(files, left_out)
    place = np.cumsum(stays) - 1

    def moved(positions: IntArray | None) -> IntArray | None:
        return None if positions is None else place[positions[stays[positions]]]

    return replace(
        contents,
        ids=[identity for identity, kept in zip(contents.ids, stays, strict=True) if kept],
        content=_some(files, stays),
        truth=None if contents.truth is None else contents.truth[stays],
        candidates=None if contents.candidates is None else contents.candidates[stays],
        initial=moved(contents.initial),
        holdout=moved(contents.holdout),
    )


def _paths(content: object) -> Sequence[Path]:
    return content.paths if isinstance(content, Files) else ()


def _stays(files: Files, left_out: LeftOut) -> BoolArray:
    return np.array([path not in left_out.reasons for path in files.paths], np.bool_)


def _some(files: Files, stays: BoolArray) -> Files:
    return replace(files, paths=[path for path, kept in zip(files.paths, stays, strict=True) if kept])


def _reasons(
    paths: Sequence[Path], max_pixels: int, threads: int, progress: Callable[[float], None]
) -> dict[Path, str]:
    room = Room()

    def look(path: Path) -> str | None:
        try:
            data = path.read_bytes()
            with room.for_all([data]):
                inspect(data, max_pixels)
        except REFUSED as error:
            return why(error)
        return None

    found: dict[Path, str] = {}
    with ThreadPoolExecutor(threads) as pool:
        # in pieces, so that who is told to stop by `progress` need not wait for all of them
        for start in range(0, len(paths), _PIECE):
            piece = paths[start : start + _PIECE]
            said = zip(piece, pool.map(look, piece), strict=True)
            found.update({path: reason for path, reason in said if reason is not None})
            progress((start + len(piece)) / len(paths))
    return found
