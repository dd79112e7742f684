"""Files of a data set that do not decode are dropped before they become items."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from nextlabel.contracts import Contents, Files, Pixels, TestSplit
from nextlabel.engine.datasets.drop_unreadable import DroppedFiles, drop_unreadable

BROKEN = (1, 4)


@pytest.fixture
def files(tmp_path: Path, image: Callable[..., bytes]) -> list[Path]:
    """Six images; the second is truncated after its header, the fifth is text."""
    paths = [tmp_path / f"{number}.jpg" for number in range(6)]
    for number, path in enumerate(paths):
        path.write_bytes(image(number, 90, 90, "JPEG"))
    paths[1].write_bytes(paths[1].read_bytes()[:-400])
    paths[4].write_text("a shopping list")
    return paths


def drop(contents: Contents, max_pixels: int = 10_000) -> tuple[Contents, DroppedFiles, list[float]]:
    progress: list[float] = []
    return *drop_unreadable(contents, max_pixels, 2, progress.append), progress


def test_labels_stay_with_the_remaining_items(files: list[Path]) -> None:
    sets = np.ones((6, 2), np.bool_)
    sets[2, 0] = False
    contents, dropped, progress = drop(
        Contents(
            ids=list("abcdef"),
            content=Files(files, 1),
            classes=("x", "y"),
            truth=np.array([0, 0, 1, 1, 0, 1]),
            candidates=sets,
            initial=np.array([5, 1, 0]),
            holdout=np.array([4, 3]),
        )
    )
    assert contents.ids == ["a", "c", "d", "f"]
    assert contents.content == Files([path for row, path in enumerate(files) if row not in BROKEN], 1)
    assert contents.truth is not None
    assert contents.truth.tolist() == [0, 1, 1, 1]
    assert contents.candidates is not None
    assert contents.candidates.tolist() == sets[[0, 2, 3, 5]].tolist()
    assert contents.initial is not None
    assert contents.holdout is not None
    assert (contents.initial.tolist(), contents.holdout.tolist()) == ([3, 0], [2])
    assert progress == [1.0]
    assert list(dropped.reasons) == [files[row] for row in BROKEN]
    assert dropped.summary().startswith(f"2 of 6 images cannot be read and are left out: {files[1]}: the JPEG does not")
    assert "it is cut off" in dropped.lines()[0]
    assert "this is text" in dropped.lines()[1]


def test_a_test_split_is_checked_too(files: list[Path]) -> None:
    decodable = [path for row, path in enumerate(files) if row not in BROKEN]
    split = TestSplit(Files(files), np.array([0, 1, 0, 1, 0, 1]))
    contents, _, _ = drop(Contents(list("abcd"), Files(decodable), ("x", "y"), test=split))
    assert contents.ids == list("abcd")
    assert contents.test is not None
    assert contents.test.content == Files(decodable)
    assert contents.test.truth.tolist() == [0, 0, 1, 1]
    split = TestSplit(Files([files[1]]), np.array([0]))
    contents, dropped, _ = drop(Contents(list("abcd"), Files(decodable), ("x", "y"), test=split))
    assert contents.test is None
    assert list(dropped.reasons) == [files[1]]


def test_too_large_and_missing_files_are_dropped_with_the_reason(files: list[Path], tmp_path: Path) -> None:
    paths = [tmp_path / "missing.png", *files]
    contents, dropped, _ = drop(Contents(list("gabcdef"), Files(paths), ("x", "y")), max_pixels=8099)
    assert contents.ids == []
    assert dropped.lines()[0] == f"{paths[0]}: No such file or directory"
    assert "at most 8,099" in dropped.reasons[files[0]]
    assert dropped.summary().endswith("; ...")


def test_other_contents_are_unchanged(files: list[Path]) -> None:
    sound = Contents(["a"], Files(files[:1]), ("x", "y"))
    assert drop(sound)[0] is sound
    array = Contents(["a"], Pixels(np.zeros((1, 4, 4), np.uint8)), ("x", "y"))
    contents, dropped, progress = drop(array)
    assert contents is array
    assert (dropped.reasons, progress) == ({}, [])


def test_progress_can_cancel_the_check(files: list[Path]) -> None:
    def stop(_share: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        drop_unreadable(Contents(list("abcdef"), Files(files), ("x", "y")), 10_000, 2, stop)
