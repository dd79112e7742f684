"""The file of a sample: what is written is read again to the pixel, and damage is reported."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from nextlabel.contracts.errors import Gone
from nextlabel.engine.datasets.sample_file import Sample, read_sample, write_sample

RNG = np.random.default_rng(0)


def sample(count: int, *shape: int) -> Sample:
    pixels = RNG.integers(0, 256, (count, *shape), np.uint8)
    return Sample(tuple(f"s{number}" for number in range(count)), pixels, np.arange(count) % 5 == 0, "made for a test")


@pytest.mark.parametrize("count", [1, 25, 60])
@pytest.mark.parametrize("shape", [(6, 4, 3), (5, 7)])
def test_it_is_read_as_it_was_written(tmp_path: Path, count: int, shape: tuple[int, ...]) -> None:
    written = sample(count, *shape)
    write_sample(tmp_path / "sample.png", written)
    read = read_sample(tmp_path / "sample.png")
    assert (read.ids, read.source) == (written.ids, written.source)
    np.testing.assert_array_equal(read.pixels, written.pixels)
    np.testing.assert_array_equal(read.holdout, written.holdout)


def test_it_shows_the_images_side_by_side(tmp_path: Path) -> None:
    written = sample(30, 4, 4, 3)
    write_sample(tmp_path / "sample.png", written)
    with Image.open(tmp_path / "sample.png") as image:
        mosaic = np.asarray(image)
    assert mosaic.shape == (8, 100, 3)
    np.testing.assert_array_equal(mosaic[4:8, 8:12], written.pixels[27])


def change(path: Path, **values: Any) -> None:
    with Image.open(path) as image:
        image.load()
        described = json.loads(image.info["sample"]) | values
        info = PngImagePlugin.PngInfo()
        info.add_text("sample", json.dumps({name: value for name, value in described.items() if value is not None}))
        image.save(path, "PNG", pnginfo=info)


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.write_bytes(path.read_bytes()[:200]),
        lambda path: path.write_bytes(path.read_bytes()[:-30]),
        lambda path: path.write_bytes(b"<html>"),
        lambda path: path.unlink(),
        lambda path: Image.new("RGB", (100, 8)).save(path, "PNG"),
        lambda path: change(path, ids=None),
        lambda path: change(path, ids=["s0"] * 30),
        lambda path: change(path, ids=["s0", 1]),
        lambda path: change(path, holdout=["s30"]),
        lambda path: change(path, size=[4, 5]),
        lambda path: change(path, size=["a", "b"]),
        lambda path: change(path, source=None),
    ],
)
def test_damage_is_reported_in_one_line(tmp_path: Path, damage: Callable[[Path], Any]) -> None:
    path = tmp_path / "sample.png"
    write_sample(path, sample(30, 4, 4, 3))
    damage(path)
    with pytest.raises(Gone) as error:
        read_sample(path)
    assert str(error.value).startswith(f"the sample in {path} is missing or damaged: ")
    assert "\n" not in str(error.value)
