"""Images are turned upright by the orientation in their metadata; broken metadata is ignored."""

from __future__ import annotations

import warnings
from io import BytesIO

import numpy as np
import pytest
from PIL import Image, ImageOps, PngImagePlugin
from support.odd_images import CAMERA_TRANSPOSITIONS, exif_block, saved, smooth, stored

from nextlabel.engine.images.decoding import decoded, measure_upright, orientation, prepare


def image_with(**info: object) -> Image.Image:
    """A decoded image with this metadata."""
    image = Image.new("L", (4, 4))
    image.info.update(info)
    return image


def opened(data: bytes) -> Image.Image:
    image = Image.open(BytesIO(data))
    image.load()
    return image


@pytest.mark.parametrize("way", range(1, 9))
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_orientation_agrees_with_pillow(way: int, kind: str) -> None:
    data = stored(smooth(20, 10), way, kind)
    assert orientation(opened(data)) == way
    assert measure_upright(data) == (20, 10)
    with decoded(data, (200, 100), 3) as image:
        assert image.size == (20, 10)
        np.testing.assert_array_equal(np.asarray(image), np.asarray(ImageOps.exif_transpose(opened(data))))


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("tiff_type", [1, 3, 4])
def test_both_byte_orders_and_all_integer_types(order: str, tiff_type: int) -> None:
    block = exif_block((0x0100, 4, 1, 99), (0x0112, tiff_type, 1, 6), order=order)
    assert orientation(image_with(exif=block)) == 6
    assert orientation(image_with(exif=block[6:])) == 6
    assert orientation(image_with(exif=b"Exif\x00\x00" + block)) == 6


def test_other_broken_tags_do_not_matter() -> None:
    block = exif_block((0x010F, 2, 10**9, 10**9), (0x0112, 3, 1, 8), (0x8769, 4, 1, 10**9))
    assert orientation(image_with(exif=block)) == 8
    for cut in range(len(block)):
        assert orientation(image_with(exif=block[:cut])) in (1, 8)


@pytest.mark.parametrize("value", [0, 9, 65535])
def test_invalid_orientations_turn_nothing(value: int) -> None:
    assert orientation(image_with(exif=exif_block((0x0112, 3, 1, value)))) == 1
    assert orientation(image_with(exif=exif_block((0x0112, 5, 1, 6)))) == 1


@pytest.mark.parametrize(
    "info", [{}, {"exif": b""}, {"exif": "text"}, {"exif": b"Exif\x00\x00XX\x00*"}, {"xmp": "text"}]
)
def test_images_without_an_orientation_are_upright(info: dict[str, object]) -> None:
    assert orientation(image_with(**info)) == 1


def test_exif_in_the_text_of_a_png() -> None:
    digits = exif_block((0x0112, 3, 1, 5)).hex()
    text = PngImagePlugin.PngInfo()
    text.add_text("Raw profile type exif", f"\nexif\n  {len(digits) // 2}\n{digits[:40]}\n{digits[40:]}\n")
    assert orientation(opened(saved(smooth(4, 4), pnginfo=text))) == 5
    assert orientation(image_with(**{"Raw profile type exif": "\nexif\n 3\nno digits"})) == 1


@pytest.mark.parametrize("tag", [b'tiff:Orientation="3"', b"<tiff:Orientation>3</tiff:Orientation>"])
def test_xmp_is_used_without_exif(tag: bytes) -> None:
    assert orientation(image_with(xmp=b"<x>" + tag)) == 3
    assert orientation(image_with(xmp=b"<x>" + tag, exif=exif_block((0x0112, 3, 1, 1)))) == 1


def test_broken_metadata_does_not_warn() -> None:
    data = saved(smooth(8, 8), "JPEG", exif=exif_block((0x011A, 5, 1, 10**9), (0x0112, 3, 1, 6)))
    broken = exif_block((0x010F, 2, 10**9, 10**9), (0x0112, 3, 1, 8))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        prepare(data, (8, 8), 3)
        assert orientation(image_with(exif=broken)) == 8


def test_the_test_helper_covers_every_orientation() -> None:
    assert set(CAMERA_TRANSPOSITIONS) == set(range(2, 9))
