"""What of a data set's files decodes: the rest is left out before it is an item."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from nextlabel.contracts import Contents, Files, Pixels, TestSplit
from nextlabel.engine.datasets.drop_unreadable import LeftOut, readable

BROKEN = (1, 4)


@pytest.fixture
def files(tmp_path: Path, image: Callable[..., bytes]) -> list[Path]:
    """Six images: the second is cut off behind its header, the fifth is text."""
    paths = [tmp_path / f"{number}.jpg" for number in range(6)]
    for number, path in enumerate(paths):
        path.write_bytes(image(number, 90, 90, "JPEG"))
    paths[1].write_bytes(paths[1].read_bytes()[:-400])
    paths[4].write_text("a shopping list")
    return paths


def looked_at(contents: Contents, max_pixels: int = 10_000) -> tuple[Contents, LeftOut, list[float]]:
    done: list[float] = []
    return *readable(contents, max_pixels, 2, done.append), done


def test_what_is_known_of_the_rest_stays_with_it(files: list[Path]) -> None:
    sets = np.ones((6, 2), np.bool_)
    sets[2, 0] = False
    contents, left_out, done = looked_at(
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
    assert done == [1.0]
    assert list(left_out.reasons) == [files[row] for row in BROKEN]
    assert left_out.said().startswith(f"2 of 6 images cannot be read and are left out: {files[1]}: the JPEG does not")
    assert "it is cut off" in left_out.lines()[0]
    assert "this is text" in left_out.lines()[1]


def test_a_test_split_is_looked_at_too(files: list[Path]) -> None:
    whole = [path for row, path in enumerate(files) if row not in BROKEN]
    split = TestSplit(Files(files), np.array([0, 1, 0, 1, 0, 1]))
    contents, _, _ = looked_at(Contents(list("abcd"), Files(whole), ("x", "y"), test=split))
    assert contents.ids == list("abcd")
    assert contents.test is not None
    assert contents.test.content == Files(whole)
    assert contents.test.truth.tolist() == [0, 0, 1, 1]
    split = TestSplit(Files([files[1]]), np.array([0]))
    contents, left_out, _ = looked_at(Contents(list("abcd"), Files(whole), ("x", "y"), test=split))
    assert contents.test is None
    assert list(left_out.reasons) == [files[1]]


def test_what_is_too_large_or_not_there_is_left_out_with_the_reason(files: list[Path], tmp_path: Path) -> None:
    paths = [tmp_path / "gone.png", *files]
    contents, left_out, _ = looked_at(Contents(list("gabcdef"), Files(paths), ("x", "y")), max_pixels=8099)
    assert contents.ids == []
    assert left_out.lines()[0] == f"{paths[0]}: No such file or directory"
    assert "at most 8,099" in left_out.reasons[files[0]]
    assert left_out.said().endswith("; ...")


def test_nothing_else_is_touched(files: list[Path]) -> None:
    whole = Contents(["a"], Files(files[:1]), ("x", "y"))
    assert looked_at(whole)[0] is whole
    array = Contents(["a"], Pixels(np.zeros((1, 4, 4), np.uint8)), ("x", "y"))
    contents, left_out, done = looked_at(array)
    assert contents is array
    assert (left_out.reasons, done) == ({}, [])


def test_who_is_told_to_stop_stops(files: list[Path]) -> None:
    def stop(_share: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        readable(Contents(list("abcdef"), Files(files), ("x", "y")), 10_000, 2, stop)
