"""Image items in files, in arrays, and in several parts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nextlabel.contracts.errors import Unprocessable
from nextlabel.engine.images.decoding import encode_png, prepare
from nextlabel.engine.images.image_items import FileItems, JoinedItems, PixelItems, unreadable_positions
from nextlabel.engine.images.unreadable import UnreadableFiles


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


def test_a_file_that_does_not_decode_is_named_in_the_error(files: FileItems) -> None:
    Path(files.paths[17]).write_bytes(b"rot")
    with pytest.raises(Unprocessable, match=r"17\.png: this is text"):
        files.pixels((4, 4), 3)
    Path(files.paths[17]).unlink()
    with pytest.raises(Unprocessable, match=r"17\.png"):
        files.take(np.array([17])).pixels((4, 4), 3)


def test_a_mask_selects_images_of_an_array() -> None:
    items = PixelItems(np.arange(6, dtype=np.uint8).repeat(4).reshape(6, 2, 2))
    some = items.take(np.arange(6) % 2 == 1)  # type: ignore[arg-type]
    assert (len(some), some.images[:, 0, 0].tolist()) == (3, [1, 3, 5])
    assert some.take(np.array([True, False, True])).images[:, 0, 0].tolist() == [1, 5]  # type: ignore[arg-type]


@pytest.mark.parametrize("shape", [(6, 5, 4), (6, 5, 4, 3)])
def test_arrays_are_images(shape: tuple[int, ...]) -> None:
    array = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    items = PixelItems(array)
    channels = 1 if len(shape) == 3 else 3
    assert (len(items), items.size, items.channels) == (6, (5, 4), channels)
    unchanged = items.pixels((5, 4), channels)
    np.testing.assert_array_equal(unchanged, array.reshape(6, 5, 4, channels))
    for other in (1, 3):
        np.testing.assert_array_equal(
            items.take(np.array([3, 1])).pixels((8, 8), other), items.pixels((8, 8), other)[[3, 1]]
        )
    # an image of an array gives the same pixels as an upload
    for row in range(6):
        np.testing.assert_array_equal(
            prepare(encode_png(array[row]), (8, 8), channels), items.pixels((8, 8), channels)[row]
        )


def test_images_of_an_array_are_taken_without_reading_them() -> None:
    array = np.random.default_rng(0).integers(0, 256, (6, 5, 4), np.uint8)
    taken = PixelItems(array).take(np.array([5, 3, 1])).take(np.array([2, 0]))
    assert np.shares_memory(taken.array, array)
    assert (len(taken), taken.size) == (2, (5, 4))
    np.testing.assert_array_equal(taken.pixels((5, 4), 1)[..., 0], array[[1, 5]])


def test_parts_are_joined(files: FileItems) -> None:
    array = np.arange(3, dtype=np.uint8)[:, None, None] * np.ones((1, 9, 9), np.uint8)
    items = JoinedItems([PixelItems(array), files])
    assert (len(items), items.size, items.channels) == (23, (9, 9), 3)
    pixels = items.pixels((4, 4), 3)
    order = np.array([22, 0, 1, 5, 2, 3, 3])
    np.testing.assert_array_equal(items.take(order).pixels((4, 4), 3), pixels[order])
    assert isinstance(items.take(np.array([0, 2])), PixelItems)
    assert len(items.take(np.empty(0, np.int64))) == 0
    assert JoinedItems([]).pixels((4, 4), 1).shape == (0, 4, 4, 1)


def test_uploads_do_not_change_the_size_that_a_network_gets(files: FileItems) -> None:
    array = np.zeros((2, 8, 8), np.uint8)
    items = JoinedItems([PixelItems(array), files])
    assert items.size == (8, 8)
    assert items.pixels(items.size, 1).shape == (22, 8, 8, 1)
    assert JoinedItems([files, files]).size is None
    assert JoinedItems([PixelItems(array), files, PixelItems(np.zeros((2, 8, 9), np.uint8))]).size is None


@pytest.mark.parametrize("count", [3, 20])
def test_unreadable_files_become_white_if_they_are_recorded(
    files: FileItems, count: int, capsys: pytest.CaptureFixture[str]
) -> None:
    pool = replace(files, paths=files.paths[:count], unreadable=UnreadableFiles())
    Path(files.paths[1]).write_bytes(b"rot")
    Path(files.paths[2]).unlink()
    items = JoinedItems([PixelItems(np.zeros((2, 9, 9), np.uint8)), pool])
    assert unreadable_positions(items).tolist() == []
    pixels = items.pixels((4, 4), 3)
    assert (pixels[3:5] == 255).all()
    assert (pixels[[0, 1, 2, *range(5, count + 2)]] < 255).all()
    assert unreadable_positions(items).tolist() == [3, 4]
    assert unreadable_positions(items.take(np.array([4, 0, 2]))).tolist() == [0]
    lines = sorted(capsys.readouterr().err.splitlines())
    assert [line.partition(" cannot be read")[0] for line in lines] == [str(path) for path in files.paths[1:3]]
    assert "this is text" in lines[0]
    assert lines[1].endswith("No such file or directory")
    items.pixels((4, 4), 3)
    assert capsys.readouterr().err == ""


def test_only_the_first_unreadable_files_are_logged(files: FileItems, capsys: pytest.CaptureFixture[str]) -> None:
    for path in files.paths:
        Path(path).write_bytes(b"rot")
    pool = replace(files, unreadable=UnreadableFiles())
    pool.pixels((4, 4), 3)
    assert len(unreadable_positions(pool)) == 20
    lines = capsys.readouterr().err.splitlines()
    assert (len(lines), lines[-1]) == (4, "more files cannot be read; they are not listed")
