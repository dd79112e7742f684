"""Runs of pictures: files, arrays, and both together."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nextlabel.contracts.errors import Unprocessable
from nextlabel.engine.pictures.decoding import encode, prepare
from nextlabel.engine.pictures.images import FileItems, JoinedItems, PixelItems


@pytest.fixture
def files(tmp_path: Path) -> FileItems:
    paths = [tmp_path / f"{number}.png" for number in range(20)]
    for number, path in enumerate(paths):
        Image.new("RGB", (8 + number, 9), (10 * number, 0, 0)).save(path)
    return FileItems(paths)


def test_files_are_decoded_in_order(files: FileItems) -> None:
    assert (len(files), files.size, files.channels) == (20, None, 3)
    assert files.pixels((4, 4), 3)[:, 0, 0, 0].tolist() == [10 * number for number in range(20)]
    some = files.take(np.array([7, 2]))
    assert some.pixels((4, 4), 3)[:, 0, 0, 0].tolist() == [70, 20]


def test_a_file_that_does_not_decode_is_named(files: FileItems) -> None:
    Path(files.paths[17]).write_bytes(b"rot")
    with pytest.raises(Unprocessable, match=r"17\.png: this is text"):
        files.pixels((4, 4), 3)
    Path(files.paths[17]).unlink()
    with pytest.raises(Unprocessable, match=r"17\.png"):
        files.take(np.array([17])).pixels((4, 4), 3)


@pytest.mark.parametrize("shape", [(6, 5, 4), (6, 5, 4, 3)])
def test_arrays_are_pictures(shape: tuple[int, ...]) -> None:
    array = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    items = PixelItems(array)
    channels = 1 if len(shape) == 3 else 3
    assert (len(items), items.size, items.channels) == (6, (5, 4), channels)
    own = items.pixels((5, 4), channels)
    np.testing.assert_array_equal(own, array.reshape(6, 5, 4, channels))
    for other in (1, 3):
        np.testing.assert_array_equal(
            items.take(np.array([3, 1])).pixels((8, 8), other), items.pixels((8, 8), other)[[3, 1]]
        )
    # an array's picture sent as an upload looks the same
    for row in range(6):
        np.testing.assert_array_equal(
            prepare(encode(array[row]), (8, 8), channels), items.pixels((8, 8), channels)[row]
        )


def test_runs_are_joined(files: FileItems) -> None:
    array = np.arange(3, dtype=np.uint8)[:, None, None] * np.ones((1, 9, 9), np.uint8)
    items = JoinedItems([PixelItems(array), files])
    assert (len(items), items.size, items.channels) == (23, None, 3)
    whole = items.pixels((4, 4), 3)
    order = np.array([22, 0, 1, 5, 2, 3, 3])
    np.testing.assert_array_equal(items.take(order).pixels((4, 4), 3), whole[order])
    assert isinstance(items.take(np.array([0, 2])), PixelItems)
    assert len(items.take(np.empty(0, np.int64))) == 0
    assert JoinedItems([]).pixels((4, 4), 1).shape == (0, 4, 4, 1)
